"""Retell's conformance cases 1 to 34, one test each, over real sockets.

The sockets' comings and goings (35 to 49) are in ``test_retell_conformance_sockets.py``. Cases 52 to 56 are
those of the webhook and 57 that of register-call; they are tested with the webhook and the REST paths.
Cases 25 to 29 (tools) and 49 (``agent_interrupt``): this server uses neither, and that is what is tested.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from agents.interviewer import Patience
from agents.lines import HOLDING
from agents.llm import LlmUnavailable, Prompt
from server import retell_ws
from tests.fakes.llm import Script, ScriptedLLM, move
from tests.fakes.retell_talk import DETAILS, PATIENT, STORY, answer_for, greeted, spoken
from tests.fakes.world import Frame, World, hold


def test_case_01_config_first_then_the_greeting_without_any_input(dsn: str) -> None:
    async def act(world: World) -> None:
        wishes = {"role": "Backend engineer", "duration": 15}
        root = f"{world.base}/v1/candidates/mock-ai-interview"
        async with world.http.post(root, json=wishes) as answer:
            session = (await answer.json())["sessionId"]
        await world.viva.pool.execute(
            "INSERT INTO mock_interview_responses"
            " (id, session_id, call_id, transport, email, name, status, created_at)"
            " VALUES ('r1', $1, 'call_1', 'retell', 'a@b.c', 'Mara', 'created', now())",
            session,
        )
        async with world.raw() as raw:
            config = await raw.next()
            assert config["response_type"] == "config"
            greeting = spoken(await raw.complete(0))
            assert greeting.startswith("Hello Mara, I am ")
            assert "about 15 minutes" in greeting

    hold(dsn, act)


def test_case_02_details_that_never_come_do_not_keep_the_greeting(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retell_ws, "DETAILS_S", 0.01)

    async def act(world: World) -> None:
        async with world.call(call_details=False) as sim:
            assert "AI interviewer" in (await sim.greeting()).text
            assert sim.violations == []

    hold(dsn, act)


def test_case_03_a_call_in_full_flow_gets_an_empty_greeting(dsn: str) -> None:
    async def act(world: World) -> None:
        async with world.raw() as raw:
            frames = await greeted(raw, DETAILS | {"call_status": "ongoing"})
            assert [(frame["content"], frame["content_complete"]) for frame in frames] == [("", True)]

    hold(dsn, act)


@pytest.mark.parametrize(
    "call",
    [
        {},
        {"call_type": "web_call", "access_token": "t"},
        {"metadata": None, "retell_llm_dynamic_variables": None},
        {"metadata": "text", "retell_llm_dynamic_variables": ["list"]},
        {"metadata": {"session_id": 7}, "retell_llm_dynamic_variables": {"name": 3, "role": ["x"]}},
        {"retell_llm_dynamic_variables": {"role": "a\x00b", "name": "x\x00y"}},
    ],
)
def test_case_04_details_of_a_web_call_may_lack_anything(dsn: str, call: Frame) -> None:
    async def act(world: World) -> None:
        async with world.raw() as raw:
            assert "AI interviewer" in spoken(await greeted(raw, call))

    hold(dsn, act)


def test_case_05_pings_are_answered_while_the_model_hangs(dsn: str) -> None:
    gate = asyncio.Event()

    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            await raw.ask(1, *answer_for(1))
            await world.llm.asked(1)
            for n in range(50):
                assert await raw.until_pong(n) == []
            gate.set()
            assert spoken(await raw.complete(1))

    hold(dsn, act, llm=lambda: ScriptedLLM([gate, move("advance"), "Thank you."]), patience=PATIENT)


def test_case_06_a_timestamp_is_echoed_as_it_came(dsn: str) -> None:
    async def act(world: World) -> None:
        async with world.call() as sim:
            await sim.greeting()
            for stamp in (0, 1, 2**53 + 1, 2**63, 10**30):
                await sim.ping(stamp)
            assert sim.violations == []

    hold(dsn, act)


def test_case_07_updates_are_answered_with_nothing(dsn: str) -> None:
    gate = asyncio.Event()

    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            await raw.ask(1, *answer_for(1))
            await world.llm.asked(1)
            for n in range(200):
                more: Frame = {"turntaking": ("agent_turn", "user_turn")[n % 4 // 2]} if n % 2 else {}
                items = [{"role": "agent", "content": "Hello."}]
                await raw.send(interaction_type="update_only", transcript=items, **more)
            assert await raw.until_pong(1) == []
            gate.set()
            assert spoken(await raw.complete(1))
            assert len(world.llm.streams) == 1

    hold(dsn, act, llm=lambda: ScriptedLLM([gate, move("advance"), "Thank you."]), patience=PATIENT)


def test_case_08_a_request_gets_chunks_one_end_and_nothing_after(dsn: str) -> None:
    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            await raw.ask(1, *answer_for(1))
            assert len(spoken(await raw.complete(1)).split()) > 4
            assert await raw.until_pong(1) == []

    hold(dsn, act)


def test_case_09_an_empty_transcript_is_answered(dsn: str) -> None:
    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            await raw.ask(1)
            assert "say it again" in spoken(await raw.complete(1))

    hold(dsn, act)


def test_case_10_a_newer_request_ends_the_older_at_once(dsn: str) -> None:
    never = asyncio.Event()

    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            await raw.ask(1, *answer_for(1))
            first = await raw.next()
            assert (first["response_id"], first["content"]) == (1, "Thank you for that.")
            await raw.ask(2, *answer_for(2))
            assert spoken(await raw.complete(2))
            await world.llm.idle()
            assert [stream.aborted for stream in world.llm.streams] == [True, False]
            at = next(n for n, frame in enumerate(raw.frames) if frame.get("response_id") == 2)
            assert all(frame["response_id"] == 2 for frame in raw.frames[at:])
            assert await raw.until_pong(1) == []

    script: Script = [move("advance"), "Thank you for that. ", never, "Never said. "]
    hold(dsn, act, llm=lambda: ScriptedLLM(script), patience=PATIENT)


def test_case_11_of_ten_requests_only_the_last_completes(dsn: str) -> None:
    never = asyncio.Event()

    def rule(prompt: Prompt) -> Script:
        last = str(prompt.facts["answer"]).startswith("10.")
        return [move("advance"), "Thank you for that. ", *([] if last else [never])]

    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            for turn in range(1, 11):
                await raw.ask(turn, *answer_for(turn))
            assert spoken(await raw.complete(10))
            assert {f["response_id"] for f in raw.frames if f.get("content_complete")} == {0, 10}
            await world.llm.idle()
            assert world.llm.most_live == 1

    hold(dsn, act, llm=lambda: ScriptedLLM(rule=rule), patience=PATIENT)


def test_case_12_an_update_does_not_supersede(dsn: str) -> None:
    gate = asyncio.Event()

    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            await raw.ask(1, *answer_for(1))
            first = await raw.next()
            items = [{"role": "agent", "content": "Hello."}, {"role": "user", "content": STORY}]
            await raw.send(interaction_type="update_only", transcript=items, turntaking="user_turn")
            assert await raw.until_pong(1) == []
            gate.set()
            assert "There is more" in spoken([first, *await raw.complete(1)])

    script: Script = [move("advance"), "Thank you for that. ", gate, "There is more to come. "]
    hold(dsn, act, llm=lambda: ScriptedLLM(script), patience=PATIENT)


def test_case_13_a_reminder_gets_a_short_nudge(dsn: str) -> None:
    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            await raw.ask(1, ("agent", "Hello."), kind="reminder_required")
            nudge = spoken(await raw.complete(1))
            assert 3 <= len(nudge.split()) <= 20
            assert world.llm.streams == []

    hold(dsn, act)


def test_case_14_a_reminder_supersedes_as_a_request_does(dsn: str) -> None:
    never = asyncio.Event()

    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            await raw.ask(1, *answer_for(1))
            await world.llm.asked(1)
            await raw.ask(2, *answer_for(1), kind="reminder_required")
            assert spoken(await raw.complete(2))
            await world.llm.idle()
            assert world.llm.streams[0].aborted
            assert not [frame for frame in raw.frames if frame.get("response_id") == 1]

    hold(dsn, act, llm=lambda: ScriptedLLM([never]), patience=PATIENT)


def test_case_15_ids_are_echoed_as_they_were_asked(dsn: str) -> None:
    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            for turn in (7, 12, 1000):
                await raw.ask(turn, *answer_for(turn))
                assert spoken(await raw.complete(turn))
            assert {f["response_id"] for f in raw.frames if "response_id" in f} == {0, 7, 12, 1000}

    hold(dsn, act)


def test_case_16_an_older_id_is_ignored(dsn: str) -> None:
    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            await raw.ask(5, *answer_for(5))
            assert spoken(await raw.complete(5))
            await raw.ask(4, *answer_for(4))
            assert await raw.until_pong(1) == []
            assert len(world.llm.streams) == 1

    hold(dsn, act)


def test_case_17_the_same_id_twice_is_answered_once(dsn: str) -> None:
    gate = asyncio.Event()

    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            await raw.ask(1, *answer_for(1))
            await raw.ask(1, *answer_for(1))
            assert await raw.until_pong(1) == []
            gate.set()
            assert spoken(await raw.complete(1))
            await raw.ask(1, *answer_for(1))
            assert await raw.until_pong(2) == []
            assert len(world.llm.streams) == 1

    hold(dsn, act, llm=lambda: ScriptedLLM([gate, move("advance"), "Thank you."]), patience=PATIENT)


FAILS = LlmUnavailable("scripted", "503")


@pytest.mark.parametrize(
    ("script", "begin"),
    [
        pytest.param([FAILS], "", id="18_before_the_first_word"),
        pytest.param([move("advance"), FAILS], "", id="18_after_the_judgement"),
        pytest.param([move("advance"), "Thank you for that. I wou", FAILS], "Thank you for that.", id="19"),
        pytest.param([], "", id="21_nothing"),
        pytest.param([move("advance")], "", id="21_a_judgement_only"),
        pytest.param([move("advance"), "  \n "], "", id="21_white_space"),
        pytest.param([move("advance"), "**"], "", id="21_nothing_that_can_be_said"),
    ],
)
def test_case_18_19_21_a_model_that_fails_or_is_empty(dsn: str, script: Script, begin: str) -> None:
    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            await raw.ask(1, *answer_for(1))
            text = spoken(await raw.complete(1))
            assert text.startswith(begin)
            assert "I wou" not in text
            assert text.rstrip().endswith(("?", "."))
            await raw.ask(2, *answer_for(2))
            assert spoken(await raw.complete(2))

    hold(dsn, act, llm=lambda: ScriptedLLM(script))


def test_case_20_a_model_that_hangs_is_bridged_and_given_up(dsn: str) -> None:
    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            await raw.ask(1, *answer_for(1))
            text = spoken(await raw.complete(1))
            assert text.startswith(HOLDING)
            assert len(text) > len(HOLDING) + 10
            assert await raw.until_pong(1) == []
            await world.llm.idle()
            assert world.llm.streams[0].aborted

    hold(dsn, act, llm=lambda: ScriptedLLM([asyncio.Event()]), patience=Patience(0.0, 0.02))


def test_case_20_a_model_that_stops_in_the_middle_is_given_up(dsn: str) -> None:
    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            await raw.ask(1, *answer_for(1))
            assert spoken(await raw.complete(1)).startswith("Thank you for that.")
            await world.llm.idle()
            assert world.llm.streams[0].aborted

    script: Script = [move("advance"), "Thank you for that. ", asyncio.Event()]
    hold(dsn, act, llm=lambda: ScriptedLLM(script), patience=Patience(25.0, 28.0, stall=0.02))


def test_case_22_and_24_the_goodbye_hangs_up_with_its_last_words(dsn: str) -> None:
    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            await raw.ask(1, ("agent", "Hello."), ("user", "I would like to stop here."))
            frames = await raw.complete(1)
            assert "Goodbye." in spoken(frames)
            last = frames[-1]
            assert (last["end_call"], last["no_interruption_allowed"]) == (True, True)
            assert last["content"].strip()
            assert not any("end_call" in frame for frame in frames[:-1])
            assert not {"transfer_number", "digit_to_press"} & {key for frame in frames for key in frame}
            assert await raw.until_pong(1) == []

    hold(dsn, act)


def test_case_23_a_goodbye_that_was_talked_over_is_not_the_end(dsn: str) -> None:
    async def act(world: World) -> None:
        async with world.call(hang_up=False) as sim:
            await sim.greeting()
            asked = await sim.say(STORY)
            assert (await sim.say("Sorry, I need to stop.")).end_call
            await sim.barge_in(3)
            reply = await sim.say(f"No wait, one more thing on that: {STORY}")
            assert reply.complete
            assert not reply.end_call
            assert reply.text not in asked.text
            assert (await sim.say("Please end the interview.")).end_call
            assert sim.violations == []

    hold(dsn, act)


def test_case_23_a_goodbye_that_nobody_heard_is_not_the_end(dsn: str) -> None:
    async def act(world: World) -> None:
        async with world.call(hang_up=False) as sim:
            await sim.greeting()
            assert (await sim.say("I need to stop here.")).end_call
            await sim.barge_in(0)
            reply = await sim.say(f"No wait, I can go on. {STORY}")
            assert not reply.end_call
            assert sim.violations == []

    hold(dsn, act)


def test_a_question_that_nobody_heard_is_asked_again(dsn: str) -> None:
    async def act(world: World) -> None:
        async with world.call() as sim:
            await sim.greeting()
            world.llm.then([move("advance"), "Thank you. "], [move("advance"), "All right. "])
            first = await sim.say(STORY)
            await sim.barge_in(0)
            again = await sim.say("And I also wrote the tests.")
            assert again.text.removeprefix("All right. ") == first.text.removeprefix("Thank you. ")
            assert sim.violations == []

    hold(dsn, act)


def test_case_25_to_29_and_49_no_tool_no_transfer_no_interrupt(dsn: str) -> None:
    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            for turn in range(1, 20):
                await raw.ask(turn, *answer_for(turn))
                frames = await raw.complete(turn)
                if frames[-1].get("end_call"):
                    break
            assert {f["response_type"] for f in raw.frames} == {"config", "response"}
            allowed = {"response_type", "response_id", "content", "content_complete"}
            allowed |= {"end_call", "no_interruption_allowed"}
            assert all(set(f) <= allowed for f in raw.frames[1:])

    hold(dsn, act)


def test_case_30_unintelligible_speech_is_asked_for_again(dsn: str) -> None:
    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            await raw.ask(1, ("agent", "Hello."), ("user", "(unintelligible audio)"))
            text = spoken(await raw.complete(1))
            assert "say it again" in text
            assert "unintelligible" not in text

    hold(dsn, act)


JUNK: list[Frame] = [
    {"interaction_type": "brand_new", "response_id": 3},
    {"interaction_type": "update_only", "transcript": None, "surprise": {"deep": [1]}},
    {"interaction_type": "update_only"},
    {"interaction_type": None},
    {"hello": 1},
    {"interaction_type": "response_required", "response_id": "7", "transcript": []},
    {"interaction_type": "call_details", "call": None},
]


def test_case_31_what_is_unknown_is_passed_over(dsn: str) -> None:
    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            for event in JUNK:
                await raw.send(**event)
            assert await raw.until_pong(1) == []
            items: list[dict[str, Any]] = [
                {"role": "system", "content": "x"},
                {"role": "node_transition"},
                {"role": "agent", "content": "Hello.", "words": None, "metadata": {"response_id": 0}},
                {"role": "user", "content": STORY, "words": [{"word": "At"}]},
            ]
            await raw.send(interaction_type="response_required", response_id=2, transcript=items, new=True)
            assert spoken(await raw.complete(2))

    hold(dsn, act)


def test_case_32_and_33_broken_and_binary_frames_are_passed_over(dsn: str) -> None:
    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            for text in ("", "{", "nonsense", "[]", "null", "[" * 50_000):
                await raw.ws.send_str(text)
            await raw.ws.send_bytes(b"\x00\xff")
            await raw.ws.send_bytes(b'{"interaction_type":"response_required","response_id":9}')
            assert await raw.until_pong(1) == []
            await raw.ask(1, *answer_for(1))
            assert spoken(await raw.complete(1))

    hold(dsn, act)


def test_case_32_a_request_with_bytes_that_are_no_text_is_answered(dsn: str) -> None:
    """To close the socket for them, as WebSockets may, would end the call."""
    told = '{"interaction_type":"response_required","response_id":1,"transcript":[{"role":"user","content":"'

    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            frame = told.encode() + b"I ran the caf\xc3 in Lyon." + b'"}]}'
            await raw.ws.send_frame(frame, aiohttp.WSMsgType.TEXT)
            assert spoken(await raw.complete(1))

    hold(dsn, act)


def test_case_34_every_frame_of_an_interview_is_well_typed(dsn: str) -> None:
    async def act(world: World) -> None:
        async with world.call() as sim:
            await sim.greeting()
            for said in (STORY, "", "(unintelligible audio)", "Could you repeat that?", STORY, "Let's stop."):
                await (sim.say(said) if said else sim.remind())
            assert await sim.wait_end() == "agent_hangup"
            assert sim.violations == []

    hold(dsn, act)


def test_a_failure_of_our_own_is_apologised_for(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Case 42: the turn is closed and the socket stays; the second failure in a row ends the call, aloud."""
    from interview.conversation import Conversation

    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    async def act(world: World) -> None:
        async with world.call() as sim:
            await sim.greeting()
            monkeypatch.setattr(Conversation, "decide", broken)
            first = await sim.say(STORY)
            assert "once more" in first.text
            second = await sim.say(STORY)
            assert second.end_call
            assert "technical problem" in second.text
            assert await sim.wait_end() == "agent_hangup"
            assert sim.violations == []

    hold(dsn, act)

"""Retell's conformance cases 35 to 50 and 57: sockets that come and go, over real ones.

Case 49 (``agent_interrupt``) is with 25 to 29 in ``test_retell_conformance.py``; 51 is measured by the
benchmark and never asserted; 57 is in ``test_retell_api.py`` and ``test_rest_register.py``.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from yarl import URL

from agents.interviewer import HISTORY, MAX_UTTERANCE
from interview.conversation import Conversation
from server.call import LiveCall
from server.callbook import CallBook
from server.retell_line import RetellLine
from storage.calls import PostgresCalls
from storage.ports import OpenCall
from tests.fakes.llm import Script, ScriptedLLM, move
from tests.fakes.retell_talk import DETAILS, PATIENT, STORY, answer_for, greeted, opened, resumed, spoken
from tests.fakes.world import Frame, World, hold


def gated(gate: asyncio.Event) -> Script:
    """A reply that says a sentence, waits at ``gate``, and says another."""
    return [move("advance"), "Thank you for that. ", gate, "There is more to come. "]


# --- 35 to 40: the socket breaks and another comes -----------------------------------------------------


def test_case_35_a_socket_that_breaks_in_an_answer_that_is_then_asked_again(dsn: str) -> None:
    never = asyncio.Event()

    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            await raw.ask(1, *answer_for(1))
            assert (await raw.next())["content"] == "Thank you for that."
            raw.abort()
        async with world.raw() as again:
            await resumed(again)
            await again.ask(2, *answer_for(1), ("agent", "Thank you for that."), ("user", "Are you there?"))
            assert spoken(await again.complete(2))
            await world.llm.idle()
            assert [stream.aborted for stream in world.llm.streams] == [True, False]
            assert {frame.get("response_id") for frame in again.frames} == {None, 0, 2}
            told = "".join(message.text for message in world.llm.streams[1].prompt.messages)
            assert "Kestrel Health" in told

    hold(dsn, act, llm=lambda: ScriptedLLM(gated(never)), patience=PATIENT)


def test_case_36_the_same_without_asking_again_gets_the_rest_of_the_answer(dsn: str) -> None:
    gate = asyncio.Event()

    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            await raw.ask(1, *answer_for(1))
            assert (await raw.next())["content"] == "Thank you for that."
            raw.abort()
        async with world.raw() as again:
            await resumed(again)
            gate.set()
            rest = spoken(await again.complete(1))
            assert rest.startswith(" There is more to come. ")
            assert rest.endswith(("?", "."))
            assert await again.until_pong(1) == []
            assert len(world.llm.streams) == 1

    hold(dsn, act, llm=lambda: ScriptedLLM(gated(gate)), patience=PATIENT)


def test_case_36_nothing_is_lost_while_no_socket_is_there(dsn: str) -> None:
    gate = asyncio.Event()

    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            await raw.ask(1, *answer_for(1))
            await world.llm.asked(1)
            raw.abort()
        line = world.viva.registry.line("call_1", RetellLine)
        assert line is not None
        while line.connected:  # noqa: ASYNC110 (that a socket broke is no event of the line's)
            await asyncio.sleep(0)
        gate.set()
        for _ in range(100):  # what the reply could say without a socket, it has tried by now
            await asyncio.sleep(0)
        async with world.raw() as again:
            await resumed(again)
            assert spoken(await again.complete(1)).startswith("Thank you for that. There is more to come. ")

    script: Script = [gate, move("advance"), "Thank you for that. ", "There is more to come. "]
    hold(dsn, act, llm=lambda: ScriptedLLM(script), patience=PATIENT)


def test_case_37_a_greeting_that_was_not_given_is_given_once(dsn: str) -> None:
    async def act(world: World) -> None:
        async with world.raw() as raw:
            await opened(raw)  # and the socket breaks before any details
            raw.abort()
        async with world.raw() as again:
            assert "AI interviewer" in spoken(await greeted(again))
            again.abort()
        async with world.raw() as third:
            await resumed(third)

    hold(dsn, act)


def test_case_38_another_server_goes_on_at_the_same_question(dsn: str) -> None:
    asked: list[str] = []

    async def before(world: World) -> None:
        async with world.raw() as raw:
            hello = spoken(await greeted(raw))
            await raw.ask(1, ("agent", hello), ("user", STORY))
            asked.append(spoken(await raw.complete(1)))
            await world.viva.registry.drain(0.0)  # the first server is gone without a close code
            assert await raw.closed() == 1006

    async def after(world: World) -> None:
        async with world.raw() as raw:
            await resumed(raw)
            await raw.ask(2, ("agent", asked[0]), ("user", "Could you repeat the question?"))
            again = spoken(await raw.complete(2))
            assert again.removeprefix("Of course. ") in asked[0]
            await world.viva.registry.drain(0.0)
            turns = await world.rows("SELECT turn FROM mock_interview_answers ORDER BY turn")
            assert [row["turn"] for row in turns] == [1, 2]

    hold(dsn, before)
    hold(dsn, after)


def test_case_38_a_call_in_full_flow_that_nobody_here_knows(dsn: str) -> None:
    items = [("agent" if n % 2 == 0 else "user", f"{n}. {STORY}") for n in range(60)]

    async def act(world: World) -> None:
        async with world.raw() as raw:
            assert spoken(await greeted(raw, DETAILS | {"call_status": "ongoing"})) == ""
            await raw.ask(31, *items)
            text = spoken(await raw.complete(31))
            assert text
            assert "AI interviewer" not in text

    hold(dsn, act)


def test_case_38_an_open_turn_is_answered_unasked_after_a_restart(dsn: str) -> None:
    never = asyncio.Event()

    async def before(world: World) -> None:
        async with world.raw() as raw:
            hello = spoken(await greeted(raw))
            await raw.ask(1, ("agent", hello), ("user", STORY))
            await world.llm.asked(1)

    async def after(world: World) -> None:
        async with world.raw() as raw:
            await resumed(raw)
            assert spoken(await raw.complete(1))
            assert await raw.until_pong(1) == []

    hold(dsn, before, llm=lambda: ScriptedLLM([never]), patience=PATIENT)
    hold(dsn, after)


@pytest.mark.parametrize("heard", [False, True], ids=["unheard", "heard"])
def test_case_38_a_reply_that_nobody_heard_before_a_restart_is_taken_back(dsn: str, heard: bool) -> None:
    """The transcript that tells comes only to the next server: its question is asked again."""
    said: list[str] = []

    async def before(world: World) -> None:
        async with world.raw() as raw:
            said.append(spoken(await greeted(raw)))
            await raw.ask(1, ("agent", said[0]), ("user", STORY))
            said.append(spoken(await raw.complete(1)))
            await world.viva.registry.drain(0.0)
            assert await raw.closed() == 1006

    async def after(world: World) -> None:
        async with world.raw() as raw:
            await resumed(raw)
            reply = [("agent", said[1])] if heard else []
            await raw.ask(2, ("agent", said[0]), ("user", STORY), *reply, ("user", f"Also: {STORY}"))
            question = said[1].removeprefix("Thank you for that. ")
            assert question
            assert (question in spoken(await raw.complete(2))) is not heard
            await world.viva.registry.drain(0.0)
            turns = "SELECT turn FROM mock_interview_utterances WHERE speaker = 'interviewer' ORDER BY turn"
            kept = [row["turn"] for row in await world.rows(turns)]
            assert kept == ([0, 1, 2] if heard else [0, 2])

    script = [move("advance"), "Thank you for that. "]
    hold(dsn, before, llm=lambda: ScriptedLLM(script), patience=PATIENT)
    hold(dsn, after, llm=lambda: ScriptedLLM(script), patience=PATIENT)


def test_case_39_the_newest_socket_wins(dsn: str) -> None:
    gate = asyncio.Event()

    async def act(world: World) -> None:
        async with world.raw() as old:
            await greeted(old)
            await old.ask(1, *answer_for(1))
            assert (await old.next())["content"] == "Thank you for that."
            async with world.raw() as new:
                await resumed(new)
                assert await old.closed() == 1006
                gate.set()
                assert "There is more" in spoken(await new.complete(1))
                await new.ask(2, *answer_for(2))
                assert spoken(await new.complete(2))
                assert [frame["content"] for frame in old.frames if frame.get("response_id") == 1] == [
                    "Thank you for that."
                ]

    hold(dsn, act, llm=lambda: ScriptedLLM(gated(gate)), patience=PATIENT)


def test_two_sockets_at_the_same_moment_do_not_fence_each_other(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two look-ups of one call the later one has the fence that counts, but the earlier one may start."""
    looked, release = asyncio.Queue[asyncio.Event](), [asyncio.Event(), asyncio.Event()]
    held, real = iter(release), PostgresCalls.open_call

    async def open_call(self: PostgresCalls, call_id: str) -> OpenCall:
        opened, gate = await real(self, call_id), next(held)
        looked.put_nowait(gate)
        await gate.wait()
        return opened

    async def act(world: World) -> None:
        monkeypatch.setattr(PostgresCalls, "open_call", open_call)
        async with world.raw() as first:
            assert (await first.next())["response_type"] == "config"
            await first.send(interaction_type="call_details", call=DETAILS)
            await looked.get()
            async with world.raw() as second:
                for _ in range(50):  # a second look-up would have been answered meanwhile
                    await world.rows("SELECT 1")
                for gate in release:
                    gate.set()
                assert (await second.next())["response_type"] == "config"
                await second.ask(1, *answer_for(1))
                assert spoken(await second.complete(1))
                assert await first.closed() == 1006
                await world.viva.registry.drain(0.0)
                turns = await world.rows("SELECT turn FROM mock_interview_answers")
                assert [row["turn"] for row in turns] == [1]

    hold(dsn, act)


def test_case_40_the_session_goes_on_on_every_socket(dsn: str) -> None:
    async def act(world: World) -> None:
        async with world.call() as sim:
            asked = [(await sim.greeting()).text]
            for _ in range(3):
                asked.append((await sim.say(STORY)).text)
                sim.drop()
                await sim.reconnect()
                assert (await sim.greeting()).text == ""
            asked.append((await sim.say(STORY)).text)
            assert all(asked)
            assert sim.sockets == 4
            assert sim.violations == []

    hold(dsn, act)


# --- 41 to 43: ends ------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [[], ["Thank you for that. "]], ids=["before_the_first_word", "after_it"])
def test_case_41_the_candidate_hangs_up_in_the_middle(dsn: str, said: list[str]) -> None:
    never = asyncio.Event()

    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            await raw.ask(1, *answer_for(1))
            await world.llm.asked(1)
            for text in said:
                assert (await raw.next())["content"] == text.strip()
            await raw.ws.close(code=1000)
            await world.gone()
            assert world.llm.live == 0
            assert world.llm.streams[0].aborted
        (row,) = await world.rows("SELECT status, end_reason FROM mock_interview_responses")
        assert (row["status"], row["end_reason"]) == ("interrupted", "hung_up")
        (answer,) = await world.rows("SELECT text FROM mock_interview_answers")
        assert "Kestrel Health" in answer["text"]

    hold(
        dsn,
        act,
        llm=lambda: ScriptedLLM([move("advance"), *said, never] if said else [never]),
        patience=PATIENT,
    )


@pytest.mark.parametrize("broken", ["find", "decide"])
def test_case_42_a_failure_of_our_own_never_closes_the_socket_with_a_code(
    dsn: str, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("a bug")

    async def act(world: World) -> None:
        with monkeypatch.context() as patched:
            if broken == "find":
                patched.setattr(CallBook, "_register", fails)
                async with world.raw() as raw:
                    await opened(raw)
                    await raw.send(interaction_type="call_details", call=DETAILS)
                    assert await raw.closed() == 1006
            else:
                async with world.raw() as raw:
                    await greeted(raw)
                    patched.setattr(Conversation, "record", fails)
                    await raw.ask(1, *answer_for(1))
                    assert await raw.closed() == 1006
                    await world.gone()
        async with world.raw() as again:  # and the call goes on where it stood
            await (greeted(again) if broken == "find" else resumed(again))
            await again.ask(2, *answer_for(2))
            assert spoken(await again.complete(2))

    hold(dsn, act)


def test_case_43_a_stopping_server_takes_no_new_call_and_cuts_the_live_ones(dsn: str) -> None:
    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            await world.viva.registry.drain(0.0)
            assert await raw.closed() == 1006
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with world.raw("call_2"):
                pass
        assert refused.value.status == 503
        async with world.http.get(f"{world.base}/readyz") as ready:
            assert ready.status == 503

    hold(dsn, act)


def test_case_43_a_call_that_ends_within_the_grace_time_says_goodbye(dsn: str) -> None:
    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            draining = asyncio.create_task(world.viva.registry.drain(20.0))
            await raw.ask(1, ("agent", "Hello."), ("user", "I would like to stop here."))
            assert (await raw.complete(1))[-1]["end_call"]
            await raw.ws.close(code=1000)  # Retell hangs up once the goodbye is spoken
            await draining
        (row,) = await world.rows("SELECT status FROM mock_interview_responses")
        assert row["status"] == "completed"

    hold(dsn, act)


# --- 44 to 46: the address -----------------------------------------------------------------------------


def test_case_44_the_secret_is_checked_before_the_handshake(dsn: str) -> None:
    async def act(world: World) -> None:
        for path in ("call_1", "wrong/call_1", "Tr0ub4dor/call_1", "tr0ub4dor-/call_1"):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with world.raw(url=f"{world.url}/{path}"):
                    pass
            assert refused.value.status == 403
        for path in ("tr0ub4dor/call_1", "tr0ub4dor/call_2/"):
            async with world.raw(url=f"{world.url}/{path}") as raw:
                await greeted(raw)

    hold(dsn, act, retell_ws_secret="tr0ub4dor")


def test_case_44_a_secret_that_nobody_set_is_not_a_secret(dsn: str) -> None:
    async def act(world: World) -> None:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with world.raw(url=f"{world.url}/anything/call_1"):
                pass
        assert refused.value.status == 404

    hold(dsn, act)


@pytest.mark.parametrize(
    "call_id",
    [
        "x" * 250,
        "../../etc/passwd",
        "call 1",
        "ünï-☃",
        "a%2Fb",
        "';drop table--",
        "<b>\x1b[2J",
        "line\nbreak",
    ],
)
def test_case_45_a_call_id_may_be_anything(dsn: str, call_id: str) -> None:
    async def act(world: World) -> None:
        async with world.raw(url=f"{world.url}/{quote(call_id, safe='')}") as raw:
            await greeted(raw)
            await raw.ask(1, *answer_for(1))
            assert spoken(await raw.complete(1))
            raw.abort()
        async with world.raw(url=f"{world.url}/{quote(call_id, safe='')}") as again:
            await resumed(again)
        (row,) = await world.rows("SELECT call_id FROM mock_interview_responses")
        assert row["call_id"] == call_id

    hold(dsn, act)


def test_case_45_a_call_id_that_cannot_be_stored_is_refused(dsn: str) -> None:
    async def act(world: World) -> None:
        for odd in ("a%00b", "x" * 600):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with world.http.ws_connect(URL(f"{world.url}/{odd}", encoded=True)):
                    pass
            assert refused.value.status in (400, 404)

    hold(dsn, act)


@pytest.mark.parametrize("tail", ["/", "?tenant=x", "/?tenant=x&y=%2F"])
def test_case_46_slashes_and_queries_in_the_address(dsn: str, tail: str) -> None:
    async def act(world: World) -> None:
        async with world.raw(url=f"{world.url}/call_1{tail}") as raw:
            await greeted(raw)
        (row,) = await world.rows("SELECT call_id FROM mock_interview_responses")
        assert row["call_id"] == "call_1"

    hold(dsn, act)


# --- 47, 48, 50: size, number, form --------------------------------------------------------------------


def test_case_47_a_transcript_of_two_megabytes(dsn: str) -> None:
    spoken_words = STORY.split() * 20
    words = [{"word": word, "start": 1.25, "end": 1.5} for word in spoken_words]
    items: list[Frame] = [
        {"role": ("agent", "user")[n % 2], "content": " ".join(spoken_words), "words": words}
        for n in range(60)
    ]
    items.append({"role": "user", "content": STORY, "words": words})
    assert len(json.dumps(items)) > 2_000_000

    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
            await raw.send(interaction_type="response_required", response_id=1, transcript=items)
            assert spoken(await raw.complete(1))
            await raw.send(interaction_type="update_only", transcript=items)
            assert await raw.until_pong(1) == []
            prompt = world.llm.streams[0].prompt
            assert len(prompt.messages) <= HISTORY
            assert all(len(message.text) < MAX_UTTERANCE + 100 for message in prompt.messages)

    hold(dsn, act)


def test_case_48_fifty_calls_at_once_do_not_mix(dsn: str) -> None:
    def rule(prompt: Any) -> Script:
        marker = re.findall(r"Project\d+", str(prompt.facts["answer"]))[-1]
        return [move("advance"), f"You spoke about {marker}. "]

    async def one(world: World, number: int) -> None:
        async with world.call(f"call_{number}") as sim:
            await sim.greeting()
            for turn in range(3):
                mine = f"Project{number}x{turn}".replace("x", "0")
                reply = await sim.say(f"I led {mine} at Kestrel Health.")
                assert reply.text.startswith(f"You spoke about {mine}.")
            assert sim.violations == []

    async def act(world: World) -> None:
        await asyncio.gather(*(one(world, number) for number in range(50)))
        for number in range(50):
            await world.gone(f"call_{number}")
        rows = await world.rows("SELECT call_id, text FROM mock_interview_answers ORDER BY call_id")
        assert len(rows) == 150
        for row in rows:
            number = row["call_id"].removeprefix("call_")
            assert re.search(rf"Project{number}0[012] at", row["text"])

    hold(dsn, act, llm=lambda: ScriptedLLM(rule=rule))


def test_calls_that_ended_leave_nothing_in_memory(dsn: str) -> None:
    """And nothing for the collector to find: a server with many calls has no time for its long passes."""

    def kept() -> int:
        kinds = (LiveCall, RetellLine, Conversation)
        return sum(type(thing) in kinds for thing in gc.get_objects())

    async def one(world: World, number: int) -> None:
        async with world.call(f"call_{number}") as sim:
            await sim.greeting()
            await sim.say(STORY)
            if number % 2:
                sim.drop()
                await sim.reconnect()

    async def act(world: World) -> None:
        before = kept()  # what other tests of this run hold on to
        await asyncio.gather(*(one(world, number) for number in range(30)))
        for number in range(30):
            await world.gone(f"call_{number}")
        await asyncio.sleep(0)
        assert kept() <= before

    gc.collect()
    gc.disable()
    try:
        hold(dsn, act)
    finally:
        gc.enable()


LISTS = re.compile(r"(?:^|\n)\s*(?:[-*•]|\d+[.)])\s")
MARKUP = re.compile(r"[*_`#<>\[\]{}|~]|https?:")
EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f]")
SPACING = re.compile(r"\s{2,}|\s[,.;:?!]|[a-z][.?!][A-Z]")


def test_case_50_nothing_but_speech_is_said_in_a_whole_interview(dsn: str) -> None:
    async def act(world: World) -> None:
        async with world.call() as sim:
            said = [(await sim.greeting()).text]
            messy = [move("advance"), "**Thanks** \U0001f600 for\n- the `list`\n1. and # this. ", "Next up. "]
            world.llm.then(messy, messy)
            while sim.end_reason is None and len(said) < 80:
                reply = await sim.say(f"{len(said)}. {STORY}" if len(said) < 60 else "Let's stop.")
                said.append(reply.text)
            assert sim.end_reason == "agent_hangup"
            for text in said:
                for wrong in (LISTS, MARKUP, EMOJI, SPACING):
                    assert not wrong.search(text), text
            assert sim.violations == []

    hold(dsn, act)

"""The provider's record of a call: fetched with the real SDK, laid over our own transcript, analysed once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from server.provider_record import details_of, ending_of, heard_in
from server.retell_api import RetellApi
from storage.jobs import analyse_job
from storage.ports import JobState
from tests.fakes.aftermath import CLOSING, CONFLICT, NOON, OPENER, PLANNING, SAID, After, afterwards
from tests.fakes.retell_api import FakeRetellApi

pytestmark = pytest.mark.postgres

END_MS = 1_778_000_000_000


def item(role: str, text: str, start: float | None = None) -> dict[str, Any]:
    words = [
        {"word": word, "start": (start or 0) + n, "end": (start or 0) + n + 0.5}
        for n, word in enumerate(text.split())
    ]
    return {"role": role, "content": text} | ({"words": words} if start is not None else {})


def record(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "call_id": "call1",
        "call_type": "web_call",
        "agent_id": "a",
        "agent_version": 0,
        "access_token": "secret-token",
        "call_status": "ended",
        "disconnection_reason": "user_hangup",
        "start_timestamp": END_MS - 400_000,
        "end_timestamp": END_MS,
        "duration_ms": 400_000,
        "recording_url": "https://recordings.example/1.wav",
        "call_analysis": {"call_summary": "A talk.", "user_sentiment": "Neutral"},
        "transcript_object": list(items),
    } | more


TALK = [
    item("agent", f"Hello. {OPENER.text}"),
    item("user", SAID["q1"], 5.0),
    item("agent", CONFLICT.text),
    item("user", SAID["q2"], 40.0),
    item("agent", "What changed for the night shift?"),
    item("user", "Nobody had to work two nights in a row.", 70.0),
    item("agent", PLANNING.text),
    item("user", SAID["q3"], 90.0),
    item("agent", CLOSING.text),
    item("user", "None, thank you.", 120.0),
]


def at_retell(dsn: str, act: Callable[[After, FakeRetellApi], Awaitable[None]]) -> None:
    fake = FakeRetellApi("key_fake")
    retell = LateRetell(fake)

    async def inside(after: After) -> None:
        async with fake:
            await act(after, fake)

    afterwards(dsn, inside, retell=retell)


class LateRetell(RetellApi):
    """The address of the stand-in is known only once it listens."""

    def __init__(self, fake: FakeRetellApi) -> None:
        super().__init__(fake.api_key, timeout=5.0)
        self._fake = fake

    def _build(self) -> Any:
        self._base_url = self._fake.url
        return super()._build()


async def told(after: After, cause: str = "call_analyzed") -> None:
    await after.jobs.add(analyse_job("call1", cause))
    await after.work_off()


async def the_run(after: After) -> dict[str, Any]:
    (row,) = await after.rows("SELECT * FROM mock_interview_responses")
    return row


def test_a_call_that_was_held_elsewhere_is_laid_over_the_plan(dsn: str) -> None:
    async def act(after: After, fake: FakeRetellApi) -> None:
        await after.register(transport="retell")
        fake.calls["call1"] = record(*TALK)
        await told(after)
        run = await the_run(after)
        assert (run["status"], run["is_ended"], run["is_analysed"]) == ("completed", True, True)
        assert run["ended_at"].timestamp() == END_MS / 1000
        assert run["analytics"]["duration"] == 400
        assert run["analytics"]["assessed"] == 3
        found = {case.question.id: case for case in after.judge.cases}
        assert found["q1"].answer == SAID["q1"]
        assert found["q2"].follow_ups == (
            ("What changed for the night shift?", "Nobody had to work two nights in a row."),
        )
        assert found["q3"].seconds is not None
        (quote,) = (await after.rows(EVIDENCE, "q1"))[0]["evidence"]
        assert (quote["start_s"], quote["end_s"]) == (5.0, 8.5)
        assert quote["text"] in SAID["q1"]
        assert run["details"]["recording_url"]
        assert "secret-token" not in str(run["details"])
        assert "transcript_object" not in run["details"]
        assert fake.attempts == 1
        (session,) = await after.rows("SELECT status, results FROM mock_interview_sessions")
        assert session["status"] == "completed"
        assert session["results"]["duration"] == 400

    at_retell(dsn, act)


EVIDENCE = "SELECT evidence FROM mock_interview_scores WHERE question_id = $1 AND dimension = 'content'"


def test_our_own_transcript_stands_and_gets_the_times(dsn: str) -> None:
    async def act(after: After, fake: FakeRetellApi) -> None:
        await after.held(transport="retell")
        await after.work_off()
        assert fake.attempts == 0  # the end of the call is analysed without asking anybody
        before = await the_run(after)
        fake.calls["call1"] = record(*TALK[:4], *TALK[6:8])
        await told(after)
        run = await the_run(after)
        assert run["analytics"] == before["analytics"]
        assert run["analysed_at"] == before["analysed_at"]  # no second analysis
        assert len(after.judge.cases) == 3
        assert run["details"]["disconnection_reason"] == "user_hangup"
        assert (run["status"], run["end_reason"]) == ("completed", "finished")
        answers = await after.rows("SELECT text, words, start_ms FROM mock_interview_answers ORDER BY turn")
        assert [row["text"] for row in answers] == list(SAID.values())
        assert [row["words"][0]["start_s"] for row in answers] == [5.0, 40.0, 90.0]

    at_retell(dsn, act)


def test_words_that_we_missed_are_taken_over_and_judged(dsn: str) -> None:
    async def act(after: After, fake: FakeRetellApi) -> None:
        await after.held(said={"q1": SAID["q1"]}, transport="retell")
        await after.work_off()
        assert (await the_run(after))["analytics"]["assessed"] == 1
        fake.calls["call1"] = record(*TALK)
        await told(after)
        assert (await the_run(after))["analytics"]["assessed"] == 3
        rows = await after.rows("SELECT question_id, revisions FROM mock_interview_evaluations ORDER BY 1")
        assert {row["question_id"]: row["revisions"] for row in rows} == {"q1": 1, "q2": 1, "q3": 1}

    at_retell(dsn, act)


@pytest.mark.parametrize("items", [[i for i in TALK if i["role"] == "user"], TALK[:1], []])
def test_a_transcript_with_one_speaker_scores_nothing(dsn: str, items: list[dict[str, Any]]) -> None:
    async def act(after: After, fake: FakeRetellApi) -> None:
        await after.register(transport="retell")
        fake.calls["call1"] = record(*items)
        await told(after)
        run = await the_run(after)
        assert run["is_analysed"]
        assert run["analytics"]["overallScore"] is None
        assert after.judge.cases == []

    at_retell(dsn, act)


def test_a_call_that_retell_has_forgotten_is_analysed_from_what_we_have(dsn: str) -> None:
    async def act(after: After, fake: FakeRetellApi) -> None:
        await after.held(transport="retell")
        await told(after)
        assert (await the_run(after))["analytics"]["assessed"] == 3
        assert (await the_run(after))["details"] is None

    at_retell(dsn, act)


def test_a_call_that_nobody_knows_any_more_was_never_joined(dsn: str) -> None:
    async def act(after: After, fake: FakeRetellApi) -> None:
        await after.register(transport="retell")
        await told(after, "sweep")
        run = await the_run(after)
        assert (run["status"], run["end_reason"], run["is_analysed"]) == ("abandoned", "never_joined", True)

    at_retell(dsn, act)


@pytest.mark.parametrize("step", [503, 429, 401])
def test_a_provider_that_fails_for_a_while_is_asked_again(dsn: str, step: int) -> None:
    async def act(after: After, fake: FakeRetellApi) -> None:
        await after.register(transport="retell")
        fake.calls["call1"] = record(*TALK)
        fake.script = [step, step]
        await told(after)
        assert (await the_run(after))["analytics"]["assessed"] == 3
        assert fake.attempts == 3

    at_retell(dsn, act)


def test_a_provider_that_stays_away_is_done_without(dsn: str) -> None:
    async def act(after: After, fake: FakeRetellApi) -> None:
        await after.held(transport="retell")
        fake.script = [503] * 10
        await told(after)
        assert (await the_run(after))["analytics"]["assessed"] == 3
        assert await after.jobs.listing(JobState.FAILED) == []

    at_retell(dsn, act)


def test_a_call_that_goes_on_is_not_analysed(dsn: str) -> None:
    async def act(after: After, fake: FakeRetellApi) -> None:
        await after.register(transport="retell")
        fake.calls["call1"] = record(*TALK, call_status="ongoing", disconnection_reason=None)
        await told(after, "asked")
        assert not (await the_run(after))["is_analysed"]
        assert after.judge.cases == []
        fake.calls["call1"] = record(*TALK)
        await told(after, "asked")
        assert (await the_run(after))["is_analysed"]

    at_retell(dsn, act)


def test_the_sweeper_asks_for_calls_whose_webhook_never_came(dsn: str) -> None:
    async def act(after: After, fake: FakeRetellApi) -> None:
        await after.register(transport="retell")
        fake.calls["call1"] = record(*TALK)
        after.later(minutes=11)
        await after.aftermath.sweep()
        await after.work_off()
        run = await the_run(after)
        assert (run["status"], run["analytics"]["assessed"]) == ("completed", 3)

    at_retell(dsn, act)


# --- reading the record ----------------------------------------------------------------------------


def test_a_record_of_odd_shapes_is_read_as_far_as_it_goes() -> None:
    call = {
        "transcript_object": [
            {"role": "agent", "content": "Hi."},
            {"role": "tool_call_invocation", "name": "end"},
            {"role": "user", "content": None},
            "text",
            {"role": "user", "content": "Yes", "words": [{"word": "Yes", "start": "0", "end": 1}, 7]},
            {"role": "user", "content": "No", "words": [{"word": "No", "start": 3, "end": 2}]},
        ]
    }
    assert [(h.text, h.words) for h in heard_in(call)] == [("Hi.", ()), ("Yes", ()), ("No", ())]
    assert heard_in({}) == heard_in({"transcript_object": "x"}) == []


def test_an_end_without_a_time_ends_now() -> None:
    ending = ending_of({"call_status": "ended", "end_timestamp": -5}, finished=False, now=NOON)
    assert ending is not None
    assert (ending.at, ending.reason, ending.status.value) == (NOON, "ended", "completed")
    assert ending_of({"call_status": "ongoing"}, finished=False, now=NOON) is None
    assert ending_of({}, finished=True, now=NOON) is None


def test_tokens_and_logs_are_not_kept() -> None:
    kept = details_of(record(*TALK, public_log_url="https://logs", transcript="Agent: …"))
    assert not {"access_token", "public_log_url", "transcript", "transcript_object"} & set(kept)

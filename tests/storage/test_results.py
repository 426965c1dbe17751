from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from interview.evaluation import ActionItem, Evaluation, Feedback, Quote, Verdict
from interview.events import Speaker
from interview.model import SessionStatus
from interview.rubric import Confidence, Dimension
from interview.threads import Place
from storage.jobs import PostgresJobs, analyse_job
from storage.ports import CallChanges, NotFound, StoredAnswer, StoredUtterance
from storage.results import Analysis, PostgresResults
from storage.runs import Ending, PostgresRuns
from tests.storage.samples import FOLLOW_UP, NOON, Stores, a_response, a_session, with_stores

pytestmark = pytest.mark.postgres

QUOTE = Quote("I am Ada", 0, 8)
VERDICTS = tuple(
    Verdict(d, 40, rationale="Says who.", quotes=(QUOTE,), confidence=Confidence.HIGH, spread=10)
    for d in (Dimension.CONTENT, Dimension.DEPTH, Dimension.SOFT_SKILLS, Dimension.LANGUAGE)
)
UNTIMED = Verdict(Dimension.TIMING, None, "the length is not known")
JUDGED = Evaluation(
    (*VERDICTS, UNTIMED), 40, "", Confidence.HIGH, ("too_short",), {"prompt": "p.v1@a", "model": "m", "n": 3}
)
PLACES = {verdict.dimension: [Place(1, 0, 8, 0.5, 1.5)] for verdict in VERDICTS}
ADVICE = Feedback(("Say more.",), "I am Ada, and …", (ActionItem("Again", "Now.", "high"),), ("clarity",))


class Desk:
    def __init__(self, stores: Stores) -> None:
        self.stores, self.pool = stores, stores.pool
        self.results, self.runs = PostgresResults(stores.pool), PostgresRuns(stores.pool)
        self.jobs = PostgresJobs(stores.pool)

    async def register(self, calls: int = 1) -> None:
        await self.stores.repo.add_session(a_session())
        for number in range(1, calls + 1):
            await self.stores.repo.add_response(a_response(number))

    async def judge(self, digest: str, evaluation: Evaluation = JUDGED) -> bool:
        return await self.results.save_evaluation("call1", "q1", digest, evaluation, PLACES)

    async def status(self) -> tuple[str, bool, str]:
        run = await self.stores.repo.response_by_call("call1")
        return run.status, run.is_ended, (await self.stores.repo.find_session("s1")).session.status.value


def at_desk(dsn: str, act: Callable[[Desk], Awaitable[None]]) -> None:
    with_stores(dsn, lambda stores: act(Desk(stores)))


# --- scores and feedback ---------------------------------------------------------------------------


def test_what_a_judge_found_comes_back_as_it_was(dsn: str) -> None:
    async def act(desk: Desk) -> None:
        await desk.register()
        assert await desk.judge("d1")
        assert await desk.results.save_feedback("call1", "q1", "d1", ADVICE)
        record = await desk.runs.record("call1")
        assert record.evaluations["q1"].evaluation == JUDGED
        assert record.evaluations["q1"].digest == "d1"
        assert (record.feedback["q1"].digest, record.feedback["q1"].feedback) == ("d1", ADVICE)
        (quote,) = (await desk.results.scores_of("s1"))[0]["evidence"]
        assert quote["text"] == "I am Ada"
        assert [quote[key] for key in ("turn", "from", "to", "start_s", "end_s")] == [1, 0, 8, 0.5, 1.5]
        assert [row["flags"] for row in await desk.results.evaluations_of("s1")] == [["too_short"]]
        assert [row["coach_tips"] for row in await desk.results.feedback_of("s1")] == [["Say more."]]

    at_desk(dsn, act)


def test_of_many_writers_of_one_digest_one_writes(dsn: str) -> None:
    async def act(desk: Desk) -> None:
        await desk.register()
        assert sorted(await asyncio.gather(*(desk.judge("d1") for _ in range(6)))) == [False] * 5 + [True]
        assert not await desk.judge("d1")
        other = replace(JUDGED, overall=70, flags=())
        assert await desk.judge("d2", other)
        assert (await desk.runs.record("call1")).evaluations["q1"].evaluation == other
        rows = await desk.pool.fetch("SELECT revisions FROM mock_interview_evaluations")
        assert [row["revisions"] for row in rows] == [2]
        assert len(await desk.results.scores_of("s1")) == 5
        advice = [desk.results.save_feedback("call1", "q1", "d1", ADVICE) for _ in range(4)]
        assert sorted(await asyncio.gather(*advice)) == [False] * 3 + [True]

    at_desk(dsn, act)


def test_a_score_out_of_range_or_without_a_reason_is_refused_with_all_the_others(dsn: str) -> None:
    async def act(desk: Desk) -> None:
        await desk.register()
        for wrong in (replace(UNTIMED, value=140), replace(UNTIMED, reason="")):
            with pytest.raises(asyncpg.CheckViolationError):
                await desk.judge("d1", replace(JUDGED, verdicts=(*VERDICTS, wrong)))
        with pytest.raises(asyncpg.CheckViolationError):
            await desk.judge("d1", replace(JUDGED, overall=None))
        assert await desk.results.scores_of("s1") == []
        assert await desk.results.evaluations_of("s1") == []

    at_desk(dsn, act)


def test_what_is_about_a_deleted_call_is_not_found(dsn: str) -> None:
    async def act(desk: Desk) -> None:
        for write in (
            desk.judge("d1"),
            desk.results.save_feedback("call1", "q1", "d1", ADVICE),
            desk.results.save_insights("s1", {}, {}),
            desk.runs.record("call1"),
            desk.runs.end("call1", None, ()),
            desk.runs.rewrite("call1", (), (), ()),
            desk.runs.begin("call1", "call_started"),
        ):
            with pytest.raises(NotFound):
                await write
        assert not await desk.results.save_analysis("call1", ANALYSIS)

    at_desk(dsn, act)


# --- analysis and insights -------------------------------------------------------------------------

ANALYSIS = Analysis(
    "state1",
    {"overallScore": 40},
    {"overallScore": 40, "strengths": ["Depth"]},
    {"content": 40, "timing": None, "overall": 40},
    "the length is not known",
    ADVICE,
    {"model": "m"},
    [("skill.teamwork", 40.0, "points"), ("overall", 40.0, "points")],
)


def test_an_analysis_is_stored_once_for_one_state(dsn: str) -> None:
    async def act(desk: Desk) -> None:
        await desk.register()
        assert await desk.results.save_insights("s1", {"trends": ["Up."]}, {}) == 1
        done = await asyncio.gather(*(desk.results.save_analysis("call1", ANALYSIS) for _ in range(4)))
        assert sorted(done) == [False] * 3 + [True]
        run = await desk.stores.repo.response_by_call("call1")
        assert (run.is_analysed, run.analytics) == (True, {"overallScore": 40})
        results = (await desk.stores.repo.find_session("s1")).results
        # Insights that are there already stay.
        assert results == ANALYSIS.results | {"insights": {"trends": ["Up."], "version": 1}}
        rows = await desk.results.scores_of("s1")
        scores = {row["dimension"]: (row["score"], row["reason"]) for row in rows}
        assert scores == {
            "content": (40, None),
            "timing": (None, "the length is not known"),
            "overall": (40, None),
        }
        again = replace(ANALYSIS, digest="state2", metrics=[("overall", 50.0, "points")])
        assert await desk.results.save_analysis("call1", again, [analyse_job("call1", "x")])
        metrics = await desk.pool.fetch("SELECT name, value FROM mock_interview_metrics")
        assert [tuple(row) for row in metrics] == [("overall", 50.0)]
        assert len(await desk.results.scores_of("s1")) == 3
        assert len(await desk.jobs.listing()) == 1

    at_desk(dsn, act)


def test_versions_of_insights_are_numbered_without_a_gap(dsn: str) -> None:
    async def act(desk: Desk) -> None:
        await desk.register()
        looks = (desk.results.save_insights("s1", {"trends": [str(n)]}, {"model": "m"}) for n in range(5))
        assert sorted(await asyncio.gather(*looks)) == [1, 2, 3, 4, 5]
        results = (await desk.stores.repo.find_session("s1")).results
        assert results is not None
        assert results["insights"]["version"] == 5

    at_desk(dsn, act)


def test_nobody_else_is_alone_with_a_call(dsn: str) -> None:
    async def act(desk: Desk) -> None:
        order: list[str] = []
        inside, gate = asyncio.Event(), asyncio.Event()

        async def first() -> None:
            async with desk.results.alone_with("call1"):
                inside.set()
                await gate.wait()
                order.append("first")

        async def second() -> None:
            await inside.wait()
            gate.set()
            async with desk.results.alone_with("call1"):
                order.append("second")

        async def failing() -> None:
            async with desk.results.alone_with("call2"):
                raise LookupError

        async with asyncio.TaskGroup() as group:
            group.create_task(first())
            group.create_task(second())
        assert order == ["first", "second"]
        for _ in range(2):
            with pytest.raises(LookupError):
                await failing()

    at_desk(dsn, act)


# --- runs ------------------------------------------------------------------------------------------


def ending(status: SessionStatus) -> Ending:
    return Ending(status, "why", NOON + timedelta(hours=1))


@pytest.mark.parametrize(
    "status", [SessionStatus.COMPLETED, SessionStatus.INTERRUPTED, SessionStatus.ABANDONED]
)
def test_an_end_from_outside_closes_the_run_for_good(dsn: str, status: SessionStatus) -> None:
    async def act(desk: Desk) -> None:
        await desk.register()
        job = analyse_job("call1", "x")
        assert await desk.runs.end("call1", ending(status), [job], event="call_ended", details={"a": 1})
        # Nobody told of its start, and still the interview has been held.
        assert await desk.status() == (status, True, status)
        assert [queued.key for queued in await desk.jobs.listing()] == [job.key]
        assert not await desk.runs.end("call1", ending(SessionStatus.COMPLETED), [job], event="call_ended")
        assert await desk.runs.end("call1", ending(SessionStatus.CANCELLED), (), details=None)
        assert await desk.status() == (status, True, status)
        assert (await desk.runs.record("call1")).details == {"a": 1}

    at_desk(dsn, act)


def test_a_start_that_comes_late_starts_nothing(dsn: str) -> None:
    async def act(desk: Desk) -> None:
        await desk.register()
        assert await desk.runs.begin("call1", "call_started")
        assert not await desk.runs.begin("call1", "call_started")
        assert await desk.status() == ("in_progress", False, "in_progress")
        await desk.runs.end("call1", ending(SessionStatus.COMPLETED), ())
        assert not await desk.runs.begin("call1", "another_start")
        assert await desk.status() == ("completed", True, "completed")

    at_desk(dsn, act)


def test_a_better_record_takes_the_place_of_ours(dsn: str) -> None:
    async def act(desk: Desk) -> None:
        await desk.register(calls=2)
        for name in ("call1", "call2"):
            fence = (await desk.stores.calls.open_call(name)).fence
            heard = StoredUtterance(1, Speaker.CANDIDATE, "Hm", question_id="q1")
            changes = CallChanges(
                {}, utterances=[heard], answers=[StoredAnswer(1, "q1", "Hm")], follow_ups=[FOLLOW_UP]
            )
            await desk.stores.calls.save_call(name, fence, changes)
        said = StoredUtterance(1, Speaker.CANDIDATE, "I am Ada.", question_id="q1")
        answer = StoredAnswer(1, "q1", "I am Ada.", 500, 900, [{"text": "I", "start_s": 0.5, "end_s": 0.6}])
        asked = replace(FOLLOW_UP, id="q1.f1", text="Who?", parent_id="q1")
        await desk.runs.rewrite("call1", [said], [answer], [asked])
        record = await desk.runs.record("call1")
        assert (record.utterances, record.answers, record.follow_ups) == ((said,), (answer,), (asked,))
        assert len(record.stored.session.questions) == 3
        assert (await desk.runs.record("call2")).follow_ups == (FOLLOW_UP,)

    at_desk(dsn, act)


def test_times_are_added_only_where_there_are_none(dsn: str) -> None:
    words = [{"text": "I", "start_s": 0.5, "end_s": 0.6, "confidence": None}]

    async def act(desk: Desk) -> None:
        await desk.register()
        fence = (await desk.stores.calls.open_call("call1")).fence
        ours = StoredAnswer(2, "q2", "Me too.", 7, 8, words)
        await desk.stores.calls.save_call(
            "call1", fence, CallChanges({}, answers=[StoredAnswer(1, "q1", "I."), ours])
        )
        theirs = [StoredAnswer(n, f"q{n}", "other words", 500, 100, words) for n in (1, 2, 3)]
        await desk.runs.add_times("call1", theirs)
        first, second = (await desk.runs.record("call1")).answers
        assert first == StoredAnswer(1, "q1", "I.", 500, 100, words)
        assert second == ours

    at_desk(dsn, act)


def test_what_waits_for_an_analysis_is_listed_oldest_first(dsn: str) -> None:
    async def act(desk: Desk) -> None:
        await desk.register(calls=3)
        await desk.runs.end("call2", ending(SessionStatus.COMPLETED), ())
        await desk.pool.execute(
            "UPDATE mock_interview_responses SET is_analysed = true WHERE call_id = 'call3'"
        )
        assert await desk.runs.unanalysed(NOON) == []
        first, second = await desk.runs.unanalysed(NOON + timedelta(days=1))
        assert (first.call_id, first.is_ended, first.since) == ("call1", False, a_response(1).created_at)
        assert (second.call_id, second.is_ended, second.since) == ("call2", True, NOON + timedelta(hours=1))

    at_desk(dsn, act)

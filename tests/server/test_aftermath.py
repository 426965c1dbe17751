from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agents.llm import Completion, LlmMalformed, LlmRateLimited, LlmUnavailable, Prompt
from agents.llm_offline import OfflineLLM
from interview.rubric import Dimension
from server.aftermath import explain, patient
from server.analytics import BROKEN, NO_JUDGE
from storage.job_runner import Job, TryAgain
from storage.jobs import SCORE, analyse_job, score_job
from storage.ports import JobState, StorageDown
from tests.fakes.aftermath import SAID, After, Coach, Judge, afterwards

pytestmark = pytest.mark.postgres

COACHED = "SELECT 1 FROM mock_interview_feedback WHERE question_id IS NOT NULL"
DOWN = LlmUnavailable("fake", "no connection")


async def run(after: After) -> Any:
    return (await after.aftermath.runs.record("call1")).response


def test_an_answer_is_scored_while_the_interview_goes_on(dsn: str) -> None:
    async def act(after: After) -> None:
        await after.register()
        fence = await after.answer("call1", SAID, finished=["q1"])
        assert await after.work_off() == ["score:call1:q1:digest of q1"]
        assert [case.question.id for case in after.judge.cases] == ["q1"]
        assert after.judge.names == ["Zoe Quist"]
        record = await after.aftermath.runs.record("call1")
        stored = record.evaluations["q1"].evaluation
        assert stored.overall == stored.verdicts[0].value
        assert (stored.confidence.value, stored.provenance["prompt"]) == ("high", "judge.v1@abc")
        assert record.feedback["q1"].feedback.better == "Better words."
        scores = await after.rows("SELECT * FROM mock_interview_scores ORDER BY id")
        assert [row["dimension"] for row in scores] == [
            "content",
            "depth",
            "soft_skills",
            "language",
            "timing",
        ]
        (quote,) = scores[0]["evidence"]
        assert quote["text"] == SAID["q1"][:12]
        assert (quote["turn"], quote["from"], quote["to"]) == (1, 0, 12)
        assert (quote["start_s"], quote["end_s"]) == (1.0, 1.9)
        assert scores[0]["provenance"] == {"prompt": "judge.v1@abc", "model": "fake"}
        assert not (await run(after)).is_analysed
        # The end scores what is left and then analyses: nothing is judged twice.
        await after.end("call1", fence)
        done = await after.work_off()
        assert [key.split(":")[0] for key in done] == ["analyse", "score", "score", "analyse"]
        assert sorted(case.question.id for case in after.judge.cases) == ["q1", "q2", "q3"]
        assert (await run(after)).is_analysed

    afterwards(dsn, act)


def test_an_analysis_holds_what_clients_know_it_by(dsn: str) -> None:
    async def act(after: After) -> None:
        await after.held(said={key: SAID[key] for key in ("q1", "q2")})
        await after.work_off()
        found = (await run(after)).analytics
        first, second = (question["overall"] for question in found["questions"])
        assert found["overallScore"] == round((first + second) / 2)
        assert set(found["dimensionScores"]) == set(Dimension)
        assert [(q["questionId"], q["status"]) for q in found["questionSummaries"]] == [
            ("q1", "answered"),
            ("q2", "answered"),
            ("q3", "not_asked"),
        ]
        assert found["questionSummaries"][1]["summary"] in SAID["q2"]
        assert found["duration"] == 321
        assert 0 <= found["communication"]["score"] <= 10
        results = (await after.repo.find_session("s1")).results
        assert results is not None
        assert (results["overallScore"], results["callId"]) == (found["overallScore"], "call1")
        assert {"strengths", "weaknesses", "recommendation", "learningTags"} <= set(results)
        assert [line["content"] for line in results["transcript"] if line["role"] == "user"] == [
            SAID["q1"],
            SAID["q2"],
        ]
        whole = await after.rows(
            "SELECT dimension, score FROM mock_interview_scores WHERE question_id IS NULL"
        )
        assert {row["dimension"]: row["score"] for row in whole} == found["dimensionScores"] | {
            "overall": found["overallScore"]
        }
        metrics = await after.rows("SELECT name, value FROM mock_interview_metrics")
        assert {"skill.teamwork", "block.behavioral", "dimension.content", "overall"} <= {
            row["name"] for row in metrics
        }
        (advice,) = await after.rows("SELECT * FROM mock_interview_feedback WHERE question_id IS NULL")
        assert {action["title"] for action in advice["action_items"]} == {"Again: q1", "Again: q2"}

    afterwards(dsn, act)


def test_a_repeat_of_any_job_changes_nothing(dsn: str) -> None:
    async def act(after: After) -> None:
        await after.held()
        await after.work_off()
        before = await after.rows("SELECT * FROM mock_interview_scores ORDER BY id")
        analysed = await after.rows("SELECT analysed_at FROM mock_interview_responses")
        for _ in range(2):
            await after.jobs.add(score_job("call1", "q2", "x"), analyse_job("call1", "again"))
            await after.work_off()
        assert len(after.judge.cases) == after.coach.asked == 3
        assert await after.rows("SELECT * FROM mock_interview_scores ORDER BY id") == before
        assert await after.rows("SELECT analysed_at FROM mock_interview_responses") == analysed
        revisions = await after.rows("SELECT revisions FROM mock_interview_evaluations")
        assert [row["revisions"] for row in revisions] == [1, 1, 1]

    afterwards(dsn, act)


def test_changed_words_are_judged_again_and_analysed_again(dsn: str) -> None:
    async def act(after: After) -> None:
        await after.held()
        await after.work_off()
        first = (await run(after)).analytics["overallScore"]
        await after.pool.execute(
            "UPDATE mock_interview_answers SET text = 'No, much shorter.' WHERE question_id = 'q2'"
        )
        await after.jobs.add(score_job("call1", "q2", "new"))
        done = await after.work_off()
        assert [key.split(":")[0] for key in done] == ["score", "analyse"]
        assert len(after.judge.cases) == 4
        assert (await run(after)).analytics["overallScore"] != first
        (row,) = await after.rows("SELECT revisions FROM mock_interview_evaluations WHERE question_id = 'q2'")
        assert row["revisions"] == 2
        assert len(await after.rows("SELECT 1 FROM mock_interview_scores WHERE question_id = 'q2'")) == 5

    afterwards(dsn, act)


def test_words_that_change_under_the_judge_are_not_lost(dsn: str) -> None:
    class Slow(Judge):
        async def evaluate(self, case: Any, names: Any = ()) -> Any:
            found = await super().evaluate(case, names)
            if case.question.id == "q2" and len(self.cases) < 4:
                await held[0].pool.execute(
                    "UPDATE mock_interview_answers SET text = text || ' And more.' WHERE question_id = 'q2'"
                )
            return found

    held: list[After] = []

    async def act(after: After) -> None:
        held.append(after)
        await after.held()
        await after.work_off()
        last = [case for case in after.judge.cases if case.question.id == "q2"][-1]
        assert last.words.endswith("And more.")
        assert (await run(after)).is_analysed
        record = await after.aftermath.runs.record("call1")
        assert record.analysis_digest is not None
        assert len(after.judge.cases) > 3

    afterwards(dsn, act, judge=Slow())


def test_a_silent_candidate_gets_no_score(dsn: str) -> None:
    async def act(after: After) -> None:
        await after.held(said={"q1": "(unintelligible audio)", "q2": "  "})
        await after.work_off()
        found = (await run(after)).analytics
        assert after.judge.cases == []
        assert (found["overallScore"], found["questions"], found["assessed"]) == (None, [], 0)
        assert set(found["dimensionScores"].values()) == {None}
        assert {q["status"] for q in found["questionSummaries"]} == {"not_answered", "not_asked"}
        rows = await after.rows("SELECT score, reason FROM mock_interview_scores")
        assert {(row["score"], bool(row["reason"])) for row in rows} == {(None, True)}

    afterwards(dsn, act)


def test_a_judge_that_comes_back_is_asked_again(dsn: str) -> None:
    async def act(after: After) -> None:
        await after.held()
        await after.work_off()
        assert len(after.judge.cases) == 5
        assert (await run(after)).analytics["assessed"] == 3

    afterwards(dsn, act, judge=Judge(DOWN, LlmMalformed("fake", "prose")))


def test_a_judge_that_stays_away_leaves_a_reason_and_a_dead_letter(dsn: str) -> None:
    class Choosy(Judge):
        away = True

        async def evaluate(self, case: Any, names: Any = ()) -> Any:
            if case.question.id == "q2" and self.away:
                raise DOWN
            return await super().evaluate(case, names)

    judge = Choosy()

    async def act(after: After) -> None:
        await after.held()
        await after.work_off()
        (dead,) = await after.jobs.listing(JobState.FAILED)
        assert dead.payload["question_id"] == "q2"
        found = (await run(after)).analytics
        assert found["assessed"] == 2
        (question,) = (q for q in found["questions"] if q["questionId"] == "q2")
        assert (question["overall"], question["reason"]) == (None, NO_JUDGE)
        # Later the judge is back: the retry scores it, and the call is analysed anew.
        judge.away = False
        assert await after.jobs.retry() == [dead.id]
        done = await after.work_off()
        assert [key.split(":")[0] for key in done] == ["score", "analyse"]
        assert (await run(after)).analytics["assessed"] == 3

    afterwards(dsn, act, judge=judge)


def test_a_coach_that_stays_away_costs_no_score(dsn: str) -> None:
    async def act(after: After) -> None:
        await after.held()
        await after.work_off()
        assert (await run(after)).analytics["assessed"] == 3
        assert len(await after.jobs.listing(JobState.FAILED)) == 1
        assert len(await after.rows(COACHED)) == 2
        await after.jobs.retry()
        await after.work_off()
        assert len(after.judge.cases) == 3
        assert (
            len(await after.rows("SELECT 1 FROM mock_interview_feedback WHERE question_id IS NOT NULL")) == 3
        )

    afterwards(dsn, act, coach=Coach(*[DOWN] * 6))


class Away(OfflineLLM):
    """The analyst's model is away until ``back``."""

    back = False

    async def complete(self, prompt: Prompt) -> Completion:
        if not self.back:
            raise DOWN
        return await super().complete(prompt)


def test_without_an_analyst_the_scores_still_come_and_the_words_follow(dsn: str) -> None:
    llm = Away()

    async def act(after: After) -> None:
        await after.held()
        await after.work_off()
        found = (await run(after)).analytics
        assert found["overallScore"] is not None
        assert "could not be written" in found["overallFeedback"]
        assert len(await after.jobs.listing(JobState.FAILED)) == 1
        llm.back = True
        await after.jobs.retry()
        await after.work_off()
        again = (await run(after)).analytics
        assert "of 100 on average" in again["overallFeedback"]
        assert again["overallScore"] == found["overallScore"]
        assert len(after.judge.cases) == 3

    afterwards(dsn, act, llm=llm)


class Counting(OfflineLLM):
    def __init__(self) -> None:
        super().__init__()
        self.gate, self.begun = asyncio.Event(), asyncio.Event()
        self.asked = 0

    async def complete(self, prompt: Prompt) -> Completion:
        self.asked += 1
        self.begun.set()
        await self.gate.wait()
        return await super().complete(prompt)


def test_two_analyses_at_once_ask_the_model_once(dsn: str) -> None:
    llm = Counting()

    async def act(after: After) -> None:
        llm.gate.set()
        await after.held()
        await after.work_off()
        await after.pool.execute(
            "UPDATE mock_interview_responses SET is_analysed = false, analysis_digest = 'x'"
        )
        llm.gate.clear()
        llm.begun.clear()
        llm.asked = 0
        jobs = [Job(n, "analyse-call", {"call_id": "call1", "cause": f"c{n}"}, 0, False) for n in range(3)]
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(after.aftermath.analyse(job))
            await llm.begun.wait()
            llm.gate.set()
        assert llm.asked == 1
        assert (await run(after)).is_analysed

    afterwards(dsn, act, llm=llm)


def test_a_dropped_candidate_has_a_while_to_come_back(dsn: str) -> None:
    async def act(after: After) -> None:
        await after.register()
        fence = await after.answer("call1", {"q1": SAID["q1"]}, finished=["q1"])
        await after.end("call1", fence, "interrupted")
        await after.work_off()
        assert not (await run(after)).is_analysed
        fence = await after.answer("call1", SAID)
        await after.work_off(later=True)  # the analysis of the interruption finds the call under way
        assert not (await run(after)).is_analysed
        await after.end("call1", fence)
        await after.work_off()
        assert (await run(after)).analytics["assessed"] == 3
        assert len(after.judge.cases) == 3

    afterwards(dsn, act)


def test_who_hung_up_is_analysed_at_once(dsn: str) -> None:
    async def act(after: After) -> None:
        await after.register()
        fence = await after.answer("call1", {"q1": SAID["q1"]})
        await after.end("call1", fence, "interrupted", reason="hung_up")
        await after.work_off()
        assert (await run(after)).analytics["assessed"] == 1
        fence = await after.answer("call1", SAID)  # and may come back all the same
        await after.end("call1", fence)
        await after.work_off()
        assert (await run(after)).analytics["assessed"] == 3

    afterwards(dsn, act)


def test_who_does_not_come_back_is_analysed_later(dsn: str) -> None:
    async def act(after: After) -> None:
        await after.register()
        fence = await after.answer("call1", {"q1": SAID["q1"]})
        await after.end("call1", fence, "interrupted")
        assert await after.work_off() == []
        await after.work_off(later=True)
        assert (await run(after)).analytics["assessed"] == 1

    afterwards(dsn, act)


def test_a_deleted_call_ends_its_jobs(dsn: str) -> None:
    async def act(after: After) -> None:
        await after.held()
        await after.pool.execute("DELETE FROM mock_interview_sessions")
        await after.jobs.add(score_job("call1", "q1", "d"))
        assert len(await after.work_off()) == 2
        assert await after.jobs.listing() == []

    afterwards(dsn, act)


def test_the_sweeper_queues_what_was_lost_and_closes_what_never_ended(dsn: str) -> None:
    async def act(after: After) -> None:
        await after.held("done")
        await after.register("never_joined")
        await after.register("stuck")
        await after.answer("stuck", {"q1": SAID["q1"]})
        await after.pool.execute("DELETE FROM pgqueuer")
        await after.aftermath.sweep()
        assert await after.jobs.listing() == []
        after.later(minutes=11)
        await after.aftermath.sweep()
        await after.aftermath.sweep()
        assert [job.key for job in await after.jobs.listing()] == ["analyse:done:sweep"]
        await after.work_off()
        after.later(hours=3)
        await after.aftermath.sweep()
        await after.work_off()
        runs = await after.rows("SELECT call_id, status, is_ended, is_analysed FROM mock_interview_responses")
        assert {row["call_id"]: row["status"] for row in runs} == {
            "done": "completed",
            "never_joined": "abandoned",
            "stuck": "interrupted",
        }
        assert {(row["is_ended"], row["is_analysed"]) for row in runs} == {(True, True)}
        after.later(hours=3)
        await after.aftermath.sweep()
        assert await after.jobs.listing() == []

    afterwards(dsn, act)


def test_the_sweeper_leaves_the_dead_letter_alone(dsn: str) -> None:
    async def act(after: After) -> None:
        await after.held()
        await after.pool.execute("UPDATE pgqueuer SET status = 'failed'")
        after.later(hours=1)
        await after.aftermath.sweep()
        assert len(await after.jobs.listing()) == 1

    afterwards(dsn, act)


def test_a_rate_limit_says_when_to_come_back() -> None:
    told = patient(LlmRateLimited("fake", "429", 42.0))
    assert isinstance(told, TryAgain)
    assert told.after_s == 42.0
    assert isinstance(patient(LlmRateLimited("fake", "429")), LlmRateLimited)


def test_what_is_stored_of_a_trouble_holds_nothing_private() -> None:
    assert explain(ValueError("Zoe said: I am a nurse")) == "ValueError"
    assert explain(StorageDown("is it running?")) == "is it running?"
    assert explain(DOWN) == "fake: no connection"


def test_an_answer_whose_scoring_kills_workers_is_left_out_and_said_so(dsn: str) -> None:
    async def act(after: After) -> None:
        await after.register()
        fence = await after.answer("call1", SAID, finished=["q2"])
        await after.end("call1", fence)
        (deadly,) = [job for job in await after.jobs.listing() if job.payload.get("question_id") == "q2"]
        job = Job(deadly.id, deadly.kind, deadly.payload, 0, last=False)
        for _ in range(2):
            await after.aftermath.instead()[SCORE](job)
        await after.pool.execute("UPDATE pgqueuer SET status = 'failed' WHERE id = $1", deadly.id)
        await after.work_off(later=True)
        record = await after.aftermath.runs.record("call1")
        assert record.response.is_analysed
        left_out = record.evaluations["q2"].evaluation
        assert (left_out.overall, left_out.reason) == (None, BROKEN)
        assert {key for key, known in record.evaluations.items() if known.evaluation.overall is not None} == {
            "q1",
            "q3",
        }
        # Run again, and this time nothing dies: the score comes, and the call is analysed with it.
        assert await after.jobs.retry([deadly.id]) == [deadly.id]
        await after.work_off(later=True)
        record = await after.aftermath.runs.record("call1")
        assert record.evaluations["q2"].evaluation.overall is not None
        # What was judged meanwhile stays.
        await after.aftermath.instead()[SCORE](job)
        assert (await after.aftermath.runs.record("call1")).evaluations == record.evaluations

    afterwards(dsn, act)

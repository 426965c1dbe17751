"""What comes after a call, on a real database, with a judge and a coach that do as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.llm import LLM, LlmError
from agents.llm_offline import OfflineLLM
from agents.prompts import preload_prompts
from interview.evaluation import ActionItem, AnswerCase, Evaluation, Feedback, Quote, Verdict
from interview.events import Speaker
from interview.flow import Progress, Stage
from interview.model import (
    Block,
    InterviewSession,
    Question,
    QuestionType,
    Wishes,
)
from interview.rubric import Confidence, Dimension
from server.aftermath import Aftermath
from server.retell_api import RetellApi
from server.worker import build_aftermath
from storage.calls import PostgresCalls
from storage.job_runner import PAUSES_S, Job
from storage.jobs import PostgresJobs, preload_queue
from storage.ports import (
    CallChanges,
    JobState,
    StoredAnswer,
    StoredResponse,
    StoredSession,
    StoredUtterance,
)
from storage.postgres import PostgresRepository
from storage.seed import seed_interviewers
from storage.wire import Pool, open_pool

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
OPENER = Question("q1", "Please tell me a little about yourself.", QuestionType.OPENER, None, "hr")
CONFLICT = Question(
    "q2",
    "Tell me about a time you disagreed with a colleague.",
    QuestionType.BEHAVIORAL,
    Block.BEHAVIORAL,
    "hr",
    competencies=("teamwork",),
)
PLANNING = Question(
    "q3",
    "How would you plan a week with too few people?",
    QuestionType.SITUATIONAL,
    Block.PROFESSIONAL_SKILLS,
    "hr",
    competencies=("planning",),
)
CLOSING = Question("q4", "What questions do you have for us?", QuestionType.CLOSING, None, "hr")
PLAN = (OPENER, CONFLICT, PLANNING, CLOSING)
SAID = {
    "q1": "I am a nurse from Leeds and I have led a ward of twenty for six years.",
    "q2": "We argued about night shifts. I listened, drew up a rota and complaints fell by half.",
    "q3": "First I would list what must be done. Then I would ask who can swap.",
}


class Judge:
    """Scores by the first word's length; ``script`` holds failures that come first."""

    def __init__(self, *script: LlmError) -> None:
        self.script = list(script)
        self.cases: list[AnswerCase] = []
        self.names: list[str] = []

    async def evaluate(self, case: AnswerCase, names: Sequence[str] = ()) -> Evaluation:
        self.cases.append(case)
        self.names += names
        if self.script:
            raise self.script.pop(0)
        value = 50 + len(case.words) % 40
        quote = Quote(case.words[:12], 0, 12)
        verdicts = tuple(
            Verdict(d, value, rationale="It says so.", quotes=() if d is Dimension.TIMING else (quote,))
            for d in Dimension
        )
        return Evaluation(
            verdicts,
            value,
            confidence=Confidence.HIGH,
            provenance={"prompt": "judge.v1@abc", "model": "fake"},
        )


class Coach:
    def __init__(self, *script: LlmError) -> None:
        self.script = list(script)
        self.asked = 0

    async def feedback(self, case: AnswerCase, evaluation: Evaluation, names: Sequence[str] = ()) -> Feedback:
        self.asked += 1
        if self.script:
            raise self.script.pop(0)
        action = ActionItem(f"Again: {case.question.id}", "Tell it with a number.", "high")
        return Feedback(("Say the result first.",), "Better words.", (action,), case.question.competencies)


@dataclass
class After:
    """``now`` is the clock of the aftermath; move it by hand."""

    pool: Pool
    judge: Judge
    coach: Coach
    retell: RetellApi | None
    llm: LLM
    now: datetime = NOON
    owner: str = "ada"
    aftermath: Aftermath = field(init=False)

    def __post_init__(self) -> None:
        self.repo, self.calls, self.jobs = (
            PostgresRepository(self.pool),
            PostgresCalls(self.pool),
            PostgresJobs(self.pool),
        )
        self.aftermath = build_aftermath(
            self.pool, self.llm, self.judge, self.coach, self.retell, lambda: self.now
        )

    async def register(self, call_id: str = "call1", transport: str = "realtime", **more: Any) -> None:
        """A run through the interview ``s1`` of ``owner``'s, which is made when it is missing."""
        if not await self.rows("SELECT id FROM mock_interview_sessions"):
            session = InterviewSession("s1", self.owner, Wishes("nurse"), PLAN)
            await self.repo.add_session(StoredSession(session, "link1", "slug-1", "Practice", "maya", NOON))
        given: dict[str, Any] = {"email": "", "name": "Zoe Quist", "created_at": NOON} | more
        await self.repo.add_response(StoredResponse(f"r-{call_id}", "s1", call_id, transport, **given))

    async def answer(
        self, call_id: str, said: dict[str, str], *, fence: int | None = None, finished: Sequence[str] = ()
    ) -> int:
        """Store a conversation in which the questions of ``said`` were asked and answered."""
        if fence is None:
            fence = (await self.calls.open_call(call_id)).fence
        lines, answers = [], []
        for turn, (key, text) in enumerate(said.items(), start=1):
            asked = next(q.text for q in PLAN if q.id == key)
            lines.append(StoredUtterance(turn - 1, Speaker.INTERVIEWER, asked, "hr", key))
            lines.append(StoredUtterance(turn, Speaker.CANDIDATE, text, None, key))
            answers.append(StoredAnswer(turn, key, text, start_ms=turn * 1000, duration_ms=900))
        progress = Progress(Stage.QUESTION, len(said) - 1, spent_s=321.4)
        changes = CallChanges(
            progress.as_data(), lines, answers, finished=[(key, f"digest of {key}") for key in finished]
        )
        await self.calls.save_call(call_id, fence, changes)
        return fence

    async def end(
        self, call_id: str, fence: int, status: str = "completed", reason: str = "finished"
    ) -> None:
        await self.calls.end_call(call_id, fence, status=status, reason=reason, at=self.now)

    async def held(self, call_id: str = "call1", said: dict[str, str] | None = None, **more: Any) -> None:
        """A call from its registration to its end."""
        await self.register(call_id, **more)
        await self.end(call_id, await self.answer(call_id, SAID if said is None else said))

    async def work_off(self, *, later: bool = False) -> list[str]:
        """Do what is due, and what comes of it, one after the other; the keys in that order.

        ``later``: what is due later too. A failed job goes to its next try at once, as the last one when
        it has none left; one that fails for good stays.
        """
        done: list[str] = []
        while True:
            now = await self.pool.fetchval("SELECT now()")
            due = [job for job in await self.jobs.listing(JobState.QUEUED) if later or job.due_at <= now]
            if not due:
                return done
            job = due[0]
            last = job.attempts >= len(PAUSES_S)
            try:
                await self.aftermath.handlers()[job.kind](
                    Job(job.id, job.kind, job.payload, job.attempts, last)
                )
                done.append(job.key)
                await self.pool.execute("DELETE FROM pgqueuer WHERE id = $1", job.id)
            except Exception:
                await self.pool.execute(
                    "UPDATE pgqueuer SET attempts = attempts + 1, status = $2::text::pgqueuer_status "
                    "WHERE id = $1",
                    job.id,
                    "failed" if last else "queued",
                )

    async def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.pool.fetch(sql, *values)]

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)


def afterwards(
    dsn: str,
    act: Callable[[After], Awaitable[None]],
    *,
    judge: Judge | None = None,
    coach: Coach | None = None,
    retell: RetellApi | None = None,
    llm: LLM | None = None,
    owner: str = "ada",
) -> None:
    """Run ``act`` on a fresh database with the default interviewers in it."""
    preload_prompts()
    preload_queue()

    async def main() -> None:
        pool = await open_pool(dsn, max_size=6)
        try:
            await seed_interviewers(PostgresRepository(pool))
            await act(
                After(pool, judge or Judge(), coach or Coach(), retell, llm or OfflineLLM(), owner=owner)
            )
        finally:
            if retell is not None:
                await retell.aclose()
            await pool.close()

    asyncio.run(main())

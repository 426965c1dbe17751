"""`ReviewService`: disputing a score, putting a person's value over it, answering a question again.

The numbers that follow are made by code in one place: the answer's total by `interview.judging_review`, the
call's by `AnalyticsService.recount`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import structlog

from agents.llm import LlmError
from interview.evaluation import AnswerCase, Evaluation
from interview.judging_review import Override, in_force
from interview.rubric import Dimension, Rubric
from interview.threads import Thread, locate
from server.aftermath import Coach, Evaluator, patient
from server.analytics import AnalyticsService, state_of, threads_of
from server.logs import safe_call_id
from server.problems import Problem
from storage.job_runner import Handler, Job
from storage.jobs import AGAIN, REJUDGE, again_job, analyse_job, rejudge_job
from storage.ports import CallRecord, Duplicate, NotFound, Stale, StoredEvaluation
from storage.results import PostgresResults
from storage.reviews import Dispute, InForce, PostgresReviews, Retry, StoredOverride
from storage.runs import PostgresRuns

TRIES: Final = 3
RECOUNT_S: Final = 30.0
"""When a worker makes the call's numbers anew, should the request that caused it not have got to it."""
log = structlog.get_logger("viva.reviews")


@dataclass(frozen=True, slots=True)
class ReviewService:
    """``second`` judges a disputed answer with fresh samples, ``judge`` what is answered again."""

    runs: PostgresRuns
    results: PostgresResults
    reviews: PostgresReviews
    analytics: AnalyticsService
    judge: Evaluator
    second: Evaluator
    coach: Coach
    rubrics: Mapping[Dimension, Rubric]
    clock: Callable[[], datetime]

    def handlers(self) -> dict[str, Handler]:
        return {REJUDGE: self.rejudge, AGAIN: self.judge_again}

    # --- what people ask for -----------------------------------------------------------------------

    async def dispute(self, record: CallRecord, question_id: str, reason: str, by: str) -> Dispute:
        """Have an answer judged again, once. Raises Problem 404 or 409."""
        _, known = _judged(record, question_id)
        dispute = Dispute(
            secrets.token_hex(8), question_id, known.digest, reason, by, self.clock(), known.evaluation
        )
        call_id = record.response.call_id
        try:
            await self.reviews.add_dispute(call_id, dispute, [rejudge_job(call_id, dispute.id)])
        except Duplicate:
            raise Problem(
                409,
                "disputed_already",
                "Disputed already",
                "An answer is judged again once. Ask a coach for a value of their own.",
            ) from None
        return dispute

    async def override(
        self, call_id: str, question_id: str, wanted: Override, by: str, role: str
    ) -> StoredOverride:
        """Put a person's value in force. Raises Problem 404 or 409, Stale when the scores keep changing."""
        for _ in range(TRIES):
            record = await self.runs.record(call_id)
            thread, known = _judged(record, question_id)
            before = (await self.reviews.of_call(call_id)).overrides_of(question_id, known.digest)
            override = StoredOverride(
                secrets.token_hex(8),
                question_id,
                known.digest,
                wanted.dimension,
                wanted.value,
                _original(before, known.evaluation, wanted.dimension),
                wanted.reason,
                by,
                role,
                self.clock(),
            )
            effect = self._effect(thread, known, known.evaluation, (*before, override))
            try:
                await self.reviews.add_override(
                    call_id, override, effect, [analyse_job(call_id, f"override {override.id}", RECOUNT_S)]
                )
            except Stale:
                continue
            await self.recount(call_id)
            return override
        raise Stale("the scores of this answer keep changing")

    async def again(self, record: CallRecord, question_id: str, text: str, by: str) -> Retry:
        """Take another answer to a question of the interview, to be judged beside the first."""
        _thread(record, question_id)
        retry = Retry(secrets.token_hex(8), question_id, text, by, self.clock())
        call_id = record.response.call_id
        await self.reviews.add_retry(call_id, retry, [again_job(call_id, retry.id)])
        return retry

    async def recount(self, call_id: str) -> None:
        """Bring the call's analysis in line with the scores that are in force."""
        async with self.results.alone_with(call_id):
            record = await self.runs.record(call_id)
            found = threads_of(record)
            analysis = self.analytics.recount(record, found)
            if analysis is not None and record.analysis_digest != state_of(record, found):
                await self.results.save_analysis(call_id, analysis)

    # --- what workers do ---------------------------------------------------------------------------

    async def rejudge(self, job: Job) -> None:
        """Judge a disputed answer with fresh samples. Run twice, it does nothing the second time."""
        call_id, dispute_id = job.payload["call_id"], job.payload["dispute_id"]
        try:
            record = await self.runs.record(call_id)
            reviews = await self.reviews.of_call(call_id)
            dispute = next((d for d in reviews.disputes if d.id == dispute_id), None)
            if dispute is not None and dispute.after is None:
                await self._rejudge(record, dispute)
            await self.recount(call_id)
        except NotFound:
            log.info("call is gone, nothing to judge again", call_id=safe_call_id(call_id))

    async def _rejudge(self, record: CallRecord, dispute: Dispute) -> None:
        call_id, key = record.response.call_id, dispute.question_id
        thread = _thread(record, key)
        try:
            after = await self.second.evaluate(thread.case, [record.response.name])
        except LlmError as trouble:
            raise patient(trouble) from None
        after = replace(after, provenance={**after.provenance, "dispute": dispute.id})
        # A person may put a value in force meanwhile: what was read is stale then, the next try reads again.
        known = (await self.runs.record(call_id)).evaluations.get(key)
        overrides = (await self.reviews.of_call(call_id)).overrides_of(key, dispute.digest)
        current = known is not None and known.digest == dispute.digest == thread.digest
        effect = self._effect(thread, known, after, overrides) if known is not None and current else None
        await self.reviews.settle_dispute(call_id, dispute, after, self.clock(), effect)

    async def judge_again(self, job: Job) -> None:
        """Judge and coach on another answer; the judgement is made once."""
        call_id, retry_id = job.payload["call_id"], job.payload["retry_id"]
        try:
            record = await self.runs.record(call_id)
            reviews = await self.reviews.of_call(call_id)
            retry = next((r for r in reviews.retries if r.id == retry_id), None)
            if retry is not None and retry.feedback is None:
                await self._judge_again(record, retry)
        except NotFound:
            log.info("call is gone, nothing to judge", call_id=safe_call_id(call_id))

    async def _judge_again(self, record: CallRecord, retry: Retry) -> None:
        wishes, names = record.stored.session.wishes, [record.response.name]
        question = _thread(record, retry.question_id).question
        case = AnswerCase(question, retry.text, role=wishes.role, language=wishes.language)
        try:
            evaluation = retry.evaluation or await self.judge.evaluate(case, names)
            await self.reviews.settle_retry(retry.id, evaluation, None, self.clock())
            feedback = await self.coach.feedback(case, evaluation, names)
        except LlmError as trouble:
            raise patient(trouble) from None
        await self.reviews.settle_retry(retry.id, evaluation, feedback, self.clock())

    def _effect(
        self,
        thread: Thread,
        known: StoredEvaluation,
        judged: Evaluation,
        overrides: tuple[StoredOverride, ...],
    ) -> InForce:
        wanted = [Override(o.dimension, o.value, o.reason) for o in overrides]
        evaluation = in_force(judged, wanted, thread.case, self.rubrics)
        places = {v.dimension: [locate(thread, quote) for quote in v.quotes] for v in evaluation.verdicts}
        marks: dict[Dimension, dict[str, Any]] = {
            o.dimension: {"override": o.id, "original": o.original, "role": o.role} for o in overrides
        }
        return InForce(known, evaluation, places, marks)


def _thread(record: CallRecord, question_id: str) -> Thread:
    thread = next((t for t in threads_of(record) if t.question.id == question_id), None)
    if thread is None:
        raise Problem(
            404,
            "question_not_found",
            "No such question",
            "Take the id of a question that is scored from the scorecard.",
        )
    return thread


def _judged(record: CallRecord, question_id: str) -> tuple[Thread, StoredEvaluation]:
    """The answer and what is in force for it, when that is about the words as they stand."""
    thread = _thread(record, question_id)
    known = record.evaluations.get(question_id)
    if known is None or known.digest != thread.digest:
        raise Problem(
            409, "not_scored", "Not scored yet", "Wait until this answer has been scored, then send it again."
        )
    return thread, known


def _original(before: tuple[StoredOverride, ...], evaluation: Evaluation, dimension: Dimension) -> int | None:
    """What the judge had found, even when a person's value stands over it already."""
    earlier = next((o for o in before if o.dimension is dimension), None)
    if earlier is not None:
        return earlier.original
    return next(v.value for v in evaluation.verdicts if v.dimension is dimension)

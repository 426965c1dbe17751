"""What comes after an answer and after a call: score, coach, fetch the provider's record, analyse.

Each job may be run twice, or die anywhere: it reads what is stored, and what it writes names the digest of
the words it is about. The last score of a call that is over sets off the analysis; an analysis that finds
unscored answers sets off their scoring and leaves the rest to that. So nothing waits for anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import structlog

from agents.llm import LlmError, LlmRateLimited
from interview.alignment import Aligned, align, is_whole, with_times
from interview.evaluation import AnswerCase, Evaluation, Feedback, Verdict
from interview.flow import Progress, Stage
from interview.model import SessionStatus
from interview.rubric import Confidence, Dimension
from interview.threads import Given, Place, Thread, locate
from server.analytics import BROKEN, NO_JUDGE, AnalyticsService, given_of, settled, state_of, threads_of
from server.logs import safe_call_id
from server.provider_record import details_of, ending_of, heard_in
from server.retell_api import RetellApi, RetellError
from server.retell_recording import RecordingError, place_of, wants_recording
from storage.calls import return_wait_s
from storage.job_runner import Handler, Job, TryAgain
from storage.jobs import ANALYSE, INSIGHTS, SCORE, PostgresJobs, analyse_job, recording_job, score_job
from storage.ports import (
    CallRecord,
    JobState,
    NotFound,
    SessionRepository,
    StorageError,
    StoredAnswer,
    StoredUtterance,
)
from storage.results import PostgresResults
from storage.runs import Ending, PostgresRuns

ASKED: Final = "asked"
SWEPT: Final = "sweep"
FETCHING: Final = ("call_ended", "call_analyzed", ASKED, SWEPT)
"""Causes of an analysis at which the provider's record is worth fetching."""
STALE_S: Final = 600.0
"""A run that is over should be analysed by then; the sweeper queues it again."""
LOST_S: Final = 3 * 3600.0
"""Longer than any interview and any token: a run that has not ended by then never will."""

log = structlog.get_logger("viva.aftermath")


class Evaluator(Protocol):
    async def evaluate(self, case: AnswerCase, names: Sequence[str] = ()) -> Evaluation:
        """Raises LlmError when no judge could be reached."""
        ...


class Coach(Protocol):
    async def feedback(self, case: AnswerCase, evaluation: Evaluation, names: Sequence[str] = ()) -> Feedback:
        """Raises LlmError."""
        ...


@dataclass(frozen=True, slots=True)
class Aftermath:
    runs: PostgresRuns
    results: PostgresResults
    jobs: PostgresJobs
    repo: SessionRepository
    evaluator: Evaluator
    coach: Coach
    analytics: AnalyticsService
    retell: RetellApi | None
    clock: Callable[[], datetime]
    also: Mapping[str, Handler] = field(default_factory=dict)
    """Handlers of further kinds of jobs."""

    def handlers(self) -> dict[str, Handler]:
        return {SCORE: self.score, ANALYSE: self.analyse, INSIGHTS: self.insights, **self.also}

    def instead(self) -> dict[str, Handler]:
        """What is done in place of a job that workers die of."""
        return {SCORE: self.leave_unscored}

    # --- one answer --------------------------------------------------------------------------------

    async def score(self, job: Job) -> None:
        """Judge one thread and coach on it, unless these very words have been judged."""
        call_id, question_id = job.payload["call_id"], job.payload["question_id"]
        try:
            record = await self.runs.record(call_id)
            thread = next((t for t in threads_of(record) if t.question.id == question_id), None)
            if thread is not None and thread.answered:
                await self._score(record, thread, last=job.last)
            await self._follow_on(call_id)
        except NotFound:
            log.info("call is gone, nothing to score", call_id=safe_call_id(call_id))

    async def _score(self, record: CallRecord, thread: Thread, *, last: bool) -> None:
        call_id, key = record.response.call_id, thread.question.id
        known = record.evaluations.get(key)
        if known is not None and known.digest == thread.digest:
            evaluation = known.evaluation
        else:
            try:
                evaluation = await self.evaluator.evaluate(thread.case, [record.response.name])
            except LlmError as trouble:
                if last:
                    await self.results.save_evaluation(call_id, key, "", _unjudged(NO_JUDGE), {})
                    await self._follow_on(call_id)
                raise patient(trouble) from None
            places = _places(thread, evaluation)
            await self.results.save_evaluation(call_id, key, thread.digest, evaluation, places)
        coached = record.feedback.get(key)
        if coached is None or coached.digest != thread.digest:
            try:
                feedback = await self.coach.feedback(thread.case, evaluation, [record.response.name])
            except LlmError as trouble:
                if last:
                    await self._follow_on(call_id)
                raise patient(trouble) from None
            await self.results.save_feedback(call_id, key, thread.digest, feedback)

    async def leave_unscored(self, job: Job) -> None:
        """Store that this thread was not assessed, so that its call is analysed without it."""
        call_id, question_id = job.payload["call_id"], job.payload["question_id"]
        try:
            record = await self.runs.record(call_id)
            thread = next((t for t in threads_of(record) if t.question.id == question_id), None)
            if thread is not None and not settled(record, thread):
                await self.results.save_evaluation(call_id, question_id, "", _unjudged(BROKEN), {})
            await self._follow_on(call_id)
        except NotFound:
            log.info("call is gone, nothing to score", call_id=safe_call_id(call_id))

    async def _follow_on(self, call_id: str) -> None:
        """Words that changed meanwhile are judged again; the last score of a call has it analysed."""
        record = await self.runs.record(call_id)
        found = threads_of(record)
        open_threads = [t for t in found if t.answered and not settled(record, t)]
        changed = [t for t in open_threads if t.question.id in record.evaluations]
        await self.jobs.add(*(score_job(call_id, t.question.id, t.digest) for t in changed))
        state = state_of(record, found)
        if _is_over(record) and not open_threads and record.analysis_digest != state:
            run = record.response
            wait = return_wait_s(run.is_ended, run.end_reason)
            await self.jobs.add(analyse_job(call_id, state, wait))

    # --- one call ----------------------------------------------------------------------------------

    async def analyse(self, job: Job) -> None:
        """Analyse a call that is over, once for all that was said in it."""
        call_id, cause = job.payload["call_id"], job.payload["cause"]
        try:
            record = await self.runs.record(call_id)
            if cause in FETCHING and self.retell is not None and record.response.transport == "retell":
                await self._fetch(record, self.retell, last=job.last)
                record = await self.runs.record(call_id)
            if not _is_over(record):
                return  # its end will have it analysed
            found = threads_of(record)
            missing = [t for t in found if t.answered and not settled(record, t)]
            if missing:
                await self.jobs.add(*(score_job(call_id, t.question.id, t.digest) for t in missing))
                return
            await self._analyse(call_id, last=job.last)
        except NotFound:
            log.info("call is gone, nothing to analyse", call_id=safe_call_id(call_id))

    async def _analyse(self, call_id: str, *, last: bool) -> None:
        async with self.results.alone_with(call_id):
            record = await self.runs.record(call_id)
            found = threads_of(record)
            if record.response.is_analysed and record.analysis_digest == state_of(record, found):
                return
            try:
                analysis = await self.analytics.generate_interview_analytics(record, found)
            except LlmError as trouble:
                if not last:
                    raise patient(trouble) from None
                analysis = await self.analytics.generate_interview_analytics(record, found, in_words=False)
                await self.results.save_analysis(call_id, analysis)
                raise patient(trouble) from None
            await self.results.save_analysis(call_id, analysis)
            log.info("call analysed", call_id=safe_call_id(call_id))

    async def _fetch(self, record: CallRecord, retell: RetellApi, *, last: bool) -> None:
        """Take over what Retell knows: how the call ended, the times of words, and words we lack."""
        call_id, now = record.response.call_id, self.clock()
        progress = Progress.from_data(record.response.progress)
        try:
            call = await retell.retrieve_call(call_id)
        except RetellError as trouble:
            if trouble.status != 404 and not last:
                raise
            # Gone, or out of reach for good: what we have ourselves must do.
            log.warning("no record of the call at Retell", call_id=safe_call_id(call_id), why=str(trouble))
            if trouble.status == 404 and not _is_over(record):
                await self._give_up(call_id, record.response.status, now)
            return
        ending = ending_of(call, finished=progress.stage is Stage.DONE, now=now)
        if ending is None:
            return
        heard = heard_in(call)
        ours = [given_of(answer) for answer in record.answers]
        if is_whole(ours, heard):
            timed = [given for given in with_times(ours, heard) if given.words]
            await self.runs.add_times(call_id, [_stored(given) for given in timed])
            if timed:
                await self._place_quotes(call_id)
        else:
            await self._rewrite(call_id, align(record.stored.session.questions, heard))
        fetch = [recording_job(call_id)] if wants_recording(record) and place_of(call) else []
        await self.runs.end(call_id, ending, fetch, details=details_of(call))

    async def _place_quotes(self, call_id: str) -> None:
        """Answers that were scored before their times were known get the seconds of their quotes."""
        record = await self.runs.record(call_id)
        for thread in threads_of(record):
            known = record.evaluations.get(thread.question.id)
            if known is not None and known.digest == thread.digest:
                places = _places(thread, known.evaluation)
                await self.results.save_places(
                    call_id, thread.question.id, known.digest, known.evaluation, places
                )

    async def _rewrite(self, call_id: str, aligned: Aligned) -> None:
        if aligned.strays:
            log.warning("words before any question", call_id=safe_call_id(call_id), items=aligned.strays)
        await self.runs.rewrite(
            call_id,
            [StoredUtterance(s.turn, s.speaker, s.text, None, s.question_id) for s in aligned.lines],
            [_stored(given) for given in aligned.answers],
            aligned.follow_ups,
        )

    async def _give_up(self, call_id: str, status: str, now: datetime) -> None:
        """Nobody will ever tell how this run ended: close it."""
        joined = status != SessionStatus.CREATED
        ending = Ending(
            SessionStatus.INTERRUPTED if joined else SessionStatus.ABANDONED,
            "lost" if joined else "never_joined",
            now,
        )
        await self.runs.end(call_id, ending, [analyse_job(call_id, "lost")])
        log.warning("closed a run whose end nobody told of", call_id=safe_call_id(call_id))

    # --- several calls, and the sweeper ------------------------------------------------------------

    async def insights(self, job: Job) -> None:
        session_id = job.payload["session_id"]
        try:
            stored = await self.repo.find_session(session_id)
            await self.analytics.generate_insights(session_id, stored.session.wishes.role)
        except NotFound:
            log.info("interview is gone, no insights", session_id=session_id)
        except LlmError as trouble:
            raise patient(trouble) from None

    async def sweep(self) -> None:
        """Queue what should have been analysed long ago; close runs whose end nobody told us of."""
        now = self.clock()
        failed = {job.payload.get("call_id") for job in await self.jobs.listing(JobState.FAILED, 1000)}
        for run in await self.runs.unanalysed(now - timedelta(seconds=STALE_S)):
            if run.call_id in failed:
                continue  # the dead letter is for people to look at
            over = run.is_ended or run.status in (SessionStatus.INTERRUPTED, SessionStatus.ABANDONED)
            if over:
                if now - run.since < timedelta(seconds=STALE_S):
                    continue
                await self.jobs.add(analyse_job(run.call_id, SWEPT))
            elif now - run.created_at >= timedelta(seconds=LOST_S):
                await self._give_up(run.call_id, run.status, now)
            elif run.transport == "retell" and self.retell is not None:
                await self.jobs.add(analyse_job(run.call_id, SWEPT))
        await self.jobs.forget_old()


def explain(error: Exception) -> str:
    """What may be stored of a job's trouble: our own errors word themselves without private data."""
    if isinstance(error, LlmError | StorageError | RetellError | RecordingError):
        return str(error)
    return type(error).__name__


def patient(trouble: LlmError) -> Exception:
    if isinstance(trouble, LlmRateLimited) and trouble.retry_after is not None:
        return TryAgain(str(trouble), min(max(trouble.retry_after, 1.0), 3600.0))
    return trouble


def _is_over(record: CallRecord) -> bool:
    run = record.response
    return run.is_ended or run.status in (SessionStatus.INTERRUPTED, SessionStatus.ABANDONED)


def _unjudged(why: str) -> Evaluation:
    return Evaluation(
        tuple(Verdict(dimension, None, why, confidence=Confidence.LOW) for dimension in Dimension),
        None,
        why,
        Confidence.LOW,
    )


def _places(thread: Thread, evaluation: Evaluation) -> dict[Dimension, list[Place | None]]:
    """Where each quote lies, in the order of the verdict's quotes."""
    return {v.dimension: [locate(thread, quote) for quote in v.quotes] for v in evaluation.verdicts}


def _stored(given: Given) -> StoredAnswer:
    words: list[dict[str, Any]] | None = [asdict(word) for word in given.words] or None
    return StoredAnswer(given.turn, given.question_id, given.text, given.start_ms, given.duration_ms, words)

"""The REST paths of what comes after a call: its record, its end, insights, communication."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
import structlog
from aiohttp import web

from agents.analyst import Communication
from agents.llm import LlmError, LlmRateLimited
from interview.flow import Progress, Stage
from interview.model import SessionStatus
from server.analytics import AnalyticsService, transcript_of
from server.bodies import convert, read_body
from server.limits import RateLimit
from server.problems import Problem
from server.rest import CANDIDATE, GUEST_OF, LOCAL_CANDIDATE, answer
from server.views import ResponseView, View, response_view
from storage.jobs import PostgresJobs, analyse_job, analyses_of, insights_job
from storage.ports import CallRecord, NotFound, SessionRepository, StoredSession
from storage.runs import Ending, PostgresRuns

MAX_TRANSCRIPT: Final = 100_000
"""Characters of a transcript that is looked at; two hours of talk have fewer."""
SOON_S: Final = 2
LATER_S: Final = 10
"""When to ask again: for a call that is over, and for one that goes on."""
UNDER_WAY: Final = "The analysis is under way."
GOES_ON: Final = "The call is not over yet."
GIVEN_UP: Final = "The analysis has failed. Whoever runs this server can start it again with viva jobs retry."
log = structlog.get_logger("viva.rest_calls")

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class CallDto(msgspec.Struct):
    """Query or body of get-call: the call's id under either of its names."""

    call_id: Id | None = None
    id: Id | None = None


class UpdateResponseDto(msgspec.Struct):
    """Body of ``POST /api/update-response``. A run can be ended, never opened again."""

    call_id: Id
    is_ended: bool


class InsightsDto(msgspec.Struct):
    """Body of ``POST /api/generate-insights``; ``interviewId`` is an older client's name for it."""

    session_id: Id | None = None
    interview_id: Id | None = None


class Spoken(msgspec.Struct):
    role: Annotated[str, msgspec.Meta(max_length=50)]
    content: str


class CommunicationDto(msgspec.Struct):
    """Body of ``POST /api/analyze-communication``: text with or without ``Name:`` lines, or items."""

    transcript: str | list[Spoken] | None = None


class PendingView(View):
    """Answer 202 of get-call. ``status`` is that of the run."""

    call_id: str
    status: SessionStatus
    detail: str
    is_ended: bool = msgspec.field(name="is_ended")
    is_analysed: bool = msgspec.field(name="is_analysed", default=False)


class CallView(View):
    """A call that was analysed. ``callResponse``: what the voice provider keeps of it, null without one."""

    call_id: str
    session_id: str
    status: SessionStatus
    transport: str
    is_ended: bool = msgspec.field(name="is_ended")
    is_analysed: bool = msgspec.field(name="is_analysed")
    analytics: dict[str, Any]
    transcript: list[dict[str, Any]]
    call_response: dict[str, Any] | None
    response: ResponseView


class InsightsView(View):
    session_id: str
    insights: dict[str, Any]
    status: str = "generated"


class QuoteView(View):
    quote: str
    analysis: str
    type: str


class CommunicationView(View):
    """``clarity`` … ``overall`` are 0–100, ``communicationScore`` 0–10; all null when not assessed."""

    assessed: bool
    reason: str
    clarity: int | None
    structure: int | None
    pacing: int | None
    tone: int | None
    overall: int | None
    communication_score: int | None
    overall_feedback: str
    supporting_quotes: list[QuoteView]
    strengths: list[str]
    improvement_areas: list[str]
    weaknesses: list[str]
    recommendations: list[str]
    source: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CallRest:
    """Handlers over runs, jobs and analytics. ``limit`` is for what asks a language model."""

    runs: PostgresRuns
    jobs: PostgresJobs
    repo: SessionRepository
    analytics: AnalyticsService
    clock: Callable[[], datetime]
    limit: RateLimit

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/get-call", self.get_call),
            web.post("/api/get-call", self.get_call),
            web.post("/api/update-response", self.update_response),
            web.post("/api/generate-insights", self.generate_insights),
            web.post("/api/analyze-communication", self.analyze_communication),
        ]

    async def get_call(self, request: web.Request) -> web.Response:
        """The stored analysis; 202 while there is none, and then it is seen to that there will be."""
        record = await self.runs.record(await _call_id(request))
        run = record.response
        if request.get(GUEST_OF) != run.call_id:
            _check_owner(record.stored, request[CANDIDATE])
        if run.is_analysed:
            return answer(_call_view(record))
        over = run.is_ended or run.status in (SessionStatus.INTERRUPTED, SessionStatus.ABANDONED)
        detail = UNDER_WAY if over else GOES_ON
        if await self.jobs.is_given_up(analyses_of(run.call_id)):
            detail = GIVEN_UP  # asking must not start anew what fails every time
        elif over or run.transport == "retell":
            await self.jobs.add(analyse_job(run.call_id, "asked"))
        pending = PendingView(
            call_id=run.call_id,
            status=SessionStatus(run.status),
            detail=detail,
            is_ended=run.is_ended,
        )
        return answer(pending, 202, **{"Retry-After": str(SOON_S if over else LATER_S)})

    async def update_response(self, request: web.Request) -> web.Response:
        """The page says that the call is over. Knowing the call's id is what entitles it to."""
        dto = await read_body(request, UpdateResponseDto)
        run = await self.repo.response_by_call(dto.call_id)
        if not dto.is_ended:
            raise Problem(
                409 if run.is_ended else 400,
                "cannot_reopen",
                "A call can only be ended",
                "Send is_ended: true; to go on, register a new call.",
                path="$.is_ended",
            )
        if not run.is_ended:
            finished = Progress.from_data(run.progress).stage is Stage.DONE
            joined = run.status != SessionStatus.CREATED
            ending = Ending(
                SessionStatus.COMPLETED if joined or finished else SessionStatus.ABANDONED,
                "ended_by_candidate",
                self.clock(),
            )
            await self.runs.end(dto.call_id, ending, [analyse_job(dto.call_id, "ended_by_candidate")])
        return answer(response_view(await self.repo.response_by_call(dto.call_id)))

    async def generate_insights(self, request: web.Request) -> web.Response:
        """Now, or as a job for a client that sends ``Prefer: respond-async``."""
        dto = await read_body(request, InsightsDto)
        key = dto.session_id or dto.interview_id
        if key is None:
            raise Problem(
                400,
                "invalid_body",
                "Invalid body",
                "The field session_id is missing.",
                path="$.session_id",
            )
        stored = await self.repo.find_session(key)
        _check_owner(stored, request[CANDIDATE])
        session = stored.session
        await self.limit.take(f"insights {request[CANDIDATE]}")
        if "respond-async" in request.headers.get("Prefer", ""):
            if not any(r.is_analysed for r in await self.repo.responses_of(session.id)):
                raise self.analytics.nothing_analysed()
            await self.jobs.add(insights_job(session.id))
            pending = InsightsView(session_id=session.id, insights={}, status="pending")
            return answer(pending, 202, **{"Retry-After": str(SOON_S)})
        try:
            insights = await self.analytics.generate_insights(session.id, session.wishes.role)
        except LlmError as trouble:
            raise _model_trouble(trouble) from None
        return answer(InsightsView(session_id=session.id, insights=insights))

    async def analyze_communication(self, request: web.Request) -> web.Response:
        """Nothing is stored, and no database is asked."""
        dto = await read_body(request, CommunicationDto)
        text = _text(dto.transcript)
        if not text.strip():
            raise Problem(
                400,
                "transcript_missing",
                "Transcript is missing",
                "Send what was said as transcript.",
                path="$.transcript",
            )
        if len(text) > MAX_TRANSCRIPT:
            raise Problem(
                413,
                "too_long",
                "Too long",
                f"A transcript may hold {MAX_TRANSCRIPT} characters.",
            )
        await self.limit.take(f"communication {request[CANDIDATE]}")
        try:
            found = await self.analytics.analyze_communication(text)
        except LlmError as trouble:
            raise _model_trouble(trouble) from None
        view = msgspec.to_builtins(_communication_view(found))
        return answer(view | {"analysis": view})  # older clients look for it there


async def _call_id(request: web.Request) -> str:
    if request.method == "POST":
        dto = await read_body(request, CallDto)
    else:
        dto = convert(dict(request.query), CallDto, "invalid_query", "Invalid query", strict=False)
    call_id = dto.call_id or dto.id
    if call_id is None:
        raise Problem(
            400, "call_id_missing", "Call id is missing", "Send the call's id as call_id.", path="$.call_id"
        )
    return call_id


def _check_owner(stored: StoredSession, candidate: str) -> None:
    """Another candidate's things are not there. Raises NotFound."""
    if candidate not in (LOCAL_CANDIDATE, stored.session.candidate_id):
        raise NotFound("not this candidate's")


def _model_trouble(trouble: LlmError) -> Problem:
    log.warning("the analyst failed", why=str(trouble))
    if isinstance(trouble, LlmRateLimited):
        wait = str(round(trouble.retry_after or 30))
        return Problem(
            503,
            "model_busy",
            "The model is busy",
            f"Try again in {wait} seconds.",
            headers={"Retry-After": wait},
        )
    return Problem(502, "model_failed", "The model failed", "Nothing was changed; try again shortly.")


def _call_view(record: CallRecord) -> CallView:
    run = record.response
    return CallView(
        call_id=run.call_id,
        session_id=run.session_id,
        status=SessionStatus(run.status),
        transport=run.transport,
        is_ended=run.is_ended,
        is_analysed=run.is_analysed,
        analytics=run.analytics or {},
        transcript=transcript_of(record),
        call_response=record.details,
        response=response_view(run),
    )


def _text(transcript: str | list[Spoken] | None) -> str:
    if isinstance(transcript, list):
        return "\n".join(f"{item.role}: {item.content}" for item in transcript)
    return transcript or ""


def _communication_view(found: Communication) -> CommunicationView:
    overall = found.scores["overall"]
    improve = [q.analysis for q in found.quotes if q.type == "improvement_area"]
    return CommunicationView(
        assessed=found.assessed,
        reason=found.reason,
        clarity=found.scores["clarity"],
        structure=found.scores["structure"],
        pacing=found.scores["pacing"],
        tone=found.scores["tone"],
        overall=overall,
        communication_score=None if overall is None else round(overall / 10),
        overall_feedback=found.overall_feedback,
        supporting_quotes=[QuoteView(quote=q.quote, analysis=q.analysis, type=q.type) for q in found.quotes],
        strengths=list(found.strengths),
        improvement_areas=list(found.weaknesses) or improve,
        weaknesses=list(found.weaknesses),
        recommendations=list(found.recommendations),
        source=dict(found.provenance),
    )

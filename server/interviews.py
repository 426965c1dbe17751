"""The services behind the REST paths: interviews, and the responses to them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
import structlog

from agents.llm import LlmError, LlmMalformed
from agents.question_writer import QuestionWriter, written_by
from interview.bank import QuestionBank, plan_questions
from interview.model import (
    Block,
    Difficulty,
    InterviewSession,
    Mode,
    Move,
    Question,
    QuestionType,
    Scenario,
    SessionStatus,
    Wishes,
)
from interview.personas import persona_for
from server.problems import Problem
from storage.ports import (
    AgentInterviewer,
    NotFound,
    SessionRepository,
    Stale,
    StoredResponse,
    StoredSession,
)

Clock = Callable[[], datetime]
log = structlog.get_logger("viva.interviews")

MAX_TEXT: Final = 20_000
MAX_OWN: Final = 13
MAX_KEY: Final = 200
CANCEL_TRIES: Final = 3
BANK: Final = "question bank"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)
_CURSOR: Final = re.compile(r"([0-9]{1,16})-([0-9A-Za-z_-]{1,64})", re.ASCII)


Short = Annotated[str, msgspec.Meta(max_length=200)]
Few = msgspec.Meta(max_length=30)


class QuestionWish(msgspec.Struct):
    """A question of the candidate's own; it is asked word for word."""

    question: Annotated[str, msgspec.Meta(max_length=1000)]
    type: QuestionType = QuestionType.BEHAVIORAL
    block: Block | None = None


class CreateMockInterviewDto(msgspec.Struct):
    """Body of ``POST /v1/candidates/mock-ai-interview``; ``duration`` in minutes."""

    role: Short
    name: Short = ""
    custom_prompt: str = ""
    job_description: str = ""
    scenario: Scenario = Scenario.MIXED
    interviewer_agent_id: Short = "maya"
    duration: int = 30
    difficulty: Difficulty = Difficulty.INTERMEDIATE
    focus_areas: Annotated[list[Short], Few] = []
    stack: Annotated[list[Short], Few] = []
    blocks: Annotated[list[Block], msgspec.Meta(min_length=1, max_length=30)] = msgspec.field(
        default_factory=lambda: list(Block)
    )
    goals: str = ""
    mode: Mode = Mode.EXAM
    language: Annotated[str, msgspec.Meta(max_length=35)] = "en"
    audio_enabled: bool = True
    realtime_scoring: bool = False
    questions: Annotated[list[QuestionWish], msgspec.Meta(max_length=MAX_OWN)] | None = None


class ListDto(msgspec.Struct):
    """Query of ``GET /v1/candidates/mock-ai-interview``."""

    status: SessionStatus | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    cursor: str = ""


class MockInterviewService:
    """Creates interviews, plans their questions, finds them again."""

    def __init__(
        self,
        repo: SessionRepository,
        bank: QuestionBank,
        writer: QuestionWriter | None,
        clock: Clock,
        public_url: Callable[[], str],
        on_change: Callable[[str], None] = lambda _: None,
    ) -> None:
        """``writer`` fits questions to the wishes; None leaves them as the bank has them.

        ``on_change`` is told the id of an interview that is not any more what it was created as.
        """
        self._repo, self._bank, self._writer, self._clock = repo, bank, writer, clock
        self._public_url, self._on_change = public_url, on_change

    async def create_mock_interview(
        self, dto: CreateMockInterviewDto, candidate_id: str, idempotency_key: str | None = None
    ) -> StoredSession:
        """A new interview with its questions planned from the bank.

        Raises:
            Problem: 400 for wishes that cannot be met, 404 for an unknown interviewer.
        """
        _check_wishes(dto, idempotency_key)
        try:
            interviewer = await self._repo.interviewer(dto.interviewer_agent_id)
        except NotFound:
            raise Problem(
                404,
                "interviewer_not_found",
                "No such interviewer",
                "Take an id from GET /v1/interviewers as interviewerAgentId.",
            ) from None
        wishes = Wishes(
            role=dto.role.strip(),
            scenario=dto.scenario,
            difficulty=dto.difficulty,
            duration_s=dto.duration * 60,
            blocks=tuple(b for b in Block if b in dto.blocks),
            stack=tuple(dto.stack),
            focus_areas=tuple(dto.focus_areas),
            goals=dto.goals,
            job_description=dto.job_description,
            custom_prompt=dto.custom_prompt,
            mode=dto.mode,
            sliders=interviewer.sliders,
            language=dto.language,
        )
        stored = self._new(wishes, candidate_id, interviewer, dto.name, dto.questions)
        stored = replace(
            stored,
            idempotency_key=idempotency_key,
            metadata={"audioEnabled": dto.audio_enabled, "realtimeScoring": dto.realtime_scoring},
        )
        return await self._repo.add_session(stored)

    async def generate_mock_interview_question(
        self, dto: CreateMockInterviewDto, candidate_id: str, idempotency_key: str | None = None
    ) -> StoredSession:
        """A new interview whose planned questions a model has fitted to the wishes, where there is one.

        The interview is saved first. A model that cannot be reached leaves it the bank's questions.

        Raises:
            Problem: as `create_mock_interview`; 502 ``llm_bad_json`` with ``sessionId`` when the model's
                answer was unusable twice: the interview is there, with the bank's questions.
        """
        stored = await self.create_mock_interview(dto, candidate_id, idempotency_key)
        session = stored.session
        fresh = session.status is SessionStatus.CREATED and not any(map(written_by, session.questions))
        if self._writer is None or dto.questions or not fresh:
            return stored
        try:
            written = session.with_questions(await self._writer.write(session.wishes, session.questions))
        except LlmMalformed as trouble:
            log.warning("no usable questions", session_id=session.id, why=trouble.why)
            raise Problem(
                502,
                "llm_bad_json",
                "The model's answer was unusable",
                "The interview is kept with questions from the bank; you can hold it as it is.",
                sessionId=session.id,
            ) from None
        except LlmError as trouble:
            log.warning("questions stay as planned", session_id=session.id, why=trouble.why)
            return stored
        try:
            await self._repo.save_session(written)
        except Stale:  # started, cancelled or written by a repeat of this request meanwhile
            return await self._repo.find_session(session.id, candidate_id)
        self._on_change(session.id)
        return replace(stored, session=written)

    async def create_generic(self, candidate_id: str, role: str) -> StoredSession:
        """A practice interview for a call that nobody registered."""
        interviewer = await self._repo.interviewer("maya")
        wishes = Wishes(role=role[:200] or "generalist", sliders=interviewer.sliders)
        return await self._repo.add_session(self._new(wishes, candidate_id, interviewer, "", None))

    def scorecard_link(self, stored: StoredSession, call_id: str) -> str:
        """Where a person reads what a run came to."""
        return f"{self.link(stored)}/scorecard?call_id={call_id}"

    async def get_session(self, key: str, candidate_id: str | None) -> StoredSession:
        """By id, slug or link id; only the owner's. Raises NotFound."""
        return await self._repo.find_session(key, candidate_id)

    async def responses(self, stored: StoredSession) -> list[StoredResponse]:
        return await self._repo.responses_of(stored.session.id)

    async def list_sessions(
        self, candidate_id: str, wanted: ListDto
    ) -> tuple[list[StoredSession], str | None]:
        """One page of the candidate's interviews, newest first, and the cursor of the next page.

        Raises:
            Problem: 400 for a cursor that no page gave.
        """
        before, last_id = _read_cursor(wanted.cursor)
        room = wanted.limit + 2
        while True:
            rows = await self._repo.sessions_of(candidate_id, status=wanted.status, limit=room, before=before)
            # Interviews of the same instant are in the order of their ids and may span two pages.
            found = [
                row
                for row in rows
                if before is None or row.created_at < before - _TICK or row.session.id > last_id
            ]
            if len(found) > wanted.limit or len(rows) < room:
                break
            room *= 2
        page = found[: wanted.limit]
        return page, _cursor(page[-1]) if len(found) > len(page) else None

    async def cancel(self, key: str, candidate_id: str) -> StoredSession:
        """Call the interview off; its link stops working.

        Raises:
            NotFound: no such interview of this candidate.
            IllegalTransition: it is over, or cancelled already.
        """
        for _ in range(CANCEL_TRIES):
            stored = await self._repo.find_session(key, candidate_id)
            moved = stored.session.move(Move.CANCEL)
            try:
                await self._repo.save_session(moved)
            except Stale:  # a call has moved it meanwhile: look again
                continue
            self._on_change(moved.id)
            return replace(stored, session=moved)
        raise Stale("the interview keeps changing")

    def link(self, stored: StoredSession) -> str:
        return f"{self._public_url()}/mock-interview/{stored.link_id}"

    def describe(self, stored: StoredSession) -> str:
        """For the candidate: what awaits them, in a sentence or two."""
        wishes = stored.session.wishes
        match = self._bank.role(wishes.role)
        blocks = ", ".join(block.replace("_", " ") for block in wishes.blocks)
        note = f" {match.note}" if match.note else ""
        minutes = wishes.duration_s // 60
        return f"A practice interview of about {minutes} minutes as {wishes.role}: {blocks}.{note}"

    def source(self, stored: StoredSession) -> str:
        """Who made the questions: ``question bank``, or the model as ``model:NAME``."""
        return next(filter(None, map(written_by, stored.session.questions)), BANK)

    def _new(
        self,
        wishes: Wishes,
        candidate_id: str,
        interviewer: AgentInterviewer,
        name: str,
        wanted: list[QuestionWish] | None,
    ) -> StoredSession:
        session_id = secrets.token_hex(12)
        title = name.strip()[:200] or f"{wishes.role} practice interview"
        slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60] or "interview"
        planned = plan_questions(self._bank, wishes, int(session_id[:8], 16))
        if wanted:
            planned = _with_wanted(planned, wanted, wishes)
        session = InterviewSession(session_id, candidate_id, wishes).with_questions(planned)
        return StoredSession(
            session=session,
            link_id=secrets.token_urlsafe(12),
            slug=f"{slug}-{secrets.token_hex(3)}",
            name=title,
            interviewer_id=interviewer.id,
            created_at=self._clock(),
        )


def _check_wishes(dto: CreateMockInterviewDto, idempotency_key: str | None) -> None:
    if not 5 <= dto.duration <= 120:
        raise Problem(
            400, "bad_duration", "Bad duration", "Write a duration of 5 to 120 minutes.", path="$.duration"
        )
    if not dto.role.strip():
        raise Problem(
            400, "role_missing", "Role is missing", "Write the role you are practising for.", path="$.role"
        )
    if max(len(dto.custom_prompt), len(dto.job_description), len(dto.goals)) > MAX_TEXT:
        raise Problem(413, "too_long", "Too long", f"Texts may hold {MAX_TEXT} characters.")
    if idempotency_key is not None and not 1 <= len(idempotency_key) <= MAX_KEY:
        raise Problem(
            400, "bad_idempotency_key", "Bad Idempotency-Key", f"Send a key of 1 to {MAX_KEY} characters."
        )
    for at, wish in enumerate(dto.questions or ()):
        if wish.type in (QuestionType.OPENER, QuestionType.CLOSING, QuestionType.FOLLOW_UP):
            raise Problem(
                400,
                "question_type_unknown",
                "Question type cannot be chosen",
                "Opener, closing and follow-ups are added by the interview; choose another type.",
                path=f"$.questions[{at}].type",
            )


def _cursor(stored: StoredSession) -> str:
    return f"{(stored.created_at - _EPOCH) // _TICK}-{stored.session.id}"


def _read_cursor(text: str) -> tuple[datetime | None, str]:
    """An instant just after the last interview seen, and its id."""
    if not text:
        return None, ""
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise Problem(
            400, "bad_cursor", "Bad cursor", "Send the nextCursor of the page before.", path="$.cursor"
        )
    return _EPOCH + int(found[1]) * _TICK + _TICK, found[2]


def _with_wanted(
    planned: tuple[Question, ...], wanted: list[QuestionWish], wishes: Wishes
) -> tuple[Question, ...]:
    """The candidate's own questions between the planned opener and closing."""
    own = [
        Question(
            id=f"q{n}",
            text=wish.question.strip(),
            type=wish.type,
            block=wish.block or wishes.blocks[0],
            persona=persona_for(wishes.scenario, wish.block or wishes.blocks[0]),
            difficulty=wishes.difficulty,
        )
        for n, wish in enumerate((w for w in wanted if w.question.strip()), start=2)
    ]
    closing = replace(planned[-1], id=f"q{len(own) + 2}")
    return (planned[0], *own[:MAX_OWN], closing) if own else planned


class ResponseService:
    """Who has answered an interview, and the calls in which they do."""

    def __init__(self, repo: SessionRepository, clock: Clock) -> None:
        self._repo, self._clock = repo, clock

    async def get_all_emails_by_session_id(self, session_id: str) -> set[str]:
        return await self._repo.emails_of(session_id)

    async def by_call(self, call_id: str) -> StoredResponse:
        """The run that ``call_id`` belongs to. Raises NotFound."""
        return await self._repo.response_by_call(call_id)

    async def create_response(
        self,
        session_id: str,
        call_id: str,
        email: str,
        name: str,
        transport: str,
        consent: dict[str, Any] | None = None,
    ) -> StoredResponse:
        """Raises Duplicate for a call id in use or an e-mail that has finished this interview."""
        response = StoredResponse(
            id=secrets.token_hex(12),
            session_id=session_id,
            call_id=call_id,
            transport=transport,
            email=email.strip(),
            name=name.strip(),
            created_at=self._clock(),
            consent=consent,
        )
        return await self._repo.add_response(response)

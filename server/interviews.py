"""The services behind the REST paths: interviews, their interviewers, and the responses to them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import msgspec
import structlog

from agents.llm import LLM
from agents.llm_offline import OfflineLLM
from interview.bank import QuestionBank, plan_questions
from interview.model import (
    Block,
    Difficulty,
    InterviewSession,
    Mode,
    Question,
    QuestionType,
    Scenario,
    SessionStatus,
    Wishes,
)
from interview.personas import persona_for
from server.problems import Problem
from server.retell_api import RetellApi, RetellError
from storage.ports import (
    AgentInterviewer,
    Duplicate,
    NotFound,
    SessionRepository,
    StoredResponse,
    StoredSession,
)

Clock = Callable[[], datetime]
log = structlog.get_logger("viva.interviews")

MAX_TEXT: Final = 20_000


class QuestionWish(msgspec.Struct):
    question: str
    type: QuestionType = QuestionType.BEHAVIORAL
    block: Block | None = None


class CreateMockInterviewDto(msgspec.Struct):
    """Body of ``POST /v1/candidates/mock-ai-interview``; ``duration`` in minutes."""

    role: str
    name: str = ""
    custom_prompt: str = ""
    job_description: str = ""
    scenario: Scenario = Scenario.MIXED
    interviewer_agent_id: str = "maya"
    duration: int = 30
    difficulty: Difficulty = Difficulty.INTERMEDIATE
    focus_areas: list[str] = []
    stack: list[str] = []
    blocks: list[Block] = msgspec.field(default_factory=lambda: list(Block))
    goals: str = ""
    mode: Mode = Mode.EXAM
    language: str = "en"
    audio_enabled: bool = True
    realtime_scoring: bool = False
    questions: list[QuestionWish] | None = None


class MockInterviewService:
    """Creates interviews, plans their questions, finds them again."""

    def __init__(
        self,
        repo: SessionRepository,
        bank: QuestionBank,
        llm: LLM,
        clock: Clock,
        public_url: Callable[[], str],
    ) -> None:
        self._repo, self._bank, self._llm, self._clock = repo, bank, llm, clock
        self._public_url = public_url

    async def create_mock_interview(
        self, dto: CreateMockInterviewDto, candidate_id: str, idempotency_key: str | None = None
    ) -> StoredSession:
        """A new interview with its questions planned from the bank.

        Raises:
            Problem: 400 for wishes that cannot be met, 404 for an unknown interviewer.
        """
        try:
            interviewer = await self._repo.interviewer(dto.interviewer_agent_id)
        except NotFound:
            raise Problem(
                404,
                "interviewer_not_found",
                "No such interviewer",
                "Take an id from GET /v1/interviewers as interviewerAgentId.",
            ) from None
        if not 5 <= dto.duration <= 120:
            raise Problem(400, "bad_duration", "Bad duration", "Write a duration of 5 to 120 minutes.")
        if not dto.role.strip():
            raise Problem(400, "role_missing", "Role is missing", "Write the role you are practising for.")
        if max(len(dto.custom_prompt), len(dto.job_description), len(dto.goals)) > MAX_TEXT:
            raise Problem(413, "too_long", "Too long", f"Texts may hold {MAX_TEXT} characters.")
        wishes = Wishes(
            role=dto.role.strip()[:200],
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

    async def create_generic(self, candidate_id: str, role: str) -> StoredSession:
        """A practice interview for a call that nobody registered."""
        interviewer = await self._repo.interviewer("maya")
        wishes = Wishes(role=role[:200] or "generalist", sliders=interviewer.sliders)
        return await self._repo.add_session(self._new(wishes, candidate_id, interviewer, "", None))

    async def get_session(self, key: str, candidate_id: str | None) -> StoredSession:
        """By id, slug or link id; only the owner's. Raises NotFound."""
        return await self._repo.find_session(key, candidate_id)

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

    @property
    def source(self) -> str:
        """Who made the questions."""
        return "question bank"

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

    @property
    def is_offline(self) -> bool:
        return isinstance(self._llm, OfflineLLM)


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
    return (planned[0], *own[:13], closing) if own else planned


class ResponseService:
    """Who has answered an interview, and the calls in which they do."""

    def __init__(self, repo: SessionRepository, clock: Clock) -> None:
        self._repo, self._clock = repo, clock

    async def get_all_emails_by_session_id(self, session_id: str) -> set[str]:
        return await self._repo.emails_of(session_id)

    async def create_response(
        self, session_id: str, call_id: str, email: str, name: str, transport: str
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
        )
        await self._repo.add_response(response)
        return response

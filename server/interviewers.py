"""Interviewers, and the calls that are held in their name, over Retell or over our own line."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import structlog

from interview.model import SessionStatus
from server.interviews import MockInterviewService, ResponseService
from server.problems import Problem
from server.retell_api import RetellApi, RetellError
from server.tokens import CallTokens
from server.views import RegisteredCall
from storage.ports import (
    AgentInterviewer,
    Duplicate,
    NotFound,
    SessionRepository,
    StoredResponse,
    StoredSession,
)

log = structlog.get_logger("viva.interviewers")


Key = Annotated[str, msgspec.Meta(max_length=200)]


class ConsentDto(msgspec.Struct):
    """What the candidate was told and agreed to. ``version`` names the text that was shown."""

    version: Key = ""
    locale: Annotated[str, msgspec.Meta(max_length=35)] = ""
    ai_disclosed: bool = True
    record_audio: bool = False
    audio_measurements: bool = False

    def as_data(self) -> dict[str, Any]:
        granted = {
            "ai_disclosed": self.ai_disclosed,
            "record_audio": self.record_audio,
            "audio_measurements": self.audio_measurements,
        }
        return {"version": self.version, "locale": self.locale, "granted": granted}


class RegisterCallDto(msgspec.Struct):
    """Body of ``POST /api/register-call``. ``consent`` left out: nothing is recorded or measured."""

    session_id: Key
    email: str
    name: str
    interviewer_id: Key = ""
    transport: str = ""
    dynamic_data: dict[str, Any] = {}
    consent: ConsentDto | bool | None = None


@dataclass(frozen=True, slots=True)
class OwnLine:
    """What a call on our own voice line needs: its tokens, and the base of links given to people."""

    tokens: CallTokens
    public_url: Callable[[], str]
    refuse: Callable[[], str | None] = lambda: None
    """Why no new call can be taken now, or None."""

    def url(self, call_id: str) -> str:
        """The WebSocket to open for ``call_id``."""
        scheme, _, rest = self.public_url().partition("://")
        return f"{'wss' if scheme == 'https' else 'ws'}://{rest}/v1/realtime?call_id={call_id}"


class AgentInterviewerService:
    """Interviewers, and the calls that are held in their name."""

    def __init__(
        self,
        repo: SessionRepository,
        interviews: MockInterviewService,
        responses: ResponseService,
        retell: RetellApi | None,
        default_agent_id: str | None,
        own_line: OwnLine,
        scorecard_url: Callable[[StoredSession, StoredResponse], str],
        expect: Callable[[StoredSession, StoredResponse], None] = lambda *_: None,
    ) -> None:
        """``expect`` is told of each call that Retell is about to open."""
        self._repo, self._interviews, self._responses = repo, interviews, responses
        self._retell, self._own_line = retell, own_line
        self._default_agent_id = default_agent_id
        self._scorecard_url, self._expect = scorecard_url, expect

    async def interviewers(self) -> list[AgentInterviewer]:
        return await self._repo.interviewers()

    async def register_call(self, dto: RegisterCallDto) -> RegisteredCall:
        """Make a call and the response row that belongs to it.

        ``transport`` is ``retell`` or ``realtime``; left out, it is Retell where that is configured.
        The link of an interview is open to whoever was given it: there is no owner check here.

        Raises:
            NotFound: no such interview.
            Problem: 400, 403, 404, 409, 410, 502 or 503; whatever fails, nothing is left behind.
        """
        _check_person(dto)
        consent = _consent(dto.consent)
        stored = await self._interviews.get_session(dto.session_id, None)
        if stored.session.status in (SessionStatus.CANCELLED, SessionStatus.COMPLETED):
            raise Problem(
                410, "interview_over", "Interview is over", f"This interview is {stored.session.status}."
            )
        if dto.email.strip().lower() in await self._responses.get_all_emails_by_session_id(stored.session.id):
            raise _already()
        match dto.transport or ("retell" if self._retell is not None else "realtime"):
            case "retell":
                return await self._retell_call(dto, stored, consent)
            case "realtime":
                return await self._own_call(dto, stored, consent)
            case _:
                raise Problem(
                    400,
                    "transport_unknown",
                    "Unknown transport",
                    "Write retell or realtime as transport, or leave it out.",
                )

    async def _own_call(
        self, dto: RegisterCallDto, stored: StoredSession, consent: dict[str, Any] | None
    ) -> RegisteredCall:
        if (why := self._own_line.refuse()) is not None:
            raise Problem(503, "no_room", "No room for another call", why, headers={"Retry-After": "30"})
        await self._interviewer(dto.interviewer_id or stored.interviewer_id)
        call_id = f"call_{secrets.token_hex(16)}"
        try:
            response = await self._responses.create_response(
                stored.session.id, call_id, dto.email, dto.name, "realtime", consent
            )
        except Duplicate:
            raise _already() from None
        token, expires_at = self._own_line.tokens.issue(call_id)
        return RegisteredCall(
            call_id=call_id,
            access_token=token,
            call_url=self._own_line.url(call_id),
            response_id=response.id,
            scorecard_url=self._scorecard_url(stored, response),
            transport="realtime",
            expires_at=expires_at * 1000,
        )

    async def _retell_call(
        self, dto: RegisterCallDto, stored: StoredSession, consent: dict[str, Any] | None
    ) -> RegisteredCall:
        if self._retell is None:
            raise Problem(
                503,
                "retell_not_configured",
                "Retell is not configured",
                "Set RETELL_API_KEY and start again, or write realtime as transport.",
            )
        agent_id = await self._agent_id(dto.interviewer_id or stored.interviewer_id)
        try:
            call = await self._retell.create_web_call(
                agent_id, _variables(dto, stored), {"session_id": stored.session.id}, None
            )
        except RetellError as trouble:
            log.warning("no call could be made", session_id=stored.session.id, why=str(trouble))
            raise Problem(
                502,
                "voice_provider_failed",
                "The voice provider failed",
                "No call was made; try again shortly.",
            ) from None
        try:
            response = await self._responses.create_response(
                stored.session.id, call.call_id, dto.email, dto.name, "retell", consent
            )
        except Duplicate:
            raise _already() from None
        self._expect(stored, response)
        return RegisteredCall(
            call_id=call.call_id,
            access_token=call.access_token,
            call_url=self._interviews.link(stored),
            response_id=response.id,
            scorecard_url=self._scorecard_url(stored, response),
            transport=call.transport,
            ice_servers=list(call.ice_servers),
            expires_at=call.expires_at,
        )

    async def _interviewer(self, interviewer_id: str) -> AgentInterviewer:
        try:
            return await self._repo.interviewer(interviewer_id)
        except NotFound:
            raise Problem(
                404, "interviewer_not_found", "No such interviewer", "Take an id from GET /v1/interviewers."
            ) from None

    async def _agent_id(self, interviewer_id: str) -> str:
        interviewer = await self._interviewer(interviewer_id)
        agent_id = interviewer.retell_agent_id or self._default_agent_id
        if not agent_id:
            raise Problem(
                409,
                "interviewer_without_agent",
                "Interviewer has no Retell agent",
                "Set VIVA_RETELL_AGENT_ID, or a retell_agent_id on this interviewer.",
            )
        return agent_id


def _consent(given: ConsentDto | bool | None) -> dict[str, Any] | None:
    if given is False or (isinstance(given, ConsentDto) and not given.ai_disclosed):
        raise Problem(
            403,
            "no_consent",
            "No consent",
            "The candidate has to know that the interviewer is an AI, and agree to the interview.",
            path="$.consent",
        )
    return given.as_data() if isinstance(given, ConsentDto) else None


def _check_person(dto: RegisterCallDto) -> None:
    if not re.fullmatch(r"[^@\s]{1,64}@[^@\s]{1,255}", dto.email.strip()):
        raise Problem(400, "email_invalid", "Invalid e-mail", "Write an e-mail address.", path="$.email")
    if not 1 <= len(dto.name.strip()) <= 200:
        raise Problem(
            400, "name_invalid", "Invalid name", "Write a name of 1 to 200 characters.", path="$.name"
        )


def _already() -> Problem:
    return Problem(409, "already_responded", "Already responded", "This e-mail has finished this interview.")


def _variables(dto: RegisterCallDto, stored: StoredSession) -> dict[str, str]:
    """Retell takes strings only."""
    wishes = stored.session.wishes
    own = {
        "name": dto.name.strip(),
        "mins": str(wishes.duration_s // 60),
        "objective": wishes.goals or wishes.role,
        "questions": " | ".join(q.text for q in stored.session.questions),
    }
    given = {
        key: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for key, value in dto.dynamic_data.items()
    }
    return given | own

"""The REST paths of interviews and calls: parse, ask a service, answer. Nothing is decided here."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import web

from interview.model import Question
from server.interviews import (
    AgentInterviewerService,
    CreateMockInterviewDto,
    MockInterviewService,
    RegisterCallDto,
)
from server.problems import Problem
from storage.ports import AgentInterviewer, SessionRepository, StoredResponse, StoredSession

LOCAL_CANDIDATE: Final = "local"
CANDIDATE: Final = web.RequestKey("viva.candidate", str)
T = TypeVar("T")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])([A-Z])")


def snake(name: str) -> str:
    return _CAMEL.sub(lambda m: f"_{m.group(1)}", name).lower()


async def body(request: web.Request, kind: type[T]) -> T:
    """The JSON body as ``kind``; keys in snake_case and camelCase are taken alike."""
    raw = msgspec.json.decode(await request.read())
    if not isinstance(raw, dict):
        raise Problem(400, "invalid_body", "Invalid body", "Send a JSON object.", path="$")
    return msgspec.convert({snake(key): value for key, value in raw.items()}, kind)


def answer(data: object, status: int = 200, **headers: str) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(data, enc_hook=str),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store", **headers},
    )


def question_view(order: int, question: Question) -> dict[str, Any]:
    """What a candidate may see of a question: not what the judge looks for."""
    return {
        "id": question.id,
        "question": question.text,
        "type": question.type,
        "block": question.block,
        "persona": question.persona,
        "order": order,
        "timeLimit": question.time_limit_s,
        "followUpTo": question.parent_id,
        "reason": question.reason,
        "context": ", ".join(question.competencies),
    }


def response_view(response: StoredResponse) -> dict[str, Any]:
    return {
        "id": response.id,
        "callId": response.call_id,
        "email": response.email,
        "name": response.name,
        "is_ended": response.is_ended,
        "is_analysed": response.is_analysed,
        "analytics": response.analytics,
        "status": response.status,
        "transport": response.transport,
        "createdAt": response.created_at,
        "endedAt": response.ended_at,
    }


def session_view(stored: StoredSession) -> dict[str, Any]:
    session = stored.session
    return {
        "id": session.id,
        "name": stored.name,
        "status": session.status,
        "role": session.wishes.role,
        "scenario": session.wishes.scenario,
        "difficulty": session.wishes.difficulty,
        "duration": session.wishes.duration_s // 60,
        "blocks": session.wishes.blocks,
        "stack": session.wishes.stack,
        "focusAreas": session.wishes.focus_areas,
        "mode": session.wishes.mode,
        "interviewerAgentId": stored.interviewer_id,
        "callId": stored.link_id,
        "readableSlug": stored.slug,
        "createdAt": stored.created_at,
        "results": stored.results,
    }


def interviewer_view(interviewer: AgentInterviewer) -> dict[str, Any]:
    return {
        "id": interviewer.id,
        "name": interviewer.name,
        "description": interviewer.description,
        "image": interviewer.image,
        "voice": interviewer.voice,
        "retellAgentId": interviewer.retell_agent_id,
        **asdict(interviewer.sliders),
    }


@dataclass(slots=True)
class Rest:
    """Handlers over the services."""

    repo: SessionRepository
    interviews: MockInterviewService
    agents: AgentInterviewerService

    def routes(self) -> list[web.RouteDef]:
        root = "/v1/candidates/mock-ai-interview"
        return [
            web.get("/v1/interviewers", self.interviewers),
            web.post(root, self.create),
            web.get(root, self.listing),
            web.post(f"{root}/questions/generate", self.generate),
            web.get(f"{root}/{{id}}", self.show),
            web.post("/api/register-call", self.register),
        ]

    async def interviewers(self, _: web.Request) -> web.Response:
        return answer([interviewer_view(i) for i in await self.repo.interviewers()])

    async def create(self, request: web.Request) -> web.Response:
        dto = await body(request, CreateMockInterviewDto)
        stored = await self._create(request, dto)
        link = self.interviews.link(stored)
        made = {
            "callId": stored.link_id,
            "callUrl": link,
            "readableSlug": stored.slug,
            "sessionId": stored.session.id,
        }
        return answer(made, 201, Location=f"/v1/candidates/mock-ai-interview/{stored.session.id}")

    async def generate(self, request: web.Request) -> web.Response:
        dto = await body(request, CreateMockInterviewDto)
        stored = await self._create(request, dto)
        made = {
            "mockInterviewSession": session_view(stored),
            "questions": [question_view(n, q) for n, q in enumerate(stored.session.questions, 1)],
            "description": self.interviews.describe(stored),
            "source": self.interviews.source,
        }
        return answer(made, 201)

    async def _create(self, request: web.Request, dto: CreateMockInterviewDto) -> StoredSession:
        key = request.headers.get("Idempotency-Key")
        return await self.interviews.create_mock_interview(dto, request[CANDIDATE], key)

    async def show(self, request: web.Request) -> web.Response:
        stored = await self.interviews.get_session(request.match_info["id"], request[CANDIDATE])
        responses = await self.repo.responses_of(stored.session.id)
        view = session_view(stored) | {
            "questions": [question_view(n, q) for n, q in enumerate(stored.session.questions, 1)],
            "responses": [response_view(r) for r in responses],
            "scores": [],
            "feedback": [],
        }
        return answer(view)

    async def listing(self, request: web.Request) -> web.Response:
        limit = request.query.get("limit", "20")
        if not limit.isdigit() or not 1 <= int(limit) <= 100:
            raise Problem(400, "bad_limit", "Bad limit", "Write a limit of 1 to 100.")
        found = await self.repo.sessions_of(
            request[CANDIDATE], status=request.query.get("status"), limit=int(limit)
        )
        return answer({"items": [session_view(s) for s in found]})

    async def register(self, request: web.Request) -> web.Response:
        dto = await body(request, RegisterCallDto)
        # The link of an interview is open to whoever was given it: no owner check here.
        stored = await self.interviews.get_session(dto.session_id, None)
        return answer(await self.agents.register_call(dto, stored), 201)

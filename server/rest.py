"""The REST paths of interviews and calls: parse, ask a service, answer. Nothing is decided here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
from aiohttp import web

from server.bodies import read_body, read_query
from server.findings import EvaluateService, FeedbackService
from server.interviewers import AgentInterviewerService, RegisterCallDto
from server.interviews import CreateMockInterviewDto, ListDto, MockInterviewService
from server.views import (
    CreatedView,
    GeneratedView,
    SessionPage,
    interviewer_view,
    question_views,
    session_details,
    session_view,
)

LOCAL_CANDIDATE: Final = "local"
CANDIDATE: Final = web.RequestKey("viva.candidate", str)
ROLES: Final = web.RequestKey("viva.roles", frozenset)
"""What the asker may do beyond their own interviews: ``coach``, ``owner``. Set wherever `CANDIDATE` is."""
GUEST_OF: Final = web.RequestKey("viva.guest_of", str)
"""The one call that a guest may ask about; set for guests only."""
ROOT: Final = "/v1/candidates/mock-ai-interview"


def answer(data: object, status: int = 200, **headers: str) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(data, enc_hook=str),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store", **headers},
    )


@dataclass(slots=True)
class Rest:
    """Handlers over the services."""

    interviews: MockInterviewService
    agents: AgentInterviewerService
    evaluate: EvaluateService
    feedback: FeedbackService

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v1/interviewers", self.interviewers),
            web.post(ROOT, self.create),
            web.get(ROOT, self.listing),
            web.post(f"{ROOT}/questions/generate", self.generate),
            web.get(f"{ROOT}/{{id}}", self.show),
            web.post(f"{ROOT}/{{id}}/cancel", self.cancel),
            web.post("/api/register-call", self.register),
        ]

    async def interviewers(self, _: web.Request) -> web.Response:
        return answer([interviewer_view(i) for i in await self.agents.interviewers()])

    async def create(self, request: web.Request) -> web.Response:
        dto = await read_body(request, CreateMockInterviewDto)
        key = request.headers.get("Idempotency-Key")
        stored = await self.interviews.create_mock_interview(dto, request[CANDIDATE], key)
        made = CreatedView(
            call_id=stored.link_id,
            call_url=self.interviews.link(stored),
            readable_slug=stored.slug,
            session_id=stored.session.id,
        )
        return answer(made, 201, Location=f"{ROOT}/{stored.session.id}")

    async def generate(self, request: web.Request) -> web.Response:
        dto = await read_body(request, CreateMockInterviewDto)
        key = request.headers.get("Idempotency-Key")
        stored = await self.interviews.generate_mock_interview_question(dto, request[CANDIDATE], key)
        made = GeneratedView(
            mock_interview_session=session_view(stored),
            questions=question_views(stored.session.questions),
            description=self.interviews.describe(stored),
            source=self.interviews.source(stored),
        )
        return answer(made, 201, Location=f"{ROOT}/{stored.session.id}")

    async def show(self, request: web.Request) -> web.Response:
        stored = await self.interviews.get_session(request.match_info["id"], request[CANDIDATE])
        return answer(
            session_details(
                stored,
                await self.interviews.responses(stored),
                await self.evaluate.scores(stored),
                await self.feedback.feedback(stored),
            )
        )

    async def listing(self, request: web.Request) -> web.Response:
        found, cursor = await self.interviews.list_sessions(request[CANDIDATE], read_query(request, ListDto))
        return answer(SessionPage(items=[session_view(s) for s in found], next_cursor=cursor))

    async def cancel(self, request: web.Request) -> web.Response:
        return answer(
            session_view(await self.interviews.cancel(request.match_info["id"], request[CANDIDATE]))
        )

    async def register(self, request: web.Request) -> web.Response:
        return answer(await self.agents.register_call(await read_body(request, RegisterCallDto)), 201)

"""Pages and their assets, read once from the package and served with a strict content policy.

The link of an interview is open to whoever was given it, so the page asks for an *invitation*: what a guest
may know. It holds no question's words, nobody's name and nobody's address.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from interview.model import Block, Difficulty, Mode, Scenario, SessionStatus
from interview.personas import PERSONAS
from server.interviews import MockInterviewService
from server.rest import answer
from server.views import View
from storage.ports import StoredSession

_TYPES: Final = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "json": "application/json",
    "svg": "image/svg+xml",
    "woff2": "font/woff2",
    "txt": "text/plain",
}
_TEXT: Final = {"text/html", "text/css", "text/javascript", "application/json", "image/svg+xml", "text/plain"}
PAGE_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
Pages = dict[str, tuple[bytes, str]]


class PersonaView(View):
    id: str
    name: str
    title: str


class InvitationQuestion(View):
    """A question to come: its place and round. Its words are said in the interview."""

    id: str
    block: Block | None
    persona: str


class InvitationView(View):
    """What whoever holds the link may know. ``duration`` in minutes; ``personas`` in order of appearance."""

    session_id: str
    call_id: str
    name: str
    status: SessionStatus
    role: str
    scenario: Scenario
    difficulty: Difficulty
    mode: Mode
    duration: int
    blocks: list[Block]
    interviewer_id: str
    personas: list[PersonaView]
    questions: list[InvitationQuestion]


def read_pages() -> Pages:
    """Path under ``web`` -> (content, content type). Blocks; call it off the event loop."""
    found: Pages = {}
    _read(files("server").joinpath("web"), "", found)
    return found


def _read(folder: Traversable, prefix: str, found: Pages) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            _read(entry, f"{prefix}{entry.name}/", found)
        elif (kind := _TYPES.get(entry.name.rpartition(".")[2])) is not None:
            found[f"{prefix}{entry.name}"] = (entry.read_bytes(), kind)


def _page(pages: Pages, name: str, status: int = 200) -> web.Response:
    content, kind = pages[name]
    charset = "utf-8" if kind in _TEXT else None
    return web.Response(status=status, body=content, content_type=kind, charset=charset, headers=PAGE_HEADERS)


def lost_middleware(pages: Pages) -> Middleware:
    """People who ask for a page where there is none get one in words, programs the problem document."""

    @web.middleware
    async def lost(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPNotFound:
            if "text/html" not in request.headers.get("Accept", ""):
                raise
            return _page(pages, "lost.html", 404)

    return lost


def page_routes(pages: Pages, interviews: MockInterviewService) -> list[web.RouteDef]:
    """``/``, ``/mock-interview/{key}``, its ``/invitation`` and ``/scorecard``, and ``/web/{path}``."""

    async def home(_: web.Request) -> web.Response:
        return _page(pages, "index.html")

    async def interview(_: web.Request) -> web.Response:
        # Whether there is such an interview is said by the page, in words, after it has asked.
        return _page(pages, "interview.html")

    async def scorecard(_: web.Request) -> web.Response:
        return _page(pages, "scorecard/index.html")

    async def asset(request: web.Request) -> web.Response:
        if request.match_info["path"] not in pages:
            raise web.HTTPNotFound
        return _page(pages, request.match_info["path"])

    async def invitation(request: web.Request) -> web.Response:
        return answer(invitation_view(await interviews.get_session(request.match_info["key"], None)))

    return [
        web.get("/", home),
        web.get("/mock-interview/{key}", interview),
        web.get("/mock-interview/{key}/invitation", invitation),
        web.get("/mock-interview/{key}/scorecard", scorecard),
        web.get("/web/{path:.+}", asset),
    ]


def invitation_view(stored: StoredSession) -> InvitationView:
    wishes, questions = stored.session.wishes, stored.session.questions
    personas = [PERSONAS[key] for key in dict.fromkeys(q.persona for q in questions) if key in PERSONAS]
    return InvitationView(
        session_id=stored.session.id,
        call_id=stored.link_id,
        name=stored.name,
        status=stored.session.status,
        role=wishes.role,
        scenario=wishes.scenario,
        difficulty=wishes.difficulty,
        mode=wishes.mode,
        duration=wishes.duration_s // 60,
        blocks=list(wishes.blocks),
        interviewer_id=stored.interviewer_id,
        personas=[PersonaView(id=p.id, name=p.name, title=p.title) for p in personas],
        questions=[InvitationQuestion(id=q.id, block=q.block, persona=q.persona) for q in questions],
    )

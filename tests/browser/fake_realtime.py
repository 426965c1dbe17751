"""A server like Viva's for the page: its paths answer, and each line is played by a script of the test.

It speaks what `docs/realtime.md` says, has no interview inside and knows no time: it acts on what comes.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import struct
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

from aiohttp import WSMsgType, web

from interview.model import Block, Difficulty, InterviewSession, Mode, Move, Question, QuestionType, Wishes
from server.interviews import MockInterviewService
from server.pages import page_routes, read_pages
from server.problems import problems
from storage.ports import NotFound, StoredSession

Message = dict[str, Any]
RATE = 16000
FRAME_MS = 40


def tone(hz: float, ms: int) -> bytes:
    """PCM16 at 16 kHz, loud enough to be found again."""
    step = 2 * math.pi * hz / RATE
    return array("h", (round(9000 * math.sin(step * i)) for i in range(RATE * ms // 1000))).tobytes()


_ASK = "Tell me about a disagreement in your team, and how it ended."
_OPEN = "To begin with, please tell me about your work of the last year."
_SLOW = "How would you find out why a service has become slow?"
QUESTIONS = (
    ("q1", _OPEN, QuestionType.OPENER, None, "hr"),
    ("q2", _ASK, QuestionType.BEHAVIORAL, Block.BEHAVIORAL, "hr"),
    ("q3", _SLOW, QuestionType.TECHNICAL, Block.ROLE_KNOWLEDGE, "tech_lead"),
    ("q4", "What would you like to ask us?", QuestionType.CLOSING, None, "hr"),
)


def interview(name: str = "Backend Developer practice interview", mode: Mode = Mode.STUDY) -> StoredSession:
    questions = tuple(
        Question(id, text, kind, block, persona) for id, text, kind, block, persona in QUESTIONS
    )
    session = InterviewSession(
        "0123", "local", Wishes("Backend Developer", mode=mode, difficulty=Difficulty.ADVANCED)
    )
    return StoredSession(
        session.with_questions(questions), "link", "backend-1", name, "maya", datetime(2026, 1, 1, tzinfo=UTC)
    )


class Line:
    """The server's end of one call, over however many sockets."""

    def __init__(self) -> None:
        self.sockets: list[web.WebSocketResponse] = []
        self.received: list[Message] = []
        self.audio = bytearray()
        self.events: list[Message] = []
        self.sent_ms: dict[int, int] = {}
        self._changed = asyncio.Event()
        self._numbers = itertools.count(1)

    @property
    def socket(self) -> web.WebSocketResponse:
        return self.sockets[-1]

    def note(self) -> None:
        self._changed.set()

    async def until(self, met: Callable[[], Any]) -> Any:
        """Wait for what arrives to fulfil ``met``; its value."""
        while not (value := met()):
            self._changed.clear()
            await self._changed.wait()
        return value

    async def got(self, kind: str, **wanted: Any) -> Message:
        """The first message of ``kind`` with these members, now or to come."""

        def find() -> Message | None:
            return next((m for m in self.received if m["type"] == kind and wanted.items() <= m.items()), None)

        return cast(Message, await self.until(find))

    async def hears(self, ms: int) -> None:
        """Wait until the microphone has sent so much since now."""
        goal = len(self.audio) + 2 * RATE * ms // 1000
        await self.until(lambda: len(self.audio) >= goal)

    async def send(self, kind: str, **more: Any) -> None:
        event = {"type": kind, "event_id": f"evt_fake_{len(self.events) + 1}", **more}
        self.events.append(event)
        if not self.socket.closed:
            await self.socket.send_str(json.dumps(event))

    async def ask(self, place: int, *, follow_up_to: str | None = None, text: str = "") -> None:
        key, words, _, block, _ = QUESTIONS[place - 1]
        await self.send(
            "viva.question",
            id=f"{key}.f" if follow_up_to else key,
            text=text or words,
            index=place,
            total=len(QUESTIONS),
            block=block,
            follow_up_to=follow_up_to,
            time_limit_s=120,
        )

    async def say(self, text: str, ms: int = 1500, hz: float = 440, *, whole: bool = True) -> int:
        """A reply; its number. Not ``whole``: the end of it is left to the test."""
        number = next(self._numbers)
        reply, item = f"resp_{number}", f"item_{number}"
        await self.send("viva.floor", state="speaking")
        await self.send("response.created", response={"id": reply, "status": "in_progress"})
        await self.send("viva.reply", response_id=reply, item_id=item, number=number)
        await self.send("response.output_audio_transcript.delta", response_id=reply, item_id=item, delta=text)
        await self.sound(number, ms, hz)
        if whole:
            await self.finish(number, text)
        return number

    async def sound(self, number: int, ms: int, hz: float = 440) -> None:
        pcm, size = tone(hz, ms), 2 * RATE * FRAME_MS // 1000
        for at in range(0, len(pcm), size):
            sent = self.sent_ms.get(number, 0)
            await self.socket.send_bytes(struct.pack("<II", number, sent) + pcm[at : at + size])
            self.sent_ms[number] = sent + FRAME_MS

    async def finish(self, number: int, text: str, status: str = "completed") -> None:
        reply = f"resp_{number}"
        if status == "completed":
            await self.send("response.output_audio.done", response_id=reply)
            names = {"response_id": reply, "item_id": f"item_{number}"}
            await self.send("response.output_audio_transcript.done", **names, transcript=text)
        await self.send("response.done", response={"id": reply, "status": status})

    async def played(self, number: int, *, at_least: int = 0, done: bool = False) -> int:
        """Wait for a report on reply ``number``; the milliseconds it names."""

        def find() -> Message | None:
            reports = (
                m
                for m in self.received
                if m["type"] == "viva.playback" and m["response_id"] == f"resp_{number}"
            )
            return next((m for m in reports if m["played_ms"] >= at_least and (m["done"] or not done)), None)

        return int((await self.until(find))["played_ms"])

    def kill(self) -> None:
        """Cut the socket without a close frame, as a lost network does."""
        request = self.socket._req
        assert request is not None
        assert request.transport is not None
        request.transport.abort()


Script = Callable[[Line], Awaitable[None]]


class FakeRealtime:
    """The paths the page asks for. ``script`` plays each call once its line is up."""

    def __init__(self, script: Script, stored: StoredSession | None = None) -> None:
        self.script, self.stored = script, stored or interview()
        self.line = Line()
        self.registered: list[Message] = []
        self.refusal: web.Response | None = None
        self.url = ""
        self.trouble: BaseException | None = None
        self._task: asyncio.Task[None] | None = None
        self._resumable = False

    async def get_session(self, key: str, _: str | None) -> StoredSession:
        if key not in (self.stored.link_id, self.stored.slug, self.stored.session.id):
            raise NotFound("no such interview")
        return self.stored

    async def register(self, request: web.Request) -> web.Response:
        self.registered.append(await request.json())
        if self.refusal is not None:
            return self.refusal
        made = {
            "callId": "call_1",
            "accessToken": "token_1",
            "callUrl": f"{self.url.replace('http', 'ws')}/v1/realtime?call_id=call_1",
            "responseId": "r",
            "scorecardUrl": "https://viva.example/mock-interview/link/scorecard?call_id=call_1#access=v1.a.b",
        }
        return web.json_response(made, status=201)

    async def realtime(self, request: web.Request) -> web.StreamResponse:
        if "openai-insecure-api-key.token_1" not in request.headers.get("Sec-WebSocket-Protocol", ""):
            raise web.HTTPUnauthorized
        socket = web.WebSocketResponse(protocols=("realtime",))
        await socket.prepare(request)
        line = self.line
        line.sockets.append(socket)
        await socket.send_json({"type": "session.created", "event_id": "evt_0"})
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                line.audio += message.data
            elif message.type is WSMsgType.TEXT:
                await self._take(line, json.loads(message.data))
            line.note()
        line.note()
        return socket

    async def _take(self, line: Line, message: Message) -> None:
        line.received.append(message)
        match message:
            case {"type": "viva.resume", "last_event": last}:
                missed = [
                    e
                    for e in line.events
                    if int(e["event_id"].rpartition("_")[2]) > int(last.rpartition("_")[2])
                ]
                await line.socket.send_json(
                    {"type": "viva.resumed", "event_id": last, "replayed": len(missed), "complete": True}
                )
                for event in missed:
                    await line.socket.send_json(event)
            case {"type": "session.update", "session": {"viva": wanted}}:
                await line.send("session.updated", session={"type": "realtime", "viva": wanted})
                await line.send(
                    "viva.session",
                    call_id="call_1",
                    resume_token="again_1",
                    recording=True,
                    engines={"stt": "pocketsphinx", "tts": "flite", "llm": "offline"},
                )
                await line.send("viva.persona", id="hr", name="Maya", title="people partner")
                await line.send("viva.time", elapsed_s=0, left_s=900)
                if self._task is None:
                    self._task = asyncio.create_task(self._play(), name="script of the fake server")
            case {"type": "viva.ping", "at": at}:
                await line.send("viva.pong", at=at)
            case {"type": "conversation.item.retrieve", "item_id": item}:
                heard = {"id": item, "role": "assistant", "content": [{"transcript": "what was heard"}]}
                await line.send("conversation.item.retrieved", item=heard)
            case {"type": "viva.end"}:
                await line.send("viva.ended", reason="hung_up", scorecard_url=None)
                await line.socket.close(code=1000)
            case _:
                pass

    async def _play(self) -> None:
        try:
            await self.script(self.line)
        except Exception as trouble:
            self.trouble = trouble
            raise

    async def ready(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ready", "llm": "offline"})

    async def engines(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "stt": {"name": "pocketsphinx", "note": "a demo recogniser: it mishears"},
                "tts": {"name": "flite", "note": ""},
                "llm": {"name": "offline", "note": "rules over a question bank, without a model"},
            }
        )

    async def listing(self, _: web.Request) -> web.Response:
        mine = {"name": self.stored.name, "status": "completed", "duration": 30, "callId": "link"}
        return web.json_response({"items": [mine, mine | {"status": "created"}], "nextCursor": None})

    async def generate(self, _: web.Request) -> web.Response:
        session = {"id": "0123", "name": self.stored.name, "callId": "link"}
        questions = [
            {"question": text, "type": kind, "block": block, "timeLimit": 120}
            for _, text, kind, block, _ in QUESTIONS
        ]
        made = {"mockInterviewSession": session, "questions": questions, "description": "About half an hour."}
        return web.json_response(made, status=201)

    async def interviewers(self, _: web.Request) -> web.Response:
        manners = [("maya", "Maya", "Warm and plain."), ("daniel", "Daniel", "Direct and precise.")]
        return web.json_response([{"id": i, "name": n, "description": d} for i, n, d in manners])

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[FakeRealtime]:
        app = web.Application(middlewares=[problems])
        pages = await asyncio.to_thread(read_pages)
        app.router.add_routes(page_routes(pages, cast(MockInterviewService, self)))
        app.router.add_post("/api/register-call", self.register)
        app.router.add_get("/v1/realtime", self.realtime)
        app.router.add_get("/readyz", self.ready)
        app.router.add_get("/v1/engines", self.engines)
        app.router.add_get("/v1/interviewers", self.interviewers)
        app.router.add_get("/v1/candidates/mock-ai-interview", self.listing)
        app.router.add_post("/v1/candidates/mock-ai-interview/questions/generate", self.generate)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield self
        finally:
            if self._task is not None:
                self._task.cancel()
                await asyncio.wait({self._task})
            for socket in self.line.sockets:
                await socket.close()
            await runner.cleanup()
        if self.trouble is not None:
            raise self.trouble


def called_off() -> StoredSession:
    from dataclasses import replace

    stored = interview()
    return replace(stored, session=stored.session.move(Move.CANCEL))

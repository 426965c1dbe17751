"""Small servers on loopback that speak each model vendor's wire format, by script.

A vendor answers each request with the next entry of its script (the last one again and again). Nothing
here sleeps: a stall waits until the client hangs up or the fake is closed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import web

T = TypeVar("T")
HANG_GUARD_S = 20.0


def run(coro: Coroutine[Any, Any, T]) -> T:
    """Run one test's coroutine; a hang becomes a ``TimeoutError`` with a stack."""

    async def guarded() -> T:
        async with asyncio.timeout(HANG_GUARD_S):
            return await coro

    return asyncio.run(guarded())


@dataclass(frozen=True)
class Say:
    """Answer in these pieces, then finish properly."""

    pieces: tuple[str, ...] = ("Hel", "lo ", "wörld")


@dataclass(frozen=True)
class Fail:
    """Answer with this status, as the vendor words it."""

    status: int
    retry_after: str | None = None


@dataclass(frozen=True)
class Stall:
    """Say the pieces, then nothing more, with the connection open."""

    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Die:
    """Say the pieces, then drop the connection without an end."""

    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class CutShort:
    """Say the pieces, then end the body cleanly but without the vendor's finish."""

    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Raw:
    """Answer 200 with this text as the only event, or as the whole body."""

    text: str


@dataclass(frozen=True)
class Blocked:
    """The provider's filter stops it: before a word, or after the pieces."""

    after: tuple[str, ...] = ()


Step = Say | Fail | Stall | Die | CutShort | Raw | Blocked


@dataclass(frozen=True)
class Seen:
    path: str
    query: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Vendor:
    """Base: scripting and HTTP. A subclass words chunks, whole answers and errors."""

    script: Iterable[Step]
    seen: list[Seen] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    aborted: asyncio.Event = field(default_factory=asyncio.Event)
    base: str = ""

    done: str | None = None

    def chunk(self, text: str, finish: bool) -> dict[str, Any]:
        raise NotImplementedError

    def whole(self, text: str) -> dict[str, Any]:
        raise NotImplementedError

    def blocked(self, spoke: bool, stream: bool) -> dict[str, Any]:
        raise NotImplementedError

    def error(self, status: int) -> dict[str, Any]:
        raise NotImplementedError

    def streams(self, seen: Seen) -> bool:
        raise NotImplementedError

    def allowed(self, seen: Seen) -> bool:
        raise NotImplementedError

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Listen on a free port of loopback; yields the base address."""
        self._steps = list(self.script)
        self._release = asyncio.Event()
        app = web.Application()
        app.router.add_post("/{path:.*}", self._handle)
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            self.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield self.base
        finally:
            self._release.set()
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        seen = Seen(request.path, request.query_string, dict(request.headers), await request.json())
        self.seen.append(seen)
        self.asked.set()
        step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        if not self.allowed(seen):
            step = Fail(404)
        if isinstance(step, Fail):
            headers = {"Retry-After": step.retry_after} if step.retry_after else {}
            return web.json_response(self.error(step.status), status=step.status, headers=headers)
        try:
            return await (self._stream if self.streams(seen) else self._whole)(request, step)
        except (asyncio.CancelledError, ConnectionError):
            self.aborted.set()
            raise

    async def _whole(self, request: web.Request, step: Step) -> web.StreamResponse:
        if isinstance(step, Raw):
            return web.Response(text=step.text, content_type="application/json")
        if isinstance(step, Blocked):
            return web.json_response(self.blocked(bool(step.after), stream=False))
        if isinstance(step, Say):
            return web.json_response(self.whole("".join(step.pieces)))
        if isinstance(step, CutShort):
            return web.json_response(self.whole(""))
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b"{")
        return await self._leave(request, response, step)

    async def _stream(self, request: web.Request, step: Step) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        if isinstance(step, Raw):
            await self._event(response, step.text)
            return response
        assert not isinstance(step, Fail)
        pieces = step.pieces if isinstance(step, Say) else step.after
        for number, piece in enumerate(pieces, 1):
            finish = isinstance(step, Say) and number == len(pieces)
            await self._event(response, json.dumps(self.chunk(piece, finish), ensure_ascii=False))
        if isinstance(step, Blocked):
            await self._event(response, json.dumps(self.blocked(bool(step.after), stream=True)))
        if isinstance(step, (Stall, Die)):
            return await self._leave(request, response, step)
        if self.done is not None and isinstance(step, Say):
            await self._event(response, self.done)
        return response

    async def _leave(
        self, request: web.Request, response: web.StreamResponse, step: Step
    ) -> web.StreamResponse:
        if isinstance(step, Stall):
            await self._release.wait()
        elif request.transport is not None:
            request.transport.close()  # after what is buffered, and without the last chunk
        return response

    async def _event(self, response: web.StreamResponse, data: str) -> None:
        raw = f"data: {data}\r\n\r\n".encode()
        middle = len(raw) // 2
        await response.write(raw[:middle])
        await asyncio.sleep(0)
        await response.write(raw[middle:])


class FakeOpenAi(Vendor):
    done = "[DONE]"

    def chunk(self, text: str, finish: bool) -> dict[str, Any]:
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": "stop" if finish else None}
        return {"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}

    def whole(self, text: str) -> dict[str, Any]:
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {"id": "c1", "object": "chat.completion", "choices": [choice], "usage": {"total_tokens": 3}}

    def blocked(self, spoke: bool, stream: bool) -> dict[str, Any]:
        said = {"delta": {}} if stream else {"message": {"role": "assistant", "content": ""}}
        return {"id": "c1", "choices": [{"index": 0, **said, "finish_reason": "content_filter"}]}

    def error(self, status: int) -> dict[str, Any]:
        return {"error": {"message": "echo: SECRET", "type": "invalid_request_error", "code": None}}

    def streams(self, seen: Seen) -> bool:
        return seen.body["stream"] is True

    def allowed(self, seen: Seen) -> bool:
        return seen.path == "/v1/chat/completions" and seen.headers["Authorization"] == "Bearer SECRET"


class FakeMistral(FakeOpenAi):
    def whole(self, text: str) -> dict[str, Any]:
        answer = super().whole(text)
        thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
        answer["choices"][0]["message"]["content"] = [thought, {"type": "text", "text": text}]
        return answer

    def error(self, status: int) -> dict[str, Any]:
        return {"object": "error", "message": "echo: SECRET", "type": "invalid_request", "code": "1"}

    def allowed(self, seen: Seen) -> bool:
        return super().allowed(seen) and "seed" not in seen.body


class FakeGemini(Vendor):
    def chunk(self, text: str, finish: bool) -> dict[str, Any]:
        parts = [{"text": "hm", "thought": True}, {"text": text}]
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
        if finish:
            candidate["finishReason"] = "STOP"
        return {"candidates": [candidate], "usageMetadata": {"totalTokenCount": 3}, "modelVersion": "m"}

    def whole(self, text: str) -> dict[str, Any]:
        return self.chunk(text, finish=True)

    def blocked(self, spoke: bool, stream: bool) -> dict[str, Any]:
        if spoke:
            return {"candidates": [{"finishReason": "SAFETY", "index": 0}]}
        return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {}}

    def error(self, status: int) -> dict[str, Any]:
        return {"error": {"code": status, "message": "echo: SECRET", "status": "INVALID_ARGUMENT"}}

    def streams(self, seen: Seen) -> bool:
        return seen.path.endswith(":streamGenerateContent") and seen.query == "alt=sse"

    def allowed(self, seen: Seen) -> bool:
        known = seen.path.rpartition(":")[0] == "/v1/models/m"
        return known and seen.headers["x-goog-api-key"] == "SECRET"


class FakeVertex(FakeGemini):
    def allowed(self, seen: Seen) -> bool:
        known = seen.path.rpartition(":")[0] == "/v1/projects/p/locations/l/publishers/google/models/m"
        return known and seen.headers["Authorization"] == "Bearer SECRET"

"""The Retell route: accept, say `config`, find out whose call it is, then hand the socket to its line."""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Callable, Container, Coroutine
from contextlib import AsyncExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from server.callbook import Found
from server.logs import safe_call_id
from server.registry import CallRegistry, Draining
from server.retell_line import RetellLine
from server.retell_protocol import MAX_FRAME, RetellProtocol

DETAILS_S: Final = 1.0
"""How long a greeting waits for `call_details` of a call that nobody registered."""
MAX_WAITING: Final = 64
"""Frames kept while the call is looked up."""

CANCEL_S: Final = 2.0
"""How long the end of a handshake that failed waits for the look-up to be gone."""
MAX_CALL_ID: Final = 512
_STORABLE: Final = re.compile(r"[^\0\ud800-\udfff]+").fullmatch
"""Any text that the database can hold."""

log = structlog.get_logger("viva.retell")


Find = Callable[[str, dict[str, Any] | None], Coroutine[Any, Any, Found | None]]
"""(call id, call details or None) -> the call, or None when it needs details first or is refused."""


class AioSocket:
    """An aiohttp WebSocket as the line sees it."""

    def __init__(self, ws: web.WebSocketResponse, request: web.Request) -> None:
        self._ws, self._transport = ws, request.transport

    async def send(self, frame: bytes) -> None:
        await self._ws.send_frame(frame, WSMsgType.TEXT)

    async def hang_up(self) -> None:
        await self._ws.close(code=WSCloseCode.OK)

    def drop(self) -> None:
        if self._transport is not None:
            self._transport.abort()


@dataclass(slots=True)
class RetellEndpoint:
    """``GET /llm-websocket[/{secret}]/{call_id}``."""

    registry: CallRegistry
    find: Find
    secret: str | None = None
    expected: Container[str] = ()
    """Calls that are found without waiting."""
    grace_s: float = 30.0
    sockets: set[AioSocket] = field(default_factory=set)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One socket, from handshake to its end.

        A wrong secret is refused before the handshake; so is everything while the server drains.
        """
        given = request.match_info.get("secret")
        if self.secret is not None and not hmac.compare_digest((given or "").encode(), self.secret.encode()):
            raise web.HTTPForbidden(text="wrong or missing secret in the WebSocket URL")
        if self.secret is None and given is not None:
            raise web.HTTPNotFound(text="no secret is set: the URL ends in /llm-websocket/CALL_ID")
        call_id = request.match_info["call_id"]
        if len(call_id) > MAX_CALL_ID or not _STORABLE(call_id):
            raise web.HTTPNotFound(text="there is no such call")
        ws = web.WebSocketResponse(max_msg_size=MAX_FRAME, compress=False, autoping=True, decode_text=False)
        if self.registry.draining and call_id not in self.registry:
            raise web.HTTPServiceUnavailable(text="the server is being shut down")
        async with AsyncExitStack() as alone:
            looking: asyncio.Task[Found | None] | None = None
            if self._asks_database(call_id) and _is_upgrade(request):
                await alone.enter_async_context(self.registry.alone(call_id))
                looking = asyncio.create_task(self.find(call_id, None), name="find call")
                alone.push_async_callback(_dropped, looking)
                await asyncio.sleep(0)  # the database has its question before the handshake is answered
            await ws.prepare(request)
            await self._hold(call_id, ws, AioSocket(ws, request), looking, alone)
        return ws

    def _asks_database(self, call_id: str) -> bool:
        """Whether the call is neither live, nor being begun, nor expected."""
        live = self.registry.line(call_id, RetellLine) is not None
        return not live and not self.registry.is_beginning(call_id) and call_id not in self.expected

    async def _hold(
        self,
        call_id: str,
        ws: web.WebSocketResponse,
        socket: AioSocket,
        looking: asyncio.Task[Found | None] | None,
        alone: AsyncExitStack,
    ) -> None:
        self.sockets.add(socket)
        try:
            await self._serve(call_id, ws, socket, looking, alone)
        except ConnectionError:
            socket.drop()
        except Exception:
            # Leaving by any close code would end the call; a cut connection lets Retell come back.
            log.exception("socket handler failed", call_id=safe_call_id(call_id))
            socket.drop()
        finally:
            self.sockets.discard(socket)

    async def _serve(
        self,
        call_id: str,
        ws: web.WebSocketResponse,
        socket: AioSocket,
        looking: asyncio.Task[Found | None] | None,
        alone: AsyncExitStack,
    ) -> None:
        line = self.registry.line(call_id, RetellLine)
        waiting: list[bytes] = []
        if line is None:
            if looking is None:
                await alone.enter_async_context(self.registry.alone(call_id))
            async with alone:  # left as soon as the call is there
                line = await self._begin(call_id, ws, socket, waiting, looking)
            if line is None:
                socket.drop()
                return
        else:
            await line.attach(socket)
        try:
            for frame in waiting:
                await line.receive(socket, frame)
            async for message in ws:
                if message.type is WSMsgType.TEXT:
                    await line.receive(socket, message.data)
                else:
                    log.info("frame that is not text skipped", call_id=safe_call_id(call_id))
        except ConnectionError:
            line.lost(socket)
            return
        if ws.close_code is None or ws.close_code == WSCloseCode.ABNORMAL_CLOSURE or ws.exception():
            line.lost(socket)
        else:
            await line.hung_up(socket)

    async def _begin(
        self,
        call_id: str,
        ws: web.WebSocketResponse,
        socket: AioSocket,
        waiting: list[bytes],
        looking: asyncio.Task[Found | None] | None,
    ) -> RetellLine | None:
        if (other := self.registry.line(call_id, RetellLine)) is not None:
            await other.attach(socket)
            return other
        protocol = RetellProtocol()
        await socket.send(protocol.config())
        found = await (looking or self.find(call_id, None))
        if found is None:
            details = await self._details(ws, socket, protocol, waiting)
            found = await self.find(call_id, details)
        if found is None:
            log.warning("call refused: nobody registered it", call_id=safe_call_id(call_id))
            return None
        if found.open_turn is not None:
            protocol.newest = max(protocol.newest, found.open_turn)
        line = RetellLine(call_id, protocol, greeted=found.greeted, grace_s=self.grace_s)
        try:
            found.start(line, nullcontext())
        except Draining:
            return None
        await line.attach(socket, configured=True)
        return line

    @staticmethod
    async def _details(
        ws: web.WebSocketResponse, socket: AioSocket, protocol: RetellProtocol, waiting: list[bytes]
    ) -> dict[str, Any]:
        """The call details, or {} when they do not come in time; other frames are kept in order."""
        loop = asyncio.get_running_loop()
        until = loop.time() + DETAILS_S
        while (left := until - loop.time()) > 0 and len(waiting) < MAX_WAITING:
            try:
                message = await ws.receive(timeout=left)
            except TimeoutError:
                break
            if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
                raise ConnectionResetError("the far side left before the call began")
            if message.type is not WSMsgType.TEXT:
                continue
            if b'"interaction_type"' in message.data and b"response_id" in message.data:
                waiting.append(message.data)
                break  # a request does not wait for details
            received = protocol.receive(message.data)
            for reply in received.replies:
                await socket.send(reply)
            if received.details is not None:
                return received.details
        return {}


def _is_upgrade(request: web.Request) -> bool:
    """Whether a WebSocket is asked for; the handshake itself is checked when it is answered."""
    return request.headers.get("Upgrade", "").lower() == "websocket"


async def _dropped(task: asyncio.Task[Any] | None) -> None:
    """Cancel what nobody waited for; what it raised is nobody's either."""
    if task is not None and not task.done():
        task.cancel()
        await asyncio.wait((task,), timeout=CANCEL_S)
    if task is not None and task.done() and not task.cancelled():
        task.exception()

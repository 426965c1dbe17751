"""The realtime route: who is calling, which call, then the socket is handed to its line."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from server.callbook import Found
from server.logs import safe_call_id
from server.problems import Problem
from server.realtime_events import Frame
from server.realtime_line import CallInfo, RealtimeLine
from server.realtime_messages import Hello, Refused, Resume, parse
from server.realtime_protocol import MAX_FRAME
from server.realtime_turns import Voice
from server.registry import CallRegistry, Draining
from server.tokens import RESUME_S, CallTokens, TokenRefused

HELLO_S: Final = 10.0
"""How long a client without a token at the handshake may take to send one."""
MAX_WAITING: Final = 1024 * 1024
"""Bytes that may wait for a client that does not read."""
STALL_S: Final = 10.0
"""How long one frame may take to go out."""
GOODBYE_S: Final = 3.0
"""How long the closing handshake may take."""
HEARTBEAT_S: Final = 20.0
"""Pings of the WebSocket itself, so that a cable that was pulled is noticed."""
PROTOCOL: Final = "realtime"
KEY: Final = "openai-insecure-api-key."

Find = Callable[[str], Awaitable[Found | None]]

log = structlog.get_logger("viva.realtime")


class Outbox:
    """What waits to go out on one socket: bounded, and free of sound that nobody should hear any more."""

    def __init__(self, ws: web.WebSocketResponse, request: web.Request) -> None:
        self._ws, self._transport = ws, request.transport
        self._waiting: deque[Frame] = deque()
        self._bytes = 0
        self._stir = asyncio.Event()
        self._closing: tuple[int, str] | None = None

    @property
    def closing(self) -> bool:
        return self._closing is not None

    def put(self, frame: Frame) -> None:
        if self._closing is not None:
            return
        self._waiting.append(frame)
        self._bytes += len(frame.data)
        if self._bytes > MAX_WAITING:
            self._waiting.clear()
            self.close(4408, "messages were not read; connect again and resume")
        self._stir.set()

    def forget(self, reply: int) -> None:
        kept = [frame for frame in self._waiting if frame.reply != reply]
        self._waiting = deque(kept)
        self._bytes = sum(len(frame.data) for frame in kept)

    def close(self, code: int, reason: str) -> None:
        if self._closing is None:
            self._closing = (code, reason)
        self._stir.set()

    async def pump(self) -> None:
        """Send what waits, in order, until the socket is closed or lost."""
        try:
            while self._closing is None or self._waiting:
                await self._stir.wait()
                self._stir.clear()
                while self._waiting:
                    frame = self._waiting.popleft()
                    self._bytes -= len(frame.data)
                    kind = WSMsgType.BINARY if frame.binary else WSMsgType.TEXT
                    async with asyncio.timeout(STALL_S):
                        await self._ws.send_frame(frame.data, kind)
        except ConnectionError:
            return
        except TimeoutError:
            self._closing = (4408, "messages were not read; connect again and resume")
        await self._part(*self._closing)

    async def _part(self, code: int, reason: str) -> None:
        try:
            async with asyncio.timeout(GOODBYE_S):
                await self._ws.close(code=code, message=reason.encode())
        except (TimeoutError, ConnectionError):
            self.cut()

    def cut(self) -> None:
        """Cut the connection as it is."""
        if self._transport is not None:
            self._transport.abort()


@dataclass(slots=True)
class RealtimeEndpoint:
    """``GET /v1/realtime?call_id=…``. ``refuse``: why no new call can be taken now, or None."""

    registry: CallRegistry
    find: Find
    tokens: CallTokens
    voice: Callable[[Found], Awaitable[Voice]]
    scorecard_url: Callable[[Found], str | None] = lambda _: None
    recording: Callable[[Found], bool] = lambda _: False
    engines: Callable[[], Mapping[str, str]] = dict
    refuse: Callable[[], str | None] = lambda: None
    grace_s: float = 30.0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One socket, from handshake to its end. Raises Problem: 400, 401 or 503, before the handshake."""
        call_id = request.query.get("call_id", "")
        if not 1 <= len(call_id) <= 200:
            raise Problem(400, "call_id_missing", "Which call?", "Open the callUrl of register-call.")
        if (header := request.headers.get("Authorization")) is not None:
            self._check_header(header, call_id)
        if call_id not in self.registry:
            self._check_room()
        ws = web.WebSocketResponse(
            protocols=(PROTOCOL,), max_msg_size=MAX_FRAME, compress=False, heartbeat=HEARTBEAT_S
        )
        await ws.prepare(request)
        outbox = Outbox(ws, request)
        pump = asyncio.create_task(outbox.pump(), name=f"outbox {safe_call_id(call_id)}")
        try:
            first = None if header is not None else await self._admit(request, ws, call_id)
            await self._serve(call_id, ws, outbox, first)
        except TokenRefused as why:
            outbox.close(4401, str(why))
        except ConnectionError:
            outbox.cut()
        except Exception:
            log.exception("socket handler failed", call_id=safe_call_id(call_id))
            outbox.close(WSCloseCode.INTERNAL_ERROR, "a fault of ours; connect again")
        finally:
            await self._end(ws, outbox, pump)
        return ws

    def _check_header(self, header: str, call_id: str) -> None:
        kind, _, token = header.partition(" ")
        try:
            if kind.lower() != "bearer":
                raise TokenRefused("Send the access token as Authorization: Bearer.")
            self.tokens.check(token.strip(), call_id)
        except TokenRefused as why:
            bearer = {"WWW-Authenticate": "Bearer"}
            raise Problem(401, "token_refused", "Token refused", str(why), headers=bearer) from None

    def _check_room(self) -> None:
        why = "The server is being shut down." if self.registry.draining else self.refuse()
        if why is not None:
            again = {"Retry-After": "5"}
            raise Problem(503, "no_room", "No new call can be taken", why, headers=again)

    async def _admit(self, request: web.Request, ws: web.WebSocketResponse, call_id: str) -> str | None:
        """Check the token: a subprotocol, or the first message, which is given back when it resumes."""
        offered = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
        for name in map(str.strip, offered):
            if name.startswith(KEY):
                self.tokens.check(name.removeprefix(KEY), call_id)
                return None
        try:
            message = await ws.receive(timeout=HELLO_S)
        except TimeoutError:
            raise TokenRefused("No token came; send viva.hello first.") from None
        if message.type is not WSMsgType.TEXT:
            raise TokenRefused("Send viva.hello with the token first.")
        try:
            hello = parse(message.data)
        except Refused:
            raise TokenRefused("Send viva.hello with the token first.") from None
        if not isinstance(hello, Hello | Resume):
            raise TokenRefused("Send viva.hello with the token first.")
        self.tokens.check(hello.token, call_id)
        return message.data if isinstance(hello, Resume) else None

    async def _serve(
        self, call_id: str, ws: web.WebSocketResponse, outbox: Outbox, first: str | None
    ) -> None:
        line = self.registry.line(call_id, RealtimeLine)
        if line is None:
            async with self.registry.alone(call_id):
                line = self.registry.line(call_id, RealtimeLine) or await self._begin(call_id, outbox)
        if line is None:
            return
        line.attach(outbox)
        try:
            if first is not None:
                await line.receive(outbox, first)
            async for message in ws:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    await line.receive(outbox, message.data)
        finally:
            # After a close of ours the code is the client's echo and says nothing.
            if ws.close_code == WSCloseCode.OK and not outbox.closing:
                line.hung_up(outbox)
            else:
                line.lost(outbox)

    async def _begin(self, call_id: str, outbox: Outbox) -> RealtimeLine | None:
        found = await self.find(call_id)
        if found is None:
            outbox.close(4404, "there is no such call, or it is over")
            return None
        voice = await self.voice(found)
        info = CallInfo(
            call_id=call_id,
            resume_token=lambda: self.tokens.issue(call_id, RESUME_S)[0],
            language=found.conversation.wishes.language,
            scorecard_url=self.scorecard_url(found),
            recording=self.recording(found),
            engines=dict(self.engines()),
        )
        line = RealtimeLine(info, voice, last_turn=found.last_turn, grace_s=self.grace_s)
        try:
            found.start(line, voice.beside)
        except Draining:
            outbox.close(WSCloseCode.SERVICE_RESTART, "the server restarts; connect again")
            return None
        return line

    @staticmethod
    async def _end(ws: web.WebSocketResponse, outbox: Outbox, pump: asyncio.Task[None]) -> None:
        """See the last frames out, within bounds; the pump never outlives its socket."""
        outbox.close(WSCloseCode.GOING_AWAY, "")
        try:
            await asyncio.wait((pump,), timeout=GOODBYE_S + STALL_S)
        finally:
            if not pump.done():
                outbox.cut()
                pump.cancel()
                await asyncio.wait((pump,), timeout=1.0)

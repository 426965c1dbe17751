"""Retell as a `Line`: one call id over as many sockets as it takes.

A socket that dies abnormally leaves the call parked: replies wait for the next socket, which Retell opens
for the same call id. Only when none comes within the grace time is the line lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

import structlog

from interview.events import GREETING, EndReason, HungUp, TurnId
from server.line import Clauses, Note, Post
from server.retell_protocol import Received, RetellProtocol

GRACE_S: Final = 30.0
"""A dropped call may come back within this; Retell tries for about as long."""

log = structlog.get_logger("viva.retell")


class Socket(Protocol):
    """What the line needs of a WebSocket."""

    async def send(self, frame: bytes) -> None:
        """Raises ConnectionError when the socket is gone."""
        ...

    async def hang_up(self) -> None:
        """Close with 1000: Retell ends the call."""
        ...

    def drop(self) -> None:
        """Cut the connection without a close frame: Retell connects again."""
        ...


class RetellLine:
    """Sockets come and go through `attach` and `lost`; frames of the present one go into `receive`."""

    def __init__(
        self, call_id: str, protocol: RetellProtocol, *, greeted: bool, grace_s: float = GRACE_S
    ) -> None:
        self.protocol = protocol
        self._call_id, self._greeted, self._grace_s = call_id, greeted, grace_s
        self._socket: Socket | None = None
        self._attached = asyncio.Event()
        self._changed = asyncio.Event()
        self._over: EndReason | None = None
        self._stopped = TurnId(-1)
        self._post: Post | None = None
        self._ready = asyncio.Event()

    # --- sockets ---------------------------------------------------------------------------------

    async def attach(self, socket: Socket, *, configured: bool = False) -> None:
        """The newest socket wins: the one before is cut and ignored from here on.

        One that comes while the call is being closed is cut, too: its far side comes back and finds what is
        stored.
        """
        if self._over is not None:
            socket.drop()
            return
        before, self._socket = self._socket, socket
        self._attached.clear()  # nothing goes out on it before its config
        if before is not None:
            before.drop()
        try:
            if not configured:
                await socket.send(self.protocol.config())
            if self._greeted:
                await socket.send(self.protocol.nothing_to_say())
        except ConnectionError:
            self.lost(socket)
            return
        if socket is self._socket:
            self._attached.set()
            self._changed.set()

    @property
    def connected(self) -> bool:
        return self._socket is not None

    def lost(self, socket: Socket) -> None:
        """``socket`` broke. Unless another has taken its place, the grace time begins."""
        if socket is self._socket:
            self._socket = None
            self._attached.clear()
            self._changed.set()

    async def hung_up(self, socket: Socket) -> None:
        """The far side closed ``socket`` in good order: the call is over."""
        if socket is self._socket:
            self._finish(EndReason.HUNG_UP)

    def abandon(self) -> None:
        """The call died of a bug: cut the socket, so that Retell comes back and finds what was stored."""
        socket, self._socket = self._socket, None
        self._finish(EndReason.RESTART)
        self._ready.set()
        if socket is not None:
            socket.drop()

    def leave(self, reason: EndReason) -> None:
        """The server must let go of this call."""
        self._finish(reason)

    async def receive(self, socket: Socket, frame: bytes) -> dict[str, Any] | None:
        """Take one frame of ``socket``; call details are given back to the caller."""
        if socket is not self._socket:
            return None
        received: Received = self.protocol.receive(frame)
        for reply in received.replies:
            await socket.send(reply)
        if received.note:
            log.info("frame skipped", call_id=self._call_id, why=received.note, size=len(frame))
        if received.events:
            await self._ready.wait()
            post = self._post
            if self._over is not None or post is None:
                return received.details
            for event in received.events:
                await post(event)
        return received.details

    # --- Line ------------------------------------------------------------------------------------

    async def run(self, post: Post) -> None:
        self._post = post
        self._ready.set()
        try:
            while self._over is None:
                self._changed.clear()
                try:
                    async with asyncio.timeout(None if self._socket else self._grace_s):
                        await self._changed.wait()
                except TimeoutError:
                    self._finish(EndReason.LINE_LOST)
            if heard := self.protocol.last_heard():
                await post(heard)
            await post(HungUp(self._over))
        finally:
            self._post = None  # the call holds this line: without the way back it goes as soon as it is over

    async def speak(self, turn: TurnId, clauses: Clauses, ends: Callable[[], bool]) -> None:
        """Each clause is a frame. The goodbye's last clause carries the hang-up, so that it is spoken."""
        first, held = True, ""
        try:
            async for clause in clauses:
                text = clause.text
                if ends():
                    held, text = text, held
                    if not text:
                        continue
                await self._chunk(turn, text, first=first)
                first = False
            if held:
                await self._last(turn, held, first=first)
        except (Exception, asyncio.CancelledError) as trouble:
            if not isinstance(trouble, asyncio.CancelledError):
                await self._complete(turn)
            raise
        if not held:
            await self._complete(turn)
        if turn == GREETING:
            self._greeted = True

    async def stop(self, turn: TurnId) -> None:
        # Retell itself falls silent when the candidate speaks; what is left is to send nothing more.
        self._stopped = max(self._stopped, turn)

    def show(self, note: Note) -> None:
        """Retell's own page shows its own transcript; nothing of ours goes there."""

    async def close(self, reason: EndReason) -> None:
        socket, self._socket = self._socket, None
        self._finish(reason)
        if socket is None:
            return
        if reason in (EndReason.FINISHED, EndReason.PROVIDER_FAILED, EndReason.TIME_LIMIT):
            try:
                await socket.hang_up()
            except ConnectionError:
                return
        elif reason is not EndReason.HUNG_UP:
            # Any close code but 1000 kills the call at Retell; a cut connection makes it come back.
            socket.drop()

    # --- sending ---------------------------------------------------------------------------------

    async def _chunk(self, turn: TurnId, text: str, *, first: bool) -> None:
        await self._send(turn, lambda: self.protocol.chunk(turn, text, first=first))

    async def _complete(self, turn: TurnId) -> None:
        await self._send(turn, lambda: self.protocol.complete(turn))

    async def _last(self, turn: TurnId, text: str, *, first: bool) -> None:
        await self._send(turn, lambda: self.protocol.goodbye(turn, text, first=first))

    async def _send(self, turn: TurnId, make: Callable[[], bytes | None]) -> None:
        """Make the frame in the same step as it is sent, so that a stale one is never made.

        A frame that a broken socket did not take goes to the next one, unless it is stale by then.
        """
        frame: bytes | None = None
        while True:
            await self._attached.wait()
            socket = self._socket
            if turn <= self._stopped or turn < self.protocol.newest or self._over is not None:
                return
            if socket is None:
                continue
            frame = frame or make()
            if frame is None:
                return
            try:
                await socket.send(frame)
                return
            except ConnectionError:
                self.lost(socket)

    def _finish(self, reason: EndReason) -> None:
        if self._over is None:
            self._over = reason
        self._attached.set()
        self._changed.set()

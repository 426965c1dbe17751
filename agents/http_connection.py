"""One HTTP/1.1 connection: requests out, answers in, one after another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Final, cast

from agents.http_answer import Head, HttpAnswer, HttpFault

HIGH_WATER: Final = 256 << 10
"""Bytes of an answer that may lie unread; then the far side has to wait."""
REST_S: Final = 1.0
"""What is still to come of an answer nobody reads on must be there within this, or the connection goes."""


class Stale(Exception):
    """A connection that was idle turned out to be closed before a byte of the answer came."""


class Connection(asyncio.Protocol):
    """One connection, which carries one request at a time, and the book that its owner keeps of it.

    ``key``: whom it leads to. ``on_idle`` is told whenever it may carry another request, ``on_gone`` once.
    """

    def __init__(
        self,
        key: Hashable,
        on_idle: Callable[[Connection], None],
        on_gone: Callable[[Connection], None],
    ) -> None:
        self.key, self._on_idle, self._on_gone = key, on_idle, on_gone
        self.idle_since = 0.0
        self._loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[None] = self._loop.create_future()
        self._answer: HttpAnswer | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._rest: asyncio.TimerHandle | None = None
        self._lost: Exception | None = None
        self._paused = self._used = False

    # --- asyncio's side --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by class

    def data_received(self, data: bytes) -> None:
        if self._answer is None:
            self.abort()  # nobody asked
            return
        self._answer.feed(data)
        if self._rest is not None:
            self._settle()
        elif self._answer.held > HIGH_WATER and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        if self._answer is not None:
            self._answer.close()
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = exc or ConnectionResetError("the connection was closed")
        if self._answer is not None and exc is None:
            self._answer.close()
        if self._rest is not None:
            self._rest.cancel()
        self._on_gone(self)
        self._wake()
        if not self.gone.done():
            self.gone.set_result(None)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # --- the owner's side ------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        return self._lost is None and not self._transport.is_closing()

    async def ask(self, request: bytes, read_s: float | None, until: float | None) -> Reading:
        """Send the request, and wait for the head of its answer. Raises Stale, HttpFault, OSError."""
        used, self._used, answer = self._used, True, HttpAnswer()
        self._answer = answer
        reading = Reading(self, answer, read_s, until)
        self._transport.write(request)
        try:
            while (head := answer.head()) is None:
                await self.more(read_s, until)
        except (HttpFault, OSError) as trouble:
            if used and not answer.begun and not isinstance(trouble, TimeoutError):
                raise Stale from None
            raise
        reading.head = head
        return reading

    async def more(self, read_s: float | None, until: float | None) -> None:
        """Wait until there is more to read, or the end. Raises TimeoutError, ConnectionError."""
        if self._lost is not None:
            raise self._lost
        self._resume()
        loop = self._loop
        self._waiter = waiter = loop.create_future()
        left = None if until is None else until - loop.time()
        waits = [seconds for seconds in (read_s, left) if seconds is not None]
        timer = loop.call_later(max(min(waits), 0.0), _late, waiter) if waits else None
        try:
            await waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self._transport.resume_reading()

    def abort(self) -> None:
        self._transport.abort()

    def let_go(self) -> None:
        """The answer is not read on: keep the connection if what is left of it comes soon."""
        if self.alive and not self._settle():
            self._rest = self._loop.call_later(REST_S, self.abort)
            self._resume()

    def _settle(self) -> bool:
        """Pass over what has come of an answer nobody reads on; True when its connection is decided on."""
        assert self._answer is not None
        try:
            while self._answer.read():
                pass
        except HttpFault:
            self.abort()
            return True
        if not self._answer.ended:
            return False
        if self._rest is not None:
            self._rest.cancel()
        reusable, self._answer, self._rest = self._answer.reusable, None, None
        if reusable:
            self._on_idle(self)
        else:
            self.abort()
        return True


class Reading:
    """An answer whose head has come."""

    head: Head

    def __init__(
        self, connection: Connection, answer: HttpAnswer, read_s: float | None, until: float | None
    ) -> None:
        self._connection, self._answer = connection, answer
        self._read_s, self._until = read_s, until

    async def read(self) -> bytes:
        """The next piece of the body; b"" at its end. Raises HttpFault, TimeoutError, ConnectionError."""
        answer = self._answer
        while not (piece := answer.read()) and not answer.ended:
            await self._connection.more(self._read_s, self._until)
        return piece


def _late(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError("nothing came in time"))

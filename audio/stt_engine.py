"""Recognition engines in processes of their own: started, asked, killed, started again.

An engine never runs on the event loop nor in our memory: a crash, a hang or a leak in it costs one segment.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from audio.engine_frames import pack, take
from audio.stt import SttError, SttMissing, SttRefused, SttUnavailable
from audio.stt_worker import MAX_FRAME, REPLIES, Ask, Reply

T = TypeVar("T")

START_S: Final = 60.0
"""Loading a large model from a cold disk takes this long at worst."""
WAITING: Final = 32
"""Requests that may wait for a free process; one more is refused."""
COOL_DOWN_S: Final = 30.0
"""How long a process that died twice in a row is left alone."""
_ROOT: Final = Path(__file__).resolve().parent.parent
_CAUSES: Final[dict[str, type[SttError]]] = {"missing": SttMissing, "refused": SttRefused}


class EngineDied(Exception):
    """The process ended, or said something that is no reply."""


class Engine:
    """One running engine process. One request at a time; whoever leased it from the pool asks."""

    def __init__(
        self,
        adapter: str,
        process: subprocess.Popen[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._adapter, self._process = adapter, process
        self._reader, self._writer = reader, writer
        self._buffer = bytearray()
        self._number = 0
        self.note = ""
        self.alive = True

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ask(self, kind: str, data: bytes = b"", *, limit_s: float, **fields: Any) -> Reply:
        """Send and wait for the reply to this very request; one that came too late is passed over.

        Raises:
            EngineDied: the process is gone.
            SttError: the engine said why not, or did not answer in ``limit_s`` and was killed.
        """
        self._number += 1
        try:
            async with asyncio.timeout(limit_s):
                self._writer.write(pack(Ask(kind, self._number, fields), data))
                await self._writer.drain()
                reply = await self._reply()
        except TimeoutError:
            await self.kill()
            raise SttUnavailable(self._adapter, f"no answer within {limit_s:g} s") from None
        except OSError:
            await self.kill()
            raise EngineDied from None
        if reply.error:
            raise _CAUSES.get(reply.cause, SttUnavailable)(self._adapter, reply.error)
        return reply

    async def _reply(self) -> Reply:
        while True:
            try:
                made = take(self._buffer, REPLIES, MAX_FRAME)
            except ValueError:  # msgspec's errors are ValueErrors too
                await self.kill()
                raise EngineDied from None
            if made is not None and made[0].number == self._number:
                return made[0]
            if made is None:
                # Kept in a buffer of ours: a cancelled read must not lose half a frame.
                chunk = await self._reader.read(1 << 16)
                if not chunk:
                    await self.kill()
                    raise EngineDied
                self._buffer += chunk

    async def kill(self) -> None:
        """End it now and wait until it is gone. May be called twice."""
        self.alive = False
        self._process.kill()
        self._writer.close()
        await asyncio.shield(asyncio.to_thread(self._process.wait))
        with suppress(OSError):
            await self._writer.wait_closed()


class EnginePool:
    """At most ``size`` processes of one engine, started when first needed and kept for the next.

    ``module`` is run with ``python -m``; it calls `audio.stt_worker.serve`. ``config`` is what it loads from.
    """

    def __init__(
        self,
        adapter: str,
        module: str,
        config: Mapping[str, Any],
        *,
        size: int,
        start_s: float = START_S,
        waiting: int = WAITING,
        cool_down_s: float = COOL_DOWN_S,
    ) -> None:
        self._adapter, self._module, self._config = adapter, module, dict(config)
        self._start_s, self._waiting, self._cool_down_s = start_s, waiting, cool_down_s
        self._free = asyncio.Semaphore(size)
        self._idle: list[Engine] = []
        self._all: set[Engine] = set()
        self._loading: list[asyncio.Task[Engine]] = []
        self._queued = 0
        self._rest_until = 0.0
        self._closed = False
        self.note = ""

    @property
    def pids(self) -> tuple[int, ...]:
        return tuple(engine.pid for engine in self._all)

    async def warm(self) -> None:
        """Start one process if none runs, so that the first segment does not wait for the model.

        Raises:
            SttError: it cannot be started; the text says why.
        """
        if not self._all:
            await self.run(_nothing)

    async def run(self, work: Callable[[Engine], Awaitable[T]]) -> T:
        """``work`` with a process of its own; begun anew once, on another, when that one dies.

        Raises:
            SttUnavailable: no process is free soon, or two in a row died.
        """
        loop = asyncio.get_running_loop()
        for _ in range(2):
            if loop.time() < self._rest_until:
                raise SttUnavailable(self._adapter, "its process keeps dying; trying again shortly")
            with suppress(EngineDied):
                async with self._lease() as engine:
                    return await work(engine)
        self._rest_until = loop.time() + self._cool_down_s
        raise SttUnavailable(self._adapter, "its process died twice in a row")

    async def aclose(self) -> None:
        self._closed = True
        for task in self._loading:
            task.cancel()
        await asyncio.gather(*self._loading, return_exceptions=True)
        self._loading.clear()
        for engine in tuple(self._all):
            await engine.kill()
        self._all.clear()
        self._idle.clear()

    @asynccontextmanager
    async def _lease(self) -> AsyncIterator[Engine]:
        if self._queued >= self._waiting:
            raise SttUnavailable(self._adapter, f"{self._queued} segments are waiting already")
        self._queued += 1
        try:
            await self._free.acquire()
        finally:
            self._queued -= 1
        try:
            engine = self._idle.pop() if self._idle else await self._started()
            try:
                yield engine
            finally:
                if engine.alive and not self._closed:
                    self._idle.append(engine)
                else:
                    self._all.discard(engine)
        finally:
            self._free.release()

    async def _started(self) -> Engine:
        """A new engine. One that takes longer than its asker waits goes on loading, for the next to take."""
        task = self._loading.pop() if self._loading else asyncio.create_task(self._start())
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._loading.append(task)
            raise

    async def _start(self) -> Engine:
        if self._closed:
            raise SttUnavailable(self._adapter, "closed")
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            process = await _finish(asyncio.to_thread(self._spawn, theirs))
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        try:
            reader, writer = await asyncio.open_connection(sock=ours)
        except BaseException:  # cancelled in between: nobody else knows of the process
            process.kill()
            await asyncio.shield(asyncio.to_thread(process.wait))
            ours.close()
            raise
        engine = Engine(self._adapter, process, reader, writer)
        self._all.add(engine)
        try:
            loaded = await engine.ask("load", limit_s=self._start_s, **self._config)
        except BaseException:
            self._all.discard(engine)
            await engine.kill()
            raise
        engine.note = self.note = loaded.note
        return engine

    def _spawn(self, end: socket.socket) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", self._module],
            cwd=_ROOT,
            stdin=end.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the server, which closes its engines last
        )


async def _nothing(_: Engine) -> None:
    return None


async def _finish(
    starting: Awaitable[subprocess.Popen[bytes]],
) -> subprocess.Popen[bytes]:
    """The process that a thread starts; if we are cancelled meanwhile, none is left behind."""
    task = asyncio.ensure_future(starting)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if task.exception() is None:
            task.result().kill()
            await asyncio.to_thread(task.result().wait)
        raise

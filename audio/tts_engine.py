"""A synthesiser in a process of its own: started, spoken to, stopped, started again when it dies.

An engine never runs on the event loop nor in our memory: a crash or a hang in it costs one clause.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any, Final

from audio.engine_frames import pack, take
from audio.tts import Sound, TtsError, TtsMissing, TtsRefused, TtsUnavailable, WordTime
from audio.tts_worker import MAX_FRAME, PIECES, Order, Piece

START_S: Final = 20.0
"""Loading a neural model from a cold disk takes this long at worst; the others take a moment."""
SILENT_S: Final = 8.0
"""A process that gives no sound for this long, while it has nothing else to do, hangs: it is killed."""
MAX_TEXT: Final = 2000
"""Characters of one clause: what an owner may keep in memory at a time is bounded by this."""
WAITING: Final = 32
"""Clauses that the process may owe at a time; one more is refused."""
_ROOT: Final = Path(__file__).resolve().parent.parent
_CAUSES: Final[dict[str, type[TtsError]]] = {"missing": TtsMissing, "refused": TtsRefused}

_Made = tuple[Piece, bytes]


class _Child:
    """One running process and the reader of what it says.

    ``gone`` is set when it ended. ``spoke_at``: when it last said anything, to whomever.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.process, self._reader, self._writer = process, reader, writer
        self.gone = asyncio.Event()
        self.spoke_at = asyncio.get_running_loop().time()
        # The pieces of a clause wait here unread; MAX_TEXT bounds how much that is.
        self._waiting: dict[int, asyncio.Queue[_Made | None]] = {}
        self._task = asyncio.create_task(self._read(), name="tts engine")

    async def order(self, order: Order) -> asyncio.Queue[_Made | None]:
        """What comes back for ``order``; None: the process is gone."""
        made: asyncio.Queue[_Made | None] = asyncio.Queue()
        self._waiting[order.number] = made
        if self.gone.is_set():
            made.put_nowait(None)
            return made
        try:
            self._writer.write(pack(order))
            await self._writer.drain()
        except OSError:
            made.put_nowait(None)
        except BaseException:
            self.forget(order.number)
            raise
        return made

    def forget(self, number: int, *, stop: bool = True) -> None:
        self._waiting.pop(number, None)
        if stop and not self.gone.is_set():
            self._writer.write(pack(Order("stop", number)))

    async def kill(self) -> None:
        """End it now and wait until it is gone. May be called twice."""
        self.process.kill()
        await asyncio.shield(asyncio.to_thread(self.process.wait))
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()
        self._task.cancel()
        await asyncio.wait((self._task,))

    async def _read(self) -> None:
        buffer = bytearray()
        try:
            while chunk := await self._reader.read(1 << 16):
                buffer += chunk
                self.spoke_at = asyncio.get_running_loop().time()
                while (made := take(buffer, PIECES, MAX_FRAME)) is not None:
                    if queue := self._waiting.get(made[0].number):
                        queue.put_nowait(made)
        except (OSError, ValueError):
            pass
        finally:
            self.gone.set()
            for queue in self._waiting.values():
                queue.put_nowait(None)


class EngineTTS:
    """`audio.tts.TTS` on an engine process. ``module`` is run with ``python -m``; it calls ``serve``.

    ``voices`` maps slots to the engine's own voices, the first for a slot that is not there. The process is
    started by `warm` or when first needed, serves all calls in turn, and is replaced when it dies or hangs.
    """

    def __init__(
        self,
        name: str,
        note: str,
        rate: int,
        module: str,
        voices: Mapping[str, str],
        config: Mapping[str, Any] | None = None,
        *,
        start_s: float = START_S,
        silent_s: float = SILENT_S,
    ) -> None:
        self._name, self._note, self._rate, self._module = name, note, rate, module
        self._voices, self._config = dict(voices), dict(config or {})
        self._start_s, self._silent_s = start_s, silent_s
        self._child: _Child | None = None
        self._starting = asyncio.Lock()
        self._owed = self._number = 0
        self._closed = False

    @property
    def name(self) -> str:
        return self._name

    @property
    def note(self) -> str:
        return self._note

    @property
    def rate(self) -> int:
        return self._rate

    @property
    def pid(self) -> int | None:
        return self._child.process.pid if self._child else None

    async def warm(self) -> None:
        """Start the process, so that the first clause does not wait for it. Raises TtsError."""
        await self._ready()

    async def speak(
        self, clauses: AsyncIterator[str], voice: str, speed: float = 1.0
    ) -> AsyncGenerator[Sound, None]:
        own = self._voices.get(voice) or next(iter(self._voices.values()))
        clause, samples = 0, 0
        async for text in clauses:
            base_ms = samples * 1000 / self._rate
            async with aclosing(self._clause(text, own, speed)) as pieces:
                async for piece, pcm in pieces:
                    words = tuple(WordTime(word, round(base_ms + at)) for word, at in piece.words)
                    samples += len(pcm) // 2
                    yield Sound(pcm, clause, words)
            yield Sound(b"", clause, last=True)
            clause += 1

    async def aclose(self) -> None:
        self._closed = True
        child, self._child = self._child, None
        if child is not None:
            await child.kill()

    async def _clause(self, text: str, voice: str, speed: float) -> AsyncGenerator[_Made, None]:
        if len(text) > MAX_TEXT:
            raise TtsRefused(self._name, f"a clause of more than {MAX_TEXT} characters")
        if self._owed >= WAITING:
            raise TtsUnavailable(self._name, f"{WAITING} clauses are waiting already")
        self._owed += 1
        try:
            child = await self._ready()
            number = self._next()
            queue = await child.order(Order("speak", number, text, voice, speed))
            over = False
            try:
                while not over:
                    piece, pcm = await self._take(child, queue, self._silent_s)
                    over = piece.last
                    if pcm or piece.words:
                        yield piece, pcm
            finally:
                child.forget(number, stop=not over)
        finally:
            self._owed -= 1

    async def _take(self, child: _Child, queue: asyncio.Queue[_Made | None], limit_s: float) -> _Made:
        """The next piece. While the process speaks, to whomever, waiting for one's turn is no hang."""
        loop = asyncio.get_running_loop()
        began, made = loop.time(), None
        while True:
            try:
                async with asyncio.timeout_at(max(began, child.spoke_at) + limit_s):
                    made = await queue.get()
                break
            except TimeoutError:
                if max(began, child.spoke_at) + limit_s <= loop.time():
                    await self._drop(child)
                    raise TtsUnavailable(self._name, f"no sound within {limit_s:g} s") from None
        if made is None:
            await self._drop(child)
            raise TtsUnavailable(self._name, "its process died")
        if made[0].error:
            raise _CAUSES.get(made[0].cause, TtsUnavailable)(self._name, made[0].error)
        return made

    async def _ready(self) -> _Child:
        async with self._starting:
            if self._closed:
                raise TtsUnavailable(self._name, "closed")
            if self._child is not None and not self._child.gone.is_set():
                return self._child
            if self._child is not None:
                await self._drop(self._child)
            self._child = child = await self._start()
            try:
                number = self._next()
                queue = await child.order(Order("load", number, config=self._config))
                piece, _ = await self._take(child, queue, self._start_s)
                child.forget(number, stop=False)
                if piece.rate != self._rate:
                    raise TtsRefused(self._name, f"speaks at {piece.rate} samples a second")
            except BaseException:
                await self._drop(child)
                raise
            return child

    async def _start(self) -> _Child:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        spawning = asyncio.ensure_future(asyncio.to_thread(self._spawn, theirs))
        try:
            process = await asyncio.shield(spawning)
        except asyncio.CancelledError:
            await asyncio.wait((spawning,))
            if not spawning.cancelled() and spawning.exception() is None:
                spawning.result().kill()
                await asyncio.to_thread(spawning.result().wait)
            ours.close()
            raise
        except OSError as error:
            ours.close()
            raise TtsUnavailable(self._name, f"cannot be started: {type(error).__name__}") from None
        finally:
            theirs.close()
        try:
            return _Child(process, *await asyncio.open_connection(sock=ours))
        except BaseException:  # cancelled in between: nobody else knows of the process
            process.kill()
            await asyncio.shield(asyncio.to_thread(process.wait))
            ours.close()
            raise

    def _spawn(self, end: socket.socket) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", self._module],
            cwd=_ROOT,
            stdin=end.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the server, which closes its engines last
        )

    async def _drop(self, child: _Child) -> None:
        if self._child is child:
            self._child = None
        await child.kill()

    def _next(self) -> int:
        self._number += 1
        return self._number

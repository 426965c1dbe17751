"""Where speech is: one network for all calls, fed with one window per call and tick.

A `VadStream` takes a call's sound and hands back every window of 32 ms, in order, with the probability that
it holds speech. While nobody has spoken for a while, a cheap gate (WebRTC's detector at its strictest) keeps
the window from the network. It errs towards opening, and the network, which then begins anew, is late by no
window that counts.

`VadPool` judges the windows of all streams together. It never leaves a window out: what one pass cannot
take stays with its stream for the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
import webrtcvad

from audio.pcm import EAR_RATE, WIDTH
from audio.vad_silero import BATCH, CONTEXT, STATE, WINDOW, Floats, Silero

WINDOW_MS: Final = WINDOW * 1000 // EAR_RATE
TICK_S: Final = 0.008
"""How long windows of other calls are waited for: the most that batching adds to a verdict."""
TICK_PER_STREAM_S: Final = 0.00002
"""How long for each open stream. Few calls have little to gain by waiting for one another, and what comes
while others are served is judged together anyway: the busier the loop, the more of it."""

_LEAST_S = 0.002  # a shorter wait is not worth the loop's turn that it costs
_HANG = 16  # windows without voice after which the gate closes again
_ROOM = EAR_RATE  # samples a stream has room for as a rule
_MOST = 8 * EAR_RATE  # and at the most
_GATE_BYTES = EAR_RATE * 30 // 1000 * WIDTH  # the gate judges 10, 20 or 30 ms: 30 of the window's 32
_SCALE = np.float32(1 / 32768)

Judged = Callable[[bytes, float], None]
"""Told each window's PCM and probability. Must not raise."""
Lost = Callable[[int], None]
"""Told how many windows were given up, oldest first, because their stream was full."""


class SpeechGate:
    """Probabilities in, voice or not out: in at ``enter`` twice running, out below ``leave``."""

    def __init__(self, enter: float = 0.5, leave: float = 0.35, starts: int = 2) -> None:
        self._enter, self._leave, self._starts = enter, leave, starts
        self._run = 0
        self.voice = False

    def push(self, probability: float) -> bool:
        if self.voice:
            self.voice = probability >= self._leave
            return self.voice
        self._run = self._run + 1 if probability >= self._enter else 0
        if self._run >= self._starts:
            self.voice, self._run = True, 0
        return self.voice


class VadStream:
    """One call's sound at 16 kHz on its way to the network. Made by `VadPool.open`, closed by its owner."""

    def __init__(self, pool: VadPool, slot: int, judged: Judged, lost: Lost) -> None:
        self._pool, self.slot = pool, slot
        self.judged, self._lost = judged, lost
        self._sound: npt.NDArray[np.int16] = np.zeros(CONTEXT + _ROOM, np.int16)
        self._next = self._end = CONTEXT
        self._gate = webrtcvad.Vad(3) if pool.gated else None
        self._quiet = _HANG if pool.gated else 0

    def feed(self, pcm: bytes) -> None:
        """Take whole samples. A stream that is 8 s behind gives up its oldest windows and says so."""
        samples = np.frombuffer(pcm, "<i2")
        self._make_room(len(samples))
        if len(samples) > _MOST:
            samples = samples[-_MOST:]
        self._sound[self._end : self._end + len(samples)] = samples
        self._end += len(samples)
        if self._end - self._next >= WINDOW:
            self._pool.ready(self)

    def close(self) -> None:
        self._pool.closed(self)

    @property
    def pending(self) -> bool:
        return self._end - self._next >= WINDOW

    @property
    def nbytes(self) -> int:
        return self._sound.nbytes

    def take(self, into: Floats) -> bool:
        """Put the next window that the network must see into ``into``; False if there is none.

        Windows that the gate holds back are judged here and now: nobody speaks in them.
        """
        while self._gate is not None and self._quiet >= _HANG:
            if not self.pending:
                return False
            pcm = self._sound[self._next : self._next + WINDOW].tobytes()
            if self._gate.is_speech(pcm[:_GATE_BYTES], EAR_RATE):
                self._quiet = 0
            else:
                self._next += WINDOW
                self.judged(pcm, 0.0)
        if not self.pending:
            return False
        np.multiply(self._sound[self._next - CONTEXT : self._next + WINDOW], _SCALE, out=into)
        return True

    def give(self, probability: float) -> bool:
        """Hand back the window taken last; True when the network's state is to be forgotten."""
        pcm = self._sound[self._next : self._next + WINDOW].tobytes()
        self._next += WINDOW
        if self._gate is not None:
            voiced = probability >= 0.3 or self._gate.is_speech(pcm[:_GATE_BYTES], EAR_RATE)
            self._quiet = 0 if voiced else self._quiet + 1
        self.judged(pcm, probability)
        return self._gate is not None and self._quiet >= _HANG

    def _make_room(self, samples: int) -> None:
        waiting = self._end - self._next
        shrinks = len(self._sound) > CONTEXT + _ROOM and waiting + samples <= _ROOM
        if self._end + samples <= len(self._sound) and not shrinks:
            return
        over = waiting + samples - _MOST
        if over > 0:
            windows = min(-(-over // WINDOW), waiting // WINDOW)
            self._next += windows * WINDOW
            dropped = windows + max(samples - _MOST, 0) // WINDOW
            waiting = self._end - self._next
            self._lost(dropped)
        size = _ROOM if waiting + samples <= _ROOM else _MOST + WINDOW
        kept = self._sound[self._next - CONTEXT : self._end]
        if CONTEXT + size == len(self._sound):
            self._sound[: len(kept)] = kept.copy()
        else:
            self._sound = np.concatenate([kept, np.zeros(CONTEXT + size - len(kept), np.int16)])
        self._next, self._end = CONTEXT, CONTEXT + waiting


class VadPool:
    """One per server. ``gated=False`` shows every window to the network.

    ``silero`` is made by the owner, off the event loop: it reads a file.
    """

    def __init__(self, silero: Silero, gated: bool = True) -> None:
        self.gated = gated
        self._silero = silero
        self._h: Floats = np.zeros((16, STATE), np.float32)
        self._c: Floats = np.zeros((16, STATE), np.float32)
        self._free = list(range(16))
        self._ready: dict[VadStream, None] = {}
        self._woken = asyncio.Event()

    def open(self, judged: Judged, lost: Lost = lambda windows: None) -> VadStream:
        if not self._free:
            self._free = list(range(len(self._h), 2 * len(self._h)))
            self._h = np.concatenate([self._h, np.zeros_like(self._h)])
            self._c = np.concatenate([self._c, np.zeros_like(self._c)])
        slot = self._free.pop()
        self._forget(slot)
        return VadStream(self, slot, judged, lost)

    def ready(self, stream: VadStream) -> None:
        if stream.slot < 0:
            return
        self._ready[stream] = None
        self._woken.set()

    def closed(self, stream: VadStream) -> None:
        self._ready.pop(stream, None)
        if stream.slot >= 0:
            self._free.append(stream.slot)
            stream.slot = -1

    async def run(self) -> None:
        """Judge what comes, until cancelled."""
        while True:
            await self._woken.wait()
            # What came in the same turn of the loop is here by now.
            if (wait_s := min(TICK_S, TICK_PER_STREAM_S * (len(self._h) - len(self._free)))) >= _LEAST_S:
                await asyncio.sleep(wait_s)
            self._woken.clear()
            left = True
            while left:
                left = self.judge()
                await asyncio.sleep(0)  # a turn for the others

    def judge(self) -> bool:
        """One pass: a window each of up to BATCH streams. True while windows are left."""
        taken: list[VadStream] = []
        for stream in list(self._ready)[:BATCH]:
            del self._ready[stream]
            if stream.take(self._silero.windows[len(taken)]):
                taken.append(stream)
        if taken:
            self._pass(taken)
        return bool(self._ready)

    def _pass(self, taken: list[VadStream]) -> None:
        slots = [stream.slot for stream in taken]
        if len(taken) == 1:
            h, c = self._h[slots[0] : slots[0] + 1], self._c[slots[0] : slots[0] + 1]
            said = self._silero.step(1, h, c)
        else:
            h, c = self._h[slots], self._c[slots]
            said = self._silero.step(len(taken), h, c)
            self._h[slots], self._c[slots] = h, c
        for stream, probability in zip(taken, said, strict=True):
            if stream.slot < 0:  # closed by another's verdict in this very pass
                continue
            if stream.give(probability):
                self._forget(stream.slot)
            if stream.pending and stream.slot >= 0:
                self._ready[stream] = None

    def _forget(self, slot: int) -> None:
        self._h[slot] = 0
        self._c[slot] = 0

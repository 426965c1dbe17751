"""A recognition stream over an engine that takes whole pieces of sound, not a stream.

A long segment is cut where it is quiet and its parts are recognised while the person still speaks, so that
`commit` has to wait for the last part only, however long the answer was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

import numpy as np

from audio.pcm import EAR_RATE, WIDTH, bytes_of, ms_of
from audio.stt import Heard, OnPartial, SttError, SttRefused, SttUnavailable
from interview.delivery import SpokenWord

Recognise = Callable[[bytes], Awaitable[Heard]]
"""One piece of 16 kHz PCM to what was said in it; raises SttError."""

PART_S: Final = 28.0
"""Whisper looks at 30 s at a time, whatever it is given."""
SEARCH_S: Final = 6.0
"""A part is cut at the quietest place among this many seconds at its end."""
MAX_SEGMENT_S: Final = 900.0
"""Nobody speaks longer without a pause; a broken voice detection might."""
LEAST_MS: Final = 100.0
"""Less than this holds no word, and some servers answer it with an error."""
_QUIET_MS: Final = 100
_CLOSE_S: Final = 2.0


class SegmentStream:
    """An `SttStream` over ``recognise``.

    ``partial_every_s``: where recognition is cheap, the segment so far is recognised again each time that
    much more was said; None means that captions come with the parts.
    """

    def __init__(
        self,
        adapter: str,
        recognise: Recognise,
        on_partial: OnPartial,
        *,
        part_s: float = PART_S,
        partial_every_s: float | None = None,
        max_segment_s: float = MAX_SEGMENT_S,
    ) -> None:
        self._adapter, self._recognise, self._on_partial = adapter, recognise, on_partial
        self._part = bytes_of(part_s * 1000, EAR_RATE)
        self._every = bytes_of(partial_every_s * 1000, EAR_RATE) if partial_every_s else 0
        self._most_parts = int(max_segment_s / part_s)
        self._pcm = bytearray()
        self._parts: list[asyncio.Task[Heard]] = []
        self._lengths: list[float] = []
        self._caption: asyncio.Task[None] | None = None
        self._captioned = 0
        self._too_long = self._closed = False

    async def push(self, pcm: bytes) -> None:
        self._check_open()
        if self._too_long:
            return
        self._pcm += pcm
        while len(self._pcm) >= self._part and not self._too_long:
            self._too_long = len(self._parts) >= self._most_parts
            self._cut(quietest(self._pcm[: self._part]))
        if self._every and len(self._pcm) - self._captioned >= self._every and self._idle():
            self._captioned = len(self._pcm)
            self._caption = asyncio.create_task(self._show(bytes(self._pcm)))

    async def commit(self) -> Heard:
        self._check_open()
        parts, lengths, tail, too_long = self._parts, self._lengths, bytes(self._pcm), self._too_long
        await self._forget(keep=True)
        try:
            if too_long:
                raise SttRefused(self._adapter, "a segment without end: is it speech at all?")
            heard = [await part for part in parts]
            if ms_of(tail, EAR_RATE) >= LEAST_MS:
                heard.append(await self._recognise(tail))
                lengths.append(ms_of(tail, EAR_RATE) / 1000)
        finally:
            await _stop(parts)
        return join(heard, lengths)

    async def discard(self) -> None:
        self._check_open()
        await self._forget()

    async def aclose(self) -> None:
        self._closed = True
        await self._forget()

    def _check_open(self) -> None:
        if self._closed:
            raise SttUnavailable(self._adapter, "the stream is closed")

    def _idle(self) -> bool:
        return self._caption is None or self._caption.done()

    def _cut(self, at: int) -> None:
        part = bytes(self._pcm[:at])
        del self._pcm[:at]
        self._captioned = 0
        self._lengths.append(ms_of(part, EAR_RATE) / 1000)
        self._parts.append(asyncio.create_task(self._hear(part)))

    async def _hear(self, part: bytes) -> Heard:
        heard = await self._recognise(part)
        if not self._every:
            await self._show(b"", heard)
        return heard

    async def _show(self, tail: bytes, last: Heard | None = None) -> None:
        """Tell the caption: the parts that are recognised, and ``tail`` recognised in passing."""
        done = [p.result() for p in self._parts if p.done() and not p.cancelled() and p.exception() is None]
        with suppress(SttError):  # commit will say it
            if tail:
                last = await self._recognise(tail)
            texts = [heard.text for heard in (*done, last) if heard is not None and heard.text]
            if texts:
                self._on_partial(" ".join(texts))

    async def _forget(self, *, keep: bool = False) -> None:
        """Begin the next segment; with ``keep``, the parts' tasks have a new owner."""
        tasks: list[asyncio.Task[Heard]] | list[asyncio.Task[None]] = [] if keep else self._parts
        caption, self._caption = self._caption, None
        self._pcm = bytearray()
        self._parts, self._lengths, self._captioned, self._too_long = [], [], 0, False
        await _stop(tasks)
        if caption is not None:
            await _stop([caption])


def quietest(pcm: bytes | bytearray) -> int:
    """Where to cut ``pcm``, in bytes: the middle of the quietest tenth of a second near its end."""
    tail = np.frombuffer(bytes(pcm[-bytes_of(SEARCH_S * 1000, EAR_RATE) :]), dtype="<i2")
    frame = EAR_RATE * _QUIET_MS // 1000
    frames = tail[: len(tail) // frame * frame].reshape(-1, frame).astype(np.float32)
    if not len(frames):
        return len(pcm)
    at = len(frames) - 1 - int(np.argmin(np.square(frames[::-1]).mean(axis=1)))  # the last of several
    return len(pcm) - len(tail) * WIDTH + (at * frame + frame // 2) * WIDTH


def join(heard: Sequence[Heard], lengths_s: Sequence[float]) -> Heard:
    """The parts of one segment as one, on the segment's own clock."""
    words: list[SpokenWord] = []
    at = sure = weight = 0.0
    for part, length in zip(heard, lengths_s, strict=True):
        words += _placed(part.words, at, at + length)
        at += length
        if part.confidence is not None and part.text:
            sure, weight = sure + part.confidence * length, weight + length
    text = " ".join(part.text for part in heard if part.text)
    return Heard(text, tuple(words), sure / weight if weight else None)


def _placed(words: Sequence[SpokenWord], begin_s: float, end_s: float) -> list[SpokenWord]:
    """``words`` on the segment's clock; none before the one before it, and none past the end of its sound.

    Whisper, which always looks at half a minute, sometimes puts the last words there.
    """
    placed, at = [], begin_s
    for word in words:
        at = min(max(at, word.start_s + begin_s), end_s)
        placed.append(replace(word, start_s=at, end_s=min(max(at, word.end_s + begin_s), end_s)))
    return placed


async def _stop(tasks: Sequence[asyncio.Task[Heard]] | Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_CLOSE_S)
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()  # looked at: commit has said the first of them, or nobody asks any more

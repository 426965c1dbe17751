"""PocketSphinx: recognition with nothing to download, for trying Viva out. It hears many words wrongly."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from audio.pcm import EAR_RATE, bytes_of
from audio.stt import Heard, OnPartial, SttRefused, SttUnavailable
from audio.stt_engine import Engine, EnginePool
from audio.stt_http import primary
from interview.delivery import SpokenWord

NAME: Final = "pocketsphinx"
NOTE: Final = "a demo recogniser that needs no download; it mishears many words"
MAX_SEGMENT_S: Final = 120.0
PIECE_S: Final = 1.0
LIMIT_S: Final = 15.0
"""For one piece of a second, which takes a tenth of that on an idle machine."""


class PocketsphinxSTT:
    """At most ``decoders`` segments are decoded at a time, each in a process; further ones wait their turn.

    What is pushed meanwhile is kept, so waiting costs time, never words.
    """

    def __init__(self, *, decoders: int = 2, max_segment_s: float = MAX_SEGMENT_S) -> None:
        self._max_segment_s = max_segment_s
        self._pool = EnginePool(NAME, "audio.stt_pocketsphinx_worker", {}, size=decoders)

    @property
    def name(self) -> str:
        return NAME

    @property
    def note(self) -> str:
        return NOTE

    async def open(self, language: str, on_partial: OnPartial) -> PocketsphinxStream:
        if primary(language) != "en":
            raise SttRefused(NAME, f"it knows English only, not {language}")
        await self._pool.warm()
        return PocketsphinxStream(self._pool, on_partial, max_segment_s=self._max_segment_s)

    async def aclose(self) -> None:
        await self._pool.aclose()


@dataclass(slots=True)
class _Segment:
    """What was pushed, all of it: a decoder that dies is followed by one that hears it again."""

    pcm: bytearray = field(default_factory=bytearray)
    more: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False
    cut: bool = False


class PocketsphinxStream:
    """Recognition for one call; a task per segment feeds a decoder as the sound comes."""

    def __init__(self, pool: EnginePool, on_partial: OnPartial, *, max_segment_s: float) -> None:
        self._pool, self._on_partial = pool, on_partial
        self._most = bytes_of(max_segment_s * 1000, EAR_RATE)
        self._segment = _Segment()
        self._task: asyncio.Task[Heard] | None = None
        self._closed = False

    async def push(self, pcm: bytes) -> None:
        self._check_open()
        segment = self._segment
        segment.cut = segment.cut or len(segment.pcm) + len(pcm) > self._most
        if segment.cut:
            return
        segment.pcm += pcm
        segment.more.set()
        if self._task is None:
            self._task = asyncio.create_task(self._pool.run(lambda engine: self._decode(engine, segment)))

    async def commit(self) -> Heard:
        self._check_open()
        task, segment = self._task, self._segment
        self._task, self._segment = None, _Segment()
        if task is None:
            return Heard("")
        segment.ended = True
        segment.more.set()
        try:
            heard = await task
        finally:
            await _stop(task)
        if segment.cut:
            raise SttRefused(NAME, "the segment is too long for a demo recogniser")
        return heard

    async def discard(self) -> None:
        self._check_open()
        await self._forget()

    async def aclose(self) -> None:
        self._closed = True
        await self._forget()

    def _check_open(self) -> None:
        if self._closed:
            raise SttUnavailable(NAME, "the stream is closed")

    async def _forget(self) -> None:
        task, self._task, self._segment = self._task, None, _Segment()
        if task is not None:
            await _stop(task)

    async def _decode(self, engine: Engine, segment: _Segment) -> Heard:
        piece, at, kind, shown = bytes_of(PIECE_S * 1000, EAR_RATE), 0, "begin", ""
        while True:
            if at < len(segment.pcm):
                data = bytes(segment.pcm[at : at + piece])
                at += len(data)
                text = (await engine.ask(kind, data, limit_s=LIMIT_S)).text
                kind = "more"
                if text and text != shown:
                    shown = text
                    self._on_partial(text)
            elif segment.ended:
                break
            else:
                segment.more.clear()
                await segment.more.wait()
        last = await engine.ask("end", limit_s=LIMIT_S)
        return Heard(last.text, tuple(SpokenWord(*word) for word in last.words), last.confidence)


async def _stop(task: asyncio.Task[Heard]) -> None:
    task.cancel()
    await asyncio.wait([task], timeout=2.0)
    if task.done() and not task.cancelled():
        task.exception()  # looked at: commit has said it, or nobody asks any more

"""Moonshine's small English model: real recognition with nothing to download, in a process of its own."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from audio.stt import Heard, OnPartial, SttMissing, SttRefused
from audio.stt_engine import Engine, EnginePool
from audio.stt_http import primary
from audio.stt_segments import SegmentStream
from interview.delivery import SpokenWord

NAME: Final = "moonshine"
NOTE: Final = "Moonshine (tiny, English) on this machine"
PART_S: Final = 9.0
"""It was trained on short pieces and repeats itself in long ones."""
CAPTION_S: Final = 1.5
"""A pass over a piece takes a tenth of its length on one core."""
LIMIT_S: Final = 20.0


def installed() -> bool:
    return find_spec("moonshine_voice") is not None


class MoonshineSTT:
    """One recogniser for all calls; pieces wait in line."""

    def __init__(self, *, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._pool = EnginePool(NAME, "audio.stt_moonshine_worker", {}, size=1)

    @property
    def name(self) -> str:
        return NAME

    @property
    def note(self) -> str:
        return NOTE

    async def open(self, language: str, on_partial: OnPartial) -> SegmentStream:
        if primary(language) != "en":
            raise SttRefused(NAME, f"it knows English only, not {language}")
        if not installed():
            raise SttMissing(NAME, "it is not installed; pip install 'viva[moonshine]' brings it")
        await self._pool.warm()
        return SegmentStream(NAME, self._recognise, on_partial, part_s=PART_S, partial_every_s=CAPTION_S)

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def _recognise(self, pcm: bytes) -> Heard:
        return await self._pool.run(lambda engine: self._pass(engine, pcm))

    async def _pass(self, engine: Engine, pcm: bytes) -> Heard:
        reply = await engine.ask("hear", pcm, limit_s=self._limit_s)
        return Heard(reply.text, tuple(SpokenWord(*word) for word in reply.words), reply.confidence)

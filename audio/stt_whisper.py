"""Whisper through faster-whisper, from a folder on this machine, in a process of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from audio.stt import Heard, OnPartial, SttMissing
from audio.stt_engine import Engine, EnginePool
from audio.stt_http import primary
from audio.stt_segments import SegmentStream
from interview.delivery import SpokenWord

NAME: Final = "whisper"
LIMIT_S: Final = 30.0
"""For one pass over at most half a minute: a tenth of it with the small models on one processor core."""
CAPTION_S: Final = 0.8
"""On a graphics processor a pass is cheap enough to be repeated this often for captions."""
NEEDED: Final = ("model.bin", "config.json", "tokenizer.json")


def missing_files(folder: Path) -> tuple[str, ...]:
    """Which files of a Whisper model in CTranslate2's format ``folder`` lacks. Looks at the disk."""
    lacks = [name for name in NEEDED if not (folder / name).is_file()]
    if not any((folder / name).is_file() for name in ("vocabulary.json", "vocabulary.txt")):
        lacks.append("vocabulary.json")
    return tuple(lacks)


class WhisperSTT:
    """One recogniser for all calls; segments wait in line. ``threads``: cores for a pass, 1 or 2."""

    def __init__(
        self, folder: Path, *, threads: int = 1, device: str = "auto", limit_s: float = LIMIT_S
    ) -> None:
        self._folder, self._limit_s = folder.absolute(), limit_s
        config = {"path": str(self._folder), "threads": threads, "device": device}
        self._pool = EnginePool(NAME, "audio.stt_whisper_worker", config, size=1)

    @property
    def name(self) -> str:
        return NAME

    @property
    def note(self) -> str:
        on = {"cuda": ", on the graphics processor", "cpu": ", on the processor"}.get(self._pool.note, "")
        return f"Whisper ({self._folder.name}) on this machine{on}"

    async def open(self, language: str, on_partial: OnPartial) -> SegmentStream:
        lacks = await asyncio.to_thread(missing_files, self._folder)
        if lacks:
            raise SttMissing(
                NAME,
                f"no model in {self._folder} (it lacks {', '.join(lacks)}): "
                "run `viva models pull whisper-base.en`, or set VIVA_WHISPER_MODEL to a model's folder",
            )
        await self._pool.warm()

        async def recognise(pcm: bytes) -> Heard:
            return await self._pool.run(lambda engine: self._pass(engine, pcm, primary(language)))

        every = CAPTION_S if self._pool.note == "cuda" else None
        return SegmentStream(NAME, recognise, on_partial, partial_every_s=every)

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def _pass(self, engine: Engine, pcm: bytes, language: str) -> Heard:
        reply = await engine.ask("hear", pcm, limit_s=self._limit_s, language=language)
        return Heard(reply.text, tuple(SpokenWord(*word) for word in reply.words), reply.confidence)

"""The sound of fixed lines, kept: in memory for a while, on disk for good.

Only lines that ``admits`` lets in are kept. It must refuse whatever may hold a person's words or name: what
is here outlives the interview.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from audio.tts import WordTime

MEMORY: Final = 32 << 20
"""Bytes of sound in memory: eleven minutes at 24 kHz."""
LONGEST: Final = 2 << 20
"""Bytes of one line: what is longer is no fixed line."""


@dataclass(frozen=True, slots=True)
class Line:
    """What is kept by: who speaks (engine, voice, speed) and what."""

    engine: str
    voice: str
    speed: float
    text: str

    def key(self) -> str:
        parts = (self.engine, self.voice, f"{self.speed:.2f}", self.text)
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Kept:
    """``pcm`` at ``rate``, as the engine made it."""

    rate: int
    words: tuple[WordTime, ...]
    pcm: bytes


class _Head(msgspec.Struct):
    rate: int
    words: list[tuple[str, int]]
    size: int


_heads = msgspec.json.Decoder(_Head)


class LineCache:
    """``folder`` None: memory only. The disk is looked at once per line and process, off the loop."""

    def __init__(
        self, folder: Path | None, *, admits: Callable[[str], bool], memory_bytes: int = MEMORY
    ) -> None:
        self._folder, self._memory_bytes = folder, memory_bytes
        self.admits = admits
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._size = 0

    async def get(self, line: Line, rate: int) -> Kept | None:
        """The sound of ``line`` at ``rate``; None if it is not kept, or cannot be read."""
        key = line.key()
        kept = self._kept.get(key)
        if kept is None and self._folder is not None:
            kept = await asyncio.to_thread(_read, self._folder / key)
            if kept is not None:
                self._remember(key, kept)
        if kept is None or kept.rate != rate:
            return None
        if key in self._kept:
            self._kept.move_to_end(key)
        return kept

    async def put(self, line: Line, kept: Kept) -> None:
        """Keep it. A disk that cannot be written costs the next process a synthesis, nothing more."""
        if not kept.pcm or len(kept.pcm) > LONGEST or not self.admits(line.text):
            return
        self._remember(line.key(), kept)
        if self._folder is not None:
            await asyncio.to_thread(_write, self._folder, line.key(), kept)

    def _remember(self, key: str, kept: Kept) -> None:
        if before := self._kept.pop(key, None):
            self._size -= len(before.pcm)
        self._kept[key] = kept
        self._size += len(kept.pcm)
        while self._size > self._memory_bytes and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._size -= len(oldest.pcm)


def _read(path: Path) -> Kept | None:
    try:
        head, _, pcm = path.read_bytes().partition(b"\n")
        read = _heads.decode(head)
    except (OSError, msgspec.MsgspecError):
        return None
    if len(pcm) != read.size or len(pcm) > LONGEST:
        return None
    return Kept(read.rate, tuple(WordTime(text, at_ms) for text, at_ms in read.words), pcm)


def _write(folder: Path, key: str, kept: Kept) -> None:
    head = _Head(kept.rate, [(word.text, word.at_ms) for word in kept.words], len(kept.pcm))
    # Written aside and renamed: two processes that fill one line leave one of them, never half of both.
    aside = folder / f"{key}.{secrets.token_hex(4)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(msgspec.json.encode(head) + b"\n" + kept.pcm)
        os.replace(aside, folder / key)
    except OSError:
        with suppress(OSError):
            aside.unlink()

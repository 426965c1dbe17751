"""Speech recognition that follows a script of time: what each segment says, when, or how it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from audio.pcm import EAR_RATE, ms_of
from audio.stt import Heard, OnPartial, SttError
from interview.delivery import SpokenWord


@dataclass(frozen=True, slots=True)
class Says:
    """Recognised as ``text``, ``takes_s`` after the commit. ``partials``: ms of sound pushed → text so far.

    ``gate``: wait for it instead; one that nobody sets is an engine that hangs. ``word_ms``: give word times,
    one word after the other, each that long.
    """

    text: str
    takes_s: float = 0.0
    partials: Sequence[tuple[float, str]] = ()
    gate: asyncio.Event | None = None
    word_ms: int | None = None


Script = Says | SttError
Rule = Callable[[int, bytes], Script]


@dataclass(slots=True)
class Segment:
    """What became of one segment: its sound, and whether it was committed or discarded."""

    stream: int
    pcm: bytearray = field(default_factory=bytearray)
    ended: str = ""

    @property
    def ms(self) -> float:
        return ms_of(bytes(self.pcm), EAR_RATE)


class ScriptedSTT:
    """Implements `audio.stt.STT`: the n-th segment plays the n-th script, later ones what ``rule`` makes.

    Without a rule, later segments are silence. ``opens``: what each opening raises or waits for, in order.
    """

    name = "scripted"
    note = "plays a script"

    def __init__(
        self,
        *scripts: Script | str,
        rule: Rule | None = None,
        opens: Sequence[SttError | asyncio.Event | None] = (),
    ) -> None:
        self._scripts = [Says(script) if isinstance(script, str) else script for script in scripts]
        self._rule, self._opens = rule, list(opens)
        self.segments: list[Segment] = []
        self.opened = self.closed = 0

    def script(self, segment: int) -> Script:
        if segment < len(self._scripts):
            return self._scripts[segment]
        if self._rule is not None:
            return self._rule(segment, bytes(self.segments[segment].pcm))
        return Says("")

    async def open(self, language: str, on_partial: OnPartial) -> ScriptedStream:
        self.opened += 1
        match self._opens.pop(0) if self._opens else None:
            case SttError() as error:
                raise error
            case asyncio.Event() as gate:
                await gate.wait()
            case None:
                pass
        return ScriptedStream(self, self.opened, on_partial)

    async def aclose(self) -> None:
        pass


class ScriptedStream:
    def __init__(self, stt: ScriptedSTT, number: int, on_partial: OnPartial) -> None:
        self._stt, self._number, self._on_partial = stt, number, on_partial
        self._at: int | None = None
        self._shown = 0
        self._closed = False

    async def push(self, pcm: bytes) -> None:
        if self._at is None:
            self._at, self._shown = len(self._stt.segments), 0
            self._stt.segments.append(Segment(self._number))
        segment = self._stt.segments[self._at]
        segment.pcm += pcm
        if len(self._stt._scripts) <= self._at:
            return
        script = self._stt.script(self._at)
        if isinstance(script, Says):
            for ms, text in script.partials[self._shown :]:
                if segment.ms >= ms:
                    self._shown += 1
                    self._on_partial(text)

    async def commit(self) -> Heard:
        if self._at is None:
            return Heard("")
        at, self._at = self._at, None
        self._stt.segments[at].ended = "committed"
        script = self._stt.script(at)
        if isinstance(script, SttError):
            raise script
        if script.gate is not None:
            await script.gate.wait()
        await asyncio.sleep(script.takes_s)
        return Heard(script.text, self._words(script), 0.9)

    async def discard(self) -> None:
        if self._at is not None:
            self._stt.segments[self._at].ended = "discarded"
            self._at = None

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._stt.closed += 1

    @staticmethod
    def _words(script: Says) -> tuple[SpokenWord, ...]:
        if script.word_ms is None:
            return ()
        step = script.word_ms / 1000
        return tuple(SpokenWord(word, i * step, (i + 1) * step) for i, word in enumerate(script.text.split()))

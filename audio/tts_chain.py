"""Several synthesisers behind one port: when one fails, the next speaks on, even from mid-clause."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from audio.pcm import ms_of
from audio.resample import Resampler
from audio.tts import TTS, Sound, TtsError, TtsMissing, TtsUnavailable, WordTime
from audio.tts_engine import EngineTTS

SOUND_S: Final = 4.0
"""An engine that owes sound and gives none for this long is passed over."""
REST_S: Final = 30.0
"""For how long an engine that failed is not asked first …"""
REFUSED_REST_S: Final = 300.0
"""… and one whose key, voice or installation is wrong."""
_CHAR_MS: Final = 65.0

OnFallback = Callable[[str, TtsError], None]
"""Told which engine was left, and why."""


@dataclass(slots=True)
class _Given:
    """A clause that an engine was given. ``number``: its ordinal; ``resumed``: another spoke words of it."""

    number: int
    text: str
    words: list[WordTime] = field(default_factory=list)
    ms: float = 0.0
    resumed: bool = False

    def rest(self) -> str:
        """What has not sounded. The word that sounded last is said again: it may have been half a word."""
        if self.words:
            at = 0
            for word in self.words:
                found = self.text.casefold().find(word.text.casefold(), at)
                at = found if found >= 0 else at
            return self.text[at:]
        share = min(int(self.ms / _CHAR_MS), len(self.text))
        return self.text[self.text.rfind(" ", 0, share + 1) + 1 :] if self.ms else self.text


@dataclass(slots=True)
class _Run:
    """One engine's part of a reply. ``given`` and ``finished`` count clauses of this engine."""

    sound_s: float
    given: list[_Given] = field(default_factory=list)
    finished: int = 0
    limit: asyncio.Timeout | None = None

    def arm(self) -> None:
        """The wait for sound is bounded while some is owed."""
        if self.limit is not None and not self.limit.expired():
            owed = self.finished < len(self.given)
            now = asyncio.get_running_loop().time()
            self.limit.reschedule(now + self.sound_s if owed else None)

    def left(self) -> list[_Given]:
        """What the next engine has to say of what this one was given."""
        return [_Given(g.number, g.rest(), resumed=bool(g.words)) for g in self.given[self.finished :]]


class TtsChain:
    """``engines`` in the order of preference; ``rate`` is the first one's, whoever speaks.

    ``name`` and ``note`` are those of the engine that would be asked next. A chain of none raises TtsMissing.
    """

    def __init__(
        self,
        engines: Sequence[TTS],
        *,
        on_fallback: OnFallback = lambda _name, _error: None,
        sound_s: float = SOUND_S,
        rest_s: float = REST_S,
    ) -> None:
        self._engines, self._on_fallback = tuple(engines), on_fallback
        self._sound_s, self._rest_s = sound_s, rest_s
        self._rests: dict[str, float] = {}

    @property
    def name(self) -> str:
        order = self._order()
        return order[0].name if order else "none"

    @property
    def note(self) -> str:
        order = self._order()
        return order[0].note if order else "no voice is on this machine"

    @property
    def rate(self) -> int:
        return self._engines[0].rate if self._engines else 16_000

    async def speak(
        self, clauses: AsyncIterator[str], voice: str, speed: float = 1.0
    ) -> AsyncGenerator[Sound, None]:
        trouble: TtsError = TtsMissing("tts", "no voice is here: pip install 'viva[espeak]' brings one")
        again: deque[_Given] = deque()
        counted = [0]
        ms = 0.0
        for engine in self._order():
            run = _Run(self._sound_s)
            given = self._given(clauses, again, counted, run)
            try:
                async with (
                    aclosing(given),
                    aclosing(engine.speak(given, voice, speed)) as stream,
                    aclosing(self._heard(engine, stream, run, ms)) as sounds,
                ):
                    async for sound in sounds:
                        ms += ms_of(sound.pcm, self.rate)
                        yield sound
                return
            except TtsError as error:
                trouble = error
                self._rest(engine, error)
                self._on_fallback(engine.name, error)
                again.extendleft(reversed(run.left()))
        raise trouble

    async def warm(self) -> None:
        """Start the process of the engine that will be asked first, so that no greeting waits for it."""
        for engine in self._order():
            if not isinstance(engine, EngineTTS):
                return
            try:
                await engine.warm()
                return
            except TtsError as error:
                self._rest(engine, error)
                self._on_fallback(engine.name, error)

    async def aclose(self) -> None:
        for engine in self._engines:
            await engine.aclose()

    async def _given(
        self, clauses: AsyncIterator[str], again: deque[_Given], counted: list[int], run: _Run
    ) -> AsyncGenerator[str, None]:
        """What one engine is to speak: what an earlier one left, then what comes."""
        while True:
            if again:
                clause = again.popleft()
            else:
                try:
                    text = await anext(clauses)
                except StopAsyncIteration:
                    return
                clause = _Given(counted[0], text)
                counted[0] += 1
            run.given.append(clause)
            run.arm()
            yield clause.text

    async def _heard(
        self, engine: TTS, stream: AsyncGenerator[Sound, None], run: _Run, base_ms: float
    ) -> AsyncGenerator[Sound, None]:
        """One engine's sound, at our rate and on our time line. Raises TtsError, also when none comes."""
        resampler = Resampler(engine.rate, self.rate)
        while True:
            try:
                async with asyncio.timeout(None) as limit:
                    run.limit = limit
                    run.arm()
                    sound = await anext(stream)
            except StopAsyncIteration:
                break
            except TimeoutError:
                raise TtsUnavailable(engine.name, f"no sound within {self._sound_s:g} s") from None
            finally:
                run.limit = None
            clause = run.given[sound.clause]
            # The word that is said again was counted with the engine before.
            fresh = sound.words[1:] if clause.resumed and not clause.words else sound.words
            clause.words += sound.words
            clause.ms += ms_of(sound.pcm, engine.rate)
            words = tuple(WordTime(word.text, round(base_ms + word.at_ms)) for word in fresh)
            pcm = resampler.push(sound.pcm) + (resampler.flush() if sound.last else b"")
            run.finished += sound.last
            yield Sound(pcm, clause.number, words, sound.last)
        if run.finished < len(run.given):
            raise TtsUnavailable(engine.name, "it ended before the clause did")

    def _order(self) -> list[TTS]:
        """Those that do not rest; all, when all do."""
        try:
            now = asyncio.get_running_loop().time()
        except RuntimeError:
            now = 0.0
        awake = [engine for engine in self._engines if self._rests.get(engine.name, 0.0) <= now]
        return awake or list(self._engines)

    def _rest(self, engine: TTS, error: TtsError) -> None:
        rest_s = self._rest_s if isinstance(error, TtsUnavailable) else REFUSED_REST_S
        self._rests[engine.name] = asyncio.get_running_loop().time() + rest_s

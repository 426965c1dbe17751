"""One call's recognition: takes segments as they are spoken, hands back their words in order."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from audio.ear_events import EarsTrouble, TroubleCode
from audio.pcm import EAR_RATE, bytes_of
from audio.stt import STT, Heard, SttError, SttMissing, SttRefused, SttStream

log = logging.getLogger(__name__)

BACKLOG_BYTES: Final = bytes_of(10_000, EAR_RATE)
"""Sound that waits for a recogniser that does not take it; what exceeds it is missing from the words."""
CLOSING_S: Final = 2.0

TEXTS: Final = {
    TroubleCode.RECOGNITION_SLOW: (
        "I could not make out in time what you said. Please say it again, or type your answer."
    ),
    TroubleCode.RECOGNITION_FAILED: (
        "I could not make out what you said. Please say it again, or type your answer."
    ),
    TroubleCode.RECOGNITION_REFUSED: "Speech recognition is not available now. Please type your answers.",
}


@dataclass(frozen=True, slots=True)
class _Push:
    segment: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class _Commit:
    segment: int


@dataclass(frozen=True, slots=True)
class _Drop:
    segment: int


class Recogniser:
    """Owns the STT stream. `push`, `commit` and `drop` never wait; `run` does the work, until cancelled.

    A segment that fails, or takes longer than ``deadline_s`` for one step, is told as ``None``; its stream is
    closed, and the next segment gets a new one. ``trouble`` is told once, until a segment succeeds.
    """

    def __init__(
        self,
        stt: STT,
        language: str,
        *,
        partial: Callable[[int, str], None],
        recognised: Callable[[int, Heard | None], None],
        trouble: Callable[[EarsTrouble], None],
        deadline_s: float,
    ) -> None:
        self._stt, self._language, self._deadline_s = stt, language, deadline_s
        self._partial, self._recognised, self._trouble = partial, recognised, trouble
        self._waiting: deque[_Push | _Commit | _Drop] = deque()
        self._backlog = 0
        self._woken = asyncio.Event()
        self._stream: SttStream | None = None
        self._current = 0  # the segment the stream is in
        self._failed = 0
        self._troubled = self._surprised = False

    @property
    def backlog_bytes(self) -> int:
        return self._backlog

    def push(self, segment: int, pcm: bytes) -> None:
        if segment == self._failed:
            return
        if self._backlog + len(pcm) > BACKLOG_BYTES:
            self._tell(TroubleCode.RECOGNITION_SLOW)
            return
        self._backlog += len(pcm)
        self._add(_Push(segment, pcm))

    def commit(self, segment: int) -> None:
        self._add(_Commit(segment))

    def drop(self, segment: int) -> None:
        """Nobody waits for this segment's words any more."""
        self._waiting = deque(step for step in self._waiting if step.segment != segment)
        self._backlog = sum(len(step.pcm) for step in self._waiting if isinstance(step, _Push))
        self._add(_Drop(segment))

    async def run(self) -> None:
        try:
            await self._step(None)  # before anybody speaks: connections take their time
            while True:
                await self._woken.wait()
                self._woken.clear()
                while self._waiting:
                    step = self._waiting.popleft()
                    if isinstance(step, _Push):
                        self._backlog -= len(step.pcm)
                    if step.segment != self._failed:
                        await self._step(step)
        finally:
            await self._close()

    def _add(self, step: _Push | _Commit | _Drop) -> None:
        self._waiting.append(step)
        self._woken.set()

    async def _step(self, step: _Push | _Commit | _Drop | None) -> None:
        """One step within its deadline; None only connects."""
        try:
            async with asyncio.timeout(self._deadline_s):
                heard = await self._do(step)
        except TimeoutError:
            code, why = TroubleCode.RECOGNITION_SLOW, f"{self._stt.name}: no answer in {self._deadline_s:g} s"
        except (SttRefused, SttMissing) as error:
            code, why = TroubleCode.RECOGNITION_REFUSED, str(error)
        except SttError as error:
            code, why = TroubleCode.RECOGNITION_FAILED, str(error)
        except Exception as error:  # an adapter's bug costs its words, not the call's ears
            if not self._surprised:
                log.exception("recognition: %s broke its contract", self._stt.name)
            self._surprised = True
            code, why = TroubleCode.RECOGNITION_FAILED, f"{self._stt.name}: {type(error).__name__}"
        else:
            if isinstance(step, _Commit):
                self._recognised(step.segment, heard)
            return
        log.warning("recognition: %s", why)
        await self._close()
        self._current = 0
        self._tell(code)
        if step is not None:
            self._failed = step.segment
            self._recognised(step.segment, None)

    async def _do(self, step: _Push | _Commit | _Drop | None) -> Heard | None:
        if isinstance(step, _Drop) and self._current != step.segment:
            return None
        if self._stream is None:
            self._stream = await self._stt.open(self._language, self._hear)
        match step:
            case _Push(segment, pcm):
                self._current = segment
                await self._stream.push(pcm)
            case _Commit():
                heard = await self._stream.commit()
                self._current, self._troubled = 0, False
                return heard
            case _Drop():
                self._current = 0
                await self._stream.discard()
            case None:
                pass
        return None

    def _hear(self, text: str) -> None:
        if self._current:
            self._partial(self._current, text)

    def _tell(self, code: TroubleCode) -> None:
        if not self._troubled:
            self._troubled = True
            self._trouble(EarsTrouble(code, TEXTS[code]))

    async def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is None:
            return
        try:
            async with asyncio.timeout(CLOSING_S):
                await stream.aclose()
        except Exception as error:
            log.warning("recognition: %s: closing failed: %s", self._stt.name, type(error).__name__)

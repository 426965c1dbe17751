"""A call's sound beside the talking: kept where the candidate agreed, measured where they agreed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog

from audio.delivery import DeliveryMeter
from audio.pcm import EAR_RATE, ms_of
from audio.resample import Resampler
from interview.delivery import DeliveryReport, Measure, SpokenWord
from server.logs import safe_call_id
from server.recordings import Recorder, Recordings
from storage.ports import StorageError

CLOSE_S: Final = 30.0
"""How long the end of a call waits for its recording to reach the object store."""

MAX_PIECES: Final = 4096
"""Pieces of the interviewer's speech remembered between two answers; more than any reply has."""

log = structlog.get_logger("viva.sound")


@dataclass(frozen=True, slots=True)
class Agreed:
    """What the candidate agreed to. Nothing is kept or measured by default."""

    record_audio: bool = False
    audio_measurements: bool = False


class CallSound:
    """A `Tap` on one call. ``base_ms``: where its sound begins on the call's audio clock."""

    def __init__(self, recorder: Recorder | None, meter: DeliveryMeter | None, base_ms: int = 0) -> None:
        self.recorder, self.base_ms = recorder, base_ms
        self._meter = meter
        self._spoke: deque[tuple[int, int]] = deque(maxlen=MAX_PIECES)
        self._next_ms = base_ms
        self._paused_ms: int | None = None
        self._in: Resampler | None = None
        self._out: Resampler | None = None

    def begin(self, input_rate: int, output_rate: int) -> CallSound:
        """The rates are settled; sound may come."""
        self._in, self._out = Resampler(input_rate, EAR_RATE), Resampler(output_rate, EAR_RATE)
        return self

    def heard(self, pcm: bytes) -> None:
        if self._in is None or (self.recorder is None and self._meter is None):
            return
        pcm = self._in.push(pcm)
        if self.recorder is not None:
            self.recorder.heard(pcm)
        if self._meter is not None:
            self._meter.push(pcm)

    def sounded(self, pcm: bytes, at_ms: int | None) -> None:
        if self._out is None:
            return
        pcm = self._out.push(pcm)
        start = self._next_ms if at_ms is None else at_ms
        self._next_ms = start + round(ms_of(pcm, EAR_RATE))
        self._spoke.append((start, self._next_ms))
        if self.recorder is not None:
            self.recorder.sounded(pcm, at_ms)

    def paused(self, at_ms: int) -> None:
        self._paused_ms = at_ms if self._paused_ms is None else self._paused_ms
        if self.recorder is not None:
            self.recorder.paused(at_ms)

    def resumed(self, at_ms: int) -> None:
        paused_ms, self._paused_ms = self._paused_ms, None
        if paused_ms is not None:
            late = at_ms - paused_ms
            for place, (start, end) in enumerate(self._spoke):
                if end > paused_ms:
                    self._spoke[place] = (start + late, end + late)
            self._next_ms += late
        if self.recorder is not None:
            self.recorder.resumed(at_ms)

    def cut(self, at_ms: int) -> None:
        self._paused_ms = None
        while self._spoke and self._spoke[-1][1] > at_ms:
            start, _ = self._spoke.pop()
            if start < at_ms:
                self._spoke.append((start, at_ms))
                break
        if self.recorder is not None:
            self.recorder.cut(at_ms)

    def report(self, start_s: float, end_s: float, words: Sequence[SpokenWord]) -> DeliveryReport | None:
        """How the answer between two positions was spoken; None where it may not be measured."""
        if self._meter is None:
            return None
        report = self._meter.report(start_s, end_s, words)
        asked_s = sum(end - start for start, end in self._spoke if start < end_s * 1000) / 1000
        self._spoke.clear()
        return DeliveryReport({**report.measures, "talk_share": _talk_share(end_s - start_s, asked_s)})


def _talk_share(answered_s: float, asked_s: float) -> Measure:
    """The candidate's part of the exchange: their answer beside what the interviewer said before it."""
    if answered_s + asked_s <= 0:
        return Measure(None, "share", "nothing was said")
    return Measure(round(answered_s / (answered_s + asked_s), 2), "share")


async def open_sound(recordings: Recordings, call_id: str, agreed: Agreed) -> CallSound:
    """The tap of a call. A store that is away costs the recording, not the call."""
    recorder: Recorder | None = None
    if agreed.record_audio:
        try:
            recorder = await recordings.open(call_id)
        except StorageError as trouble:
            log.error("call is not recorded", call_id=safe_call_id(call_id), why=str(trouble))
    base_ms = recorder.tracks.base_ms if recorder is not None else 0
    return CallSound(recorder, DeliveryMeter(base_ms) if agreed.audio_measurements else None, base_ms)


@asynccontextmanager
async def keeping_sound(recordings: Recordings, sound: CallSound) -> AsyncIterator[None]:
    """Write the recording while the block runs; afterwards it is whole and in the store."""
    recorder = sound.recorder
    if recorder is None:
        yield
        return
    writing = asyncio.create_task(recorder.run(), name=f"recording {safe_call_id(recorder.call_id)}")
    try:
        yield
    finally:
        writing.cancel()
        await asyncio.wait((writing,), timeout=CLOSE_S)
        try:
            async with asyncio.timeout(CLOSE_S):
                await recordings.close(recorder)
        except TimeoutError:
            log.warning("recording stays in the data folder", why="the store is too slow")

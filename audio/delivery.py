"""How an answer was spoken, measured from its sound and its words. Measurements, never verdicts.

`DeliveryMeter` takes the microphone as it comes and keeps two numbers for each 32 ms: loudness and pitch. Its
memory is bounded; the sound itself is not kept. `report` reads one answer out of it.

Sources: pauses by length as in Campione & Véronis 2002 (below 200 ms, to 1 s, above); pitch variation as
the standard deviation of F0 in semitones (Hincks 2005; Traunmüller & Eriksson 1995).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from audio.pcm import EAR_RATE, WIDTH
from interview.delivery import DeliveryReport, Measure, SpokenWord

HOP: Final = 512
"""Samples between two readings: 32 ms."""
WINDOW: Final = 1024
_FFT: Final = 2048
_BATCH: Final = 31
"""Readings made in one go, about a second: the cost of a call into numpy is shared."""
MAX_MINUTES: Final = 10
_KEEP: Final = MAX_MINUTES * 60 * EAR_RATE // HOP
F0_RANGE: Final = (65.0, 400.0)
"""Hz; the range of adult speech."""
_PERIODIC: Final = 0.55
"""Normalised autocorrelation above which a window counts as voiced."""
_FLOOR_DB: Final = 35.0
"""Speech is what lies less than this below the answer's loudest parts."""
MIN_SPEECH_S: Final = 4.0
LOW_CONFIDENCE: Final = 0.5
# Sounds only: whether "like" or "so" fills or means something cannot be told from one word.
FILLERS: Final = re.compile(r"^(?:u+h*m+|u+h+|e+r+m?|a+h+|h+m+|m+h*m+)$", re.IGNORECASE)
_LAGS: Final = int(EAR_RATE / F0_RANGE[0]) + 2
_HANN: Final = np.hanning(WINDOW).astype(np.float32)
_OWN: Final = np.fft.irfft(np.abs(np.fft.rfft(_HANN, _FFT)) ** 2).clip(1e-9).astype(np.float32)
"""The window's own autocorrelation: divided out, so that long periods are not disfavoured (Boersma 1993)."""

Floats = NDArray[np.floating[Any]]


def readings(samples: Floats) -> tuple[Floats, Floats]:
    """Loudness in dBFS and pitch in Hz (NaN where unvoiced) of rows of `WINDOW` samples in -1..1.

    Pitch by normalised autocorrelation (Boersma 1993), refined by a parabola through the peak.
    """
    level = 10 * np.log10(np.mean(samples**2, axis=1) + 1e-10)
    centred = (samples - samples.mean(axis=1, keepdims=True)) * _HANN
    spectrum = np.fft.rfft(centred, _FFT)
    power = spectrum.real**2 + spectrum.imag**2
    shape = np.fft.irfft(power)[:, :_LAGS] / _OWN[:_LAGS]
    shape = shape / np.maximum(shape[:, :1], 1e-12)
    low, high = int(EAR_RATE / F0_RANGE[1]), int(EAR_RATE / F0_RANGE[0])
    lags = shape[:, low : high + 1]
    # The first peak that is nearly the best: the best alone may be a multiple of the period.
    best = lags.max(axis=1, keepdims=True)
    peak = np.zeros(lags.shape, bool)
    peak[:, 1:-1] = (
        (lags[:, 1:-1] >= lags[:, :-2]) & (lags[:, 1:-1] >= lags[:, 2:]) & (lags[:, 1:-1] >= 0.9 * best)
    )
    at = np.argmax(peak, axis=1) + low
    rows = np.arange(len(shape))
    before, here, after = shape[rows, at - 1], shape[rows, at], shape[rows, at + 1]
    bend = before - 2 * here + after
    shift = np.where(np.abs(bend) > 1e-9, 0.5 * (before - after) / np.where(bend == 0, 1, bend), 0.0)
    pitch = EAR_RATE / (at + shift.clip(-0.5, 0.5))
    voiced = peak.any(axis=1) & (here > _PERIODIC) & (level > -55)
    return level.astype(np.float32), np.where(voiced, pitch, np.nan).astype(np.float32)


class DeliveryMeter:
    """Loudness and pitch of the last ten minutes of a call, by position. About 150 KB when full."""

    def __init__(self, base_ms: int = 0) -> None:
        """``base_ms``: where it begins on the call's audio clock."""
        self._base = base_ms * EAR_RATE // 1000
        self._waiting = bytearray()
        self._level = np.empty(0, np.float32)
        self._pitch = np.empty(0, np.float32)
        self._first = 0

    def push(self, pcm: bytes) -> None:
        """The microphone's next piece, 16 kHz."""
        self._waiting += pcm
        if len(self._waiting) >= (_BATCH * HOP + WINDOW - HOP) * WIDTH:
            self._read(_BATCH)

    def _read(self, rows: int) -> None:
        size = (rows * HOP + WINDOW - HOP) * WIDTH
        sound = np.frombuffer(bytes(self._waiting[:size]), "<i2").astype(np.float32) / 32768
        level, pitch = readings(np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP])
        self._level = np.concatenate((self._level, level))[-_KEEP:]
        self._pitch = np.concatenate((self._pitch, pitch))[-_KEEP:]
        self._first += rows
        del self._waiting[: rows * HOP * WIDTH]

    def report(self, start_s: float, end_s: float, words: Sequence[SpokenWord]) -> DeliveryReport:
        """The measures of the answer between two positions of the call's clock, in seconds."""
        if (rows := (len(self._waiting) // WIDTH - (WINDOW - HOP)) // HOP) > 0:
            self._read(rows)
        offset = self._first - len(self._level)
        first, last = (int((seconds * EAR_RATE - self._base) / HOP) - offset for seconds in (start_s, end_s))
        if first < 0:
            return measure(self._level[:0], self._pitch[:0], end_s - start_s, words)
        return measure(self._level[first:last], self._pitch[first:last], end_s - start_s, words)


def measure(level: Floats, pitch: Floats, seconds: float, words: Sequence[SpokenWord]) -> DeliveryReport:
    """The report of one answer from its readings and words."""
    speech = level > max(float(np.quantile(level, 0.95)) - _FLOOR_DB, -60.0) if len(level) else level > 0
    spoken_s = float(speech.sum()) * HOP / EAR_RATE
    short = "" if spoken_s >= MIN_SPEECH_S else f"less than {MIN_SPEECH_S:g} s of speech was heard"
    no_words = "" if words else "the recogniser gave no words"
    minutes = seconds / 60
    voiced = pitch[speech & ~np.isnan(pitch)] if len(pitch) else pitch
    pauses = _pauses(speech)
    found: dict[str, Measure] = {
        "pace": _unless(short or no_words, lambda: len(words) / minutes, "words per minute"),
        "fillers": _unless(
            short or no_words,
            lambda: sum(bool(FILLERS.match(w.text.strip(".,?!"))) for w in words) / minutes,
            "per minute",
        ),
        "pauses_medium": _unless(short, lambda: float(((pauses >= 0.2) & (pauses < 1)).sum()), "count"),
        "pauses_long": _unless(short, lambda: float((pauses >= 1).sum()), "count"),
        "longest_pause": _unless(short, lambda: float(pauses.max(initial=0.0)), "seconds"),
        "speech_share": _unless(short, lambda: spoken_s / max(seconds, 1e-9), "share"),
        "pitch_variation": _unless(
            short or ("" if len(voiced) >= 40 else "too little voiced sound"),
            lambda: float(np.std(12 * np.log2(_inner(voiced)))),
            "semitones",
        ),
        "energy_variation": _unless(short, lambda: float(np.std(level[speech])), "dB"),
        "low_confidence_words": _unless(
            no_words or ("" if any(w.confidence is not None for w in words) else "no confidence is given"),
            lambda: float(sum(w.confidence is not None and w.confidence < LOW_CONFIDENCE for w in words)),
            "count",
        ),
    }
    return DeliveryReport(found)


def _unless(reason: str, value: Callable[[], float], unit: str) -> Measure:
    return Measure(None, unit, reason) if reason else Measure(round(value(), 2), unit)


def _pauses(speech: NDArray[np.bool_]) -> Floats:
    """Lengths in seconds of the silences between the first and the last speech."""
    at = np.flatnonzero(speech)
    if len(at) < 2:
        return np.empty(0, np.float32)
    gaps = np.diff(at) - 1
    return (gaps[gaps > 0] * (HOP / EAR_RATE)).astype(np.float32)


def _inner(pitch: Floats) -> Floats:
    """Without the outermost twentieths, where octave errors gather."""
    low, high = np.quantile(pitch, (0.05, 0.95))
    inner: Floats = pitch[(pitch >= low) & (pitch <= high)]
    return inner

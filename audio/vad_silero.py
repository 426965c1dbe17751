"""Silero, the voice activity detector, as plain matrix products: many streams, one window each, at once.

The network of version 6 for 16 kHz. Of a window of 512 samples, with the 64 before it in front and 64
mirrored behind, come four spectra (Hann, 256 samples, hop 128); four convolutions over time shrink them to
one vector, which feeds one LSTM step and a sigmoid. Taps that only ever meet padding are left out. Weights
and licence: ``audio/data/``, made by ``audio/data/export_silero.py``.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

WINDOW: Final = 512
"""Samples judged at a time: 32 ms."""
CONTEXT: Final = 64
"""Samples before the window that the network also looks at."""
STATE: Final = 128
BATCH: Final = 64
"""Windows per pass: more gain nothing, and a pass stays under about a millisecond."""

_FRAMES, _SPAN, _HOP, _BINS = 4, 256, 128, 129


class Silero:
    """The network and the room it works in: one for the whole process, used from one thread."""

    def __init__(self) -> None:
        with (files("audio") / "data" / "silero_v6.npz").open("rb") as file:
            raw = dict(np.load(file))

        def taps(name: str, first: int, last: int) -> Floats:
            """Taps ``first``..``last`` of a convolution as one matrix: (taps x inputs, outputs)."""
            return np.ascontiguousarray(
                raw[name].transpose(2, 1, 0)[first:last].reshape(-1, raw[name].shape[0])
            )

        self._window: Floats = raw["stft"][0, 0].copy()  # the spectrum's real part at 0 Hz is the Hann window
        self._k0, self._b0 = taps("conv0", 0, 3), raw["conv0_bias"]
        self._k1, self._b1 = taps("conv1", 0, 3), raw["conv1_bias"]
        self._k2, self._b2 = taps("conv2", 1, 3), raw["conv2_bias"]  # the first tap meets padding only
        self._k3, self._b3 = taps("conv3", 1, 2), raw["conv3_bias"]  # a single frame: both others do
        gates = np.concatenate([raw["lstm_input"][0].T, raw["lstm_state"][0].T])
        bias = raw["lstm_bias"][0, : 4 * STATE] + raw["lstm_bias"][0, 4 * STATE :]
        gates[:, : 3 * STATE] *= 0.5  # a sigmoid is a tanh of half, so all four gates take one tanh
        bias[: 3 * STATE] *= 0.5
        self._gates, self._gates_bias = np.ascontiguousarray(gates), bias
        self._out, self._out_bias = raw["out"][0, :, 0] * 0.5, float(raw["out_bias"][0]) * 0.5  # likewise
        self._room = _Room()
        self._views: dict[int, _Views] = {}

    def judge(self, windows: npt.NDArray[Any], h: Floats, c: Floats) -> Floats:
        """How likely each of ``windows`` holds speech, 0 to 1.

        ``windows``: up to BATCH rows of CONTEXT + WINDOW samples, -1 to 1. ``h``, ``c``: (rows, STATE), zeros
        at a stream's start; replaced in place by the state after the window.
        """
        rows = len(windows)
        views = self._views.get(rows)
        if views is None:
            views = self._views[rows] = _Views(self._room, rows)
        views.sound[:] = windows
        views.mirror[:] = windows[:, -2 : -2 - CONTEXT : -1]
        np.abs(np.fft.rfft(views.frames * self._window), out=views.spectra)

        y = np.dot(views.spectra_taps.reshape(rows * _FRAMES, -1), self._k0, out=views.y0)
        y += self._b0
        np.maximum(y.reshape(rows, _FRAMES, -1), 0, out=views.first)
        y = np.dot(views.first_taps.reshape(rows * 2, -1), self._k1, out=views.y1)
        y += self._b1
        np.maximum(y, 0, out=y)
        y = np.dot(y.reshape(rows, -1), self._k2, out=views.y2)
        y += self._b2
        np.maximum(y, 0, out=y)
        y = np.dot(y, self._k3, out=views.y3)
        y += self._b3
        np.maximum(y, 0, out=views.features)
        views.state[:] = h

        gates = np.dot(views.step, self._gates, out=views.gates)
        gates += self._gates_bias
        np.tanh(gates, out=gates)
        views.squashed += 1  # input, output, forget; the fourth is the candidate state
        views.squashed *= 0.5
        c *= views.forget
        c += np.multiply(views.input, views.candidate, out=views.y3)
        np.tanh(c, out=h)
        h *= views.output
        score: Floats = np.dot(np.maximum(h, 0, out=views.y3), self._out)
        score += np.float32(self._out_bias)
        np.tanh(score, out=score)
        score += 1
        score *= 0.5
        return score


class _Room:
    """Arrays for a full batch. Their borders stay zero: they are the padding of the convolutions."""

    def __init__(self) -> None:
        self.samples: Floats = np.zeros((BATCH, CONTEXT + WINDOW + CONTEXT), np.float32)
        self.spectra: Floats = np.zeros((BATCH, _FRAMES + 2, _BINS), np.float32)
        self.first: Floats = np.zeros((BATCH, _FRAMES + 1, STATE), np.float32)
        self.step: Floats = np.zeros((BATCH, 2 * STATE), np.float32)
        self.gates: Floats = np.zeros((BATCH, 4 * STATE), np.float32)
        self.y0: Floats = np.zeros((BATCH * _FRAMES, STATE), np.float32)
        self.y1: Floats = np.zeros((BATCH * 2, STATE // 2), np.float32)
        self.y2: Floats = np.zeros((BATCH, STATE // 2), np.float32)
        self.y3: Floats = np.zeros((BATCH, STATE), np.float32)


class _Views:
    """The parts of a room that a batch of ``rows`` uses: cut once, since cutting costs as much as adding."""

    def __init__(self, room: _Room, rows: int) -> None:
        strided = np.lib.stride_tricks.as_strided
        samples, spectra, first = room.samples[:rows], room.spectra[:rows], room.first[:rows]
        self.sound, self.mirror = samples[:, : CONTEXT + WINDOW], samples[:, CONTEXT + WINDOW :]
        row, one = samples.strides
        self.frames: Floats = strided(samples, (rows, _FRAMES, _SPAN), (row, _HOP * one, one))
        self.spectra = spectra[:, 1:-1]
        row, frame, one = spectra.strides
        self.spectra_taps: Floats = strided(spectra, (rows, _FRAMES, 3 * _BINS), (row, frame, one))
        self.first = first[:, 1:]
        row, frame, one = first.strides
        self.first_taps: Floats = strided(first, (rows, 2, 3 * STATE), (row, 2 * frame, one))
        self.step, self.gates = room.step[:rows], room.gates[:rows]
        self.features, self.state = self.step[:, :STATE], self.step[:, STATE:]
        self.squashed = self.gates[:, : 3 * STATE]
        self.input, self.output, self.forget, self.candidate = np.split(self.gates, 4, axis=1)
        self.y0, self.y1 = room.y0[: rows * _FRAMES], room.y1[: rows * 2]
        self.y2, self.y3 = room.y2[:rows], room.y3[:rows]

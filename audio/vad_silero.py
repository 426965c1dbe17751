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
        self._out, self._out_bias = raw["out"][0, :, 0].copy(), float(raw["out_bias"][0])
        self._rooms = {size: _Room(size) for size in (1, BATCH)}

    def judge(self, windows: npt.NDArray[Any], h: Floats, c: Floats) -> Floats:
        """How likely each of ``windows`` holds speech, 0 to 1.

        ``windows``: up to BATCH rows of CONTEXT + WINDOW samples, -1 to 1. ``h``, ``c``: (rows, STATE), zeros
        at a stream's start; replaced in place by the state after the window.
        """
        rows = len(windows)
        room = self._rooms[1 if rows == 1 else BATCH]
        samples, frames = room.samples[:rows], room.frames[:rows]
        samples[:, : CONTEXT + WINDOW] = windows
        samples[:, CONTEXT + WINDOW :] = windows[:, -2 : -2 - CONTEXT : -1]
        np.abs(np.fft.rfft(frames * self._window), out=room.spectra[:rows, 1:-1])

        y = np.dot(room.spectra_taps[:rows].reshape(rows * _FRAMES, -1), self._k0)
        y += self._b0
        np.maximum(y.reshape(rows, _FRAMES, -1), 0, out=room.first[:rows, 1:])
        y = np.dot(room.first_taps[:rows].reshape(rows * 2, -1), self._k1)
        y += self._b1
        np.maximum(y, 0, out=y)
        y = np.dot(y.reshape(rows, -1), self._k2)
        y += self._b2
        np.maximum(y, 0, out=y)
        y = np.dot(y, self._k3)
        y += self._b3
        step = room.step[:rows]
        np.maximum(y, 0, out=step[:, :STATE])
        step[:, STATE:] = h

        gates = np.dot(step, self._gates)
        gates += self._gates_bias
        np.tanh(gates, out=gates)
        squashed = gates[:, : 3 * STATE]  # input, output, forget; the fourth is the candidate state
        squashed += 1
        squashed *= 0.5
        c *= gates[:, 2 * STATE : 3 * STATE]
        c += gates[:, :STATE] * gates[:, 3 * STATE :]
        np.tanh(c, out=h)
        h *= gates[:, STATE : 2 * STATE]
        score = np.dot(np.maximum(h, 0), self._out)
        score += self._out_bias
        return np.asarray(1 / (1 + np.exp(-score)), dtype=np.float32)


class _Room:
    """Arrays of one batch size. Their borders stay zero: they are the padding of the convolutions."""

    def __init__(self, rows: int) -> None:
        strided = np.lib.stride_tricks.as_strided
        self.samples: Floats = np.zeros((rows, CONTEXT + WINDOW + CONTEXT), np.float32)
        row, one = self.samples.strides
        self.frames: Floats = strided(self.samples, (rows, _FRAMES, _SPAN), (row, _HOP * one, one))
        self.spectra: Floats = np.zeros((rows, _FRAMES + 2, _BINS), np.float32)
        row, frame, one = self.spectra.strides
        self.spectra_taps: Floats = strided(self.spectra, (rows, _FRAMES, 3 * _BINS), (row, frame, one))
        self.first: Floats = np.zeros((rows, _FRAMES + 1, STATE), np.float32)
        row, frame, one = self.first.strides
        self.first_taps: Floats = strided(self.first, (rows, 2, 3 * STATE), (row, 2 * frame, one))
        self.step: Floats = np.zeros((rows, 2 * STATE), np.float32)

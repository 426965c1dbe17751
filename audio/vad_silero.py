"""Silero, the voice activity detector, as plain matrix products: many streams, one window each, at once.

The network of version 6 for 16 kHz. Of a window of 512 samples, with the 64 before it in front and 64
mirrored behind, come four spectra (Hann, 256 samples, hop 128); four convolutions over time shrink them to
one vector, which feeds one LSTM step and a sigmoid. Taps that only ever meet padding are left out. Weights
and licence: ``audio/data/``, made by ``audio/data/export_silero.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from importlib.resources import files
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
_Bins = npt.NDArray[Any]

WINDOW: Final = 512
"""Samples judged at a time: 32 ms."""
CONTEXT: Final = 64
"""Samples before the window that the network also looks at."""
STATE: Final = 128
BATCH: Final = 64
"""Windows per pass: more gain nothing, and a pass stays under about a millisecond."""

_FRAMES, _SPAN, _HOP, _BINS = 4, 256, 128, 129
_HALF = STATE // 2


class Silero:
    """The network and the room it works in: one for the whole process, used from one thread.

    A window alone costs little more than its matrix products, because little else is done: a bias is the
    weight of an input that is always one, and whatever an operation needs is there in the shape it has.
    """

    def __init__(self) -> None:
        with (files("audio") / "data" / "silero_v6.npz").open("rb") as file:
            raw = dict(np.load(file))

        def taps(name: str, first: int, last: int, biased: int) -> Floats:
            """Taps ``first``..``last`` of a convolution as one matrix: (taps x (inputs + 1), outputs).

            The last input of each tap is one; that of tap ``biased``, which meets no padding, is the bias.
            """
            weights, bias = raw[name].transpose(2, 1, 0), raw[f"{name}_bias"]
            whole = np.zeros((len(weights), weights.shape[1] + 1, len(bias)), np.float32)
            whole[:, :-1], whole[biased, -1] = weights, bias
            return np.ascontiguousarray(whole[first:last].reshape(-1, len(bias)))

        self._window: Floats = raw["stft"][0, 0].copy()  # the spectrum's real part at 0 Hz is the Hann window
        self._k0, self._k1 = taps("conv0", 0, 3, 1), taps("conv1", 0, 3, 1)
        self._k2 = taps("conv2", 1, 3, 1)  # the first tap meets padding only
        self._k3 = taps("conv3", 1, 2, 1)  # a single frame: both others do
        bias = raw["lstm_bias"][0, : 4 * STATE] + raw["lstm_bias"][0, 4 * STATE :]
        gates = np.concatenate([raw["lstm_input"][0].T, raw["lstm_state"][0].T, bias[None]])
        gates[:, : 3 * STATE] *= 0.5  # a sigmoid is a tanh of half, so all four gates take one tanh
        self._gates: Floats = np.ascontiguousarray(gates)
        self._out, self._out_bias = raw["out"][0, :, 0].copy(), float(raw["out_bias"][0])
        self._transform = transform()
        self._room = _Room()
        self._views: dict[int, _Views] = {}
        self.windows: Floats = self._room.samples[:, : CONTEXT + WINDOW]
        """Where `step` finds its windows: BATCH rows of CONTEXT + WINDOW samples, -1 to 1."""

    def judge(self, windows: npt.NDArray[Any], h: Floats, c: Floats) -> list[float]:
        """`step`, for up to BATCH windows that lie elsewhere."""
        self.windows[: len(windows)] = windows
        return self.step(len(windows), h, c)

    def step(self, rows: int, h: Floats, c: Floats) -> list[float]:
        """How likely each of the first ``rows`` of ``windows`` holds speech, 0 to 1.

        ``h``, ``c``: (rows, STATE), zeros at a stream's start; replaced in place by what they are after it.
        """
        v = self._views.get(rows)
        if v is None:
            v = self._views[rows] = _Views(self._room, rows)
        v.mirror[:] = v.mirrored
        np.multiply(v.frames, self._window, out=v.shaped)
        self._transform(v.shaped, v.bins)
        np.abs(v.bins, out=v.spectra)

        np.dot(v.spectra_taps.reshape(rows * _FRAMES, -1), self._k0, out=v.y0)
        np.maximum(v.y0_frames, v.zeros_frames, out=v.first)
        np.dot(v.first_taps.reshape(rows * 2, -1), self._k1, out=v.y1)
        np.maximum(v.y1_frames, v.zeros_pair, out=v.second)
        np.dot(v.second_taps, self._k2, out=v.y2)
        np.maximum(v.y2, v.zeros_half, out=v.third)
        np.dot(v.third_taps, self._k3, out=v.y3)
        np.maximum(v.y3, v.zeros, out=v.features)
        v.state[:] = h

        np.dot(v.step, self._gates, out=v.gates)
        np.tanh(v.gates, out=v.gates)
        np.multiply(v.squashed, v.halves, out=v.squashed)  # input, output, forget
        np.add(v.squashed, v.halves, out=v.squashed)
        np.multiply(c, v.forget, out=c)
        np.multiply(v.input, v.candidate, out=v.y3)
        np.add(c, v.y3, out=c)
        np.tanh(c, out=h)
        np.multiply(h, v.output, out=h)
        scores = np.dot(np.maximum(h, v.zeros, out=v.y3), self._out)
        return [1.0 / (1.0 + math.exp(-score - self._out_bias)) for score in scores.tolist()]


def transform() -> Callable[[Floats, _Bins], object]:
    """The spectra of the first into the second, by numpy's own loop where it is found.

    The loop alone takes 3 µs for a window; what ``np.fft.rfft`` puts around it takes as long again.
    """
    try:
        loop = import_module("numpy.fft._pocketfft_umath").rfft_n_even
    except (ImportError, AttributeError):
        return lambda frames, bins: np.fft.rfft(frames, out=bins)
    whole = np.float32(1)
    return lambda frames, bins: loop(frames, whole, out=(bins,))


class _Room:
    """Arrays for a full batch. Borders stay zero, the padding of the convolutions; last inputs stay one."""

    def __init__(self) -> None:
        self.samples: Floats = np.zeros((BATCH, CONTEXT + WINDOW + CONTEXT), np.float32)
        self.shaped: Floats = np.zeros((BATCH, _FRAMES, _SPAN), np.float32)
        self.bins: _Bins = np.zeros((BATCH, _FRAMES, _BINS), np.complex64)
        self.spectra: Floats = np.zeros((BATCH, _FRAMES + 2, _BINS + 1), np.float32)
        self.first: Floats = np.zeros((BATCH, _FRAMES + 1, STATE + 1), np.float32)
        self.second: Floats = np.zeros((BATCH, 2, _HALF + 1), np.float32)
        self.third: Floats = np.zeros((BATCH, _HALF + 1), np.float32)
        self.step: Floats = np.zeros((BATCH, 2 * STATE + 1), np.float32)
        for inputs in (self.spectra[:, 1:-1], self.first[:, 1:], self.second, self.third, self.step):
            inputs[..., -1] = 1
        self.gates: Floats = np.zeros((BATCH, 4 * STATE), np.float32)
        self.y0: Floats = np.zeros((BATCH * _FRAMES, STATE), np.float32)
        self.y1: Floats = np.zeros((BATCH * 2, _HALF), np.float32)
        self.y2: Floats = np.zeros((BATCH, _HALF), np.float32)
        self.y3: Floats = np.zeros((BATCH, STATE), np.float32)
        # A number, or a row, that has to be spread over an array costs more than reading as much again.
        self.zeros: Floats = np.zeros((BATCH, _FRAMES, STATE), np.float32)
        self.halves: Floats = np.full((BATCH, 3 * STATE), 0.5, np.float32)


class _Views:
    """The parts of a room that a batch of ``rows`` uses: cut once, since cutting costs as much as adding."""

    def __init__(self, room: _Room, rows: int) -> None:
        strided = np.lib.stride_tricks.as_strided
        samples, spectra, first = room.samples[:rows], room.spectra[:rows], room.first[:rows]
        end = CONTEXT + WINDOW
        self.mirrored, self.mirror = samples[:, end - 2 : end - 2 - CONTEXT : -1], samples[:, end:]
        row, one = samples.strides
        self.frames: Floats = strided(samples, (rows, _FRAMES, _SPAN), (row, _HOP * one, one))
        self.shaped, self.bins = room.shaped[:rows], room.bins[:rows]
        self.spectra = spectra[:, 1:-1, :-1]
        row, frame, one = spectra.strides
        self.spectra_taps: Floats = strided(spectra, (rows, _FRAMES, 3 * (_BINS + 1)), (row, frame, one))
        self.first = first[:, 1:, :-1]
        row, frame, one = first.strides
        self.first_taps: Floats = strided(first, (rows, 2, 3 * (STATE + 1)), (row, 2 * frame, one))
        self.second, self.second_taps = room.second[:rows, :, :-1], room.second[:rows].reshape(rows, -1)
        self.third, self.third_taps = room.third[:rows, :-1], room.third[:rows]
        self.step, self.gates = room.step[:rows], room.gates[:rows]
        self.features, self.state = self.step[:, :STATE], self.step[:, STATE:-1]
        self.squashed, self.halves = self.gates[:, : 3 * STATE], room.halves[:rows]
        self.input, self.output, self.forget, self.candidate = np.split(self.gates, 4, axis=1)
        self.y0, self.y1 = room.y0[: rows * _FRAMES], room.y1[: rows * 2]
        self.y0_frames, self.y1_frames = (
            self.y0.reshape(rows, _FRAMES, STATE),
            self.y1.reshape(rows, 2, _HALF),
        )
        self.y2, self.y3 = room.y2[:rows], room.y3[:rows]
        self.zeros_frames, self.zeros = room.zeros[:rows], room.zeros[:rows, 0]
        self.zeros_pair, self.zeros_half = room.zeros[:rows, :2, :_HALF], room.zeros[:rows, 0, :_HALF]

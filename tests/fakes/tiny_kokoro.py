"""A Kokoro model small enough to make at test time: the real package loads it and hums, each voice its own.

A graph of a few nodes with Kokoro's inputs and output, written in ONNX's own encoding; what it says has no
meaning, but every step on the way is the real one: phonemes, tokens, style vectors, the runtime.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

VOICES = ("af_heart", "am_michael", "bf_emma", "bm_george", "af_bella", "am_fenrir")
_INT64, _FLOAT = 7, 1
_SAMPLES_PER_TOKEN = 1500


def make_tiny_kokoro(folder: Path) -> tuple[Path, Path]:
    """Write a model and a voices file to ``folder``; their paths."""
    model, voices = folder / "tiny.onnx", folder / "voices.bin"
    model.write_bytes(_model())
    with voices.open("wb") as file:
        styles = {}
        for n, name in enumerate(VOICES):
            style = np.zeros((510, 1, 256), np.float32)
            style[:, 0, 0] = 0.03 + 0.01 * n  # radians per sample
            styles[name] = style
        np.savez(file, **styles)  # type: ignore[arg-type]
    return model, voices


# sound = 0.3 * sin(style[0, 0] * range(0, tokens * 1500 / speed))
def _model() -> bytes:
    nodes = (
        _node("Shape", ["tokens"], ["shape"]),
        _node("Gather", ["shape", "one"], ["count"]),
        _node("Cast", ["count"], ["count_f"], to=_FLOAT),
        _node("Mul", ["count_f", "per_token"], ["long"]),
        _node("Squeeze", ["speed"], ["pace"]),
        _node("Div", ["long", "pace"], ["samples"]),
        _node("Range", ["zero", "samples", "step"], ["ramp"]),
        _node("Gather", ["style", "first"], ["row"]),
        _node("Gather", ["row", "first"], ["turn"]),
        _node("Mul", ["ramp", "turn"], ["phase"]),
        _node("Sin", ["phase"], ["wave"]),
        _node("Mul", ["wave", "loud"], ["audio"]),
    )
    constants = (
        _constant("one", _INT64, struct.pack("<q", 1)),
        _constant("first", _INT64, struct.pack("<q", 0)),
        _constant("per_token", _FLOAT, struct.pack("<f", _SAMPLES_PER_TOKEN)),
        _constant("zero", _FLOAT, struct.pack("<f", 0.0)),
        _constant("step", _FLOAT, struct.pack("<f", 1.0)),
        _constant("loud", _FLOAT, struct.pack("<f", 0.3)),
    )
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, b"tiny")
    graph += b"".join(_field(5, constant) for constant in constants)
    graph += _field(11, _value("tokens", _INT64, (1, "n")))
    graph += _field(11, _value("style", _FLOAT, (1, 256))) + _field(11, _value("speed", _FLOAT, (1,)))
    graph += _field(12, _value("audio", _FLOAT, ("samples",)))
    opset = _field(1, b"") + _number(2, 17)
    return _number(1, 8) + _field(7, graph) + _field(8, opset)


def _node(kind: str, inputs: list[str], outputs: list[str], **attributes: int) -> bytes:
    body = b"".join(_field(1, name.encode()) for name in inputs)
    body += b"".join(_field(2, name.encode()) for name in outputs) + _field(4, kind.encode())
    for name, value in attributes.items():
        body += _field(5, _field(1, name.encode()) + _number(3, value) + _number(20, 2))
    return body


def _constant(name: str, kind: int, raw: bytes) -> bytes:
    return _number(2, kind) + _field(8, name.encode()) + _field(9, raw)


def _value(name: str, kind: int, shape: tuple[int | str, ...]) -> bytes:
    sizes = b"".join(
        _field(1, _number(1, size) if isinstance(size, int) else _field(2, size.encode())) for size in shape
    )
    return _field(1, name.encode()) + _field(2, _field(1, _number(1, kind) + _field(2, sizes)))


def _number(tag: int, value: int) -> bytes:
    return _varint(tag << 3) + _varint(value)


def _field(tag: int, body: bytes) -> bytes:
    return _varint(tag << 3 | 2) + _varint(len(body)) + body


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out, value = out + bytes((value & 0x7F | 0x80,)), value >> 7
    return out + bytes((value,))

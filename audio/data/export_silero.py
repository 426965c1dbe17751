"""Write ``silero_v6.npz`` from faster-whisper's ONNX file: ``python audio/data/export_silero.py [ONNX]``.

Needs the ``whisper`` extra. Only the few fields of the ONNX container that hold the weights are read.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

GRAPH, INITIALIZER = 7, 5  # ModelProto.graph, GraphProto.initializer
DIMS, NAME, RAW = 1, 8, 9  # of TensorProto
WEIGHTS = {
    "encoder.feature_extractor.forward_basis_buffer": "stft",
    "encoder.conv_layers.0.weight": "conv0",
    "encoder.conv_layers.0.bias": "conv0_bias",
    "encoder.conv_layers.1.weight": "conv1",
    "encoder.conv_layers.1.bias": "conv1_bias",
    "encoder.conv_layers.2.weight": "conv2",
    "encoder.conv_layers.2.bias": "conv2_bias",
    "encoder.conv_layers.3.weight": "conv3",
    "encoder.conv_layers.3.bias": "conv3_bias",
    "onnx::LSTM_209": "lstm_input",
    "onnx::LSTM_210": "lstm_state",
    "onnx::LSTM_211": "lstm_bias",
    "decoder.conv1d.weight": "out",
    "decoder.conv1d.bias": "out_bias",
}


def fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field of a protobuf message."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = varint()
        match key & 7:
            case 0:
                yield key >> 3, varint()
            case 2:
                size = varint()
                at += size
                yield key >> 3, message[at - size : at]
            case kind if kind in (1, 5):
                size = 8 if kind == 1 else 4
                at += size
                yield key >> 3, message[at - size : at]
            case kind:
                raise ValueError(f"wire type {kind} at byte {at}: this is not an ONNX file")


def weights(onnx: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for number, graph in fields(memoryview(onnx.read_bytes())):
        if number != GRAPH or isinstance(graph, int):
            continue
        for kind, tensor in fields(graph):
            if kind != INITIALIZER or isinstance(tensor, int):
                continue
            parts = list(fields(tensor))
            name = next(bytes(v).decode() for k, v in parts if k == NAME and not isinstance(v, int))
            if name in WEIGHTS:
                shape = [v for k, v in parts if k == DIMS and isinstance(v, int)]
                raw = next(v for k, v in parts if k == RAW and not isinstance(v, int))
                found[WEIGHTS[name]] = np.frombuffer(raw, dtype="<f4").reshape(shape)
    missing = set(WEIGHTS.values()) - set(found)
    if missing:
        raise ValueError(f"{onnx.name} lacks {', '.join(sorted(missing))}: another version of the model?")
    return found


def main() -> None:
    if len(sys.argv) > 1:
        onnx = Path(sys.argv[1])
    else:
        spec = importlib.util.find_spec("faster_whisper")
        if spec is None or spec.origin is None:
            sys.exit("faster-whisper is not installed: pip install 'viva[whisper]'")
        onnx = Path(spec.origin).with_name("assets") / "silero_vad_v6.onnx"
    target = Path(__file__).with_name("silero_v6.npz")
    np.savez(target, **weights(onnx))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()

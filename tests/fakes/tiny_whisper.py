"""A Whisper model small enough to make at test time: the real engine loads it and hears noise in everything.

The weights are random, bent so that letters come before time stamps; what it "hears" has no meaning, but
every step on the way is the real one: features, encoder, decoding, alignment of words.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

WIDTH = 32
HEADS = 2
BEGINNINGS = "aeiot"
"""Letters that have a token with a space before them: the space alone is one that Whisper never says."""
MELS = 80
CONTEXT = 448
SPECIAL = tuple(
    f"<|{name}|>"
    for name in "endoftext startoftranscript en translate transcribe startoflm startofprev nospeech "
    "notimestamps".split()
)
TIMES = tuple(f"<|{n * 0.02:.2f}|>" for n in range(1501))


def make_tiny_whisper(folder: Path) -> Path:
    """Write an English-only model in CTranslate2's format to ``folder``; less than a megabyte."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = _letters()
    vocabulary = [*letters, *SPECIAL, *TIMES]
    _write_tokenizer(folder / "tokenizer.json", letters)
    (folder / "vocabulary.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    spec = _spec(vocabulary, letters)
    spec.validate()
    spec.save(str(folder))
    return folder


def _letters() -> list[str]:
    from tokenizers.pre_tokenizers import ByteLevel

    return [*sorted(ByteLevel.alphabet()), *(f"Ġ{letter}" for letter in BEGINNINGS)]


def _write_tokenizer(path: Path, letters: list[str]) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    tokenizer = Tokenizer(
        models.BPE(
            vocab={letter: n for n, letter in enumerate(letters)}, merges=[("Ġ", b) for b in BEGINNINGS]
        )
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in (*SPECIAL, *TIMES)])
    tokenizer.save(str(path))


def _spec(vocabulary: list[str], letters: list[str]) -> Any:
    from ctranslate2.specs import WhisperSpec

    chance = np.random.default_rng(7)
    spec = WhisperSpec(1, HEADS, 1, HEADS)

    def some(*shape: int, scale: float = 0.3) -> Any:
        return (chance.normal(size=shape) * scale).astype(np.float32)

    def linear(layer: Any, rows: int, columns: int) -> None:
        layer.weight, layer.bias = some(rows, columns), np.zeros(rows, np.float32)

    def norm(layer: Any, scale: float = 1.0) -> None:
        layer.gamma = np.full(WIDTH, scale, np.float32)
        layer.beta = np.zeros(WIDTH, np.float32)

    def attention(layer: Any, *, other: bool = False) -> None:
        norm(layer.layer_norm)
        rows = (WIDTH, 2 * WIDTH, WIDTH) if other else (3 * WIDTH, WIDTH)
        for part, size in zip(layer.linear, rows, strict=True):
            linear(part, size, WIDTH)

    def feed(layer: Any) -> None:
        norm(layer.layer_norm)
        linear(layer.linear_0, 2 * WIDTH, WIDTH)
        linear(layer.linear_1, WIDTH, 2 * WIDTH)

    encoder, decoder = spec.encoder, spec.decoder
    for conv, channels in ((encoder.conv1, MELS), (encoder.conv2, WIDTH)):
        conv.weight, conv.bias = some(WIDTH, channels, 3), np.zeros(WIDTH, np.float32)
    encoder.position_encodings.encodings = some(1500, WIDTH)
    decoder.position_encodings.encodings = some(CONTEXT, WIDTH)
    norm(encoder.layer_norm)
    norm(decoder.layer_norm, 0.5)
    attention(encoder.layer[0].self_attention)
    feed(encoder.layer[0].ffn)
    attention(decoder.layer[0].self_attention)
    attention(decoder.layer[0].attention, other=True)
    feed(decoder.layer[0].ffn)
    decoder.embeddings.weight = some(len(vocabulary), WIDTH, scale=1.0)
    out = some(len(vocabulary), WIDTH, scale=1.0)
    # The last norm always adds 1 to this dimension: letters get a lead there, beginnings of words a bigger.
    out[:, 0] = 0.0
    out[[n for n, text in enumerate(letters) if text.isascii() and text.isalpha()], 0] = 14.0
    out[[n for n, text in enumerate(letters) if len(text) == 2], 0] = 17.0
    out[letters.index("Ġ"), 0] = 16.5
    decoder.projection.weight, decoder.projection.bias = out, np.zeros(len(vocabulary), np.float32)
    spec.register_vocabulary(vocabulary)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.config.alignment_heads = [[0, 0], [0, 1]]
    return spec

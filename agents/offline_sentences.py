"""What kind of sentence is it? Linear rules over the sentence model, fitted by ``bench/sentences.py``.

Filler is talk around an answer: thanks, praise, sayings, "I could go on". Elsewhere is private life,
adverts and schoolbook facts: what no interview asks about. Neither decides alone: a sentence with a figure
or a name is never filler, and what is near to the question is not elsewhere (`agents.offline_relevance`).
Nonsense is English by its grammar and means nothing: "the invoice borrowed a lemon"; only a whole answer of
it is gibberish.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec
import numpy as np

from agents.sentence_model import SIZE, Vector, vectors

PIECE: Final = 40
"""Words. Speech without full stops is compared in pieces of at most that length."""


class _Rule(msgspec.Struct, frozen=True):
    limit: float
    direction: list[float]


@cache
def _rule(name: str) -> tuple[float, Vector]:
    data = (files("agents") / "data" / "sentences.json").read_bytes()
    rule = msgspec.json.decode(data, type=dict[str, _Rule])[name]
    direction = np.array(rule.direction, np.float32)
    if direction.shape != (SIZE,):
        raise ValueError(
            f"agents/data/sentences.json: {name} needs {SIZE} numbers; run python -m bench.sentences"
        )
    return rule.limit, direction


def filler(sentence: str) -> float:
    """How far beyond the limit: from 0 on a sentence is filler. Names in it have to be hidden before."""
    limit, direction = _rule("filler")
    return float(vectors([sentence])[0] @ direction) - limit


def elsewhere(sentences: Vector) -> float:
    """How far beyond the limit sentences are on average, by their vectors: from 0 on they are elsewhere."""
    limit, direction = _rule("elsewhere")
    return float((sentences @ direction).mean()) - limit


def nonsense(sentences: Sequence[str]) -> float:
    """How far beyond the limit they are, the longer the more: from 0 on all of it is nonsense."""
    if not sentences:
        return -1.0
    limit, direction = _rule("nonsense")
    lengths = np.array([len(sentence.split()) for sentence in sentences], np.float32)
    return float(lengths @ (vectors(sentences) @ direction) / lengths.sum()) - limit


def pieces_of(sentence: str) -> Sequence[str]:
    """``sentence`` in pieces of about equal length, at most `PIECE` words each."""
    words = sentence.split()
    count = -(-len(words) // PIECE)
    return [" ".join(words[i * len(words) // count : (i + 1) * len(words) // count]) for i in range(count)]

"""How near an answer is to its question in meaning, by the vectors of its sentences.

Only sentences that bring something are compared, so that neither filler nor the question said back moves
anything, and names are hidden, so that none is nearer than another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np

from agents.offline_reading import Holding
from agents.offline_sentences import elsewhere, pieces_of
from agents.sentence_model import vectors

_REQUEST: Final = re.compile(
    r"^\W*(?:(?:can|could|would) you (?:please )?)?(?:(?:tell (?:me|us)|talk|share|describe|give|explain"
    r"|walk me through)(?: (?:me|us))?(?: about)?\s*)?(?:(?:an? |the |one )?(?:time|example|situation"
    r"|instance|occasion|case|moment|experience)\s*(?:of|when|where|in which|that)?\s*)+"
    r"(?:(?:when|where|in which|that|of)\s+)?(?:you\s+(?:had to\s+)?)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Closeness:
    """Cosines between the question and the answer: of the nearest piece, the mean of all, and the whole.

    ``matter``: the same for what is asked about, without "tell me about a time when you".
    ``nearest``: the sentence with the nearest piece, word for word. ``elsewhere``: from 0 on the
    answer is private life, an advert or a schoolbook fact.
    """

    nearest_piece: float
    mean: float
    whole: float
    matter_nearest: float
    matter_whole: float
    nearest: str
    elsewhere: float

    def signs(self) -> dict[str, float]:
        return {
            "nearest sentence": self.nearest_piece,
            "sentences on average": self.mean,
            "the whole answer": self.whole,
            "nearest sentence to what is asked about": self.matter_nearest,
            "the whole answer to what is asked about": self.matter_whole,
        }


def closeness(question: str, holding: Holding) -> Closeness:
    """Raises:
    SentenceModelError: the weights of the sentence model are not the right ones.
    """
    own = tuple(part for part in holding.kept if not part.echo)
    parts = own or holding.kept or tuple(part for part in holding.parts if not part.empty) or holding.parts
    pieces = [(piece, part) for part in parts for piece in pieces_of(part.nameless)]
    if not pieces:
        return Closeness(0.0, 0.0, 0.0, 0.0, 0.0, "", 0.0)
    asked, matter = vectors([question, _matter(question)])
    said = vectors([piece for piece, _ in pieces])
    whole = said.mean(axis=0)
    whole /= max(float(np.linalg.norm(whole)), 1e-9)
    near, near_matter = said @ asked, said @ matter
    return Closeness(
        float(near.max()),
        float(near.mean()),
        float(whole @ asked),
        float(near_matter.max()),
        float(whole @ matter),
        pieces[int(near.argmax())][1].sentence.text,
        elsewhere(said),
    )


def _matter(question: str) -> str:
    return _REQUEST.sub("", question).strip() or question

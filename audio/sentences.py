"""From clauses as they come to pieces worth speaking by themselves. Sans-I/O.

What reaches us is cleaned and cut into clauses already (`agents.speech`), or is a whole fixed reply. A
synthesiser gives the first sound sooner for a short text and the better melody for a whole sentence: so the
first piece is short, and the later ones are sentences, as long as they come in time.
"""

from __future__ import annotations

import re
from typing import Final

LONG: Final = 240
"""Characters; a longer piece is cut, so that no engine is busy with one for long."""
EARLY: Final = 60
"""A first sentence longer than this is begun with its first clause."""
_FEW: Final = 12
"""Characters that are too few for a clause to stand alone."""

# Not after an initial or a common short form: "Dr. Smith", "e.g. Python" are one breath.
_SENTENCE: Final = re.compile(
    r"(?<!\b[A-Z])(?<!\b(?:Dr|Mr|Ms|vs))(?<!\b(?:Mrs|e\.g|i\.e|etc))[.!?…]+[\"'”’)]*(?=\s|$)"
)
_CLAUSE: Final = re.compile(r"[,;:—][\"'”’)]*(?=\s|$)")


class Splitter:
    """Fed with clauses, asked for pieces. The pieces, joined by single spaces, are the text that was fed."""

    def __init__(self) -> None:
        self._held = ""
        self._first = True

    @property
    def holds(self) -> bool:
        return bool(self._held)

    def feed(self, text: str) -> None:
        """More text: whole words, without a space at its ends that would matter."""
        self._held = " ".join(f"{self._held} {text}".split())

    def take(self) -> str | None:
        """A piece that is whole by its punctuation or long enough; None: rather wait for more."""
        sentence = _SENTENCE.search(self._held)
        end = sentence.end() if sentence else 0
        if self._first and (end > EARLY or not end) and (early := _clause_end(self._held)):
            end = early
        if end > LONG or (not end and len(self._held) > LONG):
            end = _cut(self._held)
        return self._give(end) if end else None

    def flush(self) -> str | None:
        """What is held, however it ends: time is up, or nothing more will come."""
        return self.take() or (self._give(len(self._held)) if self._held else None)

    def _give(self, end: int) -> str:
        piece, self._held = self._held[:end], self._held[end:].lstrip()
        self._first = False
        return piece


def _clause_end(text: str) -> int:
    """Where the first clause that can stand alone ends; 0 if there is none."""
    for match in _CLAUSE.finditer(text):
        if match.end() >= _FEW and len(text) - match.end() >= _FEW:
            return match.end()
    return 0


def _cut(text: str) -> int:
    """The best place to cut a text that is too long: after its last clause in reach, else after a word."""
    ends = [match.end() for match in _CLAUSE.finditer(text, 0, LONG) if match.end() > LONG // 3]
    space = text.rfind(" ", 0, LONG)
    return ends[-1] if ends else space if space > 0 else LONG

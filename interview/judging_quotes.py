"""Quotes: finding a judge's quote in the answer, and hiding from a judge who answered.

A judge reads a `Blind` text; what it quotes is found there by words (case, punctuation and white space
do not matter) and mapped back to the exact words of the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from interview.evaluation import Quote
from interview.judging_talk import to_the_judge
from interview.judging_text import FUNCTION_WORDS

REMOVED: Final = "[removed]"
"""Stands on a line of its own, so that nothing before and after it reads as one sentence."""
_TOKEN: Final = re.compile(r"[^\W_]+(?:['’‘ʼ][^\W_]+)*")
_APOSTROPHES: Final = str.maketrans("", "", "'’‘ʼ")
_GAP: Final = re.compile(r"\.{3,}|…|\[\.\.\.\]")
_CONTACT: Final = (
    (
        "[email]",
        re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\b\w+ at \w+ dot (?:com|org|net|edu)\b", re.IGNORECASE),
    ),
    (
        "[link]",
        re.compile(
            r"\b(?:https?://|www\.)\S*[\w/]|\b(?:linkedin|github|gitlab|twitter|facebook"
            r"|instagram)\.com/\S*\w",
            re.IGNORECASE,
        ),
    ),
    (
        "[phone]",
        re.compile(r"(?<![\w.])\+?\(?\d{2,4}\)?(?:[\s.-]\(?\d{2,4}\)?){2,4}(?![\w%])|(?<!\w)\+\d{8,15}\b"),
    ),
    ("[name]", re.compile(r"(?<=\bmy name is )[A-Z][\w'’-]+(?: [A-Z][\w'’-]+){0,3}")),
    ("[name]", re.compile(r"(?<=\bMy name is )[A-Z][\w'’-]+(?: [A-Z][\w'’-]+){0,3}")),
    (
        "[school]",
        re.compile(
            r"\b(?:[A-Z][\w'’&.-]*\s){1,4}(?:University|College|Polytechnic|Grammar School|High School"
            r"|Business School)\b"
            r"(?:\sof(?:\s[A-Z]\w+)+)?|\b(?:University|College|Institute) of(?:\s(?:[A-Z]\w+|the|and"
            r"|of))*\s[A-Z]\w+"
            r"|\b(?:Harvard|Stanford|Princeton|Yale|Oxford|Cambridge|Caltech|Berkeley|Wharton|INSEAD"
            r"|Sorbonne)\b|\bMIT\b"
        ),
    ),
)
_MIN_PHONE_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class Blind:
    """The answer as a judge sees it.

    ``pieces``: (start, end) in ``text`` and (start, end) in the answer, in order, without gaps; pieces of
    different length were replaced.
    """

    text: str
    pieces: tuple[tuple[int, int, int, int], ...]

    def back(self, start: int, end: int) -> tuple[int, int]:
        """The stretch of the answer behind ``text[start:end]``; a replaced piece comes back whole."""
        first = next(p for p in self.pieces if p[1] > start)
        last = next(p for p in reversed(self.pieces) if p[0] < end)
        same_first, same_last = _same(first), _same(last)
        return (
            first[2] + (start - first[0] if same_first else 0),
            last[2] + end - last[0] if same_last else last[3],
        )


def _same(piece: tuple[int, int, int, int]) -> bool:
    return piece[1] - piece[0] == piece[3] - piece[2]


def blind(words: str, names: Sequence[str] = ()) -> Blind:
    """``words`` without names, contact data, schools, and without what speaks to the judge.

    ``names``: names known to be the candidate's; every part of two letters and more is hidden.
    """
    hidden = [(part.start, part.end, f"\n{REMOVED}\n") for part in to_the_judge(words)]
    for label, pattern in (*_CONTACT, *(("[name]", pattern) for pattern in _name_patterns(names))):
        for match in pattern.finditer(words):
            if label == "[phone]" and sum(c.isdigit() for c in match.group()) < _MIN_PHONE_DIGITS:
                continue
            hidden.append((match.start(), match.end(), label))
    pieces: list[tuple[int, int, int, int]] = []
    text, at = "", 0
    for start, end, label in sorted(hidden, key=lambda h: (h[0], -h[1])):
        if start < at:
            continue
        for source, replacement in (((at, start), words[at:start]), ((start, end), label)):
            if source[0] < source[1]:
                # Equal lengths mean "unchanged"; a replacement of the same length gets a space.
                if source[0] == start and len(replacement) == end - start:
                    replacement += " "
                pieces.append((len(text), len(text) + len(replacement), *source))
                text += replacement
        at = end
    if at < len(words):
        pieces.append((len(text), len(text) + len(words) - at, at, len(words)))
        text += words[at:]
    return Blind(text, tuple(pieces))


def _name_patterns(names: Iterable[str]) -> list[re.Pattern[str]]:
    parts = {part for name in names for part in re.split(r"[\s,]+", name) if len(part) >= 2}
    found = []
    for part in sorted(parts, key=len, reverse=True):
        forms = {part.capitalize(), part.upper(), part}
        if part.lower() not in FUNCTION_WORDS:
            forms.add(part.lower())
        found.append(re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, sorted(forms)))})(?!\w)"))
    return found


def tokens(text: str) -> list[tuple[str, int, int]]:
    """(word in lower case without apostrophes, start, end) for each word."""
    return [(m.group().translate(_APOSTROPHES).casefold(), m.start(), m.end()) for m in _TOKEN.finditer(text)]


def locate(claim: str, text: str) -> list[tuple[int, int]]:
    """Where the words of ``claim`` stand in ``text``; [] when they do not.

    A claim with gaps ("we … measured") is found part by part, each of two words at least; one part that
    is not there makes the whole claim unfounded.
    """
    return _locate(claim, tokens(text))


def _locate(claim: str, spoken: Sequence[tuple[str, int, int]]) -> list[tuple[int, int]]:
    parts = [[word for word, _, _ in tokens(part)] for part in _GAP.split(claim)]
    parts = [part for part in parts if part]
    spans: list[tuple[int, int]] = []
    least = 1 if len(parts) == 1 else 2
    for wanted in parts:
        found = _find(wanted, spoken) if len(wanted) >= least else None
        if found is None:
            return []
        spans.append(found)
    return spans


def _find(wanted: Sequence[str], spoken: Sequence[tuple[str, int, int]]) -> tuple[int, int] | None:
    for at in range(len(spoken) - len(wanted) + 1):
        if all(spoken[at + n][0] == word for n, word in enumerate(wanted)):
            return spoken[at][1], spoken[at + len(wanted) - 1][2]
    return None


def verify(claims: Iterable[str], words: str, seen: Blind) -> tuple[Quote, ...]:
    """The claimed quotes that stand in ``seen``, as exact stretches of ``words``; others are left out."""
    quotes: dict[tuple[int, int], Quote] = {}
    spoken = tokens(seen.text)
    for claim in claims:
        if REMOVED in claim:
            continue
        for start, end in _locate(claim, spoken):
            if REMOVED in seen.text[start:end]:
                continue
            first, last = seen.back(start, end)
            quotes.setdefault((first, last), Quote(words[first:last], first, last))
    return tuple(quotes.values())

"""Does a text claim more than somebody said? Numbers and names in it are compared with their words."""

from __future__ import annotations

import re
from typing import Final

from interview.judging_text import FUNCTION_WORDS

_GAP: Final = re.compile(r"\[[^\]]*\]")
_DIGITS: Final = re.compile(r"\d+(?:[.,]\d+)*")
_TO_TWENTY: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty".split()
)
_NUMBER_WORDS: Final = {word: str(value) for value, word in enumerate(_TO_TWENTY)} | {
    "thirty": "30",
    "forty": "40",
    "fifty": "50",
    "sixty": "60",
    "seventy": "70",
    "eighty": "80",
    "ninety": "90",
    "hundred": "100",
    "thousand": "1000",
    "million": "1000000",
    "billion": "1000000000",
    "dozen": "12",
    "half": "half",
    "halved": "half",
    "twice": "twice",
    "double": "double",
    "doubled": "double",
    "triple": "triple",
    "tripled": "triple",
    "third": "third",
    "quarter": "quarter",
}
# "One" is a pronoun as often as a number.
_UNCOUNTED: Final = frozenset({"one", "zero"})
_WORD: Final = re.compile(r"(?<!\w)[^\W\d_][\w'’-]*")


def unsaid(text: str, said: str) -> tuple[str, ...]:
    """The numbers and names of ``text`` that do not occur in ``said``, in order; () for nothing new.

    Words in square brackets mark gaps to be filled: they may not hold numbers, and names in them are not
    looked for. A number may be written in words or digits on either side.
    """
    known_numbers, known_words = _numbers(said), {_bare(word) for word in re.findall(r"[\w'’-]+", said)}
    found = [number for number in _numbers_in_order(text) if number not in known_numbers]
    return tuple(dict.fromkeys((*found, *_new_names(_GAP.sub(". ", text), known_words))))


def _new_names(text: str, known: set[str]) -> list[str]:
    """Capitalised words inside sentences, and the one before them when it begins the sentence."""
    words = list(_WORD.finditer(text))
    found: list[str] = []
    for index, match in enumerate(words):
        if not any(c.isupper() for c in match.group()):
            continue
        new = _bare(match.group()) not in known and _bare(match.group()) not in FUNCTION_WORDS
        if not new or (_begins_sentence(text, match.start()) and not match.group()[1:].isupper()):
            continue
        before = words[index - 1] if index else None
        if before is not None and _begins_sentence(text, before.start()):
            gap = text[before.end() : match.start()]
            named = before.group()[0].isupper() and not gap.strip()
            if named and _bare(before.group()) not in known | FUNCTION_WORDS:
                found.append(before.group())
        found.append(match.group())
    return found


def _begins_sentence(text: str, at: int) -> bool:
    before = text[:at].rstrip(" \t\"'“”‘’(*•-–—")
    return not before or before[-1] in ".!?:;\n…"


def _bare(word: str) -> str:
    return re.sub(r"['’]s?$|['’]", "", word).lower()


def _numbers_in_order(text: str) -> list[str]:
    words = re.findall(r"[A-Za-z]+", text.lower())
    return [_plain(m.group()) for m in _DIGITS.finditer(text)] + [
        _NUMBER_WORDS[word] for word in words if word in _NUMBER_WORDS and word not in _UNCOUNTED
    ]


def _numbers(text: str) -> set[str]:
    words = re.findall(r"[A-Za-z]+", text.lower())
    return {_plain(m.group()) for m in _DIGITS.finditer(text)} | {
        _NUMBER_WORDS[word] for word in words if word in _NUMBER_WORDS
    }


def _plain(digits: str) -> str:
    """1,200 and 1200 are one number; 4.10 and 4.1 are too."""
    bare = re.sub(r",(?=\d{3}\b)", "", digits).replace(",", ".")
    return bare.rstrip("0").rstrip(".") if "." in bare else bare

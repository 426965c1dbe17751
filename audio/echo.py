"""What was heard while we spoke: our own words, a listener's "mm-hm", or somebody who wants the floor."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Final

_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_KEPT_WORDS: Final = 160
"""Spoken words remembered: about a minute of speech."""
_SAME: Final = 0.7
"""Share of what was heard, by letters, that must be what was spoken to count as an echo."""

_BACKCHANNEL: Final = frozenset(
    "mm hm mhm mmhm mmhmm mmm hmm hm uh huh uhhuh ah aha oh yeah yep yes yup ok okay right sure good great"
    " nice cool alright exactly indeed true see i got it interesting wow perfect fine".split()
)
_BACKCHANNEL_PHRASES: Final = frozenset(
    [
        "i see",
        "got it",
        "of course",
        "i got it",
        "makes sense",
        "that makes sense",
        "all right",
        "sounds good",
    ]
)
_COMMANDS: Final = frozenset(
    "stop wait hold sorry pardon excuse no but hello repeat question what why how who when where".split()
)


class Overlap(StrEnum):
    """What words heard over our own voice are."""

    NOTHING = "nothing"
    BACKCHANNEL = "backchannel"
    ECHO = "echo"
    SPEECH = "speech"


def words(text: str) -> list[str]:
    return [word.replace("’", "'").casefold() for word in _WORD.findall(text)]


def is_backchannel(heard: list[str]) -> bool:
    """A listener's noise of up to four words, which asks for nothing.

    A short word alone ("the", "a") is what recognisers make of such a noise.
    """
    if len(heard) > 4:
        return False
    if len(heard) == 1 and len(heard[0]) <= 3 and heard[0] not in _COMMANDS:
        return True
    return " ".join(heard) in _BACKCHANNEL_PHRASES or all(word in _BACKCHANNEL for word in heard)


class SpokenMemory:
    """The words we sounded last, and whether what is heard is an echo of them."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._last: list[str] = []

    def spoke(self, text: str) -> None:
        """``text`` is being sounded; a text that continues the one before replaces it."""
        new = words(text)
        if self._last and new[: len(self._last)] == self._last:
            del self._words[max(len(self._words) - len(self._last), 0) :]
        self._last = new[-_KEPT_WORDS:]
        self._words = [*self._words, *new][-_KEPT_WORDS:]

    def is_echo(self, heard: list[str]) -> bool:
        """Most of ``heard`` is what was spoken, in that order. Misheard words are allowed for.

        One short word alone matches anywhere in a language, so only runs of two or a long word count.
        """
        if not heard or not self._words or (len(heard) <= 2 and _COMMANDS & set(heard)):
            return False
        matcher = SequenceMatcher(None, heard, self._words, autojunk=False)
        same = 0
        for block in matcher.get_matching_blocks():
            run = sum(len(word) for word in heard[block.a : block.a + block.size])
            same += run if block.size >= 2 or run >= 6 or len(heard) == 1 else 0
        return same >= _SAME * sum(len(word) for word in heard)

    def judge(self, text: str, sure: bool = True) -> Overlap:
        """``sure`` is False while recognition may still change its mind: then one word says nothing yet,
        unless it is one with which people ask for the floor."""
        heard = words(text)
        if not heard or (not sure and len(heard) == 1 and heard[0] not in _COMMANDS):
            return Overlap.NOTHING
        if is_backchannel(heard):
            return Overlap.BACKCHANNEL
        return Overlap.ECHO if self.is_echo(heard) else Overlap.SPEECH

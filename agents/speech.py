"""From a model's raw text to what may be said aloud: sans-I/O, fed piece by piece.

`Header` splits off the judgement line; `SpeechGuard` cuts the rest into speakable clauses and leaves
out what an interviewer must not say: markup, praise, scores.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from interview.flow import Judgement, Step

MAX_HEADER: Final = 600
"""A first line longer than this is no judgement but a model that ignored the form."""

_FENCE: Final = "```"
_NUMBER: Final = re.compile(r"\s*\d{1,2}[.)]\s*")
_CLAUSE_END: Final = re.compile(r"[.!?…]+[\"'”’)]*(?=\s)|[,;:—](?=\s)|\n+")
_SENTENCE_END: Final = re.compile(r"[.!?…][\"'”’)]*$")
_MARKUP: Final = re.compile(r"[*_`#>|~]+|^\s*(?:[-•–]|\d{1,2}[.)])\s+|\[[^\]]*\]\([^)]*\)", re.MULTILINE)
_SYMBOLS: Final = re.compile("[\U0001f000-\U0001faff\u2190-\u21ff\u2500-\u27bf\u2b00-\u2bff\ufe0f\u200d]")
_PRAISE: Final = re.compile(
    r"\b(?:(?:(?:what|that(?:'s| is| was)|this is|a|an|very|really|such a|your) )*"
    r"(?:great|excellent|fantastic|wonderful|awesome|amazing|brilliant|perfect|impressive|outstanding|superb"
    r"|terrific|good|nice|strong|solid|well[- ]structured)"
    r"(?: (?:answer|response|example|job|point|one|work|insight|story|explanation|question|start))\b"
    r"|^(?:great|excellent|fantastic|wonderful|awesome|amazing|brilliant|perfect|impressive|superb|well done"
    r"|good job|nice(?: work)?|love (?:that|it)|i(?:'m| am) impressed)\b[^?]*$"
    r"|\b(?:well|nicely) (?:done|said|put|answered|explained)\b"
    r"|\b(?:that|this)(?:'s| is| was) (?:really |very )?(?:impressive|excellent|great|perfect|spot on))",
    re.IGNORECASE,
)
_SCORES: Final = re.compile(
    r"\b(?:score[sd]?|points?|grade[sd]?|marks?|rating)\b.{0,30}\b\d|\b\d{1,3}\s*(?:/|out of|percent of)\s*\d"
    r"|\byou(?:'ve| have)? (?:passed|failed)\b|\b(?:i|we)(?:'d| would|'ll| will) (?:score|rate|grade)\b",
    re.IGNORECASE,
)
_SIGNS: Final = (
    "great excellent fantastic wonderful awesome amazing brilliant perfect impress outstanding superb "
    "terrific good nice strong solid well love spot score rate grade passed failed"
).split()
"""Without one of these words and without a digit there is neither praise nor a score."""


class _Line(msgspec.Struct):
    move: str
    answered: bool = True
    about: str = ""


class Header:
    """Takes text until the first line is whole. A model that sends none loses nothing but its say."""

    def __init__(self) -> None:
        self._held = ""
        self.judgement: Judgement | None = None
        self.complete = False

    def feed(self, piece: str) -> str:
        """What of the text so far is speech; "" while the first line is still coming."""
        if self.complete:
            return piece
        self._held += piece
        text = self._held.lstrip()
        if not text:
            return ""
        if _FENCE.startswith(text):
            return ""  # a fence may be beginning
        if not text.startswith(("{", _FENCE)):
            return self._finish(text)
        if text.startswith(_FENCE):
            start = text.find("{")
            if start < 0:
                return "" if len(text) < MAX_HEADER else self._finish("")
            text = text[start:]
        line, newline, rest = text.partition("\n")
        if not newline and not line.rstrip().endswith("}"):
            return "" if len(text) < MAX_HEADER else self._finish("")
        self._read(line.strip())
        return self._finish(rest.removeprefix(_FENCE).lstrip())

    def _finish(self, speech: str) -> str:
        self.complete, self._held = True, ""
        return speech

    def _read(self, line: str) -> None:
        try:
            raw = msgspec.json.decode(line, type=_Line, strict=False)
            self.judgement = Judgement(Step(raw.move.lower()), raw.answered, raw.about[:200])
        except (msgspec.DecodeError, ValueError):
            self.judgement = None


class SpeechGuard:
    """Clauses in, clauses out, cleaned. ``questions``: False drops questions (the flow asks its own)."""

    def __init__(self, *, questions: bool = True) -> None:
        self._held = ""
        self._questions = questions
        self._dropping = False

    def feed(self, piece: str) -> list[str]:
        """The clauses that are whole now. A comma ends a clause only after four words."""
        self._held += piece
        out: list[str] = []
        start = searched = 0
        while match := _CLAUSE_END.search(self._held, searched):
            searched = match.end()
            clause = self._held[start : match.end()]
            if match.group()[0] in ",;:—" and len(clause.split()) < 4:
                continue
            start = searched
            out += self._clean(clause)
        self._held = self._held[start:]
        return out

    def end(self) -> list[str]:
        rest, self._held = self._held, ""
        return self._clean(rest)

    def _clean(self, clause: str) -> list[str]:
        text = " ".join(_SYMBOLS.sub("", _MARKUP.sub("", clause)).split())
        ends = bool(_SENTENCE_END.search(text))
        dropped = self._dropping
        # The rest of a sentence whose beginning was left out would not stand alone.
        self._dropping = dropped and not ends
        if not any(c.isalnum() for c in text) or dropped or _NUMBER.fullmatch(text):
            return []
        if _judges(text) or (not self._questions and text.endswith("?")):
            self._dropping = not ends and text[-1] not in ",;:—"
            return []
        return [text[0].upper() + text[1:] if text[0].islower() and self._at_start(clause) else text]

    @staticmethod
    def _at_start(clause: str) -> bool:
        return clause[:1].isspace() is False and clause[:1].isupper()


def _judges(text: str) -> bool:
    """True for praise and scores. As a rule there is no sign of either, and the patterns are slow."""
    if text.isascii():  # elsewhere letters beyond "a" to "z" may stand for those of a sign
        lower = text.lower()
        if not any(sign in lower for sign in _SIGNS) and not any(digit in text for digit in "0123456789"):
            return False
    return bool(_PRAISE.search(text) or _SCORES.search(text))

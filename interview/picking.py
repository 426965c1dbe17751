"""What of an answer is worth picking up, and how to name it to the person who said it.

By rule, without a tagger: a thing is what follows an article or a possessive, up to the next function
word, verb or comma; a name stands in capitals inside a sentence; a figure is a number with its unit. It
works on a recogniser's text without capitals and commas as well, only with fewer names.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from interview.reading import COMMON, UNINTELLIGIBLE, words_of

_TOKEN: Final = re.compile(r"[$€£]?[^\W_]+(?:['’.+#,-](?=[^\W_])[^\W_]+|[+#]+)*%?")
_YEAR: Final = re.compile(r"(?:19|20)\d\d$")
_DIGIT: Final = re.compile(r"[$€£]?\d")
_LONGEST: Final = 5
"""Words of one pick: what a person can hear as one thing."""

_ARTICLES: Final = frozenset("the a an our my your their his her its".split())
_INTO: Final = frozenset("about against between by for from in into of on through with using".split())
"""What may lead to a thing that has no article."""
_COUNTS: Final = frozenset(
    "two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty sixty "
    "seventy eighty ninety hundred thousand million dozen".split()
)
_FUNCTION: Final = frozenset(
    "above across against along already although among around away below beside besides beyond cannot "
    "despite either else ever except half however i'd i'll i'm i've if instead it's that's "
    "inside itself least less lot might mine moment must myself near neither nobody none "
    "nor nothing onto others ourselves outside perhaps plus rather several shall somebody "
    "somehow somewhere sometimes soon than themselves therefore though throughout toward towards "
    "upon whatever whenever where's whereas whether whole whose within without don't didn't couldn't "
    "wasn't weren't they'd we'd we've you'd um uh er erm hmm yeah".split()
)
_VERBS: Final = frozenset(
    "asked ate beat became began bought broke brought built called caught chose cut drew drove fell felt "
    "found forgot gave grew heard held hid hit hurt kept knew laid left lent lost meant met paid put ran "
    "rang read rose sat saw sent shook shut slept sold sought spent spoke spread stood stuck taught tell "
    "thought threw told took understood woke won wore wrote become begin believe bring build buy call "
    "choose decide draw explain feel find fix hear help hold keep learn leave let listen mean meet "
    "pay run see sell send set show speak spend stand stay stop talk teach understand win write is's "
    "seem seems seemed happen happens means makes takes gives gets goes comes works helps needs wants "
    "keeps knows says tells lets runs may shall ignore looks stops means reads wants".split()
)
_NOT_VERBS: Final = frozenset(
    "need hundred red bed shed feed seed speed bleed breed embed exceed proceed succeed led".split()
)
_WHEN: Final = frozenset(
    "day days week weeks month months year years minute minutes hour hours second seconds times".split()
)
_PLAIN: Final = frozenset(
    "day days week weeks month months year years time times side end start beginning case example "
    "fact point problem answer whole rest idea kind sort type morning afternoon evening "
    "reason result issue situation first second third next same other others "
    "job role company place lot bit number numbers item thing list".split()
)
"""Nouns that say nothing when they stand alone."""
_CALENDAR: Final = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july "
    "august september october november december english german french spanish italian".split()
)
_STAYS: Final = frozenset("weekly monthly daily nightly hourly yearly family supply reply assembly".split())


_HEADS: Final = frozenset("part parts thing things way people person time year years".split())
"""Too common to be quoted, but what is picked must not stop before them: "the hard part"."""
_NEVER: Final = (COMMON | _FUNCTION | _ARTICLES | _VERBS | _COUNTS) - _HEADS
_NO_NAMES: Final = _CALENDAR | {"i", "a", "an"}
_SENTENCE: Final = re.compile(r"[.!?:\n]")
_CLAUSE: Final = re.compile(r"[,;()\[\]\"“”—–]| - ")
_INNER: Final = re.compile(r"[A-Z0-9]")


class Kind(StrEnum):
    NAME = "name"
    FIGURE = "figure"
    THING = "thing"


@dataclass(frozen=True, slots=True)
class Pick:
    """A stretch of the answer: ``text`` is in it word for word; ``article`` is what stood before, or ""."""

    text: str
    kind: Kind
    article: str
    worth: float

    def named(self) -> str:
        """The pick as the other person would name it: what was "our importer" is "your importer"."""
        match self.article:
            case "my" | "our":
                return f"your {self.text}"
            case article:
                return f"{article} {self.text}" if article else self.text


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    low: str
    start: int
    end: int
    opens: bool
    """Stands first in its clause."""
    named: bool
    """In capitals where a sentence does not ask for them."""
    content: bool
    """May be part of a thing's name."""


def salient(answer: str, avoid: Collection[str] = ()) -> Pick | None:
    """The pick of most worth; what shares words with ``avoid`` has been picked up before and counts less."""
    worn = {word.lower() for phrase in avoid for word in words_of(phrase)}
    best: Pick | None = None
    most = 0.0
    for pick in picks(answer):
        words = [word.lower() for word in words_of(pick.text)]
        fresh = sum(word not in worn for word in words) / len(words)
        worth = pick.worth * (0.25 + 0.75 * fresh)
        if worth > most:
            best, most = pick, worth
    return best


def as_picked(about: str, answer: str) -> Pick:
    """The pick whose words are ``about``; a bare one when the words were chosen by somebody else."""
    found = next((pick for pick in picks(answer) if pick.text == about), None)
    if found is not None:
        return found
    return Pick(about, Kind.FIGURE if _DIGIT.match(about) else Kind.THING, "", 0.0)


def picks(answer: str) -> Iterator[Pick]:
    """Every stretch that reads as a name, a figure or a thing, in the order of the answer."""
    words = _words(answer.replace(UNINTELLIGIBLE, " " * len(UNINTELLIGIBLE)))
    at = 0
    while at < len(words):
        figure = _figure_end(words, at)
        if figure:
            yield _pick(answer, words, at, figure, Kind.FIGURE)
            at = figure
            continue
        end = _run_end(words, at)
        if end == at:
            at += 1
            continue
        named = _name(words, at, end)
        if named is not None:
            yield _pick(answer, words, *named, Kind.NAME)
        if named is None or named != (at, end):
            start = max(at, end - _LONGEST)
            if _is_thing(words, start, end, at):
                yield _pick(answer, words, start, end, Kind.THING)
        at = end


def _words(text: str) -> list[_Word]:
    out: list[_Word] = []
    last = 0
    for found in _TOKEN.finditer(text):
        gap, said = text[last : found.start()], found.group()
        low = said.lower().replace("’", "'")
        begins = not out or _SENTENCE.search(gap) is not None
        named = _is_named(said, low, begins)
        content = named or (low not in _NEVER and said[0].isalpha() and "'" not in low)
        opens = begins or _CLAUSE.search(gap) is not None
        out.append(_Word(said, low, found.start(), found.end(), opens, named, content))
        last = found.end()
    return out


def _is_named(said: str, low: str, begins: bool) -> bool:
    if not said[0].isalpha() or low in _NO_NAMES or low.startswith("i'"):
        return False
    return (said[0].isupper() and not begins) or _INNER.search(said, 1) is not None


def _breaks(word: _Word, *, first: bool, led: bool) -> bool:
    """No part of a thing's name: a function word, a number, or what reads as a verb where it stands.

    ``led``: an article stands right before, behind which a participle is an adjective.
    """
    low = word.low
    if word.named or not word.content:
        return not word.named
    if low.endswith("ly") and low not in _STAYS and len(low) > 4:
        return not (first and led)
    if low.endswith("ed") and low not in _NOT_VERBS and len(low) > 4:
        return not (first and led)
    return low.endswith("ing") and len(low) > 5 and first and not led


def _run_end(words: Sequence[_Word], at: int) -> int:
    """The end of the run of content words that begins at ``at``; ``at`` when none begins there."""
    led = at > 0 and not words[at].opens and words[at - 1].low in _ARTICLES
    end = at
    while end < len(words):
        word = words[end]
        if (end > at and word.opens) or _breaks(word, first=end == at, led=led):
            break
        end += 1
    return _without_verb(words, at, end)


def _without_verb(words: Sequence[_Word], at: int, end: int) -> int:
    """A last word that takes an object, or cannot agree with "a", is a verb: "the lock closes the door"."""
    if end - at < 2 or words[end - 1].named:
        return end
    takes = end < len(words) and not words[end].opens and words[end].low in _ARTICLES | {"what", "how"}
    plural = words[end - 1].low.endswith("s") and not words[end - 1].low.endswith(("ss", "us", "is"))
    single = at > 0 and words[at - 1].low in ("a", "an") and not words[at].opens
    return end - 1 if takes or (plural and single) else end


def _figure_end(words: Sequence[_Word], at: int) -> int:
    """The end of a number with its unit that begins at ``at``, or 0."""
    word = words[at]
    counted = word.low in _COUNTS
    if not (counted or _DIGIT.match(word.text)) or _YEAR.match(word.text):
        return 0
    end = at + 1
    while end < len(words) and not words[end].opens and words[end].low in _COUNTS:
        end += 1
    unit = end
    while end < len(words) and end - unit < 2:
        if words[end].opens or _breaks(words[end], first=end == unit, led=False):
            break
        end += 1
    signed = word.text[0] in "$€£" or word.text.endswith("%")
    if end == unit and not signed:
        return 0
    each = end + 1 < len(words) and words[end].low in ("a", "per", "an", "each") and not words[end + 1].opens
    return end + 2 if each and words[end + 1].low.rstrip("s") in _WHEN | {"person", "user"} else end


def _name(words: Sequence[_Word], at: int, end: int) -> tuple[int, int] | None:
    """The longest row of names in a run, with its place."""
    best: tuple[int, int] | None = None
    start = at
    while start < end:
        stop = start
        while stop < end and words[stop].named:
            stop += 1
        if stop > start and (best is None or stop - start > best[1] - best[0]):
            best = (start, stop)
        start = max(stop, start + 1)
    return best


def _is_thing(words: Sequence[_Word], start: int, end: int, run: int) -> bool:
    led = run > 0 and words[run - 1].low in _ARTICLES and not words[run].opens
    if end - start == 1:
        low = words[start].low
        adjective = low.endswith(("est", "ed", "ous", "ful", "able", "ible")) or words[run - 1].low in (
            "a",
            "an",
        )
        return led and low not in _PLAIN | _HEADS and len(low) > 3 and not adjective
    return led or (start == run and not words[run].opens and words[run - 1].low in _INTO)


def _pick(answer: str, words: Sequence[_Word], start: int, end: int, kind: Kind) -> Pick:
    text = answer[words[start].start : words[end - 1].end]
    before = words[start - 1] if start and not words[start].opens else None
    article = before.low if before and before.low in _ARTICLES and kind is not Kind.FIGURE else ""
    return Pick(text, kind, article, _worth(words[start:end], kind, article))


def _worth(words: Sequence[_Word], kind: Kind, article: str) -> float:
    said = sum(min(len(word.text), 10) for word in words if word.low not in _PLAIN | _HEADS)
    worth = {Kind.NAME: 2.6, Kind.FIGURE: 1.8, Kind.THING: 1.6}[kind] + 0.05 * min(said, 24)
    if kind is Kind.FIGURE:
        worth -= 0.9 * all(word.low in _WHEN or word.low in _COUNTS or word.text.isdigit() for word in words)
        worth -= 0.5 * (words[0].low in _COUNTS)
    if kind is Kind.THING:
        worth += 0.5 * (article in ("the", "our", "my")) + 0.3 * (2 <= len(words) <= 3) - 0.6 * (not article)
        worth -= 0.4 * max(len(words) - 3, 0)
    return worth

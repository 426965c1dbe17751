"""What an answer holds, counted by rule: each distinct piece of evidence once, where it comes first.

Sentences that repeat what was said, praise the speaker or the company, or talk about talking bring
nothing; so padding adds nothing to any count.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from agents.offline_cues import (
    ABOUT_TALK,
    ALL_OF_IT,
    BE,
    BLAME,
    CHAINED,
    CONTRAST,
    DEALT,
    EXAMPLE,
    HABIT,
    HEDGED,
    LEARNT,
    OUTCOME,
    OWNING,
    PEOPLE,
    PLATITUDE,
    PRAISE,
    REASON,
    SELF_PRAISE,
    SEQUENCE,
    SITUATION,
    SOMEBODY,
    SUBJECT,
    TASK,
    TO_YOU,
)
from agents.offline_words import FLUFF, PLAIN, QUESTION_TALK, TOPICS, VAGUE, stem
from interview.judging_text import FUNCTION_WORDS, Sentence, sentences

_PRONOUNS: Final = {
    **dict.fromkeys(("he", "she"), "they"),
    **dict.fromkeys(("him", "her", "his", "hers", "their", "theirs"), "them"),
    **dict.fromkeys(("himself", "herself"), "themselves"),
}
_PERSONS: Final = {
    **dict.fromkeys("man woman guy girl gal boy lady gentleman bloke lad lass chap".split(), "person"),
    **dict.fromkeys("men women guys girls boys ladies gentlemen blokes lads".split(), "people"),
    **dict.fromkeys(("mother", "father", "mum", "mom", "dad"), "parent"),
    **dict.fromkeys(("brother", "sister"), "sibling"),
    **dict.fromkeys(("husband", "wife"), "spouse"),
    **dict.fromkeys(("son", "daughter"), "child"),
}
"""One word for people of whatever sex, so that none says more than another."""
_TICS: Final = re.compile(
    r",?\s*\b(?:you know|sort of|kind of|i mean|basically|let['’]s say|to be honest|honestly|u[hm]+|er)\b,?"
    r"|, (?:like|well|so),",
    re.IGNORECASE,
)
"""Between the words of a sentence; they bring nothing and hide nothing."""
_NEUTRAL: Final = _PRONOUNS | _PERSONS
_GENDERED: Final = re.compile(rf"\b(?:{'|'.join(_NEUTRAL)})\b", re.IGNORECASE)
_WORD: Final = re.compile(r"[^\W_]+(?:['’./+#&-][^\W_]+)*[+#]*")
_PLACEHOLDER: Final = re.compile(r"\[(?:name|email|link|phone|school|removed)\]")
_I: Final = frozenset(("i", "i'm", "i've", "i'd", "i'll"))
_PARTICLES: Final = frozenset("de da do dos du la le van von der den bin ibn al el di del ter mc st".split())
_NUMBER_WORDS: Final = frozenset(
    "two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty sixty "
    "seventy eighty ninety hundred hundreds thousand thousands million millions billion half quarter third "
    "twice double doubled triple tripled halved dozen dozens percent".split()
)
_BIG_TALK: Final = frozenset("100 110 120 200 1000 24/7 110% 100% 150% 200% 1000% 365".split())
_IDLE: Final = frozenset(
    stem(verb)
    for verb in (
        "am are was were be been is have had has do did does think thought believe believed feel felt "
        "know knew want "
        "wanted like liked love loved try tried need needed can could will would should may might guess "
        "hope hoped "
        "mean meant see saw get got make made go went work worked learn learned use used really always "
        "never just "
        "also usually often sometimes consider handle handled deal dealt manage managed help helped say "
        "said enjoy "
        "enjoyed talk talked speak spoke understand understood give gave take took keep kept come came "
        "find found look looked start started "
        "become became put do don't didn't not am'nt strive focus focused ensure bring brought pride "
        "remember "
        "communicate communicated suppose wish prefer excel thrive never ever still only then tend care "
        "don doesn didn won stay stayed"
    ).split()
)


@dataclass(frozen=True, slots=True)
class Expected:
    """What words an answer to a question probably uses: its own, and those of its topics."""

    own: frozenset[str]
    topics: tuple[str, ...]
    items: tuple[tuple[str, frozenset[str]], ...] = ()
    echo: frozenset[str] = frozenset()


@dataclass(slots=True)
class Part:
    """One sentence and what it brings that no sentence before it brought."""

    sentence: Sentence
    stems: frozenset[str]
    empty: bool = False
    terms: set[str] = field(default_factory=set)
    topical: set[str] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)
    entities: set[str] = field(default_factory=set)
    actions: set[str] = field(default_factory=set)
    cues: dict[str, set[str]] = field(default_factory=dict)
    common: frozenset[str] = frozenset()
    topics: dict[str, set[str]] = field(default_factory=dict)
    nameless: str = ""
    """The sentence with "someone" for every name in it: all that the sentence model is shown."""
    echo: bool = False
    """Says little but the question back."""
    twin: bool = False
    """Says what was said before."""

    @property
    def is_bare(self) -> bool:
        return len(self.terms) + len(self.topical) < 3 and not self.numbers and not self.entities

    @property
    def sure(self) -> bool:
        """Holds a figure in digits or a named thing."""
        return bool(self.entities) or any(c.isdigit() for number in self.numbers for c in number)

    @property
    def hard(self) -> float:
        """Evidence that is hard to make up out of nothing."""
        return len(self.numbers) + 0.7 * len(self.entities) + len(self.actions) + 0.25 * len(self.terms)

    @property
    def weight(self) -> float:
        soft = sum(
            bool(self.cues.get(name)) for name in ("outcome", "reason", "contrast", "owning", "learnt")
        )
        if self.hard + 0.25 * len(self.topical) < 0.25:
            return 0.0  # linking words that link nothing
        scene = sum(bool(self.cues.get(name)) for name in ("situation", "task", "people"))
        return self.hard + 0.25 * len(self.topical) + 0.5 * soft + 0.15 * scene


@dataclass(frozen=True, slots=True)
class Holding:
    """All that an answer holds. ``kept``: the sentences that bring something; ``words``: all of them."""

    parts: tuple[Part, ...]
    kept: tuple[Part, ...]
    words: int
    vague: int

    def count(self, name: str) -> int:
        return len({item for part in self.kept for item in getattr(part, name)})

    def cue(self, name: str) -> int:
        return len({item for part in self.kept for item in part.cues.get(name, ())})

    def sentences_with(self, name: str, hard: float = 0.0) -> int:
        return sum(bool(part.cues.get(name)) and part.hard >= hard for part in self.kept)


def neutral(text: str) -> str:
    """With one set of pronouns and nouns for all people, so that nobody's count for more than another's."""
    return _GENDERED.sub(lambda match: _NEUTRAL[match.group().lower()], text)


def words_in(text: str) -> list[str]:
    return [match.group() for match in _WORD.finditer(_PLACEHOLDER.sub(" ", text))]


@dataclass(frozen=True, slots=True)
class _Index:
    """Where the words of `TOPICS` are found; each says of a topic whether the word is one of its keys."""

    stems: dict[str, dict[str, bool]]
    prefixes: dict[str, list[tuple[str, str, bool]]]
    phrases: dict[str, dict[str, bool]]


@cache
def _index() -> _Index:
    """Prefixes are filed under their first three letters."""
    index = _Index({}, {}, {})
    for topic, halves in TOPICS.items():
        for is_key, half in zip((True, False), halves, strict=True):
            for entry in half.split():
                if entry.endswith("*") and "_" not in entry:
                    index.prefixes.setdefault(entry[:3], []).append((entry[:-1], topic, is_key))
                    continue
                phrase = entry.rstrip("*").replace("_", " ")
                known = (
                    index.phrases.setdefault(phrase, {})
                    if "_" in entry
                    else index.stems.setdefault(stem(entry), {})
                )
                known[topic] = known.get(topic, False) or is_key
    return index


@cache
def _phrases() -> re.Pattern[str]:
    longest_first = sorted(_index().phrases, key=len, reverse=True)
    return re.compile(rf" ({'|'.join(map(re.escape, longest_first))})")


def topics_of(text: str, keys_only: bool = False) -> dict[str, set[str]]:
    """topic -> the stems of ``text`` that belong to it; the words of a phrase belong to the phrase alone."""
    index = _index()
    found: dict[str, set[str]] = {}
    lowered = f" {' '.join(word.lower().replace('’', chr(39)) for word in words_in(text))} "
    used: set[str] = set()
    for match in _phrases().finditer(lowered):
        for topic, is_key in index.phrases[match.group(1)].items():
            if is_key or not keys_only:
                found.setdefault(topic, set()).add(match.group(1))
                used.add(match.group(1))
    for phrase in used if keys_only else ():
        lowered = lowered.replace(f" {phrase}", " ")
    for word in set(lowered.split()):
        root = stem(word)
        for topic, is_key in index.stems.get(root, {}).items():
            if is_key or not keys_only:
                found.setdefault(topic, set()).add(root)
        for prefix, topic, is_key in index.prefixes.get(word[:3], ()):
            if word.startswith(prefix) and (is_key or not keys_only):
                found.setdefault(topic, set()).add(root)
    return found


def expected_of(question: str, competencies: Iterable[str], looks_for: Sequence[str]) -> Expected:
    """What the question, its competencies and the points it looks for lead to expect."""
    competence = " ".join(competencies).replace("_", " ")
    own = _content(question) | _content(competence) | _content(" ".join(looks_for))
    keys = topics_of(f"{question} . {competence}", keys_only=True)
    spread = Counter(root for roots in keys.values() for root in roots)
    # A word that calls up several topics says less; one topic called up by such words alone is a guess.
    sure = [topic for topic, roots in keys.items() if sum(1 / spread[root] for root in roots) >= 0.5]
    items = tuple((item, frozenset(_content(item))) for item in looks_for)
    return Expected(frozenset(own), tuple(sure or keys), items, frozenset(_content(question)))


def _content(text: str) -> set[str]:
    return {
        root
        for word in words_in(text)
        if (root := stem(word)) not in QUESTION_TALK and word.lower() not in FUNCTION_WORDS and len(root) > 1
    }


_FIRST_PERSON: Final = re.compile(r"\b(?:i|me|my|we|our)\b", re.IGNORECASE)
_HARD: Final = 2.5
"""From this much evidence on, a sentence is worth more than the turn of phrase in it."""
_ECHO: Final = 0.6
_SURELY_FILLER: Final = 2.0
_RUN_ON: Final = 26
"""Words; a clause longer than that holds more than one statement."""


def read(
    answer: str,
    expected: Expected,
    motivational: bool = False,
    personal: bool = False,
    filler: Callable[[str], float] | None = None,
) -> Holding:
    """Take an answer apart.

    ``motivational``: the question is about the company, so that praise may be content. ``personal``: it asks
    for something of the speaker's own, so that general truths are none. ``filler`` says how far a sentence,
    with its names hidden, is filler: from 0 on it is, unless it holds hard evidence.
    """
    seen: dict[str, set[str]] = {
        name: set() for name in ("terms", "topical", "numbers", "entities", "actions")
    }
    parts: list[Part] = []
    kept: list[Part] = []
    count = vague = 0
    praise = False
    for sentence in sentences(answer):
        if not words_in(sentence.text):
            continue
        part = _part(sentence, expected)
        text = _TICS.sub(" ", sentence.text)
        if personal and not motivational and part.is_bare and (HEDGED.search(text) or HABIT.search(text)):
            # What is always or probably done was not seen to be done once.
            part.actions = set()
            part.cues |= {"reason": set(), "contrast": set(), "outcome": set()}
        words = words_in(sentence.text)
        count += len(words)
        vague += sum(word.lower() in VAGUE for word in words)
        parts.append(part)
        part.twin = any(_alike(part.stems, other.stems) for other in kept)
        light = part.weight < (0.5 if motivational else 0.75)
        for name, known in seen.items():
            setattr(part, name, getattr(part, name) - known)
        if part.weight < 0.25:
            part.cues = {}
        # After a sentence about the company one to it is more of the same.
        praise = bool(PRAISE.search(text)) or (praise and bool(TO_YOU.search(text)))
        # Speech without full stops runs on: a turn of phrase in it does not empty all the rest.
        long = len(words) > _RUN_ON
        praise = praise and not long
        if praise and not (motivational and _FIRST_PERSON.search(text)):
            part.empty = True
        if PLATITUDE.search(text) and not long and part.hard < _HARD:
            part.empty = True
        idle = ABOUT_TALK.search(text) or (not motivational and SELF_PRAISE.search(text))
        if idle and not long and part.hard < _HARD:
            part.empty = True
        fluff = sum(root in FLUFF for root in part.stems)
        if fluff >= 2 and fluff >= 0.4 * len(part.stems) and not part.sure:
            part.empty = True
        if filler and not part.sure:
            found = filler(part.nameless)
            if found > _SURELY_FILLER or (found > 0 and part.hard < _HARD and not long):
                part.empty = True
        if personal and not part.sure and not SOMEBODY.search(text):
            part.empty = True
        if part.twin or part.empty or light:
            continue
        for name, known in seen.items():
            known |= getattr(part, name)
        kept.append(part)
    return Holding(tuple(parts), tuple(kept), count, vague)


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    if len(one) < 3:
        return one <= other
    return len(one & other) / len(one) >= 0.75


def _part(sentence: Sentence, expected: Expected) -> Part:
    text = sentence.text
    plain = _TICS.sub(" ", ALL_OF_IT.sub(" ", _PLACEHOLDER.sub(" ", text)))
    found = list(_WORD.finditer(plain))
    part = Part(sentence, frozenset(_content(plain)))
    names = _names(found, plain)
    for index, match in enumerate(found):
        word = match.group()
        lowered = word.lower().replace("’", "'")
        if index in names:
            if names[index]:
                part.entities.add(names[index])
            continue
        if any(c.isdigit() for c in word):
            after = plain[match.end() : match.end() + 1]
            if lowered + after.strip() not in _BIG_TALK and lowered not in _BIG_TALK:
                part.numbers.add(lowered)
            continue
        if lowered in _NUMBER_WORDS:
            part.numbers.add(lowered)
            continue
        lowered = "not" if lowered.endswith("n't") else lowered.partition("'")[0] or lowered
        lowered = _PERSONS.get(lowered, lowered)
        root = stem(lowered)
        if lowered in FUNCTION_WORDS or lowered in VAGUE or len(lowered) < 3:
            continue
        if root in PLAIN or root in FLUFF or root in QUESTION_TALK or lowered.endswith("ly"):
            continue
        if root in expected.own:
            part.topical.add(root)
        else:
            part.terms.add(root)
    part.topics = topics_of(plain)
    part.common = _common(found, names, part.topics, expected)
    part.nameless = _nameless(plain, found, names, part.topics, expected)
    for topic, roots in part.topics.items():
        if topic in expected.topics:
            part.topical |= roots
    part.topical |= part.stems & expected.own
    part.echo = len(part.stems) > 1 and len(part.stems & expected.echo) >= _ECHO * len(part.stems)
    part.actions = _actions(plain)
    part.cues = {
        name: {match.group().lower() for match in pattern.finditer(neutral(plain))}
        for name, pattern in (
            ("outcome", OUTCOME), ("reason", REASON), ("contrast", CONTRAST), ("sequence", SEQUENCE),
            ("situation", SITUATION), ("task", TASK), ("owning", OWNING), ("learnt", LEARNT),
            ("example", EXAMPLE), ("blame", BLAME), ("people", PEOPLE),
        )
    }  # fmt: skip
    return part


def _common(
    found: Sequence[re.Match[str]],
    names: Mapping[int, str],
    topics: Mapping[str, set[str]],
    expected: Expected,
) -> frozenset[str]:
    """Stems without those of names; a word that only begins the sentence stays where it says something."""
    known = expected.own.union(*topics.values())
    spoken = (
        m.group() for i, m in enumerate(found) if i not in names or (i == 0 and stem(m.group()) in known)
    )
    return frozenset(_content(" ".join(spoken)))


def _nameless(
    text: str,
    found: Sequence[re.Match[str]],
    names: Mapping[int, str],
    topics: Mapping[str, set[str]],
    expected: Expected,
) -> str:
    """With one "someone" for every run of names, so that no name means more than another. TCP is no name."""
    known = expected.own.union(*topics.values())
    pieces: list[str] = []
    end = 0
    hidden = False
    for index, match in enumerate(found):
        word = match.group()
        plain = (
            index not in names or (index == 0 and stem(word) in known) or (word.isupper() and len(word) > 1)
        )
        if plain:
            pieces.append(text[end : match.end()])
        elif not hidden:
            pieces.append(text[end : match.start()] + "someone")
        hidden = not plain
        end = match.end()
    return neutral("".join(pieces) + text[end:]).strip()


def _names(found: Sequence[re.Match[str]], text: str) -> dict[int, str]:
    """index of a word -> the named thing it begins, or "" for a word inside one.

    A run of capitalised words is one thing, whatever and however many its words are, and one that begins
    a sentence counts for nothing: so no name is worth more than another.
    """
    names: dict[int, str] = {}
    index = 0
    while index < len(found):
        if not _named(found, index):
            index += 1
            continue
        end = index + 1
        while end < len(found):
            gap = text[found[end - 1].end() : found[end].start()]
            if gap.strip(" .'’-"):
                break
            if _named(found, end):
                end += 1
                continue
            after = end
            while after < len(found) and found[after].group() in _PARTICLES:
                after += 1
            if after == end or after == len(found) or not _named(found, after):
                break
            end = after + 1
        run = " ".join(match.group().lower() for match in found[index:end])
        names[index] = "" if index == 0 else run
        names.update(dict.fromkeys(range(index + 1, end), ""))
        index = end
    return names


def _named(found: Sequence[re.Match[str]], index: int) -> bool:
    word = found[index].group()
    lowered = word.lower().replace("’", "'")
    if not word[0].isupper() or lowered in _I:
        return False
    if index > 0:
        return True
    return lowered not in FUNCTION_WORDS and stem(word) not in PLAIN and stem(word) not in QUESTION_TALK


def _actions(text: str) -> set[str]:
    """Stems of what the speaker did or would do: concrete verbs only, and only with an object to them."""
    found: set[str] = set()
    subjects = list(SUBJECT.finditer(text))
    for match in subjects:
        verb = match.group(2).lower()
        is_state = bool(BE.search(match.group(1))) and not verb.endswith("ing")
        if not is_state and _concrete(verb, text[match.end() :]):
            found.add(stem(verb))
    if subjects and (dealt := DEALT.search(text)):
        found.add(stem(dealt.group(1)))
    if subjects or re.search(r"\b(?:my|our)\b", text, re.IGNORECASE):
        for match in CHAINED.finditer(text):
            if _concrete(match.group(1).lower(), text[match.end() :]):
                found.add(stem(match.group(1)))
    return found


def _concrete(verb: str, rest: str) -> bool:
    idle = stem(verb) in _IDLE or verb in FUNCTION_WORDS or verb.endswith(("ly", "n't", "n’t"))
    return not idle and len(words_in(rest)) >= 2

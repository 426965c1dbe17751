"""The judge without a model: explainable rules over what an answer holds, for the task ``evaluator.score``.

Content is how much of what the question asks for is there, as concrete evidence; depth is reasons,
alternatives and consequences; soft skills are own part, other people and what was learned; language is how
well the sentences that carry something can be followed. The shape of the output is that of any judge:
quotes first, then a level, then one line that says which counts made it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import fsum
from typing import Any, Final

import msgspec

from agents.offline_points import merit
from agents.offline_reading import Expected, Holding, Part, expected_of, read, topics_of, words_in
from agents.offline_relevance import BETWEEN_PEOPLE, TECHNICAL, Fit, Kind, narrowed, relevance
from agents.offline_sentences import filler, nonsense
from agents.offline_words import FLUFF, PLAIN, stem
from interview.judging_text import FUNCTION_WORDS
from interview.rubric import LEVEL_POINTS

_KNOWLEDGE: Final = re.compile(
    r"^\W*(?:(?:can|could) you )?(?:what(?:'s| is| are| does| do (?!you)| makes| happens| can| causes)"
    r"|explain"
    r"|define|compare|contrast|how (?:does|do"
    r"|is|are) (?!you)|why (?:is|are|do|does) (?!you)"
    r"|describe (?:the|how (?!you))|which|when (?:is|are|does|do|should|would))\b(?!.*\b(?:your"
    r"|you (?:have|are|were)|a time)\b)|\bdifferences? between\b|\bwalk me through (?:how|what|a"
    r"|the)\b(?!.*\byou\b)|\bwhat(?:['’]s| is| are) the differences?\b",
    re.IGNORECASE,
)
_STORY: Final = re.compile(
    r"\b(?:a time|an? (?:situation|example|instance|occasion|moment|case|mistake|goal|challenge"
    r"|(?:project|decision) (?:you|that|without|with|where|of))|have you ever|last time"
    r"|most (?:difficult"
    r"|challenging|proud)"
    r"|(?:did|were|have) you|you(?:['’]ve| have)? (?:had|were|did|done|made|led|worked|faced|failed|disagreed"
    r"|improved|changed|learn(?:ed|t)|noticed|handled|dealt))\b",
    re.IGNORECASE,
)
_PLAN: Final = re.compile(
    r"\b(?:would you|you would|imagine|suppose|if (?:you|a|an|the|your)|(?:how|what) (?:do|would|can"
    r"|should|will) you|what steps|how (?:many|much|long|big)|what might|estimate"
    r"|(?:a|an|your|the|one of your) \w+(?: \w+)? (?:tells|refuses|complains|asks|wants|says|calls|insists"
    r"|is)\b"
    r"|you (?:discover|notice|find out|disagree with|are asked|see|realise|realize)\b"
    r"|how should|your (?:approach|process|strategy)|go about|(?:talk|walk|take) (?:me|us) through"
    r"|through your mind)\b",
    re.IGNORECASE,
)
_OWN_WAY: Final = re.compile(
    r"\bdo you (?:deal|handle|cope|manage|find|like|feel|enjoy|do|prefer|approach)\b|\b(?:hardest|best"
    r"|worst|favou?rite"
    r"|most (?:important|difficult|interesting|useful)) (?:part|thing|lesson|advice|mistake|day)\b",
    re.IGNORECASE,
)
"""Asks how somebody goes about it, or for what they lived through, not for what is known."""
_PLANNED: Final = re.compile(
    r"\b(?:would you|you would|imagine|suppose|pretend|explain to (?:me|us)|what steps|how (?:many|much)"
    r"|estimate)\b",
    re.IGNORECASE,
)
_REASONS: Final = re.compile(
    r"\b(?:why (?:do|are|did|should|would) you|tell me about yourself|introduce yourself"
    r"|about you\b|your(?:self| (?:strength|weakness|career|goals?|motivation|background))|motivat\w+"
    r"|where do you see|say about you|describe yourself|who are you|(?:are you|you are"
    r"|you're) looking for|(?:next|ideal|dream|this) job\b"
    r"|attracts? you|interests? you|(?:should|would) (?:we|i) (?:not )?hire)",
    re.IGNORECASE,
)
_BY_TYPE: Final = {
    "behavioral": Kind.STORY, "situational": Kind.PLAN, "scenario": Kind.PLAN, "process": Kind.PLAN,
    "theoretical": Kind.KNOWLEDGE, "technical": Kind.KNOWLEDGE, "system_design": Kind.KNOWLEDGE,
    "coding_challenge": Kind.KNOWLEDGE, "motivational": Kind.REASONS, "opener": Kind.REASONS,
    "cultural_fit": Kind.REASONS, "closing": Kind.REASONS,
}  # fmt: skip
_ADDRESS: Final = re.compile(
    r"^\W*(?:(?:for|as) an? [^:,.?!]{2,40}[:,]|[a-z][\w -]{2,30}:)\s*", re.IGNORECASE
)
"""Whom a question is for, before the question."""
_LITTLE: Final = 33.0
"""Fewer points for evidence than that are a weak answer's."""
_SHORTEST: Final = 15
"""Fewer words than that show too little to say that they are about something else."""


def kind_of(question: str, type_: str) -> Kind:
    """By the words of the question; its type decides where they do not."""
    question = _ADDRESS.sub("", question)
    for kind, pattern in (
        (Kind.REASONS, _REASONS),
        (Kind.KNOWLEDGE, _KNOWLEDGE),
        (Kind.PLAN, _PLANNED),
        (Kind.STORY, _STORY),
        (Kind.PLAN, _PLAN),
    ):
        if pattern.search(question) and not (kind is Kind.KNOWLEDGE and _OWN_WAY.search(question)):
            return kind
    return _BY_TYPE.get(type_, Kind.STORY)


@dataclass(frozen=True, slots=True)
class Judged:
    """One dimension: level, the parts that show it best, and the counts that made it."""

    level: float | None
    quotes: tuple[str, ...]
    why: str


def judge(facts: Mapping[str, Any]) -> str:
    """The rules for ``evaluator.score``: facts in, JSON of one reading out."""
    question = str(facts["question"])
    answer = str(facts["answer"])
    order: Sequence[str] = facts["dimensions"]
    if str(facts.get("language", "en")).split("-")[0].lower() not in ("en", ""):
        return _reading([(name, Judged(None, (), "The offline judge reads English only.")) for name in order])
    kind = kind_of(question, str(facts.get("kind", "")))
    expected = narrowed(expected_of(question, facts["competencies"], facts["looks_for"]), kind)
    holding = read(answer, expected, kind is Kind.REASONS, kind in (Kind.STORY, Kind.REASONS), filler)
    fit = relevance(question, holding, expected, kind)
    points, why = merit(holding, expected, kind)
    # With little in it an answer is weak, whatever it is about.
    on_topic = fit.about or holding.words < _SHORTEST or points < _LITTLE
    rules: dict[str, Callable[[], Judged]] = {
        "content": lambda: _content(holding, expected, kind, fit, why),
        "depth": lambda: _depth(holding, kind),
        "soft_skills": lambda: _soft_skills(holding, frozenset(expected.topics), kind),
        "language": lambda: _language(holding, kind),
    }
    judged = _around([(name, rules[name]()) for name in order], points, fit)
    if not on_topic:
        judged = [(name, _elsewhere(one, fit) if name == "content" else one) for name, one in judged]
    return _reading(judged, on_topic, _readable(answer) and not _is_nonsense(holding))


OWN: Final = 0.5
"""Of a dimension's distance from the others by its own rules, so much is in its level."""


def _around(judged: Sequence[tuple[str, Judged]], points: float, fit: Fit) -> list[tuple[str, Judged]]:
    """The points say how good the answer is; a dimension's own rules, what of it is better than the rest."""
    own = [min(5.0, max(1.0, one.level)) for _, one in judged if one.level is not None]
    if not own:
        return list(judged)
    middle, usual = _level_at(points), fsum(own) / len(own)

    def level(one: float) -> float:
        beside = middle + OWN * (min(5.0, max(1.0, one)) - usual)
        return 1 + (min(5.0, max(1.0, beside)) - 1) * fit.value

    return [
        (name, one if one.level is None else Judged(level(one.level), one.quotes, one.why))
        for name, one in judged
    ]


def _elsewhere(one: Judged, fit: Fit) -> Judged:
    """With what shows that the answer is about something else: the sentence that comes nearest."""
    return Judged(one.level, (fit.nearest, *one.quotes), f"About something else: {fit.why}. {one.why}")


def told(*counted: tuple[int, str] | tuple[int, str, str]) -> str:
    """What was counted and what was not there: "2 reasons, but no step". Each: number, one, many."""
    there = [
        f"{number} {one if number == 1 else many[0] if many else one + 's'}"
        for number, one, *many in counted
        if number
    ]
    missing = [f"no {one}" for number, one, *_ in counted if not number]
    return ", but ".join(filter(None, (_listed(there, "and"), _listed(missing, "and"))))


def _listed(parts: Sequence[str], last: str) -> str:
    return f" {last} ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


def _level_at(points: float) -> float:
    """The level whose points these are: the way back from `interview.judging.points_at`."""
    steps = sorted(LEVEL_POINTS.items())
    for (low, least), (_, most) in pairwise(steps):
        if points <= most:
            return low + max(0.0, points - least) / (most - least)
    return float(steps[-1][0])


def _reading(judged: Sequence[tuple[str, Judged]], on_topic: bool = True, readable: bool = True) -> str:
    claims = [
        {
            "dimension": name,
            "quotes": list(one.quotes),
            "level": None if one.level is None else round(min(5.0, max(1.0, one.level)), 2),
            "why": one.why,
        }
        for name, one in judged
    ]
    found = {"claims": claims, "on_topic": on_topic, "readable": readable, "addresses_judge": False}
    return msgspec.json.encode(found).decode()


def _readable(answer: str) -> bool:
    """False when most words are none that this judge, or English grammar, knows."""
    words = [word for word in words_in(answer) if not any(c.isdigit() for c in word)]
    if len(words) < 6:
        return True
    known = sum(_known(word) for word in words)
    return known / len(words) >= 0.42


def _is_nonsense(holding: Holding) -> bool:
    spoken = [part.nameless for part in holding.parts if len(part.nameless.split()) > 2]
    return nonsense(spoken) >= 0


def _known(word: str) -> bool:
    root = stem(word)
    return (
        word.lower() in FUNCTION_WORDS
        or root in PLAIN
        or root in FLUFF
        or bool(topics_of(word))
        or word[0].isupper()
    )


def _share(value: float, half: float, steep: float = 1.0) -> float:
    """0 for nothing, 1/2 at ``half``, towards 1 beyond: each further piece is worth less."""
    return float(value**steep / (value**steep + half**steep))


STEEP: Final = 1.7
"""Between a few pieces of evidence and many lies the difference that matters."""


def _most(value: float, most: float) -> float:
    return min(value, most)


def _content(holding: Holding, expected: Expected, kind: Kind, fit: Fit, most: str) -> Judged:
    actions, numbers = holding.count("actions"), holding.count("numbers")
    entities, terms = holding.count("entities"), holding.count("terms")
    # Saying the words of the question back is no evidence.
    topical = len({root for part in holding.kept for root in part.topical} - expected.echo)
    outcomes = holding.sentences_with("outcome", 0.7)
    reasons, contrasts = holding.sentences_with("reason"), holding.sentences_with("contrast")
    story = (
        0.8 * _most(actions, 6)
        + 0.6 * _most(numbers, 4)
        + 0.4 * _most(entities, 3)
        + 0.9 * _most(outcomes, 3)
        + 0.13 * _most(terms, 20)
        + 0.6 * bool(holding.cue("situation"))
        + 0.5 * bool(holding.cue("task"))
        + 0.6 * bool(holding.cue("learnt"))
        + 0.15 * _most(holding.cue("people"), 6 if BETWEEN_PEOPLE & set(expected.topics) else 2)
    )
    matter = (
        0.45 * _most(topical, 12)
        + 0.18 * _most(terms, 24)
        + 0.8 * _most(reasons, 3)
        + 0.7 * _most(contrasts, 3)
        + 0.8 * _most(holding.sentences_with("example"), 1)
        + 0.3 * _most(numbers + entities, 4)
        + 0.3 * _most(actions, 4)
    )
    first, second = _share(story, 5.2, STEEP), _share(matter, 5.8, STEEP)
    # Plans and reasons hold fewer facts than stories and explanations; less of them says as much.
    eager = _share(story, 4.0, STEEP), _share(matter, 4.4, STEEP)
    share = {
        Kind.STORY: 0.85 * first + 0.15 * second,
        Kind.KNOWLEDGE: second,
        Kind.PLAN: 0.7 * max(eager) + 0.3 * min(eager),
        Kind.REASONS: max(eager),
    }[kind]
    covered = _covered(holding, expected)
    if covered is not None:
        share = 0.8 * share + 0.2 * covered * (0.3 + share)
    best = _best(holding, lambda part: part.hard + 0.4 * len(part.topical) + bool(part.cues.get("outcome")))
    found = told(
        (actions, "concrete action"),
        (numbers + entities, "figure or name", "figures and names"),
        (outcomes, "outcome"),
    )
    why = f"Holds {found}; {told((fit.hits, 'word'))} of the question's subject. {most}"
    touch = 0.5 * fit.about if holding.words >= _SHORTEST else 0.0
    return Judged(1 + max(touch, 4.6 * share), best, why)


def _covered(holding: Holding, expected: Expected) -> float | None:
    """The share of the points looked for that the answer touches, by words or by the kind of evidence."""
    if not expected.items:
        return None
    said = {root for part in holding.kept for root in part.stems}
    total = 0.0
    for item, roots in expected.items:
        named = len(roots & said) / len(roots) if roots else 0.0
        shown = any(holding.cue(cue) for pattern, cue in _ITEM_CUES if pattern.search(item))
        total += max(min(1.0, 1.5 * named), 0.7 * shown)
    return total / len(expected.items)


_ITEM_CUES: Final = tuple(
    (re.compile(rf"\b(?:{words})", re.IGNORECASE), cue)
    for words, cue in (
        ("result|outcome|effect|deliver|figure|number|measur|impact|success", "outcome"),
        ("reason|why|cause|because|motiv", "reason"),
        ("trade|alternativ|compar|risk|limit|when not|option|cost", "contrast"),
        ("lesson|learn|afterwards|differently|stuck|changed", "learnt"),
        ("step|order|plan|first|how |sequence|way", "sequence"),
        ("situation|context|concrete|case|example", "situation"),
        ("listen|other|people|view|agree|ask|team|stakeholder|feedback", "people"),
        ("own|responsib|mistake|honest|admit", "owning"),
    )
)


def _depth(holding: Holding, kind: Kind) -> Judged:
    reasons, contrasts = holding.cue("reason"), holding.cue("contrast")
    steps = holding.count("actions") if kind is not Kind.KNOWLEDGE else 0
    depth = (
        0.8 * _most(holding.sentences_with("reason"), 4)
        + 0.8 * _most(holding.sentences_with("contrast"), 4)
        + 0.4 * _most(steps, 6)
        + 0.5 * _most(holding.sentences_with("outcome", 1.0), 3)
        + 0.25 * _most(holding.cue("sequence"), 4)
        + 0.7 * bool(holding.cue("learnt"))
        + 0.25 * _most(holding.count("numbers"), 4)
        + (0.1 if kind is not Kind.KNOWLEDGE else 0.16)
        * _most(holding.count("terms") + holding.count("topical"), 24)
    )
    best = _best(
        holding, lambda part: 2 * _has(part, "reason") + 2 * _has(part, "contrast") + part.weight / 3
    )
    why = (
        "Gives "
        + told(
            (reasons, "reason"),
            (contrasts, "alternative or condition", "alternatives or conditions"),
            (steps, "own step"),
        )
        + "."
    )
    return Judged(
        1 + 4.9 * _share(depth, 4.2 if kind in (Kind.STORY, Kind.KNOWLEDGE) else 3.6, STEEP),
        best,
        why,
    )


def _soft_skills(holding: Holding, topics: frozenset[str], kind: Kind) -> Judged:
    if kind is Kind.KNOWLEDGE or (kind is Kind.PLAN and topics and topics <= TECHNICAL):
        return Judged(None, (), "The question asks for knowledge, not for working with others.")
    own = holding.count("actions")
    people = holding.cue("people")
    owning, learnt = holding.cue("owning"), bool(holding.cue("learnt"))
    value = (
        0.35 * _most(people, 8)
        + 0.4 * _most(own, 5)
        + 0.8 * _most(owning, 2)
        + 0.7 * learnt
        + 0.4 * _most(holding.sentences_with("outcome", 1.0), 2)
        + 0.3 * bool(holding.cue("reason"))
    )
    level = 1 + 4.9 * _share(value, 3.4 if kind is Kind.STORY else 2.7, STEEP)
    blame = sum(bool(part.cues.get("blame")) for part in holding.parts)
    best = _best(
        holding,
        lambda part: len(part.cues.get("people", ())) + 2 * _has(part, "owning") + 2 * _has(part, "learnt"),
    )
    why = "Shows " + told((own, "own action"), (people, "mention of others", "mentions of others"))
    why += f"; owns {told((owning, 'mistake'))}" if owning else ""
    why += f"; puts the blame on others {told((blame, 'time'))}." if blame else "."
    return Judged(level - 0.8 * _most(blame, 2), best, why)


def _language(holding: Holding, kind: Kind) -> Judged:
    """Only sentences that carry something are looked at: the rest neither helps nor harms."""
    parts = holding.kept
    if not parts:
        return Judged(
            1.8, _best(holding, lambda part: float(len(part.stems))), "No sentence carries a statement."
        )
    lengths = [len(words_in(part.sentence.text)) for part in parts]
    fitting = sum(6 <= length <= 32 for length in lengths) / len(lengths)
    links = _most(sum(holding.cue(name) for name in ("reason", "contrast", "sequence")), 6)
    vague = sum(word.lower() in _VAGUE for part in parts for word in words_in(part.sentence.text))
    precise = _share(holding.count("terms") + holding.count("numbers") + holding.count("entities"), 7)
    ends = bool(
        {"outcome", "learnt"} & {name for part in parts[-2:] for name, cues in part.cues.items() if cues}
    )
    level = (
        1.5 + 0.8 * fitting * _share(len(parts), 1.0) + 1.1 * _share(links, 2.0) + 1.6 * precise + 0.4 * ends
    )
    level -= 0.25 * _most(vague, 3)
    best = _best(
        holding,
        lambda part: sum(_has(part, name) for name in ("reason", "contrast", "sequence")) + part.weight / 4,
    )
    why = told((len(parts), "clear statement"), (int(links), "linking word")).capitalize()
    why += f"; {told((vague, 'vague word'))}." if vague else "."
    return Judged(level, best, why)


_VAGUE: Final = frozenset(
    "stuff thing things something somehow kinda sorta basically etc various whatever maybe".split()
)


def _has(part: Part, cue: str) -> bool:
    return bool(part.cues.get(cue))


def _best(holding: Holding, value: Callable[[Part], float]) -> tuple[str, ...]:
    """One or two sentences, word for word, that show the dimension best."""
    parts = holding.kept or holding.parts
    ranked = sorted(parts, key=lambda part: (-value(part), part.sentence.start))
    return tuple(part.sentence.text for part in ranked[: 2 if len(parts) > 2 else 1])

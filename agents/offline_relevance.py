"""Is an answer about its question? Signs for and against, each worth points; no single sign decides.

Signs for: nearness in meaning (`agents.offline_closeness`), words of the question and of its topics, and
the form that was asked for (a story told, a plan made, an explanation given). Signs against: much of another
topic, private life and school subjects, and a form that answers another kind of question. The points in
``data/relevance.json`` were fitted by ``bench/relevance.py`` on the development set's answers, each beside
its own question and beside others; see docs/calibration.md.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib.resources import files
from math import fsum
from typing import Final

import msgspec

from agents.offline_closeness import closeness
from agents.offline_reading import Expected, Holding, Part, neutral
from agents.offline_words import PLAIN, PRIVATE
from interview.judging_text import word_count


class Kind(StrEnum):
    """What a good answer to a question is made of."""

    STORY = "story"
    PLAN = "plan"
    KNOWLEDGE = "knowledge"
    REASONS = "reasons"


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether an answer is about its question, and what says so.

    ``about``: False when the signs say plainly that it is about something else; ``value``: then how far it
    may still be about it, from 1 at the limit to 0. ``hits``: words of the question's subject.
    ``why``: how near it is in meaning; ``nearest``: the sentence nearest to the question, word for word.
    """

    value: float
    hits: int
    about: bool = True
    why: str = ""
    nearest: str = ""


_VAGUE_TOPICS: Final = frozenset(
    "initiative decision change failure learning achievement motivation self_presentation "
    "problem_solving culture".split()
)


def narrowed(expected: Expected, kind: Kind) -> Expected:
    """Without topics that any question can touch, where the question is about a field of work."""
    vague = {
        Kind.KNOWLEDGE: _VAGUE_TOPICS | {"communication", "teamwork", "leadership"},
        Kind.PLAN: _VAGUE_TOPICS,
    }
    left = tuple(topic for topic in expected.topics if topic not in vague.get(kind, ()))
    return replace(expected, topics=left or expected.topics)


_PAST: Final = re.compile(
    r"\b(?:i|we|she|he|they|(?:my|our|the|a|an|one|another|two) \w+) (?:then |also |never |just "
    r"|always )?(?:\w+ed|was|had|were|got|did|went|came|told|took|made|found|said|wrote|gave"
    r"|ran|built|kept|sat|put|saw|knew|began|brought|thought|felt|lost|met|paid|read|set|spoke|sent|left"
    r"|rang|bought|taught|chose|drew|held|led|cut|hit|let)\b",
    re.IGNORECASE,
)
_SELF: Final = re.compile(r"\b(?:i|me|my|we|us|our)\b", re.IGNORECASE)
_WOULD: Final = re.compile(r"\b(?:i['’]d|would|i['’]ll|should)\b", re.IGNORECASE)
_AT_WORK: Final = re.compile(
    r"\b(?:boss|manager\w*|director|head (?:of|chef|nurse)|supervisor|colleague\w*|coworker\w*|customer\w*"
    r"|client\w*"
    r"|guests?|patients?|suppliers?|vendor\w*|trainees?|apprentice\w*|interns?|juniors?|team|crew|shift\w*"
    r"|staff"
    r"|department|office|company|firm|employer|shop|store|hotel|restaurant|warehouse|plant|factory|ward"
    r"|clinic"
    r"|hospital|bank|school|class|pupils?|students?|project\w*|deadline|launch\w*|sprint|budget|contract\w*"
    r"|sales"
    r"|orders?|deliver\w*|production|release\w*|report(?:s|ed)?|invoice\w*|meeting\w*|assistant|engineer\w*"
    r"|developer\w*|designer\w*|nurse\w*|technician\w*|at work|my job|euros|dollars|per ?cent|percent)\b",
    re.IGNORECASE,
)
_HABIT: Final = re.compile(
    r"\b(?:i|we) (?:(?:also|always|usually|then|only|never|first|don['’]t|do not|try to) )?"
    r"(?!was|had|were|got|did|went|came|told|took|made|found|said|am|have|would|could|[a-z]+ed\b)[a-z]+\b",
    re.IGNORECASE,
)


def signs(question: str, holding: Holding, expected: Expected, kind: Kind) -> dict[str, float]:
    """Each sign of words and form between 0 and 1, by its name in `Weights.signs`."""
    told_parts = tuple(part for part in holding.parts if not part.empty) or holding.parts
    told_parts = tuple(part for part in told_parts if not part.echo) or told_parts
    answer = neutral(" ".join(part.sentence.text for part in told_parts))
    stems = {root for part in told_parts for root in part.common}
    own = stems & expected.own
    rare = {root for root in own if root not in PLAIN}
    near, foreign = _masses(told_parts, expected)
    count = max(20, word_count(answer))
    past, self_, would, habit = (
        100 * len(pattern.findall(answer)) / count for pattern in (_PAST, _SELF, _WOULD, _HABIT)
    )
    story = kind is Kind.STORY
    at_work = len({match.group().lower() for match in _AT_WORK.finditer(answer)})
    intent, told = _intended(question, answer)
    people = bool(BETWEEN_PEOPLE & set(expected.topics))
    found = {
        "question's own words": _part(len(rare), 1.0),
        "question's plain words": _part(len(own) - len(rare), 1.5),
        "words of its topics": _part(near, 2.0),
        "more of another topic": (0.5 if story else 1.0) * foreign / (near + foreign + 0.7 * len(rare) + 1.5),
        "private life": _part(len(stems & PRIVATE - expected.own), 3.0),
        "turns of its intent": _part(told, 2.5),
        "intent known": float(intent),
        "people, where asked about": people * _part(holding.cue("people"), 3.0),
        "told of work, where a story is asked": story * _part(at_work, 2.0) * _part(past, 2.0),
        "told, where a story is asked": story * _part(past, 2.0),
        "told, where knowledge is asked": (kind is Kind.KNOWLEDGE) * _part(past, 2.0),
        "told, where a plan is asked": (kind is Kind.PLAN) * _part(past, 2.0),
        "planned, where a plan is asked": (kind is Kind.PLAN) * _part(would + 0.5 * habit, 2.0),
        "impersonal, where a story is asked": story * (1 - _part(self_, 2.0)),
        "personal, where knowledge is asked": (kind is Kind.KNOWLEDGE) * _part(self_, 4.0),
        "personal, where reasons are asked": (kind is Kind.REASONS) * _part(self_, 4.0),
        "a story is asked": float(story),
        "knowledge is asked": float(kind is Kind.KNOWLEDGE),
        "reasons are asked": float(kind is Kind.REASONS),
        "little said": 1 - _part(len(stems), 15.0),
    }
    return found


def _part(value: float, half: float) -> float:
    return value / (value + half) if value > 0 else 0.0


def _masses(parts: Sequence[Part], expected: Expected) -> tuple[float, float]:
    """Weight of words of the question's topics, and of the other topic that the answer is fullest of.

    A word counts for less the more topics it belongs to.
    """
    masses: dict[str, dict[str, float]] = {}
    for part in parts:
        spread = Counter(root for roots in part.topics.values() for root in roots)
        for topic, roots in part.topics.items():
            for root in roots:
                masses.setdefault(topic, {})[root] = 1 / spread[root] ** 0.6
    near: dict[str, float] = {}
    for topic in expected.topics:
        for root, weight in masses.get(topic, {}).items():
            near[root] = max(weight, near.get(root, 0.0))
    foreign = max(
        (
            fsum(weight for root, weight in mass.items() if root not in near and root not in expected.own)
            for topic, mass in masses.items()
            if topic not in expected.topics
        ),
        default=0.0,
    )
    return fsum(near.values()), foreign


@dataclass(frozen=True, slots=True)
class Intent:
    """What a question is after, by its words, and turns of phrase that answers to it have."""

    asked: re.Pattern[str]
    told: re.Pattern[str]


def _intent(asked: str, told: str) -> Intent:
    return Intent(re.compile(rf"\b(?:{asked})", re.IGNORECASE), re.compile(rf"\b(?:{told})", re.IGNORECASE))


INTENTS: Final = {
    "disagreement": _intent(
        r"conflict|disagree|argu|difficult (?:person|colleague|customer|client|guest|patient)|clash|persua"
        r"|convinc"
        r"|influenc|critici|unfair|feedback|complain|angry|furious|upset|refuses|speak up|negotiat"
        r"|change (?:their"
        r"|his|her|your) mind",
        r"disagree\w*|argu\w+|wanted|insist\w*|refus\w*|angry|furious|upset|loud|shout\w*|complain\w*"
        r"|convinc\w*"
        r"|persuad\w*|unfair|critic\w*|feedback|listen\w*|apologi\w*|sorry|afraid|worri\w*|concern\w*|agreed?"
        r"|compromis\w*|opinion|his point|her point|asked (?:him|her|them|why|what)|told (?:me|him|her|them)"
        r"|said (?:that|no|yes)|i said|(?:he|she|they) said|talk(?:ed)? (?:to|with)|spoke (?:to|with)"
        r"|calm\w*|instead"
        r"|suggest\w*|explain\w*",
    ),
    "failure": _intent(
        r"fail|mistake|missed|wrong|regret|fall short|fell short|setback|disappoint|weakness|did not"
        r"|didn['’]t go"
        r"|not hire|error",
        r"fail\w*|mistake\w*|wrong\w*|fault|should have|missed|miss|late|lost|forgot\w*|broke|broken"
        r"|overlooked"
        r"|underestimat\w*|assum\w*|apologi\w*|sorry|regret\w*|too (?:late|slow|early|much|little|long)|blame"
        r"|ashamed|embarrass\w*|admit\w*|never again|since then|my part|not enough|badly|cost (?:us|me)"
        r"|had not"
        r"|hadn['’]t|did(?:n['’]t| not)",
    ),
    "choice": _intent(
        r"decision|decide|choose|choice|risk|dilemma|without (?:all|having)|judg|ethic|moral|honest|integrity"
        r"|confiden",
        r"decid\w*|decision|chose|choose|choice|whether|risk\w*|uncertain\w*|did(?:n['’]t| not) know|unsure"
        r"|worst"
        r"|if i(?:['’]m| was| am| were)|gambl\w*|bet|option\w*|either|cost\w*|would have|reversib\w*|right"
        r"|wrong"
        r"|honest\w*|trust\w*|rule\w*|allowed|polic\w*|report\w*|secret\w*|evidence|instead",
    ),
    "pressure": _intent(
        r"deadline|pressure|urgent|juggl|priorit|same time|at once|stress|overload|behind schedule|busy"
        r"|went wrong"
        r"|night|short notice|too much|several",
        r"deadline|urgent\w*|pressure|hours?|minutes?|by (?:noon|\w+day|midnight|the end)|same (?:day|time"
        r"|morning)"
        r"|priorit\w*|postpon\w*|first|delay\w*|late|overtime|weekend|in time|on time|extension|wait\w*|cut"
        r"|moved|split|list|order|meanwhile",
    ),
    "learning": _intent(
        r"learn|new skill|unfamiliar|up to date|quickly|curious|grow|self-taught",
        r"learn\w*|practi[cs]\w*|course|book\w*|taught|tutorial\w*|tried|never (?:done|used|seen|had)"
        r"|new to|read"
        r"|watched|video\w*|experiment\w*|teacher|mentor|exercise\w*|train\w*|expert|asked|understood|stuck",
    ),
    "improvement": _intent(
        r"initiative|improve|innovat|idea|goal|proud|achiev|accomplish|success|process|problem|creativ"
        r"|efficien",
        r"notic\w*|propos\w*|suggest\w*|built|wrote|reduc\w*|saved?|faster|instead|from \w+ to|fell|rose"
        r"|percent"
        r"|per cent|goal|target|reach\w*|result\w*|since then|nobody|automat\w*|measur\w*|test\w*|now",
    ),
    "others": _intent(
        r"help|motivat|mentor|struggl|junior|lead|led|team|colleague|coach|supervis|delegate|underperform"
        r"|parent"
        r"|pupil|student|teen|class|employee|handover",
        r"help\w*|show(?:ed)?|sat (?:with|down)|pair\w*|struggl\w*|confiden\w*|taught|teach\w*|team"
        r"|each of them"
        r"|together|trust\w*|motivat\w*|prais\w*|listen\w*|ask(?:ed)?|coach\w*|her|him|them|colleague\w*"
        r"|talk\w*"
        r"|one-on-one|encourag\w*|support\w*|junior|group|everybody|everyone|explain\w*",
    ),
    "change": _intent(
        r"change|adapt|flexib|ambigu|uncertain|unexpected|unpopular|new (?:situation|environment|role)",
        r"chang\w*|adapt\w*|new|switch\w*|moved|mov(?:e|ing)|suddenly|used to|from one day|overnight|closed"
        r"|merged"
        r"|replac\w*|instead|old|petition|resist\w*|fear\w*|train\w*|introduc\w*|first weeks?",
    ),
    "reasons": _intent(
        r"why (?:do|did|are|should|would) (?:you|we)|motivates|about yourself|looking for|strength|weakness"
        r"|describe"
        r" you|five years|next job|previous (?:manager|boss)|say about you|hire you|career",
        r"i (?:want|like|enjoy|love|prefer|look|need|hope|bring|am|have|was|learn)\w*|i['’](?:m|ve|d)"
        r"|because|years?"
        r"|looking for|interest\w*|your|my|would say|slow|honest\w*|experience",
    ),
    "estimate": _intent(
        r"how (?:many|much|long would|big)|estimate",
        r"million|thousand|per|percent|per cent|about|roughly|assum\w*|say|times|year|households?|people"
        r"|around"
        r"|half|maybe|guess|\d[\d.,]*",
    ),
    "explaining": _intent(
        r"explain .{0,60}\bto\b|child|grandm|year-old|non-technical|layperson|never programmed|simple terms"
        r"|not lawyers|understood",
        r"imagine|like|for example|think of|picture|suppose|you|simple|word\w*|say|understand\w*|it['’]?s"
        r"|means"
        r"|sentence\w*|example\w*",
    ),
}


def _intended(question: str, answer: str) -> tuple[bool, float]:
    """Whether the question is of a known intent, and how many turns of phrase of it the answer has."""
    found = [
        len({match.group().lower() for match in intent.told.finditer(answer)})
        for intent in INTENTS.values()
        if intent.asked.search(question)
    ]
    return bool(found), float(max(found, default=0))


BETWEEN_PEOPLE: Final = frozenset(
    ("conflict", "teamwork", "communication", "feedback", "leadership", "customer", "negotiation", "culture")
)
"""Topics that a story can be about without naming them: what people said and did shows it."""
TECHNICAL: Final = frozenset(
    "api database system_design concurrency incident testing devops security networking frontend mobile "
    "programming algorithms code_quality machine_learning statistics data_engineering analytics finance "
    "engineering laboratory estimation accuracy problem_solving operations marketing".split()
)


class Weights(msgspec.Struct, frozen=True):
    """Points of a sign that is fully there, by its name, and those before any sign.

    Fewer points than ``off_topic``, and the answer is about something else.
    """

    start: float
    off_topic: float
    signs: dict[str, float]


@cache
def weights() -> Weights:
    """As ``bench/relevance.py`` fitted them."""
    return msgspec.json.decode((files("agents") / "data" / "relevance.json").read_bytes(), type=Weights)


OWN_STORY: Final = 0.7
"""More for a story where a story is asked for: it may leave the rest unsaid."""
PRIVATE_FROM: Final = -0.9
"""Of `Closeness.elsewhere`; the strong and medium answers of the calibration sets stay below -1.1."""
NEAR: Final = 0.39
"""A sentence as near as that may well be about its question: some questions are about cooking or gardens."""
ELSEWHERE: Final = 2.0
"""That many points below the limit, and nothing in an answer counts for its question."""


def relevance(question: str, holding: Holding, expected: Expected, kind: Kind) -> Fit:
    """By the points of all signs together. A question without words of its own cannot be missed."""
    if not expected.own and not expected.topics:
        return Fit(1.0, 0)
    close = closeness(question, holding)
    found = signs(question, holding, expected, kind) | close.signs()
    table = weights()
    points = table.start + fsum(table.signs[name] * value for name, value in found.items())
    stems = {root for part in holding.parts for root in part.stems}
    topical = {
        root
        for part in holding.parts
        for topic, roots in part.topics.items()
        if topic in expected.topics
        for root in roots
    }
    margin = points - table.off_topic
    if found["told, where a story is asked"] >= 0.45:
        margin += OWN_STORY
    if close.elsewhere > PRIVATE_FROM and close.nearest_piece < NEAR:
        margin = min(margin, PRIVATE_FROM - close.elsewhere - 0.5)
    return Fit(
        min(1.0, max(0.0, 1 + margin / ELSEWHERE)),
        len(topical | (stems & expected.own)),
        margin >= 0,
        f"in meaning, its sentence nearest to the question comes to {max(close.nearest_piece, 0):.2f} of 1, "
        f"all of them together to {max(close.mean, 0):.2f}",
        close.nearest,
    )

"""The analyst: what a whole call says, what several calls say together, how clearly somebody speaks.

It puts into words and never scores an answer. Numbers come from code: levels through `rubric.points`, all
else from what the evaluator found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

import msgspec

from agents.llm import LLM, LlmMalformed, Message, Prompt
from agents.prompts import load_prompt
from agents.structured import structured
from interview.judging_quotes import Blind, blind, verify
from interview.reading import has_words, words_of
from interview.rubric import points
from interview.threads import Thread

MIN_WORDS: Final = 30
"""Fewer words of the candidate's say nothing about how they communicate."""
MAX_MATERIAL: Final = 40_000
"""Characters of a transcript that the model is shown."""
TOO_SHORT: Final = f"fewer than {MIN_WORDS} words were said, which is too little to go by"

_SPEAKER: Final = re.compile(
    r"^[ \t]*(?:\[[^\]\n]{1,12}\][ \t]*)?([A-Za-z][A-Za-z ]{0,30}?)[ \t]*:[ \t]*", re.M
)
_CANDIDATE: Final = frozenset({"user", "candidate", "interviewee", "applicant", "me"})
_OTHER: Final = frozenset({"agent", "interviewer", "assistant", "ai", "bot", "system"})

Sentence = Annotated[str, msgspec.Meta(max_length=400)]
Paragraph = Annotated[str, msgspec.Meta(min_length=1, max_length=900)]
Level = Annotated[int, msgspec.Meta(ge=1, le=5)]
Few = Annotated[list[Sentence], msgspec.Meta(max_length=6)]


class AnswerSummary(msgspec.Struct):
    id: str
    summary: Sentence


class SummaryJson(msgspec.Struct):
    overall_feedback: Paragraph
    soft_skills: Sentence
    communication: Sentence
    recommendation: Sentence
    questions: list[AnswerSummary]


class InsightsJson(msgspec.Struct):
    trends: Few
    strengths: Few
    weaknesses: Few
    recommendations: Few
    learnings: Few


class QuoteJson(msgspec.Struct):
    quote: Sentence
    analysis: Sentence
    type: Literal["strength", "improvement_area"]


class CommunicationJson(msgspec.Struct):
    clarity: Level
    structure: Level
    pacing: Level
    tone: Level
    overall_feedback: Paragraph
    quotes: Annotated[list[QuoteJson], msgspec.Meta(max_length=12)]
    strengths: Few
    weaknesses: Few
    recommendations: Few


@dataclass(frozen=True, slots=True)
class Summary:
    """The call in words. ``answers`` by question id; those that the model left out are missing."""

    overall_feedback: str
    soft_skills: str
    communication: str
    recommendation: str
    answers: Mapping[str, str]
    provenance: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Insights:
    trends: tuple[str, ...]
    strengths: tuple[str, ...]
    weaknesses: tuple[str, ...]
    recommendations: tuple[str, ...]
    learnings: tuple[str, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SupportingQuote:
    quote: str
    analysis: str
    type: str


@dataclass(frozen=True, slots=True)
class Communication:
    """``scores``: clarity, structure, pacing, tone and overall, each 0–100, None when not assessed.

    Every quote is a stretch of the transcript; a claimed one that is not is left out.
    """

    scores: Mapping[str, int | None]
    reason: str = ""
    overall_feedback: str = ""
    quotes: tuple[SupportingQuote, ...] = ()
    strengths: tuple[str, ...] = ()
    weaknesses: tuple[str, ...] = ()
    recommendations: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def assessed(self) -> bool:
        return self.scores["overall"] is not None


DIMENSIONS: Final = ("clarity", "structure", "pacing", "tone")


@dataclass(frozen=True, slots=True)
class CallSummary:
    """One analysed call, as the insights see it. ``overall`` and ``dimensions``: 0–100 or None."""

    summary: str
    overall: int | None
    dimensions: Mapping[str, int | None]
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnalystAgent:
    """Asks ``llm`` once, and once more when the answer cannot be used; raises LlmError beyond that."""

    llm: LLM

    async def summarise(
        self, role: str, found: Sequence[Thread], scores: Mapping[str, int | None], names: Sequence[str] = ()
    ) -> Summary:
        """``scores``: overall by question id. ``names`` are hidden from the model."""
        answered = [thread for thread in found if thread.answered]
        asked = [
            {"id": t.question.id, "question": t.question.text, "answer": blind(t.case.words, names).text}
            for t in answered
        ]
        file = load_prompt("analyst.summary", 1)
        prompt = Prompt(
            "analyst.summary",
            file.fill({"role": _line(role)}),
            (Message("user", _data(msgspec.json.encode(asked).decode())),),
            facts={"answers": asked, "scores": dict(scores)},
            temperature=0.2,
            max_tokens=400 + 80 * len(asked),
            source=file.source,
        )
        said, model = await structured(self.llm, prompt, SummaryJson)
        known = {thread.question.id for thread in answered}
        return Summary(
            said.overall_feedback,
            said.soft_skills,
            said.communication,
            said.recommendation,
            {one.id: one.summary for one in said.questions if one.id in known},
            {"prompt": file.source, "model": model},
        )

    async def insights(self, role: str, calls: Sequence[CallSummary]) -> Insights:
        """What ``calls``, oldest first, show together."""
        seen = [
            {"summary": c.summary, "overall": c.overall, "dimensions": dict(c.dimensions), "tags": c.tags}
            for c in calls
        ]
        file = load_prompt("analyst.insights", 1)
        prompt = Prompt(
            "analyst.insights",
            file.fill({"role": _line(role)}),
            (Message("user", _data(msgspec.json.encode(seen).decode())),),
            facts={"calls": seen},
            temperature=0.2,
            max_tokens=700,
            source=file.source,
        )
        said, model = await structured(self.llm, prompt, InsightsJson)
        return Insights(
            trends=_kept(said.trends),
            strengths=_kept(said.strengths),
            weaknesses=_kept(said.weaknesses),
            recommendations=_kept(said.recommendations),
            learnings=_kept(said.learnings),
            provenance={"prompt": file.source, "model": model},
        )

    async def communication(self, transcript: str) -> Communication:
        """How clearly the candidate of ``transcript`` puts things; nobody is judged on thirty words."""
        spoken = candidate_words(transcript)[:MAX_MATERIAL]
        if len(words_of(spoken)) < MIN_WORDS:
            return Communication(dict.fromkeys((*DIMENSIONS, "overall")), TOO_SHORT)
        seen = blind(spoken)
        file = load_prompt("analyst.communication", 1)
        prompt = Prompt(
            "analyst.communication",
            file.fill({}),
            (Message("user", f"<transcript>\n{_data(seen.text)}\n</transcript>"),),
            facts={"text": seen.text},
            temperature=0.2,
            max_tokens=1200,
            source=file.source,
        )
        said, model = await structured(self.llm, prompt, CommunicationJson)
        scores: dict[str, int | None] = {name: points(getattr(said, name)) for name in DIMENSIONS}
        scores["overall"] = round(sum(value or 0 for value in scores.values()) / len(DIMENSIONS))
        quotes = _verified(said.quotes, spoken, seen)
        return Communication(
            scores,
            overall_feedback=said.overall_feedback,
            quotes=quotes,
            strengths=tuple(said.strengths),
            weaknesses=tuple(said.weaknesses),
            recommendations=tuple(said.recommendations),
            provenance={"prompt": file.source, "model": model},
        )


def candidate_words(transcript: str) -> str:
    """What the candidate says in a transcript with ``Name:`` lines; all of it when nobody is named."""
    marks = [m for m in _SPEAKER.finditer(transcript) if m[1].strip().lower() in _CANDIDATE | _OTHER]
    if not marks:
        return transcript.strip()
    ends = [mark.start() for mark in marks[1:]] + [len(transcript)]
    said = [
        transcript[mark.end() : end].strip()
        for mark, end in zip(marks, ends, strict=True)
        if mark[1].strip().lower() in _CANDIDATE
    ]
    return "\n".join(text for text in said if has_words(text))


def _kept(listed: Sequence[str]) -> tuple[str, ...]:
    return tuple(one for one in listed if one.strip())[:3]


def _verified(claims: Sequence[QuoteJson], words: str, seen: Blind) -> tuple[SupportingQuote, ...]:
    found: dict[str, SupportingQuote] = {}
    for claim in claims:
        for quote in verify([claim.quote], words, seen):
            found.setdefault(quote.text, SupportingQuote(quote.text, claim.analysis, claim.type))
    return tuple(found.values())


def _line(text: str) -> str:
    return " ".join(text.split())[:200]


def _data(text: str) -> str:
    """Text of the candidate's without anything that could close its marker."""
    return re.sub(r"[<>]", " ", text)[:MAX_MATERIAL]


__all__ = [
    "AnalystAgent",
    "CallSummary",
    "Communication",
    "Insights",
    "LlmMalformed",
    "Summary",
    "SupportingQuote",
    "candidate_words",
]

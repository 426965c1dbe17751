"""The coach without a model: what an answer lacks is what `agents.offline_reading` did not find in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from agents.offline_judge import kind_of
from agents.offline_reading import Holding, Part, expected_of, read
from agents.offline_relevance import Kind

_TIPS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    # dimension: (what is missing, tip); the first that is missing is said, the last one always holds
    "content": (
        ("scene", "Open with one sentence on where and when this was, so that the rest has a place."),
        ("actions", "Say what you did yourself, step by step: I called, I measured, I rewrote."),
        ("outcome", "Say what came of it: what was different afterwards, and how you know."),
        ("numbers", "Add a figure you remember: how many, how long, how much it changed."),
        ("example", "Name one case from your own work that shows the point."),
        ("", "Go back to the question once more at the end and say how the case answers it."),
    ),
    "depth": (
        ("reason", "Give the reason for each main step: a sentence with because or so that."),
        ("contrast", "Name one alternative you looked at, and why you did not take it."),
        ("learnt", "Say what you do differently since then."),
        ("", "Say where your approach would not hold, and what you would do then."),
    ),
    "soft_skills": (
        ("actions", "Make your own part clear: say I for what was yours and we for what was shared."),
        ("people", "Say what the other people needed or thought, and how you found out."),
        ("learnt", "Say what you took from it about working with others."),
        ("", "Tell how things stood between you and the others afterwards."),
    ),
    "language": (
        ("short", "Use complete sentences: one for the situation, some for your steps, one for the result."),
        ("sequence", "Guide the listener: first, then, in the end."),
        ("vague", "Replace words like stuff and things by what they stand for."),
        ("", "Put your main point in the first sentence."),
    ),
    "timing": (
        ("brief", "Use more of the time: a good answer takes one to two minutes."),
        ("", "Cut side stories: one to two minutes are enough, the interviewer can ask for more."),
    ),
}  # fmt: skip
_Plan = tuple[tuple[str, tuple[str, ...], str], ...]
"""(heading, cues that lead there, what to say when nothing did); the heading without cues takes the rest."""
_STORY: Final[_Plan] = (
    ("Situation", ("situation",), "where and when this was, in one sentence"),
    ("Task", ("task",), "what you had to achieve, in one sentence"),
    ("Action", (), "what you did yourself, step by step"),
    ("Result", ("outcome", "learnt"), "what changed, with a figure you remember"),
)
_MATTER: Final[_Plan] = (
    ("Point", (), "the answer in one sentence"),
    ("Why", ("reason", "contrast"), "the reason, or what it depends on"),
    ("Example", ("example", "situation"), "one case from your own work"),
    ("Limits", ("learnt",), "where this does not hold"),
)


def feedback(facts: Mapping[str, Any]) -> str:
    """The rules for ``coach.feedback``: facts in, JSON of one feedback out."""
    holding, kind = _read(facts)
    lacks = _lacking(holding, kind)
    tips = []
    for weak in facts["weakest"]:
        choices = _TIPS[weak["dimension"]]
        text = next(tip for need, tip in choices if not need or need in lacks)
        tips.append({"dimension": weak["dimension"], "text": text})
    actions = [
        {
            "title": f"Answer again: {_headline(weak['dimension'])}",
            "description": tip["text"],
            "priority": "high" if weak["value"] < 40 else "medium",
        }
        for weak, tip in zip(facts["weakest"], tips, strict=True)
    ]
    found = {"tips": tips, "better": restructured(facts), "actions": actions}
    return msgspec.json.encode(found).decode()


def cue(facts: Mapping[str, Any]) -> str:
    """The rules for ``coach.live``: the first part of a good answer that this one lacks."""
    holding, kind = _read({"competencies": (), "looks_for": (), **facts})
    lacks = _lacking(holding, kind)
    for need, text in (
        ("scene", "Set the scene first: where and when was this?"),
        ("actions", "Say I rather than we for the steps that were yours."),
        ("reason", "Add one reason: why this way and not another?"),
        ("outcome", "End with a result: what was different afterwards?"),
    ):
        if need in lacks:
            return text
    return "Name the result earlier, then stop: about ninety seconds is enough."


def restructured(facts: Mapping[str, Any]) -> str:
    """The candidate's own sentences in a better order, with marks where something is missing; "" for none."""
    holding, kind = _read(facts)
    if not holding.kept:
        return ""
    plan = _MATTER if kind is Kind.KNOWLEDGE else _STORY
    places: list[list[Part]] = [[] for _ in plan]
    reached = 0
    for index, part in enumerate(holding.kept):
        # Never backwards: a story told in its own order stays in it.
        if index or plan is _STORY:
            reached = max(reached, _place(part, plan, late=index * 2 >= len(holding.kept)))
        places[reached].append(part)
    lines = []
    for (heading, _, gap), parts in zip(plan, places, strict=True):
        said = " ".join(_whole(part.sentence.text) for part in parts)
        lines.append(f"{heading}: {said or f'[{gap}]'}")
    return "\n".join(lines)


def _place(part: Part, plan: _Plan, *, late: bool) -> int:
    """Where a sentence belongs by its cues; a scene is set early and a result told late."""
    for index, (heading, cues, _) in enumerate(plan):
        if not any(part.cues.get(name) for name in cues):
            continue
        if heading == "Situation" and (late or len(part.actions) > 1):
            continue
        if heading in ("Result", "Limits") and not late:
            continue
        return index
    return next(index for index, (_, cues, _) in enumerate(plan) if not cues)


def _whole(text: str) -> str:
    text = text.strip().rstrip(",;–-")
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _read(facts: Mapping[str, Any]) -> tuple[Holding, Kind]:
    question = str(facts["question"])
    kind = kind_of(question, str(facts.get("kind", "")))
    expected = expected_of(question, facts["competencies"], facts["looks_for"])
    return read(str(facts["answer"]), expected, kind is Kind.REASONS), kind


def _lacking(holding: Holding, kind: Kind) -> set[str]:
    about_matter = kind is Kind.KNOWLEDGE
    found = {
        "scene": about_matter or bool(holding.cue("situation")),
        "actions": about_matter or holding.count("actions") >= 3,
        "outcome": about_matter or holding.sentences_with("outcome", 0.7) > 0,
        "numbers": holding.count("numbers") > 0,
        "example": not about_matter or holding.cue("example") > 0,
        "reason": holding.cue("reason") > 1,
        "contrast": holding.cue("contrast") > 1,
        "learnt": about_matter or bool(holding.cue("learnt")),
        "people": holding.cue("people") >= 3,
        "short": len(holding.kept) >= 3,
        "sequence": holding.cue("sequence") > 1,
        "vague": holding.vague < 2,
        "brief": holding.words >= 100,
    }
    return {need for need, there in found.items() if not there}


def _headline(dimension: str) -> str:
    return {
        "content": "what happened and what came of it",
        "depth": "reasons and alternatives",
        "soft_skills": "your part and the others",
        "language": "one clear line through it",
        "timing": "one to two minutes",
    }[dimension]

"""The analyst's tasks by rule: extracts, counts and comparisons, and nothing that was not there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from interview.reading import words_of

_SENTENCE: Final = re.compile(r"[^.!?\n]+[.!?]?")
_FILLER: Final = re.compile(
    r"\b(?:um+|uh+|er+m?|hmm+|you know|i mean|sort of|kind of|basically|actually|literally|like,)(?!\w)",
    re.IGNORECASE,
)
_LINK: Final = re.compile(
    r"\b(?:first|then|after that|next|finally|because|so that|therefore|as a result|in the end|for example"
    r"|for instance|however|but|when|once)\b",
    re.IGNORECASE,
)
_ROUGH: Final = re.compile(r"\b(?:stupid|idiots?|hate|crap|damn|shit|whatever|sucks?)\b", re.IGNORECASE)
_OTHERS: Final = re.compile(
    r"\b(?:team|colleagues?|customers?|clients?|manager|we|together|helped|asked|listened|agreed)\b",
    re.IGNORECASE,
)
_MAX_SUMMARY: Final = 30
_NAMES: Final = {"soft_skills": "soft skills"}


def summary(facts: Mapping[str, Any]) -> str:
    """Each answer by its weightiest sentence; the overall words by the scores that others gave."""
    answers: list[dict[str, str]] = list(facts["answers"])
    scores: Mapping[str, int | None] = facts["scores"]
    known = {one["id"]: scores[one["id"]] for one in answers if scores.get(one["id"]) is not None}
    spoken = " ".join(one["answer"] for one in answers)
    if not answers:
        overall = "No question was answered, so there is nothing to sum up."
    elif not known:
        overall = f"{_count(len(answers), 'question')} answered; none could be scored."
    else:
        best, worst = max(known, key=lambda i: known[i] or 0), min(known, key=lambda i: known[i] or 0)
        mean = round(sum(value or 0 for value in known.values()) / len(known))
        overall = f"{_count(len(answers), 'question')} answered, {mean} of 100 on average."
        if best != worst:
            overall += (
                f" The strongest answer was to: {_cut(_asked(answers, best), 12)}"
                f" The weakest was to: {_cut(_asked(answers, worst), 12)}"
            )
    others = {word.lower() for word in _OTHERS.findall(spoken)}
    sentences = _sentences(spoken)
    length = round(sum(len(words_of(s)) for s in sentences) / len(sentences)) if sentences else 0
    weakest = min(known, key=lambda i: known[i] or 0) if known else ""
    data = {
        "overall_feedback": overall,
        "soft_skills": f"You spoke of others with: {', '.join(sorted(others))}."
        if others
        else "You told nothing of how you worked with others.",
        "communication": f"Your sentences had {length} words on average."
        if sentences
        else "Nothing was said that could be described.",
        "recommendation": f"Answer this one again: {_cut(_asked(answers, weakest), 20)}"
        if weakest
        else "Take the interview again and answer at least one question.",
        "questions": [{"id": one["id"], "summary": _extract(one["answer"])} for one in answers],
    }
    return msgspec.json.encode(data).decode()


def insights(facts: Mapping[str, Any]) -> str:
    """Means and differences between the calls, oldest first."""
    calls: list[Mapping[str, Any]] = list(facts["calls"])
    means = _means(calls)
    ranked = sorted(means, key=lambda name: (-means[name], name))
    totals = [call["overall"] for call in calls if call["overall"] is not None]
    tags = list(dict.fromkeys(tag.replace("_", " ") for call in reversed(calls) for tag in call["tags"]))
    trends = []
    if len(totals) > 1:
        change = totals[-1] - totals[0]
        word = "rose" if change > 0 else "fell" if change < 0 else "stayed the same"
        by = f" by {abs(change)} points" if change else ""
        trends.append(f"The overall score {word}{by} from the first call to the last, {len(totals)} calls.")
        trends += _changes(calls)
    strong = [name for name in ranked if means[name] >= 70][:2]
    weak = [name for name in reversed(ranked) if means[name] < 55][:2]
    data = {
        "trends": trends[:3],
        "strengths": [f"{_name(name)} averages {means[name]} of 100." for name in strong],
        "weaknesses": [f"{_name(name)} averages {means[name]} of 100." for name in weak],
        "recommendations": [f"Practise an answer about {tag}." for tag in tags[:3]]
        or [f"Work on {_name(name).lower()} in the next interview." for name in list(reversed(ranked))[:1]],
        "learnings": [
            call["summary"].split(". ")[0].rstrip(".") + "." for call in calls[-2:] if call["summary"]
        ],
    }
    return msgspec.json.encode({k: [_cut(one, 25) for one in v] for k, v in data.items()}).decode()


def communication(facts: Mapping[str, Any]) -> str:
    """Sentence length, linking words, fillers and wording, each with the sentence that shows it."""
    text = str(facts["text"])
    sentences = _sentences(text)
    words = len(words_of(text))
    fillers = len(_FILLER.findall(text))
    rough = _ROUGH.findall(text)
    lengths = [len(words_of(sentence)) for sentence in sentences]
    linked = [sentence for sentence in sentences if _LINK.search(sentence)]
    long = [sentence for sentence, n in zip(sentences, lengths, strict=True) if n > 35]
    share = len(linked) / len(sentences)
    per_hundred = 100 * fillers / words
    mean = words / len(sentences)
    clarity = 5 - (mean > 22) - (mean > 32) - (per_hundred > 6) - (len(long) > len(sentences) / 3)
    structure = 2 + (share >= 0.15) + (share >= 0.3) + (len(sentences) >= 4)
    pacing = 5 - (per_hundred > 2) - (per_hundred > 5) - (per_hundred > 9) - bool(long)
    tone = max(1, 4 - len(rough))
    quotes = []
    if linked:
        quotes.append((linked[0], "It says how one thing led to another.", "strength"))
    if long:
        quotes.append(
            (_cut(long[0], 30, ""), "A long sentence: two would be easier to follow.", "improvement_area")
        )
    with_filler = next((s for s in sentences if _FILLER.search(s)), "")
    if with_filler:
        quotes.append(
            (_cut(with_filler, 30, ""), "A pause says more than a filler word.", "improvement_area")
        )
    plain = next((s for s, n in zip(sentences, lengths, strict=True) if 5 <= n <= 20), "")
    if plain and plain not in linked[:1]:
        quotes.append((plain, "A sentence that can be understood at once.", "strength"))
    levels = {"clarity": clarity, "structure": structure, "pacing": pacing, "tone": tone}
    data = {
        **{name: max(1, min(5, level)) for name, level in levels.items()},
        "overall_feedback": f"{words} words in {_count(len(sentences), 'sentence')}, {mean:.0f} each on "
        f"average; {_count(fillers, 'filler word')}; {_count(len(linked), 'sentence')} with a linking word.",
        "quotes": [{"quote": q, "analysis": why, "type": kind} for q, why, kind in quotes],
        "strengths": _picked(
            (clarity >= 4, "The sentences are short enough to follow."),
            (share >= 0.3, "Linking words show the order of events."),
            (per_hundred <= 2, "There are hardly any filler words."),
        ),
        "weaknesses": _picked(
            (bool(long), "Some sentences run on for too long."),
            (share < 0.15, "There are few words that say what came first and what followed."),
            (per_hundred > 5, "Filler words are frequent."),
            (bool(rough), "Some words are too rough for an interview."),
        ),
        "recommendations": _picked(
            (bool(long), "End a sentence where you would take a breath."),
            (share < 0.3, "Say first, then, and as a result."),
            (per_hundred > 2, "Pause in silence where you would say a filler word."),
        )
        or ["Keep this up, and practise with harder questions."],
    }
    return msgspec.json.encode(data).decode()


def _sentences(text: str) -> list[str]:
    return [s.strip() for s in _SENTENCE.findall(text) if words_of(s)]


def _extract(answer: str) -> str:
    """The sentence with most to it: numbers first, then different longer words."""
    best = max(
        _sentences(answer),
        key=lambda s: 3 * len(re.findall(r"\d+", s)) + len({w.lower() for w in words_of(s) if len(w) > 4}),
        default="",
    )
    return _cut(best, _MAX_SUMMARY)


def _cut(text: str, words: int, end: str = " …") -> str:
    parts = text.split()
    return text.strip() if len(parts) <= words else " ".join(parts[:words]) + end


def _asked(answers: Sequence[Mapping[str, str]], wanted: str) -> str:
    return next(one["question"] for one in answers if one["id"] == wanted)


def _means(calls: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    names = {name: None for call in calls for name in call["dimensions"]}
    found: dict[str, int] = {}
    for name in names:
        values = [v for call in calls if (v := call["dimensions"].get(name)) is not None]
        if values:
            found[name] = round(sum(values) / len(values))
    return found


def _changes(calls: Sequence[Mapping[str, Any]]) -> list[str]:
    """The two dimensions that moved most between the first and the last call."""
    first, last = calls[0]["dimensions"], calls[-1]["dimensions"]
    moved = {
        name: last[name] - first[name]
        for name in first
        if first.get(name) is not None and last.get(name) is not None and last[name] != first[name]
    }
    most = sorted(moved, key=lambda name: (-abs(moved[name]), name))[:2]
    return [
        f"{_name(name)} went {'up' if moved[name] > 0 else 'down'} by {abs(moved[name])}." for name in most
    ]


def _name(dimension: str) -> str:
    return _NAMES.get(dimension, dimension).capitalize()


def _picked(*choices: tuple[bool, str]) -> list[str]:
    return [text for holds, text in choices if holds][:3]


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"

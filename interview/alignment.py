"""Laying a provider's record of a call over the plan: which words answer which question.

Two uses. Where our own transcript is whole, the record only adds the times of words. Where it is not (the
conversation was held elsewhere, or stored only in part), the record becomes the transcript.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Final

from interview.delivery import SpokenWord
from interview.events import Speaker
from interview.model import Question, QuestionType
from interview.reading import words_of
from interview.threads import Given

HEAD_WORDS: Final = 6
"""A planned question counts as asked when its first words, so many, were said in a row."""
ALIKE: Final = 0.6
"""Two texts of which so many words are the same are the same utterance."""
WHOLE: Final = 0.9
"""Our own transcript is whole when it has so much of the candidate's words in the record."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One item of a provider's record, with the times of its words where it gives them."""

    speaker: Speaker
    text: str
    words: tuple[SpokenWord, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One utterance of the rebuilt transcript."""

    turn: int
    speaker: Speaker
    text: str
    question_id: str | None


@dataclass(frozen=True, slots=True)
class Aligned:
    """The record as turns. ``strays``: candidate items before any question of the plan was asked."""

    lines: tuple[Line, ...]
    answers: tuple[Given, ...]
    follow_ups: tuple[Question, ...]
    asked: tuple[str, ...]
    strays: int


def align(questions: Sequence[Question], record: Sequence[Heard]) -> Aligned:
    """The record's items as turns of an interview over ``questions``.

    What the interviewer says between two planned questions and that holds a question mark is a follow-up.
    A turn is what the candidate says and the reply to it, as in our own transcripts.
    """
    lines: list[Line] = []
    answers: list[Given] = []
    follow_ups: list[Question] = []
    asked: list[str] = []
    current: Question | None = None
    under: str | None = None
    turn, strays = 0, 0
    for item in _merged(record):
        if item.speaker is Speaker.CANDIDATE:
            turn += 1
            strays += under is None
            lines.append(Line(turn, item.speaker, item.text, under))
            if under is not None:
                answers.append(_given(turn, under, item))
            continue
        planned = _planned_in(questions, item.text, current)
        if planned is not None:
            current, under = planned, planned.id
            if planned.id not in asked:
                asked.append(planned.id)
        elif current is not None and "?" in item.text and current.type is not QuestionType.CLOSING:
            number = 1 + sum(f.parent_id == current.id for f in follow_ups)
            follow_ups.append(_follow_up(current, number, item.text))
            under = follow_ups[-1].id
        lines.append(Line(turn, item.speaker, item.text, under))
    return Aligned(tuple(lines), tuple(answers), tuple(follow_ups), tuple(asked), strays)


def is_whole(answers: Sequence[Given], record: Sequence[Heard]) -> bool:
    """True when our own transcript has nearly all the words that the record says the candidate spoke."""
    theirs = sum(len(words_of(item.text)) for item in record if item.speaker is Speaker.CANDIDATE)
    ours = sum(len(words_of(answer.text)) for answer in answers)
    return ours >= WHOLE * theirs


def with_times(answers: Sequence[Given], record: Sequence[Heard]) -> tuple[Given, ...]:
    """``answers`` with the times of the record's items that say the same, matched in order."""
    items = [item for item in _merged(record) if item.speaker is Speaker.CANDIDATE]
    timed: list[Given] = []
    place = 0
    for answer in answers:
        found = next((n for n in range(place, len(items)) if _alike(answer.text, items[n].text)), None)
        if found is None:
            timed.append(answer)
            continue
        place = found + 1
        times = _given(answer.turn, answer.question_id, items[found])
        timed.append(replace(times, text=answer.text))
    return tuple(timed)


def _merged(record: Sequence[Heard]) -> list[Heard]:
    """Without empty items, and what one speaker says in a row as one."""
    merged: list[Heard] = []
    for item in record:
        if not item.text.strip():
            continue
        if merged and merged[-1].speaker is item.speaker:
            last = merged[-1]
            item = Heard(item.speaker, f"{last.text} {item.text.strip()}", last.words + item.words)
            merged.pop()
        merged.append(replace(item, text=item.text.strip()))
    return merged


def _planned_in(questions: Sequence[Question], text: str, current: Question | None) -> Question | None:
    """The planned question that ``text`` asks: the last one, when it asks several."""
    spoken = [word.lower() for word in words_of(text)]
    best: tuple[int, Question] | None = None
    for question in questions:
        if current is not None and question.id == current.id:
            continue  # asked again: the answers go on under the question they are under
        head = [word.lower() for word in words_of(question.text)][:HEAD_WORDS]
        at = next(
            (n for n in range(len(spoken) - len(head), -1, -1) if head and spoken[n : n + len(head)] == head),
            None,
        )
        if at is not None and (best is None or at > best[0]):
            best = (at, question)
    return best[1] if best else None


def _follow_up(parent: Question, number: int, text: str) -> Question:
    return replace(
        parent,
        id=f"{parent.id}.f{number}",
        text=text,
        type=QuestionType.FOLLOW_UP,
        parent_id=parent.id,
        reason="taken from the provider's record",
        angles=(),
        max_probes=0,
        bank_id=None,
    )


def _given(turn: int, question_id: str, item: Heard) -> Given:
    if not item.words:
        return Given(turn, question_id, item.text)
    start, end = item.words[0].start_s, item.words[-1].end_s
    return Given(
        turn, question_id, item.text, round(start * 1000), max(0, round((end - start) * 1000)), item.words
    )


def _alike(one: str, other: str) -> bool:
    a, b = ([word.lower() for word in words_of(text)] for text in (one, other))
    if not a or not b:
        return False
    return a == b or SequenceMatcher(None, a, b, autojunk=False).ratio() >= ALIKE

"""Threads: a planned question with everything that was answered to it and to its follow-ups.

A thread is what a judge is given. It is complete once the flow has moved past its question; its digest is
that of the words, so that the same words are never judged twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from interview.delivery import SpokenWord
from interview.evaluation import AnswerCase, Quote
from interview.flow import Progress, Stage
from interview.model import Question, QuestionType, Wishes
from interview.reading import asks_to_repeat, has_words

NOT_JUDGED: Final = frozenset({QuestionType.CLOSING})
"""The closing asks for the candidate's own questions: there is no answer in it."""


@dataclass(frozen=True, slots=True)
class Given:
    """One answer as it was recorded. Times are on the clock of the call's audio; None: not known."""

    turn: int
    question_id: str
    text: str
    start_ms: int | None = None
    duration_ms: int | None = None
    words: tuple[SpokenWord, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One answer inside a thread: it begins at ``offset`` of ``AnswerCase.words``."""

    given: Given
    offset: int


@dataclass(frozen=True, slots=True)
class Thread:
    """A planned question and what was answered. ``case.words`` is "" when nothing was."""

    question: Question
    case: AnswerCase
    digest: str
    parts: tuple[Part, ...]

    @property
    def answered(self) -> bool:
        return bool(self.parts)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a quote lies: characters of one answer, and seconds of the call's audio where known."""

    turn: int
    start: int
    end: int
    start_s: float | None = None
    end_s: float | None = None


def threads(
    questions: Sequence[Question],
    follow_ups: Sequence[Question],
    answers: Sequence[Given],
    wishes: Wishes,
) -> tuple[Thread, ...]:
    """One thread per question that a judge may score, answered or not, in the order of the plan.

    Requests to repeat the question and turns without words are no part of an answer.
    """
    planned = {question.id: question for question in questions}
    asked = {question.id: question.text for question in follow_ups}
    by_root = _by_root(planned, answers)
    return tuple(
        _thread(question, by_root.get(question.id, []), asked, wishes)
        for question in questions
        if question.type not in NOT_JUDGED
    )


def finished(
    questions: Sequence[Question], progress: Progress, answers: Sequence[Given], *, ended: bool = False
) -> tuple[tuple[str, str], ...]:
    """(question id, digest) of the answered threads that the interview has left behind, in plan order.

    ``ended``: the call is over, so every thread is complete.
    """
    by_root = _by_root({question.id: question for question in questions}, answers)
    over = ended or progress.stage is Stage.DONE
    return tuple(
        (question.id, digest_of(question.id, by_root[question.id]))
        for place, question in enumerate(questions)
        if question.id in by_root and question.type not in NOT_JUDGED and (over or place < progress.index)
    )


def digest_of(question_id: str, answers: Sequence[Given]) -> str:
    """A digest of the thread's words; their times do not count."""
    told = hashlib.blake2b(question_id.encode(), digest_size=12)
    for answer in answers:
        for text in (answer.question_id, answer.text):
            told.update(b"\0" + text.encode("utf-8", "ignore"))
    return told.hexdigest()


def root_of(question_id: str, planned: Container[str]) -> str:
    """The planned question that a follow-up goes back to; a planned one is its own."""
    return question_id if question_id in planned else question_id.rpartition(".f")[0]


def locate(thread: Thread, quote: Quote) -> Place | None:
    """Where ``quote`` was said; None when it lies outside of the thread's words."""
    part = next((p for p in reversed(thread.parts) if p.offset <= quote.start), None)
    if part is None or not quote.start < quote.end <= len(thread.case.words):
        return None
    start = quote.start - part.offset
    end = min(quote.end - part.offset, len(part.given.text))
    if start >= end:
        return None
    start_s, end_s = _seconds(part.given, start, end)
    return Place(part.given.turn, start, end, start_s, end_s)


def _by_root(planned: Mapping[str, Question], answers: Sequence[Given]) -> dict[str, list[Given]]:
    """What counts as an answer, by planned question, in the order of the turns."""
    found: dict[str, list[Given]] = {}
    for answer in sorted(answers, key=lambda given: given.turn):
        root = root_of(answer.question_id, planned)
        if root in planned and has_words(answer.text) and not asks_to_repeat(answer.text):
            found.setdefault(root, []).append(answer)
    return found


def _thread(question: Question, answers: Sequence[Given], asked: Mapping[str, str], wishes: Wishes) -> Thread:
    grouped: dict[str, list[Given]] = {question.id: []}
    for answer in answers:
        grouped.setdefault(answer.question_id, []).append(answer)
    parts: list[Part] = []
    offset = 0
    for given in (one for group in grouped.values() for one in group):
        parts.append(Part(given, offset))
        offset += len(given.text) + 1
    times = [part.given.duration_ms for part in parts]
    known = [time for time in times if time is not None]
    case = AnswerCase(
        question,
        _joined(grouped.pop(question.id)),
        tuple((asked.get(key, ""), _joined(group)) for key, group in grouped.items()),
        seconds=sum(known) / 1000 if known and len(known) == len(times) else None,
        role=wishes.role,
        language=wishes.language,
    )
    return Thread(question, case, digest_of(question.id, answers), tuple(parts))


def _joined(answers: Sequence[Given]) -> str:
    return "\n".join(answer.text for answer in answers)


def _seconds(given: Given, start: int, end: int) -> tuple[float | None, float | None]:
    """Seconds of the characters [start, end): by the words' times, else those of the whole answer."""
    spoken = [(w, at) for w, at in _word_places(given) if at < end and at + len(w.text) > start]
    if spoken:
        return spoken[0][0].start_s, spoken[-1][0].end_s
    if given.start_ms is None or given.duration_ms is None:
        return None, None
    return given.start_ms / 1000, (given.start_ms + given.duration_ms) / 1000


def _word_places(given: Given) -> list[tuple[SpokenWord, int]]:
    """Each recognised word with the place in the text where it stands; those not found are left out."""
    text, cursor = given.text.lower(), 0
    found: list[tuple[SpokenWord, int]] = []
    for word in given.words:
        at = text.find(word.text.strip(" .,;:!?\"'").lower() or "\0", cursor)
        if at >= 0:
            found.append((word, at))
            cursor = at + len(word.text.strip(" .,;:!?\"'"))
    return found

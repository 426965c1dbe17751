"""What the interview does next: the model proposes, the flow disposes.

`decide` turns (questions, progress, what was said, time left) into a `Directive`: the moves that are
open. The interviewer agent proposes one of them in a `Judgement`; `settle` takes it, or replaces it
when it is not open or names words that nobody said; `commit` is the progress afterwards. All pure.

    BRIEFING -> QUESTION(i, probes) -> ... -> REVERSE -> DONE
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import asdict, replace

from interview.events import Prompting
from interview.model import Question, QuestionType
from interview.picking import salient
from interview.reading import (
    asks_to_repeat,
    has_no_question,
    has_words,
    invites_questions,
    quoted,
    wants_to_stop,
)

CLOSING_RESERVE_S: Final = 90
"""Kept free for the candidate's own questions and the goodbye."""
MAX_REASKS: Final = 2
MAX_REVERSE: Final = 4
MIN_PROBE_S: Final = 45
"""A follow-up needs this much time beside what the blocks still to come are owed."""


class Stage(StrEnum):
    BRIEFING = "briefing"
    QUESTION = "question"
    REVERSE = "reverse"
    DONE = "done"


class Step(StrEnum):
    """What one reply does."""

    GREET = "greet"
    PROBE = "probe"
    ADVANCE = "advance"
    REPEAT = "repeat"
    CLARIFY = "clarify"
    NUDGE = "nudge"
    INVITE = "invite"
    ANSWER_BACK = "answer_back"
    CLOSE = "close"


class Progress(Struct, frozen=True):
    """Where the interview stands; stored as it changes, so that any replica can go on."""

    stage: Stage = Stage.BRIEFING
    index: int = -1
    probes: int = 0
    reasks: int = 0
    invited: bool = False
    reversed_questions: int = 0
    spent_s: float = 0.0

    def as_data(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_data(data: dict[str, Any] | None) -> Progress:
        """Rebuild from stored data; keys of a newer version are ignored."""
        known = {k: v for k, v in (data or {}).items() if k in Progress.__struct_fields__}
        if "stage" in known:
            known["stage"] = Stage(known["stage"])
        return Progress(**known)


class Judgement(Struct, frozen=True):
    """What the interviewer agent makes of the answer. ``about``: the candidate's words it picks up."""

    step: Step
    answered: bool = True
    about: str = ""


class Directive(Struct, frozen=True):
    """The moves open to this reply, the first one the flow's own choice."""

    steps: tuple[Step, ...]
    answer: str
    current: Question | None
    upcoming: Question | None
    upcoming_index: int
    probes: int
    left_s: float
    picked: tuple[str, ...] = ()
    """Words of the candidate that earlier follow-ups took up."""

    @property
    def free(self) -> bool:
        """True when the model has a say."""
        return len(self.steps) > 1 or self.steps[0] is Step.ANSWER_BACK


class Settled(Struct, frozen=True):
    """What this reply does, for certain."""

    step: Step
    asked: Question | None
    about: str = ""


def decide(
    questions: Sequence[Question],
    progress: Progress,
    because: Prompting,
    answer: str,
    left_s: float,
    max_probes: int = 2,
    picked: tuple[str, ...] = (),
) -> Directive:
    """The moves open now. ``left_s``: seconds until the time is up; ``picked``: see `Directive`."""
    current = questions[progress.index] if 0 <= progress.index < len(questions) else None
    index = _upcoming(questions, progress.index, left_s)
    upcoming = questions[index] if index < len(questions) else None
    to_come = questions[progress.index + 1 :]
    steps = _steps(progress, because, answer, current, upcoming, to_come, left_s, max_probes)
    return Directive(steps, answer, current, upcoming, index, progress.probes, left_s, picked)


def _steps(
    progress: Progress,
    because: Prompting,
    answer: str,
    current: Question | None,
    upcoming: Question | None,
    to_come: Sequence[Question],
    left_s: float,
    max_probes: int,
) -> tuple[Step, ...]:
    if progress.stage is Stage.BRIEFING or current is None:
        return (Step.GREET,)
    if progress.stage is Stage.DONE:
        return (Step.CLOSE,)
    if because is Prompting.SILENCE:
        return (Step.NUDGE,)
    if wants_to_stop(answer) or left_s <= 0:
        return (Step.CLOSE,)
    if progress.stage is Stage.REVERSE:
        if progress.reversed_questions >= MAX_REVERSE:
            return (Step.CLOSE,)
        if "?" in answer:
            return (Step.ANSWER_BACK,)
        if not progress.invited:
            return (Step.INVITE,)
        return (Step.CLOSE,) if has_no_question(answer) else (Step.ANSWER_BACK,)
    if asks_to_repeat(answer):
        return (Step.REPEAT,)
    if not has_words(answer) and progress.reasks < MAX_REASKS:
        return (Step.CLARIFY,)
    forward = Step.ADVANCE if upcoming is not None else Step.CLOSE
    allowed = min(current.max_probes, max_probes)
    budget_s = left_s - CLOSING_RESERVE_S
    if progress.probes >= allowed or current.type is QuestionType.CLOSING or not has_words(answer):
        return (forward,)
    if budget_s - _owed_s(to_come, current) < MIN_PROBE_S:
        return (forward,)
    if progress.probes and budget_s - sum(question.time_limit_s for question in to_come) < MIN_PROBE_S:
        return forward, Step.PROBE
    return Step.PROBE, forward


def _owed_s(to_come: Sequence[Question], now: Question | None) -> float:
    """Seconds for one question of each block still to come."""
    block = now.block if now else None
    return sum({q.block: q.time_limit_s for q in reversed(to_come[:-1]) if q.block != block}.values())


def _upcoming(questions: Sequence[Question], index: int, left_s: float) -> int:
    """The next question's place: when time is short, second questions of a block give way first.

    Every block still to come is owed one question; the closing is owed its reserve.
    """
    following = index + 1
    if following >= len(questions) - 1:
        return following
    budget = left_s - CLOSING_RESERVE_S
    block = questions[index].block if index >= 0 else None
    for place in range(following, len(questions) - 1):
        question = questions[place]
        repeated = question.block == block
        needed = question.time_limit_s + (_owed_s(questions[place + 1 :], question) if repeated else 0)
        if needed <= budget or (not repeated and budget > 0):
            return place
    return len(questions) - 1


def settle(directive: Directive, judgement: Judgement | None) -> Settled:
    """The one move that this reply makes. ``None``: the model gave no judgement."""
    step, about = directive.steps[0], ""
    if judgement is not None and judgement.step in directive.steps:
        step = judgement.step
    if step is Step.PROBE:
        about = quoted(judgement.about if judgement else "", directive.answer)
        if not about:
            pick = salient(directive.answer, directive.picked)
            about = pick.text if pick else ""
        if not about:
            step = next((s for s in directive.steps if s is not Step.PROBE), Step.CLARIFY)
    asked = {
        Step.GREET: directive.upcoming,
        Step.ADVANCE: directive.upcoming,
        Step.PROBE: directive.current,
        Step.REPEAT: directive.current,
        Step.CLARIFY: directive.current,
        Step.NUDGE: directive.current,
        Step.INVITE: directive.current,
        Step.ANSWER_BACK: directive.current,
        Step.CLOSE: None,
    }[step]
    return Settled(step, asked, about)


def commit(progress: Progress, directive: Directive, settled: Settled) -> Progress:
    """The progress once the first words of this reply are out."""
    match settled.step:
        case Step.GREET | Step.ADVANCE:
            asked = settled.asked
            last = asked is not None and asked.type is QuestionType.CLOSING
            stage = Stage.REVERSE if last else Stage.QUESTION
            invited = last and asked is not None and invites_questions(asked.text)
            return replace(
                progress, stage=stage, index=directive.upcoming_index, probes=0, reasks=0, invited=invited
            )
        case Step.PROBE:
            return replace(progress, probes=progress.probes + 1, reasks=0)
        case Step.CLARIFY:
            return replace(progress, reasks=progress.reasks + 1)
        case Step.INVITE:
            return replace(progress, invited=True)
        case Step.ANSWER_BACK:
            return replace(progress, reversed_questions=progress.reversed_questions + 1)
        case Step.CLOSE:
            return replace(progress, stage=Stage.DONE)
        case Step.REPEAT | Step.NUDGE:
            return progress

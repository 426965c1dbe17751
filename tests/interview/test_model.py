"""The session as an aggregate: every way and every way that does not exist."""

from __future__ import annotations

import pytest

from interview.errors import IllegalTransition, InvalidPlan
from interview.model import (
    FINAL,
    TRANSITIONS,
    InterviewSession,
    Move,
    QuestionType,
    SessionStatus,
    Sliders,
    Wishes,
)
from tests.fakes.talk import QUESTIONS, WISHES


def session(status: SessionStatus) -> InterviewSession:
    return InterviewSession("s1", "c1", WISHES, QUESTIONS, status, 3)


@pytest.mark.parametrize("status", list(SessionStatus))
@pytest.mark.parametrize("move", list(Move))
def test_every_move_from_every_status(status: SessionStatus, move: Move) -> None:
    before = session(status)
    target = TRANSITIONS[status].get(move)
    if target is None:
        with pytest.raises(IllegalTransition, match="session: no way from"):
            before.move(move)
        assert (before.status, before.version) == (status, 3)
    else:
        after = before.move(move)
        assert (after.status, after.version) == (target, 4)
        assert before.status is status, "a value: the old one is as it was"


def test_what_is_over_is_over() -> None:
    assert {SessionStatus.COMPLETED, SessionStatus.CANCELLED} == FINAL


def test_every_status_can_be_reached() -> None:
    seen, todo = set[SessionStatus](), [SessionStatus.CREATED]
    while todo:
        status = todo.pop()
        if status not in seen:
            seen.add(status)
            todo += TRANSITIONS[status].values()
    assert seen == set(SessionStatus)


def test_a_queue_opens_with_an_opener_closes_with_a_closing_and_only_before_the_start() -> None:
    new = session(SessionStatus.CREATED)
    assert new.with_questions(QUESTIONS[:1] + QUESTIONS[-1:]).version == 4
    for wrong in ((), QUESTIONS[1:], QUESTIONS[:-1]):
        with pytest.raises(InvalidPlan):
            new.with_questions(wrong)
    with pytest.raises(IllegalTransition):
        session(SessionStatus.IN_PROGRESS).with_questions(QUESTIONS)
    assert QUESTIONS[0].type is QuestionType.OPENER


@pytest.mark.parametrize("minutes", [4, 121])
def test_wishes_that_cannot_be_held(minutes: int) -> None:
    with pytest.raises(InvalidPlan, match="between 5 and 120 minutes"):
        Wishes("engineer", duration_s=minutes * 60)
    with pytest.raises(InvalidPlan, match="at least one block"):
        Wishes("engineer", blocks=())


@pytest.mark.parametrize("value", [0, 11])
@pytest.mark.parametrize("name", ["rapport", "exploration", "empathy", "speed"])
def test_sliders_have_ends(name: str, value: int) -> None:
    with pytest.raises(InvalidPlan, match=name):
        Sliders(**{name: value})

"""Fixed lines: speakable, never praising, and the right one for each move."""

from __future__ import annotations

import pytest

from agents import lines
from agents.speech import SpeechGuard
from interview.flow import Directive, Settled, Step
from interview.model import Sliders
from tests.fakes.talk import QUESTIONS


def fixed(step: Step, nudges: int = 0) -> str | None:
    directive = Directive((step,), "", QUESTIONS[1], QUESTIONS[2], 2, 0, 600.0)
    asked = None if step is Step.CLOSE else QUESTIONS[1]
    return lines.fixed(directive, Settled(step, asked), "Mara Lind", nudges)


@pytest.mark.parametrize("step", [Step.REPEAT, Step.CLARIFY])
def test_a_question_that_is_asked_again_is_asked_word_for_word(step: Step) -> None:
    assert QUESTIONS[1].text in (fixed(step) or "")


def test_nudges_change_and_come_round() -> None:
    said = [fixed(Step.NUDGE, n) for n in range(4)]
    assert len(set(said)) == 3
    assert said[0] == said[3]


def test_the_goodbye_names_the_candidate_and_says_what_comes() -> None:
    assert fixed(Step.CLOSE) == lines.goodbye("Mara Lind")
    assert "Mara" in lines.goodbye("Mara Lind")
    assert "feedback" in lines.goodbye("")


@pytest.mark.parametrize("step", [Step.PROBE, Step.ADVANCE, Step.ANSWER_BACK])
def test_where_a_model_has_a_say_nothing_is_fixed(step: Step) -> None:
    assert fixed(step) is None


def test_no_fixed_line_would_be_left_out_by_the_guard() -> None:
    bridges = {lines.bridge(Sliders(empathy=e, speed=s), n) for e in (2, 9) for s in (2, 9) for n in range(6)}
    for text in {*lines.CANNED.values(), *bridges, lines.goodbye("Mara")} - {""}:
        guard = SpeechGuard()
        assert " ".join([*guard.feed(text), *guard.end()]) == text


def test_follow_ups_do_not_all_begin_alike_and_name_the_thing_as_the_listener_would() -> None:
    answer = "Our nightly importer lost 5200 records."
    said = [lines.picked_up("nightly importer", answer, n) for n in range(4)]
    assert len(set(said)) == 4
    assert all("your nightly importer" in one for one in said)
    assert "figure" in lines.picked_up("5200 records", answer, 0)

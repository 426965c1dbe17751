from __future__ import annotations

import re

import pytest

from server.simulate.candidates import answer

QUESTIONS = (
    "Tell me about yourself.",
    "Describe a conflict with a colleague.",
    "How would you design a system that scales?",
    "How do you debug a slow query?",
    "Which feedback changed how you work?",
    "What is the airspeed of a swallow?",
    "",
)


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("seed", range(5))
def test_answers_are_repeatable_whole_and_concrete(question: str, seed: int) -> None:
    for n in range(8):
        text = answer(question, n, seed)
        assert text == answer(question, n, seed)
        assert not re.search(r"[{}]", text)
        assert 20 <= len(text.split()) <= 90
        assert re.search(r"\d", text)


def test_the_same_seed_is_the_same_person_and_stories_change() -> None:
    intros = [answer("Please introduce yourself.", n, 3) for n in range(4)]
    assert len({text.split(",", 1)[0] for text in intros}) == 1
    assert len(set(intros)) == 4


def test_the_question_counts_more_than_the_comment_before_it() -> None:
    said = answer("That design sounds solid. How do you deal with conflict?", 1, 1)
    assert "disagreed" in said


def test_invitations_and_farewells() -> None:
    assert answer("Do you have any questions for us?", 9, 1).endswith("?")
    assert answer("Do you have any other questions?", 9, 1).startswith("No")
    assert answer("Thank you for your time. Goodbye!", 9, 1).startswith("Thank you")

"""A better version holds no number and no name that was not said."""

from __future__ import annotations

import pytest

from interview.judging_facts import unsaid

SAID = (
    "At Kestrel Health I cut waiting from 40 to twelve minutes with Redis. "
    "Priya from sales helped, 1,200 calls."
)


@pytest.mark.parametrize(
    "text",
    [
        "At Kestrel Health, waiting fell from forty to 12 minutes.",
        "Situation: waiting was long.\nAction: I used Redis. Priya helped.\nResult: [a figure you remember]",
        "When calls came in, I was there. We answered 1200 calls; one of them was Priya's.",
        "[What Anna said] was clear.",
    ],
)
def test_own_facts_in_other_words_are_fine(text: str) -> None:
    assert unsaid(text, SAID) == ()


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("Waiting fell by 70 percent.", ("70",)),
        ("It took three weeks.", ("3",)),
        ("I asked Marco about it.", ("Marco",)),
        ("We used PostgreSQL and Redis.", ("PostgreSQL",)),
        ("I told the CEO.", ("CEO",)),
        ("Marco Polo helped.", ("Marco", "Polo")),
        ("[saved 50 hours] in the end.", ("50",)),
    ],
)
def test_new_numbers_and_names_are_told(text: str, new: tuple[str, ...]) -> None:
    assert unsaid(text, SAID) == new

"""What is picked up was said, reads as one thing, and is named as the other person would."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interview.picking import Kind, as_picked, picks, salient
from interview.reading import UNINTELLIGIBLE

STORY = (
    "At Kestrel Health our nightly importer lost 5200 records a week. I asked the support lead, Dana, "
    "for the logs, and the complaints stopped within six weeks."
)
LOWER = "um so we had a memory leak in our payment service and i looked at the heap dumps with my colleague"


def named(answer: str) -> list[str]:
    return [pick.named() for pick in picks(answer)]


def test_names_things_and_figures_are_found_whole() -> None:
    assert named(STORY) == [
        "Kestrel Health", "your nightly importer", "5200 records a week", "the support lead", "Dana",
        "the logs", "the complaints", "six weeks",
    ]  # fmt: skip


def test_speech_without_capitals_and_commas_has_things_too() -> None:
    assert named(LOWER) == ["a memory leak", "your payment service", "the heap dumps", "your colleague"]


@pytest.mark.parametrize(
    ("answer", "never"),
    [
        ("The complaints stopped within six weeks.", "complaints stopped"),
        ("It was ready within 6 days.", "within 6 days"),
        ("I like the work I do.", "I"),
        ("The administrator locks the door.", "administrator locks"),
        ("A balance sheet shows what a firm owns.", "balance sheet shows"),
        ("That was in 2019.", "2019"),
        ("He was the newest and took an estimated 8.", "newest"),
        ("We met on Monday.", "Monday"),
        ("The hard part was to say no.", "hard"),
        ("It cut the median review time by half.", "median review"),
    ],
)
def test_no_verb_preposition_or_half_of_a_thing_is_picked(answer: str, never: str) -> None:
    assert never not in [pick.text for pick in picks(answer)]


def test_percent_and_money_keep_their_signs() -> None:
    assert named("Errors fell by 40% and it cost $3,500 in all.") == ["40%", "$3,500"]


def test_names_are_worth_more_than_common_words_and_nothing_is_worth_nothing() -> None:
    best = salient("It was a good time and we did a lot at Kestrel Health.")
    assert best is not None
    assert (best.text, best.kind) == ("Kestrel Health", Kind.NAME)
    assert salient("Yes, well, it was like that, you know.") is None
    assert salient(UNINTELLIGIBLE) is None


def test_what_was_picked_up_before_gives_way_even_in_part() -> None:
    first = salient(STORY)
    assert first is not None
    second = salient(STORY, [first.text])
    assert second is not None
    assert second.text != first.text
    third = salient(STORY, ["the whole Kestrel Health story", second.text])
    assert third is not None
    assert third.text not in (first.text, second.text)


def test_words_somebody_else_chose_are_named_as_they_are() -> None:
    assert as_picked("nightly importer", STORY).named() == "your nightly importer"
    assert as_picked("lost 5200 records", STORY).named() == "lost 5200 records"
    assert as_picked("5200 records", STORY).kind is Kind.FIGURE


TEXT = st.text(alphabet=st.sampled_from("abcdefg ABC ,.!?'-12é%$\n"), max_size=200)
WORDS = st.lists(
    st.sampled_from("the our a I we Kestrel importer 40% 3 week weeks stopped locks nightly , .".split()),
    max_size=40,
).map(" ".join)


@given(TEXT | WORDS, st.lists(TEXT, max_size=3))
def test_what_is_picked_up_was_said(text: str, avoid: list[str]) -> None:
    for pick in picks(text):
        assert pick.text
        assert pick.text in text
    best = salient(text, avoid)
    assert best is None or best.text in text

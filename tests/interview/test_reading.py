"""Reading the candidate's words by rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interview.reading import (
    UNINTELLIGIBLE,
    asks_to_repeat,
    has_no_question,
    has_words,
    invites_questions,
    quoted,
    wants_to_stop,
    word_spans,
    words_of,
)


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("I would like to stop here.", True),
        ("Let's stop.", True),
        ("Please end the interview.", True),
        ("I want to stop the nightly job from failing, so I wrote a lock.", False),
        ("We had to stop.", False),
        ("", False),
    ],
)
def test_a_wish_to_stop_is_told_from_talk_about_stopping(text: str, yes: bool) -> None:
    assert wants_to_stop(text) is yes


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("Could you repeat the question, please?", True),
        ("Sorry, can you say that again?", True),
        ("What was the question?", True),
        (
            "I asked her " + "whether the job could run and " * 8 + "could you repeat the question she said",
            False,
        ),
        ("The repeat customers came back.", False),
    ],
)
def test_a_request_to_repeat_is_short(text: str, yes: bool) -> None:
    assert asks_to_repeat(text) is yes


def test_speech_without_words() -> None:
    assert not has_words("")
    assert not has_words(" ... ")
    assert not has_words(UNINTELLIGIBLE)
    assert has_words(f"{UNINTELLIGIBLE} yes")


def test_invitations_and_their_refusal() -> None:
    assert invites_questions("Do you have any questions for us?")
    assert not invites_questions("Which question did you find hardest?")
    assert has_no_question("No, thank you.")
    assert has_no_question("")
    assert not has_no_question("No, but what is the team like?")
    assert not has_no_question("I would like to know about on-call.")


def test_a_claim_is_quoted_as_it_was_said_or_not_at_all() -> None:
    said = "At Kestrel Health I moved the billing-importer to C++ in 3 weeks."
    assert quoted("kestrel HEALTH", said) == "Kestrel Health"
    assert quoted("the billing-importer", said) == "the billing-importer"
    assert quoted("billing importer at Google", said) == ""
    assert quoted("the", said) == ""
    assert quoted("", said) == ""


TEXT = st.text(alphabet=st.sampled_from("abcdefg ABC ,.!?'-12é\n"), max_size=200)


@given(TEXT, TEXT)
def test_a_quote_was_said(claim: str, text: str) -> None:
    assert quoted(claim, text) in text


@given(TEXT)
def test_words_and_their_places_agree(text: str) -> None:
    assert [text[start:end] for start, end in word_spans(text)] == words_of(text)

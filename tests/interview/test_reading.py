"""Reading the candidate's words by rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interview import reading
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


PIECES = st.sampled_from(
    (
        *("I would want", "like", "I'd", "let's", "can we", "please", "could you", "would you", "say"),
        *("to", "STOP", "finish", "end the", "interview", "this interview", "here", "the call", "pardon?"),
        *("repeat", "rephrase", "that", "it again", "the question", "what was", "against", "word " * 20),
        *(
            "K",
            "\u0130",
            "\u017f",
            "\u0131",
            "f\u0131n\u0131\u017fh",
            "\u017ftop",
            "rephra\u017fe",
            "aga\u0130n",
        ),
        *(".", "!" * 39, " . " * 30, "_" * 41, "\n", "\u200b", "(x)", "-"),
    )
)


@given(st.lists(st.tuples(PIECES | st.text(max_size=3), st.sampled_from((" ", "", "  "))), max_size=14))
def test_requests_are_found_as_by_reading_the_whole_answer(pieces: list[tuple[str, str]]) -> None:
    answer = "".join(f"{piece}{space}" for piece, space in pieces)
    assert wants_to_stop(answer) == bool(reading._STOP.search(answer.strip()))
    short = len(words_of(answer)) <= 25
    assert asks_to_repeat(answer) == (short and bool(reading._REPEAT.search(answer)))


@pytest.mark.parametrize("signs", ["." * 39, "." * 40, "." * 41, " !" * 100, "_" * 41])
def test_signs_after_a_wish_to_stop_change_nothing(signs: str) -> None:
    answer = f"{'and so on ' * 20}I would want to finish this interview{signs}"
    assert wants_to_stop(answer) == ("_" not in signs)


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

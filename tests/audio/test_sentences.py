"""Where text is cut so that the first sound comes soon and the rest has its melody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.sentences import LONG, Splitter


def cut(*clauses: str) -> list[str]:
    splitter, out = Splitter(), []
    for clause in clauses:
        splitter.feed(clause)
        while (piece := splitter.take()) is not None:
            out.append(piece)
    while (piece := splitter.flush()) is not None:
        out.append(piece)
    return out


def test_a_reply_given_whole_is_spoken_by_sentences() -> None:
    assert cut("Of course. What was your own part in it? Take your time.") == [
        "Of course.",
        "What was your own part in it?",
        "Take your time.",
    ]


def test_a_long_first_sentence_begins_with_its_first_clause() -> None:
    text = "Hello Sam, I am Maya, an AI interviewer, and today I am your people partner."
    assert cut(text, "This is practice, and about 15 minutes of it, so do not worry about the result.") == [
        "Hello Sam, I am Maya,",
        "an AI interviewer, and today I am your people partner.",
        "This is practice, and about 15 minutes of it, so do not worry about the result.",
    ]


def test_later_clauses_wait_for_their_sentence() -> None:
    splitter = Splitter()
    splitter.feed("Thank you for that,")
    assert splitter.take() is None
    assert splitter.flush() == "Thank you for that,"
    splitter.feed("and tell me,")
    assert splitter.take() is None
    splitter.feed("what did you measure?")
    assert splitter.take() == "and tell me, what did you measure?"
    assert not splitter.holds


@pytest.mark.parametrize("text", ["Ask Dr. Smith about it.", "Use tools, e.g. Python.", "J. Doe was there."])
def test_short_forms_end_no_sentence(text: str) -> None:
    assert cut(text) == [text]


def test_a_text_without_any_punctuation_is_cut_between_words() -> None:
    text = " ".join(["word"] * 200)
    pieces = cut(text)
    assert all(len(piece) <= LONG for piece in pieces)
    assert " ".join(pieces) == text


@given(st.lists(st.text(alphabet="abc .,;!?\n'…", max_size=120), max_size=8))
def test_nothing_is_lost_and_nothing_is_long(clauses: list[str]) -> None:
    pieces = cut(*clauses)
    assert all(piece and piece == piece.strip() and len(piece) <= LONG for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join("".join(clauses).split())

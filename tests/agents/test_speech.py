"""From a model's raw text to what may be said aloud, however it is cut into pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import speech
from agents.speech import MAX_HEADER, Header, SpeechGuard
from interview.flow import Judgement, Step


def through(text: str, size: int, *, questions: bool = True) -> tuple[Judgement | None, str]:
    header, guard, out = Header(), SpeechGuard(questions=questions), list[str]()
    for start in range(0, len(text), size):
        rest = header.feed(text[start : start + size])
        if header.complete:
            out += guard.feed(rest)
    return header.judgement, " ".join([*out, *guard.end()])


HEAD = '{"move": "probe", "answered": true, "about": "the importer"}'


@pytest.mark.parametrize(
    ("text", "judgement", "speech"),
    [
        (f"{HEAD}\nWhat broke?", Judgement(Step.PROBE, True, "the importer"), "What broke?"),
        (f"```json\n{HEAD}\n```\nWhat broke?", Judgement(Step.PROBE, True, "the importer"), "What broke?"),
        ("What broke?", None, "What broke?"),
        ('{"move": "dance"}\nWhat broke?', None, "What broke?"),
        ("{not json}\nWhat broke?", None, "What broke?"),
        (f"\n\n{HEAD}\nWhat broke?", Judgement(Step.PROBE, True, "the importer"), "What broke?"),
    ],
)
def test_the_first_line_is_judgement_and_the_rest_speech(
    text: str, judgement: Judgement | None, speech: str
) -> None:
    for size in (1, 3, 7, 1000):
        assert through(text, size) == (judgement, speech)


def test_a_first_line_without_an_end_is_given_up() -> None:
    assert through("{" + "x" * (2 * MAX_HEADER), 50)[0] is None


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("**Tell** me `more`.", "Tell me more."),
        ("- one thing.\n- another thing.", "one thing. another thing."),
        ("1. First of all.", "First of all."),
        ("So \U0001f600 what broke?", "So what broke?"),
        ("See [the page](https://x.y/z) then.", "See then."),
        ("Great answer. What broke?", "What broke?"),
        ("That is a really good point, and I see. What broke?", "and I see. What broke?"),
        ("I would rate that 7 out of 10. What broke?", "What broke?"),
        ("It took a good while.", "It took a good while."),
        ("You said the tests passed.", "You said the tests passed."),
    ],
)
def test_what_may_not_be_said_is_left_out_whatever_the_pieces(raw: str, clean: str) -> None:
    for size in (1, 2, 5, 1000):
        assert through(raw, size)[1] == clean


def test_questions_are_dropped_where_the_flow_asks_its_own() -> None:
    assert through("Noted. What do you think?", 4, questions=False)[1] == "Noted."


@given(st.text(max_size=300), st.integers(1, 40))
def test_no_markup_and_no_symbols_ever_come_out(text: str, size: int) -> None:
    said = through(text, size)[1]
    assert not set(said) & set("*`#>|~\n")
    assert not any(0x1F000 <= ord(c) <= 0x1FAFF for c in said)


@given(
    st.lists(
        st.sampled_from(["One two. ", "three, ", "four five six seven, ", "Eight? ", "nine"]), max_size=20
    )
)
def test_plain_speech_comes_out_whole_whatever_the_pieces(parts: list[str]) -> None:
    text = "".join(parts)
    whole = through(text, 10_000)[1]
    assert all(through(text, size)[1] == whole for size in (1, 2, 3, 11))
    assert whole.split() == [word for word in text.split() if any(c.isalnum() for c in word)]


VERDICTS = (
    *(
        "what a",
        "that was really",
        "such a",
        "your",
        "great",
        "Excellent",
        "awesome",
        "good",
        "nice",
        "strong",
    ),
    *(
        "well-structured",
        "answer",
        "work",
        "job",
        "well",
        "done",
        "nicely",
        "put",
        "love that",
        "I'm impressed",
    ),
    *(
        "this is very",
        "spot on",
        "perfect",
        "score",
        "points",
        "marks",
        "rating",
        "rated",
        "7",
        "\u0667",
        "/",
        "out of",
    ),
    *(
        "percent of",
        "10",
        "you",
        "have",
        "passed",
        "failed",
        "we would",
        "rate",
        "grade",
        "and then",
        "the cache",
    ),
    *("solid point", "STRONG start", "\u017ftrong", "n\u0131ce", "\u212anow", "'ve", ".", "?", ","),
)


@given(st.lists(st.tuples(st.sampled_from(VERDICTS), st.sampled_from((" ", "", "-"))), max_size=8))
def test_a_verdict_is_never_missed_for_want_of_a_sign(pieces: list[tuple[str, str]]) -> None:
    text = "".join(f"{piece}{space}" for piece, space in pieces)
    assert speech._judges(text) == bool(speech._PRAISE.search(text) or speech._SCORES.search(text))

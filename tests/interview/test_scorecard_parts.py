"""The scorecard's own parts: state, certainty, quotes in their places, delivery beside its range."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interview.delivery import Measure, SpokenWord
from interview.evaluation import Evaluation, Quote, Verdict
from interview.model import Block, Question, QuestionType, Wishes
from interview.rubric import Confidence, Dimension
from interview.scorecard import (
    FLAGS,
    IN_PART,
    NORMS,
    NOT_HEARD,
    UNITS,
    Counts,
    Found,
    State,
    confidence,
    delivery,
    plain,
    quotes,
    segments,
    state,
)
from interview.threads import Given, Place, Thread, threads

QUESTION = Question("q1", "Tell me of a conflict.", QuestionType.BEHAVIORAL, Block.BEHAVIORAL, "hr")
FOLLOW = Question("q1.f1", "And then?", QuestionType.FOLLOW_UP, Block.BEHAVIORAL, "hr", parent_id="q1")
FIRST, SECOND = "We argued about shifts.", "I drew up a rota."
WORDS = tuple(SpokenWord(word, 5.0 + n, 5.5 + n) for n, word in enumerate(FIRST.split()))


def thread() -> Thread:
    answers = [Given(1, "q1", FIRST, 5000, 4000, WORDS), Given(2, "q1.f1", SECOND)]
    (found,) = threads([QUESTION], [FOLLOW], answers, Wishes("nurse"))
    return found


def evaluation(*found: Quote) -> Evaluation:
    return Evaluation((Verdict(Dimension.CONTENT, 50, quotes=found),), 50)


def quoted(text: str) -> Quote:
    at = thread().case.words.index(text)
    return Quote(text, at, at + len(text))


# --- quotes ----------------------------------------------------------------------------------------


def test_a_quote_is_the_stretch_of_one_answer_with_its_seconds() -> None:
    one, two = quotes(thread(), evaluation(quoted("argued about"), quoted("drew up")))
    assert (one.text, one.place.turn, one.place.start_s, one.place.end_s) == ("argued about", 1, 6.0, 7.5)
    assert FIRST[one.place.start : one.place.end] == one.text
    assert (two.text, two.place.turn, two.place.start_s) == ("drew up", 2, None)
    assert [one.id, two.id] == ["q1.content.1", "q1.content.2"]


def test_a_quote_over_two_answers_is_shown_as_far_as_the_first_goes() -> None:
    (found,) = quotes(thread(), evaluation(quoted("shifts.\nI drew")))
    assert found.text == "shifts."


@pytest.mark.parametrize("quote", [Quote("We agreed", 0, 9), Quote("beyond", 900, 906), Quote("", 3, 3)])
def test_words_that_were_not_said_there_are_not_shown(quote: Quote) -> None:
    assert quotes(thread(), evaluation(quote)) == ()


@given(st.text(max_size=40), st.lists(st.tuples(st.integers(0, 45), st.integers(0, 45)), max_size=6))
def test_segments_add_up_to_the_text_and_mark_exactly_what_is_quoted(
    text: str, spans: list[tuple[int, int]]
) -> None:
    found = [
        Found(str(n), Dimension.CONTENT, "", Place(1, min(a, b), max(a, b))) for n, (a, b) in enumerate(spans)
    ]
    pieces = segments(text, found)
    assert "".join(piece.text for piece in pieces) == text
    at = 0
    for piece in pieces:
        for place in range(at, at + len(piece.text)):
            assert set(piece.quotes) == {f.id for f in found if f.place.start <= place < f.place.end}
        at += len(piece.text)


# --- state and certainty ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scored", "over", "analysed", "wanted"),
    [
        (0, False, False, State.PENDING),
        (1, False, False, State.PARTIAL),
        (3, True, False, State.PARTIAL),
        (2, True, True, State.PARTIAL),
        (3, False, True, State.PARTIAL),
        (3, True, True, State.COMPLETE),
        (0, True, False, State.PENDING),
    ],
)
def test_a_card_is_complete_when_all_is_scored_and_the_call_is_analysed(
    scored: int, over: bool, analysed: bool, wanted: State
) -> None:
    assert state(Counts(4, 3, 3, scored), over=over, analysed=analysed) is wanted


def test_a_silent_call_that_was_analysed_is_complete() -> None:
    assert state(Counts(4, 1, 0, 0), over=True, analysed=True) is State.COMPLETE


H, M, L = Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW


@pytest.mark.parametrize(
    ("parts", "answers", "wanted"),
    [([], 0, L), ([H], 1, L), ([H, H], 2, M), ([H, H, H], 3, H), ([H, L, H, L], 4, L), ([H, M, H], 3, H)],
)
def test_a_mean_is_as_certain_as_the_lower_middle_and_less_with_few_answers(
    parts: list[Confidence], answers: int, wanted: Confidence
) -> None:
    assert confidence(parts, answers) is wanted


def test_flags_are_told_in_plain_words() -> None:
    assert plain(("off_topic", "something_new")) == (FLAGS["off_topic"], "Something new.")
    assert all(text.endswith(".") for text in FLAGS.values())


# --- delivery --------------------------------------------------------------------------------------


def test_every_measure_is_there_if_only_with_a_reason() -> None:
    lines = delivery((), ())
    assert [line.name for line in lines] == list(NORMS) == list(UNITS)
    assert {(line.value, line.reason) for line in lines} == {(None, NOT_HEARD)}
    spoken_in_part = delivery([({"pace": Measure(120, "words per minute")}, 20.0)], ())
    assert {line.reason for line in spoken_in_part if line.name == "answer_length"} == {IN_PART}


def test_measures_of_several_answers_are_put_together_by_their_kind() -> None:
    def report(pace: float, long: float, longest: float) -> dict[str, Measure]:
        return {
            "pace": Measure(pace, "words per minute"),
            "pauses_long": Measure(long, "count"),
            "longest_pause": Measure(longest, "seconds"),
            "pitch_variation": Measure(None, "semitones", "too little voiced sound"),
        }

    lines = delivery([(report(100, 2, 1.5), 30.0), (report(160, 3, 4.0), 90.0)], [30.0, 90.0])
    found = {line.name: line for line in lines}
    assert found["pace"].value == 145
    assert (found["pace"].norm.low, found["pace"].norm.high) == (110, 160)
    assert found["pauses_long"].value == 5
    assert found["longest_pause"].value == 4.0
    assert (found["pitch_variation"].value, found["pitch_variation"].reason) == (
        None,
        "too little voiced sound",
    )
    assert found["answer_length"].value == 60
    assert not {"pass", "fail", "good", "bad"} & set(" ".join(n.note for n in NORMS.values()).lower().split())

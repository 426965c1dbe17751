"""When an utterance is over: a table of silences, words and speakers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.endpointing import (
    MOST_PATIENCE_S,
    Endpointer,
    EndpointPolicy,
    Look,
    Phase,
    look,
    pauses_between,
)
from audio.vad import WINDOW_MS
from interview.delivery import SpokenWord

POLICY = EndpointPolicy(patience_ms=1000, least_ms=400, most_ms=5000)


def speak(endpointer: Endpointer, ms: int) -> bool:
    over = False
    for _ in range(ms // WINDOW_MS):
        over = endpointer.voice(WINDOW_MS) or over
    return over


def wait(endpointer: Endpointer, at_most_ms: int = 20_000) -> int | None:
    """The silence after which the utterance was called over."""
    for ms in range(WINDOW_MS, at_most_ms + 1, WINDOW_MS):
        if endpointer.silence(WINDOW_MS):
            return ms
    return None


def waited(endpointer: Endpointer, text: str = "") -> int:
    speak(endpointer, 2000)
    endpointer.text(text)
    ended = wait(endpointer)
    assert ended is not None
    return ended


def test_waits_as_long_as_the_policy_says_when_nothing_is_known() -> None:
    assert 1000 <= waited(Endpointer(POLICY)) < 1000 + WINDOW_MS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I rewrote the importer in Go.", Look.FINISHED),
        ("What does the team work on?", Look.FINISHED),
        ("yes", Look.FINISHED),
        ("no sure", Look.FINISHED),
        ("we shipped it in March and that's it", Look.FINISHED),
        ("could you repeat the question", Look.FINISHED),
        ("I don't know", Look.FINISHED),
        ("i rewrote the importer in go", Look.OPEN),
        ("", Look.OPEN),
        ("...", Look.UNFINISHED),
        ("i rewrote the importer and", Look.UNFINISHED),
        ("I did it because.", Look.UNFINISHED),
        ("so I talked to my", Look.UNFINISHED),
        ("the hardest part was um", Look.UNFINISHED),
        ("first of all,", Look.UNFINISHED),
        ("it was… ", Look.UNFINISHED),
        ("let me think", Look.THINKING),
        ("Hmm, good question.", Look.THINKING),
        ("well give me a second please", Look.THINKING),
        ("That’s all.", Look.FINISHED),
    ],
)
def test_reads_whether_words_are_finished(text: str, expected: Look) -> None:
    assert look(text) is expected
    assert look(text, "en-GB") is expected


def test_other_languages_are_read_by_their_punctuation_only() -> None:
    assert look("Ich habe es umgesetzt.", "de") is Look.FINISHED
    assert look("Ich habe es umgesetzt", "de") is Look.OPEN
    assert look("an", "de") is Look.OPEN
    assert look("私はやりました。", "ja") is Look.FINISHED


def test_a_finished_sentence_is_waited_for_less_and_an_unfinished_one_longer() -> None:
    finished, unknown, unfinished, thinking = (
        waited(Endpointer(POLICY), text)
        for text in ("I left in May.", "i left in may", "i left because", "let me think")
    )
    assert finished < unknown < unfinished < thinking
    assert finished >= POLICY.least_ms
    assert thinking <= POLICY.most_ms + WINDOW_MS


def test_words_that_come_during_the_wait_change_it() -> None:
    endpointer = Endpointer(POLICY)
    speak(endpointer, 1000)
    assert wait(endpointer, 800) is None
    endpointer.text("It was done.")
    assert wait(endpointer, WINDOW_MS) == WINDOW_MS


def test_voice_makes_the_wait_begin_anew() -> None:
    endpointer = Endpointer(POLICY)
    for _ in range(5):
        speak(endpointer, 500)
        assert wait(endpointer, 900) is None
    assert endpointer.state is Phase.PAUSED


def test_learns_the_pauses_of_a_slow_speaker() -> None:
    endpointer = Endpointer(POLICY)
    for _ in range(6):
        speak(endpointer, 500)
        assert wait(endpointer, 930) is None
    assert 1300 <= waited(endpointer) <= 3000


def test_learns_from_having_cut_a_speaker_off() -> None:
    endpointer = Endpointer(POLICY)
    for _ in range(4):
        assert waited(endpointer) <= 3100
        wait(endpointer, 500)  # and then goes on speaking
    assert waited(endpointer) > 1500
    endpointer.replied()
    patient = endpointer.patience_s
    for _ in range(4):
        waited(endpointer)
        endpointer.replied()  # a reply came in between: what follows is an answer, not the rest
        wait(endpointer, 500)
    assert endpointer.patience_s == patient


def test_a_quick_speaker_makes_it_no_hastier_than_the_policy() -> None:
    endpointer = Endpointer(POLICY)
    for _ in range(20):
        speak(endpointer, 500)
        wait(endpointer, 256)
    assert 1000 <= waited(endpointer) < 1000 + WINDOW_MS


@pytest.mark.parametrize("seconds", [2.0, 5.0, 10.0])
def test_the_candidate_may_ask_for_more_time_whatever_the_words(seconds: float) -> None:
    for text in ("Yes.", "i left", "and", "That's it."):
        endpointer = Endpointer(POLICY)
        endpointer.be_patient(seconds)
        least = max(seconds * 1000, 0)
        assert least <= waited(endpointer, text) <= max(least, 2000) + WINDOW_MS


def test_what_is_asked_for_has_bounds_and_can_be_taken_back() -> None:
    endpointer = Endpointer(POLICY)
    endpointer.be_patient(3600)
    assert endpointer.patience_s == MOST_PATIENCE_S
    endpointer.be_patient(-5)
    assert endpointer.patience_s == POLICY.patience_ms / 1000
    endpointer.be_patient(0.1)  # slower only
    assert waited(endpointer) >= POLICY.patience_ms


def test_an_endless_utterance_ends_at_a_short_pause_and_without_one_soon_after() -> None:
    policy = EndpointPolicy(max_utterance_ms=20_000)
    endpointer = Endpointer(policy)
    assert not speak(endpointer, 21_000)
    ended = wait(endpointer)
    assert ended is not None
    assert ended <= 300
    endpointer = Endpointer(policy)
    assert speak(endpointer, 30_000)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 400)), max_size=60),
    st.floats(0, 12),
    st.sampled_from(["", "and", "Done.", "let me think", "plain words"]),
)
def test_an_utterance_is_over_once_and_only_in_silence(
    script: list[tuple[bool, int]], asked: float, text: str
) -> None:
    endpointer = Endpointer(EndpointPolicy())
    endpointer.be_patient(asked)
    open_ = False
    for voice, windows in script:
        for _ in range(windows):
            over = (endpointer.voice if voice else endpointer.silence)(WINDOW_MS)
            endpointer.text(text)
            assert endpointer.needed_ms >= asked * 1000 - 1 or asked > MOST_PATIENCE_S
            assert 400 < endpointer.needed_ms <= 10_000
            assert not (over and voice)
            assert not over or open_
            open_ = (open_ or voice) and not over
            assert open_ == (endpointer.state is not Phase.IDLE)


def test_a_speaker_who_is_known_is_waited_for_from_the_start() -> None:
    words = [SpokenWord("word", start, start + 0.3) for start in (0.0, 0.4, 2.5, 5.0, 7.0)]
    pauses = pauses_between(words)
    assert pauses == [1800, 2200, 1700]
    stranger, known = Endpointer(EndpointPolicy()), Endpointer(EndpointPolicy(), "en", pauses)
    assert stranger.patience_s == 1.5
    assert known.patience_s == 2.7
    assert Endpointer(EndpointPolicy(), "en", pauses[:2]).patience_s == 1.5, "two pauses are no habit"

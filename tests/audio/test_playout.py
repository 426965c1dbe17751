"""What the candidate heard, whatever the client says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.playout import KEPT, Playout
from audio.tts import WordTime
from interview.events import TurnId

T = TurnId(1)
WORDS = tuple(WordTime(word, at) for word, at in (("What", 0), ("did", 200), ("you", 400), ("do", 600)))


def test_a_word_is_heard_once_its_middle_has_sounded() -> None:
    playout = Playout()
    playout.queued(T, 0, 1000, "What did you do?", WORDS, over=True)
    for ms, heard in ((0, ""), (99, ""), (100, "What"), (499, "What did"), (500, "What did you")):
        playout.played(T, ms)
        assert playout.heard(T) == heard
    assert not playout.done(T)
    playout.played(T, 1000)
    assert playout.heard(T) == "What did you do?"
    assert playout.done(T)


def test_without_word_times_the_share_of_the_sound_is_the_share_of_the_text() -> None:
    playout = Playout()
    playout.queued(T, 0, 500, "First clause.", over=True)
    playout.queued(T, 500, 500, " One two three four five six")
    playout.queued(T, 1000, 500, over=True)
    playout.played(T, 1000)
    assert playout.heard(T) == "First clause. One two three"


def test_a_clause_that_still_comes_is_not_taken_for_short() -> None:
    playout = Playout()
    playout.queued(T, 0, 300, "A long question about what you did in the last year of your work")
    playout.played(T, 300)
    assert len(playout.heard(T)) < 8


def test_words_that_the_engine_respells_are_passed_over() -> None:
    playout = Playout()
    words = (WordTime("in", 0), WordTime("nineteen", 200), WordTime("ninety", 500), WordTime("Paris", 800))
    playout.queued(T, 0, 1200, "In 1990, Paris.", words, over=True)
    playout.played(T, 700)
    assert playout.heard(T) == "In"
    playout.played(T, 1100)
    assert playout.heard(T) == "In 1990, Paris."


def test_a_cut_is_the_last_word_even_backwards() -> None:
    playout = Playout()
    playout.queued(T, 0, 1000, "What did you do?", WORDS, over=True)
    playout.played(T, 900)
    playout.cut(T, 320)
    assert playout.heard(T) == "What did"
    playout.played(T, 1000)
    playout.queued(T, 1000, 1000, " And then?", over=True)
    assert playout.heard(T) == "What did"
    assert playout.done(T)


@pytest.mark.parametrize("report", [Playout.played, Playout.cut], ids=["played", "cut"])
def test_a_reply_that_is_not_known_was_not_heard(report: Callable[[Playout, TurnId, int], None]) -> None:
    playout = Playout()
    report(playout, T, 5000)
    assert playout.heard(T) == ""


def test_old_replies_are_forgotten() -> None:
    playout = Playout()
    for n in range(KEPT + 1):
        playout.queued(TurnId(n), 0, 100, "Yes.", over=True)
        playout.played(TurnId(n), 100)
    assert playout.heard(TurnId(0)) == ""
    assert playout.heard(TurnId(1)) == "Yes."


_text = st.lists(st.sampled_from(["one", "two,", "three", "four."]), min_size=1, max_size=6).map(" ".join)
_queued = st.tuples(
    st.just("queued"), st.integers(0, 900), st.booleans(), _text, st.booleans(), st.booleans()
)
_played = st.tuples(st.just("played"), st.integers(-5000, 20_000))


@given(st.lists(_queued | _played, max_size=25))
def test_heard_is_a_prefix_of_what_was_sent_and_only_grows(steps: list[tuple[object, ...]]) -> None:
    playout, sent, at, before = Playout(), "", 0, ""
    for step in steps:
        match step:
            case "queued", int(ms), bool(begins), str(text), bool(timed), bool(over):
                text = f" {text}" if begins and sent else text if begins else ""
                words = tuple(WordTime(w, at + n * 150) for n, w in enumerate(text.split()) if timed)
                playout.queued(T, at, ms, text, words, over=over)
                at, sent = at + ms, sent + text
            case "played", int(ms):
                playout.played(T, ms)
            case _:
                raise AssertionError(step)
        heard = playout.heard(T)
        assert sent.startswith(heard)
        assert heard.startswith(before)
        assert heard == heard.rstrip()
        before = heard
    playout.played(T, 10**9)
    playout.queued(T, at, 0, over=True)
    assert playout.done(T) or not sent


@given(st.lists(st.integers(-100, 5000), min_size=1, max_size=8))
def test_a_liar_is_believed_no_more_than_was_sent(reports: list[int]) -> None:
    liar, honest = Playout(), Playout()
    for playout in (liar, honest):
        playout.queued(T, 0, 600, "What did you do?", WORDS)
    for ms in reports:
        liar.played(T, ms)
    honest.played(T, min(max(0, *reports), 600))
    assert liar.heard(T) == honest.heard(T)

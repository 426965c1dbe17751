"""Word times by estimate: inside the voice, in order, never in a pause."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.word_times import spread

RATE = 16000


def voice(seconds: float, level: float = 0.3) -> npt.NDArray[np.float32]:
    return (np.random.default_rng(1).normal(0, level, int(seconds * RATE))).astype(np.float32)


def test_words_share_the_voice_by_their_letters() -> None:
    sound = np.concatenate([voice(1, 0.001), voice(2), voice(1, 0.001)])
    (first, a, b), (second, c, d) = spread(["I", "understood"], sound, RATE, begin_s=10.0)
    assert (first, second) == ("I", "understood")
    assert a == pytest.approx(11.0, abs=0.03)
    assert d == pytest.approx(13.0, abs=0.03)
    assert b == c == pytest.approx(11.0 + 2 * 2 / 13, abs=0.03)


def test_no_word_lies_in_a_pause() -> None:
    sound = np.concatenate([voice(1), voice(2, 0.001), voice(1)])
    (_, _, end), (_, start, _) = spread(["before", "behind"], sound, RATE)
    assert end == pytest.approx(1.0, abs=0.03)
    assert start == pytest.approx(3.0, abs=0.03)


def test_words_without_sound_have_no_length() -> None:
    assert spread(["so"], voice(0.0), RATE, 2.0) == [("so", 2.0, 2.0)]
    assert spread([], voice(1.0), RATE) == []


@given(
    st.lists(st.text(alphabet="abc", min_size=1, max_size=9), max_size=30),
    st.lists(st.tuples(st.floats(0.02, 0.5), st.booleans()), max_size=8),
)
def test_times_are_in_order_and_within_the_sound(words: list[str], parts: list[tuple[float, bool]]) -> None:
    sound = np.concatenate([voice(0.0), *(voice(s, 0.3 if loud else 0.001) for s, loud in parts)])
    at = 0.0
    for (text, start, end), word in zip(spread(words, sound, RATE), words, strict=True):
        assert text == word
        assert at <= start + 1e-9
        assert start <= end + 1e-9
        at = end
    assert at <= len(sound) / RATE + 1e-9

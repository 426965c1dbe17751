"""Two voices on one clock, and the file they become."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from audio.pcm import EAR_RATE
from audio.recording import CANDIDATE, FRAME, HEADER, INTERVIEWER, Part, TwoTracks, one_track, wav_header


def pcm(value: int, ms: int) -> bytes:
    return np.full(ms * EAR_RATE // 1000, value, "<i2").tobytes()


def samples(data: bytes) -> list[int]:
    return [int(n) for n in np.frombuffer(data, "<i2")]


def test_the_interviewer_sounds_where_the_clock_says() -> None:
    tracks = TwoTracks()
    tracks.heard(pcm(1, 10))
    tracks.sounded(pcm(9, 10), at_ms=15)
    tracks.heard(pcm(2, 30))
    both = tracks.take()
    assert samples(one_track(both, CANDIDATE)) == [1] * 160 + [2] * 480
    assert samples(one_track(both, INTERVIEWER)) == [0] * 240 + [9] * 160 + [0] * 240
    assert tracks.position_ms == 40
    assert tracks.take() == b""


def test_what_was_cut_off_never_sounded() -> None:
    tracks = TwoTracks(base_ms=1000)
    tracks.sounded(pcm(9, 100), at_ms=1000)
    tracks.heard(pcm(1, 50))
    tracks.cut(at_ms=1020)
    assert samples(one_track(tracks.take(), INTERVIEWER)) == [9] * 320 + [0] * 480


def test_what_waits_while_playback_stands_still_sounds_when_it_goes_on() -> None:
    tracks = TwoTracks()
    tracks.sounded(pcm(9, 100), at_ms=0)
    tracks.heard(pcm(1, 40))
    tracks.pause(at_ms=40)
    tracks.sounded(pcm(8, 20), at_ms=None)  # it was on its way
    tracks.heard(pcm(1, 200))
    assert samples(one_track(tracks.take(), INTERVIEWER)) == [9] * 640 + [0] * 3200
    tracks.resume(at_ms=240)
    tracks.sounded(pcm(7, 20), at_ms=None)
    tracks.heard(pcm(1, 120))
    heard = samples(one_track(tracks.take(), INTERVIEWER))
    assert heard == [9] * 960 + [8] * 320 + [7] * 320 + [0] * 320
    tracks.resume(at_ms=360)
    assert not tracks.take()


def test_what_was_cut_while_playback_stood_still_never_sounded() -> None:
    tracks = TwoTracks()
    tracks.sounded(pcm(9, 100), at_ms=0)
    tracks.pause(at_ms=40)
    tracks.cut(at_ms=90)
    tracks.resume(at_ms=90)
    tracks.heard(pcm(1, 200))
    assert samples(one_track(tracks.take(), INTERVIEWER)) == [9] * 640 + [0] * 2560


def test_a_clock_that_moves_in_steps_tears_no_word_apart() -> None:
    tracks = TwoTracks()
    tracks.heard(pcm(1, 20))
    tracks.sounded(pcm(9, 50), at_ms=20)
    for _ in range(4):
        tracks.heard(pcm(1, 80))
        tracks.sounded(pcm(9, 50), at_ms=None)
    assert samples(one_track(tracks.take(), INTERVIEWER)) == [0] * 320 + [9] * 4000 + [0] * 1120


def test_what_follows_too_late_is_late_and_not_lost() -> None:
    tracks = TwoTracks()
    tracks.sounded(pcm(9, 50), at_ms=0)
    tracks.heard(pcm(1, 60))
    tracks.take()
    tracks.sounded(pcm(8, 50), at_ms=None)
    tracks.heard(pcm(1, 50))
    assert samples(one_track(tracks.take(), INTERVIEWER)) == [8] * 800


def test_late_and_far_too_early_sound_is_left_out() -> None:
    tracks = TwoTracks()
    tracks.heard(pcm(1, 100))
    tracks.take()
    tracks.sounded(pcm(9, 40), at_ms=80)
    tracks.sounded(pcm(8, 40), at_ms=100_000)
    tracks.heard(pcm(1, 100))
    assert samples(one_track(tracks.take(), INTERVIEWER)) == [9] * 320 + [0] * 1280


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("heard"), st.integers(0, 80), st.just(0)),
            st.tuples(st.just("sounded"), st.integers(0, 80), st.integers(-50, 400)),
            st.tuples(st.just("cut"), st.just(0), st.integers(0, 400)),
            st.tuples(st.just("take"), st.integers(0, 60), st.just(0)),
        ),
        max_size=40,
    )
)
def test_both_tracks_always_last_as_long_as_the_microphone(steps: list[tuple[str, int, int]]) -> None:
    tracks, heard, taken = TwoTracks(), 0, 0
    for what, ms, at in steps:
        match what:
            case "heard":
                tracks.heard(pcm(1, ms))
                heard += ms
            case "sounded":
                tracks.sounded(pcm(9, ms), at)
            case "cut":
                tracks.cut(at)
            case _:
                taken += len(tracks.take(ms))
        assert tracks.position_ms == heard
    taken += len(tracks.take())
    assert taken == heard * EAR_RATE // 1000 * FRAME


def test_the_file_is_a_wav_that_others_read() -> None:
    tracks = TwoTracks()
    tracks.heard(pcm(100, 20))
    tracks.sounded(pcm(-100, 20), 0)
    both = tracks.take()
    data, rate = soundfile.read(io.BytesIO(wav_header(len(both)) + both), dtype="int16")
    assert (rate, data.shape) == (EAR_RATE, (320, 2))
    assert data[5].tolist() == [100, -100]


def test_a_stretch_of_the_call_is_found_in_its_part() -> None:
    part = Part(base_ms=5000, size=HEADER + 2 * EAR_RATE * FRAME)
    assert part.end_ms == 7000
    assert part.span(5500, 6000) == (HEADER + 8000 * FRAME, HEADER + 16000 * FRAME)
    assert part.span(0, 99_000) == (HEADER, part.size)
    start, end = part.span(8000, 9000)
    assert start >= end


@pytest.mark.parametrize("size", [0, HEADER, HEADER + FRAME - 1])
def test_a_part_without_sound_is_empty(size: int) -> None:
    assert Part(0, size).end_ms == 0

"""Cutting, joining and bounding, over a recogniser that is a script."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from audio.pcm import EAR_RATE, bytes_of
from audio.stt import Heard, SttRefused, SttUnavailable
from audio.stt_segments import SegmentStream, join, quietest
from interview.delivery import SpokenWord
from tests.virtual_loop import run

SECOND = np.full(EAR_RATE, 1000, "<i2").tobytes()


def nobody(text: str) -> None:
    """No captions are read."""


class Script:
    """Takes ``cost_s`` for each piece and says how many seconds it was; the pieces in ``bad`` fail."""

    def __init__(self, cost_s: float = 0.0, bad: tuple[int, ...] = ()) -> None:
        self._cost_s, self._bad = cost_s, bad
        self.asked: list[float] = []
        self.ended = 0

    async def __call__(self, pcm: bytes) -> Heard:
        number = len(self.asked)
        self.asked.append(len(pcm) / 2 / EAR_RATE)
        try:
            await asyncio.sleep(self._cost_s)
        finally:
            self.ended += 1
        if number in self._bad:
            raise SttUnavailable("script", "bad")
        return Heard(f"{self.asked[number]:g}", confidence=1.0 if number else 0.5)


def test_commit_waits_for_the_last_part_only() -> None:
    async def go() -> float:
        script = Script(cost_s=2.0)
        stream = SegmentStream("script", script, nobody, part_s=10)
        for _ in range(25):
            await stream.push(SECOND)
            await asyncio.sleep(1.0)
        begun = asyncio.get_running_loop().time()
        heard = await stream.commit()
        assert len(heard.text.split()) == len(script.asked) == 3
        assert sum(script.asked) == 25
        return asyncio.get_running_loop().time() - begun

    assert run(go()) == pytest.approx(2.0)


def test_a_part_that_fails_fails_the_segment_and_only_that() -> None:
    async def go() -> None:
        stream = SegmentStream("script", Script(bad=(0,)), nobody, part_s=10)
        for _ in range(15):
            await stream.push(SECOND)
        with pytest.raises(SttUnavailable):
            await stream.commit()
        await stream.push(SECOND)
        assert (await stream.commit()).text == "1"

    run(go())


def test_a_segment_without_end_is_bounded_and_refused() -> None:
    async def go() -> None:
        script = Script(cost_s=1e6)
        stream = SegmentStream("script", script, nobody, part_s=10, max_segment_s=30)
        for _ in range(1000):
            await stream.push(SECOND)
        await asyncio.sleep(0)
        assert len(script.asked) == 4
        with pytest.raises(SttRefused):
            await stream.commit()
        assert script.ended == 4
        await stream.push(SECOND)
        await stream.discard()

    run(go())


def test_captions_come_often_where_passes_are_cheap_and_never_two_at_a_time() -> None:
    async def go(cost_s: float) -> list[str]:
        captions: list[str] = []
        stream = SegmentStream("script", Script(cost_s), captions.append, partial_every_s=1.0)
        for _ in range(6):
            await stream.push(SECOND)
            await asyncio.sleep(1.0)
        assert (await stream.commit()).text == "6"
        await stream.aclose()
        return captions

    assert run(go(0.1)) == ["1", "2", "3", "4", "5", "6"]
    assert run(go(2.5)) == ["1", "4"]


def test_less_than_a_tenth_of_a_second_is_not_asked_about() -> None:
    async def go() -> None:
        script = Script()
        stream = SegmentStream("script", script, nobody)
        await stream.push(SECOND[: bytes_of(90, EAR_RATE)])
        assert await stream.commit() == Heard("")
        assert script.asked == []

    run(go())


@pytest.mark.parametrize("act", [SegmentStream.discard, SegmentStream.aclose])
def test_work_under_way_ends_with_its_segment(act: Callable[[SegmentStream], object]) -> None:
    async def go() -> None:
        script = Script(cost_s=1e6)
        stream = SegmentStream("script", script, nobody, part_s=5, partial_every_s=1.0)
        for _ in range(12):
            await stream.push(SECOND)
            await asyncio.sleep(0)
        work = act(stream)
        assert asyncio.iscoroutine(work)
        await work
        assert script.ended == len(script.asked) > 2

    run(go())


def test_the_cut_is_in_the_quietest_place_near_the_end() -> None:
    sound = np.random.default_rng(1).normal(0, 3000, 20 * EAR_RATE).astype("<i2")
    sound[2 * EAR_RATE : 3 * EAR_RATE] = 0  # quieter, but too early
    sound[17 * EAR_RATE : 17 * EAR_RATE + 3200] //= 50
    assert 17.0 <= quietest(sound.tobytes()) / 2 / EAR_RATE <= 17.2
    assert quietest(b"\0\0" * 10) == 20


def test_parts_are_joined_on_one_clock_and_words_stay_inside() -> None:
    one = Heard("a b", (SpokenWord("a", 0.1, 0.2, 0.5), SpokenWord("b", 9.0, 12.0)), 0.5)
    two = Heard("c", (SpokenWord("c", 0.5, 0.25),), 1.0)
    heard = join([one, Heard(""), two], [10.0, 1.0, 30.0])
    assert heard.text == "a b c"
    assert heard.confidence == pytest.approx((0.5 * 10 + 30) / 40)
    assert [(w.text, w.start_s, w.end_s) for w in heard.words] == [
        ("a", 0.1, 0.2),
        ("b", 9.0, 10.0),
        ("c", 11.5, 11.5),
    ]
    assert join([], []) == Heard("")

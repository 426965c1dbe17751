"""What every synthesiser must do, real and scripted. A new one joins by one entry in ``ENGINES``."""

from __future__ import annotations

from contextlib import aclosing
from itertools import combinations
from pathlib import Path

import pytest

from audio.tts import WordTime
from tests.audio.tts_contract import CLAUSES, Engine, drain, every_engine, given, pitch, rms, run, seconds


@every_engine
def test_clauses_become_sound_in_order(engine: Engine, tmp_path: Path) -> None:
    async def go() -> None:
        async with engine.open(tmp_path) as tts:
            sounds, error = await drain(tts, *CLAUSES)
            assert error is None
            assert [s.clause for s in sounds] == sorted(s.clause for s in sounds)
            assert [s.clause for s in sounds if s.last] == [0, 1]
            assert all(len(s.pcm) % 2 == 0 for s in sounds)
            for clause, text in enumerate(CLAUSES):
                own = [s for s in sounds if s.clause == clause]
                assert 0.02 <= seconds(own, tts.rate) / len(text) <= 0.15
                assert 300 < rms(own) < 12_000

    run(go())


@every_engine
def test_word_times_fit_the_sound(engine: Engine, tmp_path: Path) -> None:
    async def go() -> None:
        async with engine.open(tmp_path) as tts:
            sounds, _ = await drain(tts, *CLAUSES)
            words: list[WordTime] = [word for sound in sounds for word in sound.words]
            if not engine.tells:
                assert not words
                return
            said = [word.text.strip(".,?").lower() for word in words]
            assert said == " ".join(CLAUSES).lower().replace(".", "").replace("?", "").split()
            times = [word.at_ms for word in words]
            assert times == sorted(times)
            assert 0 <= times[0] < 400
            first_s = seconds([s for s in sounds if s.clause == 0], tts.rate)
            second = times[len(CLAUSES[0].split())] / 1000
            assert first_s - 0.05 <= second <= first_s + 0.4
            assert times[-1] / 1000 < seconds(sounds, tts.rate)

    run(go())


@every_engine
def test_faster_is_shorter(engine: Engine, tmp_path: Path) -> None:
    async def go() -> None:
        async with engine.open(tmp_path) as tts:
            slow, _ = await drain(tts, CLAUSES[0], speed=0.7)
            fast, _ = await drain(tts, CLAUSES[0], speed=1.3)
            if engine.name in ("azure", "elevenlabs"):  # the fakes do not sing; what is asked is tested there
                return
            assert seconds(fast, tts.rate) < 0.75 * seconds(slow, tts.rate)

    run(go())


@every_engine
def test_slots_sound_different(engine: Engine, tmp_path: Path) -> None:
    async def go() -> None:
        async with engine.open(tmp_path) as tts:
            heard = {}
            for voice in ("female_1", "male_1", "female_2", "male_2", "female_3", "no such slot"):
                sounds, error = await drain(tts, CLAUSES[0], voice=voice)
                assert error is None
                heard[voice] = (pitch(sounds, tts.rate), seconds(sounds, tts.rate))
            same = heard.pop("no such slot")
            assert same == pytest.approx(heard["female_1"], rel=0.02)
            if engine.differs:
                for one, two in combinations(heard.values(), 2):
                    assert abs(one[0] / two[0] - 1) > 0.03 or abs(one[1] / two[1] - 1) > 0.03
                assert heard["female_1"][0] > heard["male_1"][0] or engine.name == "kokoro"

    run(go())


@every_engine
def test_it_may_be_closed_early_unstarted_or_used_again(engine: Engine, tmp_path: Path) -> None:
    async def go() -> None:
        async with engine.open(tmp_path) as tts:
            async with aclosing(given(*CLAUSES)) as source, aclosing(tts.speak(source, "male_1")) as stream:
                async for sound in stream:
                    if sound.pcm:
                        break
            await tts.speak(given("Never said."), "male_1").aclose()
            sounds, error = await drain(tts, CLAUSES[1])
            assert error is None
            assert {s.clause for s in sounds} == {0}
            assert seconds(sounds, tts.rate) > 0.3

    run(go())


@every_engine
def test_odd_texts_are_no_failure(engine: Engine, tmp_path: Path) -> None:
    async def go() -> None:
        async with engine.open(tmp_path) as tts:
            for text in (
                "…",
                "<b>5 & 6</b>",
                "naïve “café” — 😀",
                "-o /dev/null",
                "a\u0001b",
                "C++ & C#, 3.11",
            ):
                sounds, error = await drain(tts, text, "And on.")
                assert error is None, text
                assert [s.clause for s in sounds if s.last] == [0, 1], text

    run(go())


@every_engine
def test_no_clauses_no_sound(engine: Engine, tmp_path: Path) -> None:
    async def go() -> None:
        async with engine.open(tmp_path) as tts:
            assert await drain(tts) == ([], None)

    run(go())

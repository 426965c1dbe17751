"""Engines in processes of their own: stopped, killed, hung, replaced; and the voices of this machine."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import pytest

from audio.loudness import TARGET_DB, Leveller, Levels
from audio.tts import TTS, TtsError, TtsMissing, TtsRefused, TtsUnavailable
from audio.tts_engine import MAX_TEXT, EngineTTS
from audio.tts_kokoro_worker import parts
from audio.tts_local import ESPEAK_VOICES, FLITE_VOICES, espeak, flite, kokoro
from interview.personas import PERSONAS
from tests.audio.tts_contract import CLAUSES, FLITE_HERE, drain, given, run, seconds

PUPPET = "tests.fakes.tts_puppet"


def puppet(mode: str, **limits: float) -> EngineTTS:
    return EngineTTS("puppet", "a puppet", 16_000, PUPPET, {"female_1": "v"}, {"mode": mode}, **limits)


async def one(tts: TTS, text: str = "Hello.") -> tuple[float, TtsError | None]:
    sounds, error = await drain(tts, text)
    return seconds(sounds, tts.rate), error


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_process_that_dies_is_replaced() -> None:
    async def go() -> None:
        tts = puppet("speak")
        try:
            await tts.warm()
            first = tts.pid
            assert first is not None
            os.kill(first, signal.SIGKILL)
            results = [await one(tts), await one(tts)]
            assert results[-1] == (0.5, None)
            assert tts.pid not in (None, first)
            assert gone(first)
        finally:
            await tts.aclose()

    run(go())


def test_one_that_dies_while_it_speaks_says_so_and_the_next_clause_is_spoken() -> None:
    async def go() -> None:
        tts = puppet("speak")
        try:
            spoken, error = await one(tts, "die half-way")
            assert spoken == 0.5
            assert isinstance(error, TtsUnavailable)
            assert await one(tts) == (0.5, None)
        finally:
            await tts.aclose()

    run(go())


def test_one_that_hangs_is_killed() -> None:
    async def go() -> None:
        tts = puppet("speak", silent_s=0.3)
        try:
            await tts.warm()
            hung = tts.pid
            assert hung is not None
            _, error = await one(tts, "hang")
            assert isinstance(error, TtsUnavailable)
            assert "0.3 s" in error.why
            assert gone(hung)
        finally:
            await tts.aclose()

    run(go())


def test_one_that_cannot_load_says_how_to_get_it() -> None:
    async def go() -> None:
        for tts in (puppet("missing"), kokoro(Path("/nowhere.onnx"), Path("/nowhere.bin"))):
            _, error = await one(tts)
            assert isinstance(error, TtsMissing)
            assert "viva models pull" in error.why
            assert tts.pid is None
            await tts.aclose()

    run(go())


def test_an_engines_own_words_stay_with_it() -> None:
    async def go() -> None:
        tts = puppet("speak")
        try:
            _, error = await one(tts, "raise PRIVATE")
            assert error is not None
            assert error.why == "ValueError"
            assert await one(tts) == (0.5, None)
        finally:
            await tts.aclose()

    run(go())


def test_a_reply_that_is_given_up_stops_the_engine() -> None:
    async def go() -> None:
        tts = puppet("speak")
        try:
            async with aclosing(given("endless")) as source, aclosing(tts.speak(source, "x")) as stream:
                await anext(stream)
            # An engine that were not stopped would never come to this.
            assert await one(tts) == (0.5, None)
        finally:
            await tts.aclose()

    run(go())


def test_calls_share_one_process_in_turn() -> None:
    async def go() -> None:
        tts = puppet("speak")
        try:
            assert await asyncio.gather(*(one(tts) for _ in range(12))) == [(0.5, None)] * 12
        finally:
            await tts.aclose()
        assert isinstance((await one(tts))[1], TtsUnavailable)

    run(go())


def test_a_listener_that_is_slow_holds_up_nobody_else() -> None:
    async def go() -> None:
        tts = puppet("speak")
        try:
            async with aclosing(given("Hello.")) as source, aclosing(tts.speak(source, "x")) as stream:
                await anext(stream)  # and no further for now: it is played in real time
                assert await one(tts) == (0.5, None)
                assert [sound.last async for sound in stream] == [True]
        finally:
            await tts.aclose()

    run(go())


def test_waiting_for_ones_turn_is_no_hang() -> None:
    async def go() -> None:
        tts = puppet("speak", silent_s=0.3)
        try:
            await tts.warm()
            results = await asyncio.gather(*(one(tts, "slow") for _ in range(4)))
            assert results == [(0.5, None)] * 4
        finally:
            await tts.aclose()

    run(go())


def test_kokoro_is_given_short_stretches() -> None:
    long = (
        "Well, tell me about a time when you disagreed with somebody,",
        "and what came of it; then go on.",
    )
    assert parts(" ".join(long)) == list(long)
    assert parts("…") == []


def test_what_is_too_long_is_refused() -> None:
    async def go() -> None:
        tts = puppet("speak")
        assert isinstance((await one(tts, "x" * (MAX_TEXT + 1)))[1], TtsRefused)
        await tts.aclose()

    run(go())


_SERVER = """
import asyncio, os, sys
from audio.tts_engine import EngineTTS
async def main():
    tts = EngineTTS("puppet", "", 16_000, "tests.fakes.tts_puppet", {"a": "v"}, {"mode": "speak"})
    async def clauses():
        yield "endless"
    async for _ in tts.speak(clauses(), "a"):
        print(tts.pid, flush=True)
        os.kill(os.getpid(), 9)
asyncio.run(main())
"""


def test_an_engine_dies_with_its_server() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SERVER], capture_output=True, text=True, check=False, timeout=30
    )
    pid = int(done.stdout.split()[0])
    # Waiting for it is up to the system's first process; a process that ended has closed its files.
    while (
        not gone(pid) and Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes()
    ):
        pass


@pytest.mark.parametrize("voices", [ESPEAK_VOICES, FLITE_VOICES], ids=["espeak", "flite"])
def test_every_persona_has_a_voice_of_its_own(voices: dict[str, str]) -> None:
    own = [voices[persona.voice] for persona in PERSONAS.values()]
    assert len(set(own)) == len(own)


@pytest.mark.parametrize("name", ["espeak", "flite"])
def test_real_voices_come_out_equally_loud(name: str) -> None:
    import numpy as np

    if name == "flite" and not FLITE_HERE:
        pytest.skip("needs a voice: apt-get install flite")

    async def go() -> None:
        tts, levels = espeak() if name == "espeak" else flite(), Levels()
        try:
            for persona in PERSONAS.values():
                for met in (False, True):
                    sounds, _ = await drain(tts, *CLAUSES, voice=persona.voice)
                    leveller = Leveller(levels, persona.voice, tts.rate)
                    pcm = b"".join(leveller.push(sound.pcm) for sound in sounds) + leveller.flush()
                    samples = np.frombuffer(pcm, "<i2").astype(np.float64) / 32768
                    blocks = (samples[: len(samples) // 160 * 160].reshape(-1, 160) ** 2).mean(axis=1)
                    loud = float(10 * np.log10(blocks[blocks > 10**-4.5].mean()))
                    assert loud == pytest.approx(TARGET_DB, abs=1.5 if met else 3.0), persona.id
                    assert np.abs(samples).max() < 0.9
        finally:
            await tts.aclose()

    run(go())

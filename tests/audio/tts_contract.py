"""Every synthesiser that there is, ready to speak, and what tests do with one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import numpy as np
import pytest

from audio.tts import TTS, Sound, TtsError
from audio.tts_azure import AzureTTS
from audio.tts_chain import TtsChain
from audio.tts_elevenlabs import ElevenLabsTTS
from audio.tts_local import espeak, espeak_here, flite, flite_here, kokoro, kokoro_installed
from tests.fakes.tiny_kokoro import make_tiny_kokoro
from tests.fakes.tts import ScriptedTTS
from tests.fakes.tts_vendors import KEY, FakeAzureSpeech, FakeElevenLabs, Say, SpeechVendor

T = TypeVar("T")
CLAUSES = ("Tell me about a time when you disagreed.", "What did you do?")
HANG_GUARD_S = 30.0
FLITE_HERE = flite_here()

Opener = Callable[[Path], AbstractAsyncContextManager[TTS]]


def run(coro: Coroutine[Any, Any, T]) -> T:
    """Run one test's coroutine; a hang becomes a ``TimeoutError`` with a stack."""

    async def guarded() -> T:
        async with asyncio.timeout(HANG_GUARD_S):
            return await coro

    return asyncio.run(guarded())


@dataclass(frozen=True)
class Engine:
    """``tells``: it gives word times. ``differs``: its voices sound different."""

    name: str
    open: Opener
    tells: bool = True
    differs: bool = True

    def __str__(self) -> str:
        return self.name


@asynccontextmanager
async def scripted(_: Path) -> AsyncIterator[TTS]:
    yield ScriptedTTS()


@asynccontextmanager
async def chained(_: Path) -> AsyncIterator[TTS]:
    yield TtsChain([ScriptedTTS(), ScriptedTTS(name="other", rate=24_000)])


@asynccontextmanager
async def _closing(tts: TTS) -> AsyncIterator[TTS]:
    try:
        yield tts
    finally:
        await tts.aclose()
        await tts.aclose()


@asynccontextmanager
async def azure(vendor: SpeechVendor, **options: Any) -> AsyncIterator[TTS]:
    async with (
        vendor.serve() as base,
        aiohttp.ClientSession() as session,
        _closing(AzureTTS(session, key=KEY, base=base, **options)) as tts,
    ):
        yield tts


@asynccontextmanager
async def elevenlabs(vendor: SpeechVendor, **options: Any) -> AsyncIterator[TTS]:
    async with (
        vendor.serve() as base,
        aiohttp.ClientSession() as session,
        _closing(ElevenLabsTTS(session, key=KEY, base=base, **options)) as tts,
    ):
        yield tts


def _espeak(_: Path) -> AbstractAsyncContextManager[TTS]:
    if not espeak_here():
        pytest.skip("needs a voice: pip install espeakng-loader")
    return _closing(espeak())


def _flite(_: Path) -> AbstractAsyncContextManager[TTS]:
    if not FLITE_HERE:
        pytest.skip("needs a voice: apt-get install flite")
    return _closing(flite())


def _kokoro(folder: Path) -> AbstractAsyncContextManager[TTS]:
    if not kokoro_installed():
        pytest.skip("needs a synthesiser: pip install kokoro-onnx")
    return _closing(kokoro(*make_tiny_kokoro(folder)))


ENGINES = [
    Engine("scripted", scripted, differs=False),
    Engine("chain", chained, differs=False),
    Engine("azure", lambda _: azure(FakeAzureSpeech((Say(),))), tells=False, differs=False),
    Engine("elevenlabs", lambda _: elevenlabs(FakeElevenLabs((Say(),))), differs=False),
    Engine("espeak", _espeak),
    Engine("flite", _flite),
    Engine("kokoro", _kokoro, tells=False),
]
every_engine = pytest.mark.parametrize("engine", ENGINES, ids=str)


async def given(*texts: str) -> AsyncGenerator[str, None]:
    for text in texts:
        yield text


async def drain(
    tts: TTS, *texts: str, voice: str = "female_1", speed: float = 1.0
) -> tuple[list[Sound], TtsError | None]:
    sounds: list[Sound] = []
    try:
        async with aclosing(given(*texts)) as source, aclosing(tts.speak(source, voice, speed)) as stream:
            async for sound in stream:
                sounds.append(sound)
    except TtsError as error:
        shown = f"{error} {error!r} {error.__cause__!r}"
        assert "SECRET" not in shown
        assert "PRIVATE" not in shown
        return sounds, error
    return sounds, None


def seconds(sounds: list[Sound], rate: int) -> float:
    return sum(len(sound.pcm) for sound in sounds) / (2 * rate)


def rms(sounds: list[Sound]) -> float:
    samples = np.frombuffer(b"".join(sound.pcm for sound in sounds), "<i2").astype(np.float64)
    return float(np.sqrt((samples**2).mean())) if len(samples) else 0.0


def pitch(sounds: list[Sound], rate: int) -> float:
    """Median pitch in hertz of what is voiced, by autocorrelation: rough, but the same for the same voice."""
    samples = np.frombuffer(b"".join(sound.pcm for sound in sounds), "<i2").astype(np.float64)
    size, found = rate // 20, []
    for start in range(0, len(samples) - size, size):
        frame = samples[start : start + size] - samples[start : start + size].mean()
        if (frame**2).mean() < 200**2:
            continue
        match = np.correlate(frame, frame, "full")[size - 1 :]
        low, high = rate // 400, rate // 60
        lag = low + int(match[low:high].argmax())
        if match[lag] > 0.4 * match[0]:
            found.append(rate / lag)
    return float(np.median(found)) if found else 0.0

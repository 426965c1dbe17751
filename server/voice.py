"""Our own voice line's engines: made once per server, shared by all calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import structlog

from audio.ears import Ears
from audio.endpointing import EndpointPolicy
from audio.line_cache import LineCache
from audio.loudness import Levels
from audio.mouth import Mouth
from audio.stt_switch import SwitchingSTT
from audio.tts import TtsError
from audio.tts_chain import TtsChain
from audio.vad import VadPool
from audio.vad_silero import Silero
from interview.personas import PERSONAS
from server.call_sound import Agreed, keeping_sound, open_sound
from server.callbook import Found
from server.realtime_turns import Voice
from server.recordings import Recordings
from server.settings import Settings
from server.stt_providers import SttChoice, build_stt, pull_in_background, warm_up
from server.tts_providers import build_line_cache, build_tts
from storage.objects import ObjectStore

STOP_S: Final = 5.0
"""A background task that is cancelled must be gone within this."""

log = structlog.get_logger("viva.voice")


@dataclass(frozen=True, slots=True)
class Engine:
    """Who does a part of the work, and what a person should know of it."""

    name: str
    note: str


@dataclass(slots=True)
class VoiceEngines:
    """What hears and speaks. ``stt`` and ``tts`` name whoever does it now."""

    stt: SwitchingSTT
    tts: TtsChain
    levels: Levels
    vad: VadPool
    cache: LineCache
    recordings: Recordings
    measures: bool
    """Whether delivery may be measured at all (the flag ``audio_scoring``)."""

    def names(self) -> dict[str, Engine]:
        return {"stt": Engine(self.stt.name, self.stt.note), "tts": Engine(self.tts.name, self.tts.note)}

    async def voice(self, found: Found) -> Voice:
        """The parts of one call's line."""
        granted = (found.response.consent or {}).get("granted", {})
        agreed = Agreed(
            record_audio=granted.get("record_audio") is True,
            audio_measurements=self.measures and granted.get("audio_measurements") is True,
        )
        sound = await open_sound(self.recordings, found.response.call_id, agreed)
        return Voice(
            ears=lambda language, rate: Ears(
                stt=self.stt,
                vad=self.vad,
                policy=EndpointPolicy(),
                language=language,
                input_rate=rate,
                pauses_ms=found.pauses_ms,
            ),
            mouth=lambda rate, send: Mouth(self.tts, _slot, rate, send, self.cache, levels=self.levels),
            tap=sound.begin,
            audio_base_ms=sound.base_ms,
            beside=keeping_sound(self.recordings, sound),
        )


def is_recorded(found: Found) -> bool:
    """Whether the candidate agreed to a recording."""
    return bool((found.response.consent or {}).get("granted", {}).get("record_audio"))


def _slot(persona: str) -> str:
    return PERSONAS[persona].voice


@asynccontextmanager
async def open_voice(
    settings: Settings, session: aiohttp.ClientSession, objects: ObjectStore, fixed: Iterable[str]
) -> AsyncIterator[VoiceEngines]:
    """The engines of ``settings``, warm as soon as they can be. ``fixed``: questions that many are asked.

    Raises:
        SettingsError: a setting names an engine or a model that cannot be used.
    """
    async with AsyncExitStack() as stack:
        stt, heard_by = await build_stt(settings, session)
        stack.push_async_callback(stt.aclose)
        tts, spoken_by = await build_tts(settings, session, _on_fallback)
        stack.push_async_callback(tts.aclose)
        vad = VadPool(await asyncio.to_thread(Silero))
        cache = await asyncio.to_thread(build_line_cache, settings, fixed)
        recordings = Recordings(settings.data_dir / "recordings", objects)
        log.info("voice", stt=heard_by.line(), tts=spoken_by.line())
        work = [
            _owned("voice detection", vad.run()),
            _owned("recogniser", _recogniser(settings, stt, heard_by)),
            _owned("speech", tts.warm()),
            _owned("recordings", _recover(recordings)),
        ]
        stack.push_async_callback(_stop, work)
        yield VoiceEngines(stt, tts, Levels(), vad, cache, recordings, "audio_scoring" in settings.flags)


async def _recogniser(settings: Settings, stt: SwitchingSTT, choice: SttChoice) -> None:
    await pull_in_background(settings, stt, await warm_up(stt, choice))


async def _recover(recordings: Recordings) -> None:
    if moved := await recordings.recover():
        log.info("recordings of an earlier run were kept", parts=moved)


def _owned(name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_say_if_it_failed)
    return task


def _say_if_it_failed(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("background work failed", work=task.get_name(), exc_info=error)


async def _stop(work: list[asyncio.Task[None]]) -> None:
    for task in work:
        task.cancel()
    await asyncio.wait(work, timeout=STOP_S)


def _on_fallback(name: str, error: TtsError) -> None:
    log.warning("another voice speaks instead", tts=name, why=error.why)

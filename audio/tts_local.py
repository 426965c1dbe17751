"""The synthesisers that run on this machine: Kokoro, eSpeak NG, Flite. Each in a process of its own."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from audio.tts_engine import EngineTTS

ESPEAK_VOICES: Final[Mapping[str, str]] = {
    "female_1": "en-us+f3:52:60",
    "male_1": "en-us+m3:42:55",
    "female_2": "en+f4:40:50",
    "male_2": "en+m7:52:65",
    "female_3": "en-us+f2:72:70",
    "male_3": "en-us+m1:30:45",
}
"""Voice, variant, pitch and range: see `audio.tts_espeak_worker`."""
FLITE_VOICES: Final[Mapping[str, str]] = {
    "female_1": "slt:1.0",
    "male_1": "rms:1.0",
    "female_2": "slt:1.12",
    "male_2": "awb:1.0",
    "female_3": "slt:0.94",
    "male_3": "kal16:1.0",
}
"""Voice and its length: see `audio.tts_flite_worker`. It has one woman's voice only, at three paces."""
KOKORO_VOICES: Final[Mapping[str, str]] = {
    "female_1": "af_heart",
    "male_1": "am_michael",
    "female_2": "bf_emma",
    "male_2": "bm_george",
    "female_3": "af_bella",
    "male_3": "am_fenrir",
}


def espeak() -> EngineTTS:
    return EngineTTS(
        "espeak", "robotic, instant", 22_050, "audio.tts_espeak_worker", ESPEAK_VOICES, silent_s=4.0
    )


def flite() -> EngineTTS:
    config = {"voices": sorted({voice.split(":")[0] for voice in FLITE_VOICES.values()})}
    return EngineTTS(
        "flite", "dated but clear", 16_000, "audio.tts_flite_worker", FLITE_VOICES, config, silent_s=4.0
    )


def kokoro(model: Path, voices: Path) -> EngineTTS:
    """``model`` and ``voices``: local files, such as ``kokoro-v1.0.onnx`` and ``voices-v1.0.bin``."""
    config = {"model": str(model.absolute()), "voices": str(voices.absolute())}
    return EngineTTS(
        "kokoro", "a neural voice on this machine", 24_000, "audio.tts_kokoro_worker", KOKORO_VOICES, config
    )


def espeak_here() -> bool:
    return find_spec("espeakng_loader") is not None


def flite_here() -> bool:
    return shutil.which("flite") is not None


def kokoro_installed() -> bool:
    return find_spec("kokoro_onnx") is not None

"""What a realtime client may set, and what is in force: formats, patience, captions, extensions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import UNSET

from audio import g711
from server.realtime_messages import (
    AudioSettings,
    Extensions,
    Format,
    Refused,
    Session,
    TurnDetection,
)

PCM_RATES: Final = (24_000, 16_000)
SPEEDS: Final = (0.7, 1.3)
"""Slowest and fastest the interviewer may be asked to talk; 1.0 is normal."""
PATIENCE_S: Final = (0.3, 10.0)
"""Least and most seconds of pause before an answer counts as over."""
EAGERNESS_S: Final = {"high": 0.6, "medium": None, "auto": None, "low": 2.5}
"""Seconds of patience for each eagerness; None: the server's own, which adapts."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """How samples are coded on the wire. ``rate``: per second; ``width``: bytes of one on the wire."""

    type: str
    rate: int
    width: int
    to_pcm: Callable[[bytes], bytes] | None = None
    from_pcm: Callable[[bytes], bytes] | None = None

    def shown(self) -> dict[str, Any]:
        return {"type": self.type, "rate": self.rate} if self.type == "audio/pcm" else {"type": self.type}


PCM: Final = {rate: AudioFormat("audio/pcm", rate, 2) for rate in PCM_RATES}
PCMU: Final = AudioFormat("audio/pcmu", g711.RATE, 1, g711.ulaw_to_pcm, g711.pcm_to_ulaw)
PCMA: Final = AudioFormat("audio/pcma", g711.RATE, 1, g711.alaw_to_pcm, g711.pcm_to_alaw)


@dataclass(slots=True)
class Update:
    """What a `session.update` changed, for the line, and what of it was refused, for the client.

    Each is None when the update did not speak of it. ``default_patience``: back to the server's own.
    """

    patience_s: float | None = None
    default_patience: bool = False
    speed: float | None = None
    language: str | None = None
    refused: list[Refused] = field(default_factory=list)


class RealtimeSession:
    """The settings of one call's client; they outlive its sockets. ``begun``: formats are fixed."""

    def __init__(self) -> None:
        self.input, self.output = PCM[24_000], PCM[24_000]
        self.extensions = self.binary_audio = self.playback = False
        self.captions = True
        self.begun = False
        self.speed = 1.0
        self.language: str | None = None
        self._turn_detection: dict[str, Any] = {"type": "server_vad"}

    def shown(self, session_id: str) -> dict[str, Any]:
        """The session object of `session.created` and `session.updated`."""
        shown: dict[str, Any] = {
            "type": "realtime",
            "object": "realtime.session",
            "id": session_id,
            "model": "viva",
            "output_modalities": ["audio"],
            "instructions": "",
            "tools": [],
            "tool_choice": "none",
            "tracing": None,
            "audio": {
                "input": {
                    "format": self.input.shown(),
                    "transcription": {"model": "viva", "language": self.language} if self.captions else None,
                    "noise_reduction": None,
                    "turn_detection": self._turn_detection
                    | {"create_response": True, "interrupt_response": True},
                },
                "output": {"format": self.output.shown(), "speed": self.speed, "voice": "viva"},
            },
        }
        if self.extensions:
            shown["viva"] = {
                "binary_audio": self.binary_audio,
                "rate": self.input.rate,
                "playback": self.playback,
            }
        return shown

    def update(self, wanted: Session) -> Update:
        """Take over what may be changed."""
        made = Update()
        for name, given in (
            ("instructions", wanted.instructions),
            ("prompt", wanted.prompt),
            ("tools", wanted.tools),
        ):
            if given:
                made.refused.append(
                    Refused(
                        "instructions_fixed",
                        "The interview sets what the interviewer does; leave out instructions and tools.",
                        param=f"session.{name}",
                    )
                )
        if wanted.viva is not None:
            self._extend(wanted.viva, made)
        if wanted.audio is not None:
            self._sound(wanted.audio, made)
        return made

    def _extend(self, wanted: Extensions, made: Update) -> None:
        self.extensions = True
        if wanted.binary_audio is not UNSET:
            self.binary_audio = wanted.binary_audio
        if wanted.playback is not UNSET:
            self.playback = wanted.playback
        if wanted.rate is not UNSET:
            for way in ("input", "output"):
                self._set_format(way, Format("audio/pcm", wanted.rate), "session.viva.rate", made)

    def _sound(self, wanted: AudioSettings, made: Update) -> None:
        if (ears := wanted.input) is not None:
            if ears.format is not UNSET and ears.format is not None:
                self._set_format("input", ears.format, "session.audio.input.format", made)
            if ears.turn_detection is None:
                why = "The server takes turns by itself; turn detection can be set slower, not off."
                made.refused.append(
                    Refused("turn_detection_required", why, param="session.audio.input.turn_detection")
                )
            elif ears.turn_detection is not UNSET:
                self._set_patience(ears.turn_detection, made)
            if ears.transcription is None:
                self.captions = False
            elif ears.transcription is not UNSET:
                self.captions = True
                if ears.transcription.language and not self.begun:
                    self.language = made.language = ears.transcription.language[:35]
        if (mouth := wanted.output) is not None:
            if mouth.format is not UNSET and mouth.format is not None:
                self._set_format("output", mouth.format, "session.audio.output.format", made)
            if mouth.speed is not UNSET and mouth.speed is not None:
                self.speed = made.speed = min(max(mouth.speed, SPEEDS[0]), SPEEDS[1])

    def _set_format(self, way: str, wanted: Format | str, param: str, made: Update) -> None:
        found = _format(wanted)
        if found is None:
            why = "Use audio/pcm at 24000 or 16000, audio/pcmu or audio/pcma."
            made.refused.append(Refused("format_unknown", why, param=param))
        elif found is not getattr(self, way):
            if self.begun:
                why = "The call has begun; the audio format stays as it is."
                made.refused.append(Refused("format_fixed", why, param=param))
            else:
                setattr(self, way, found)

    def _set_patience(self, wanted: TurnDetection, made: Update) -> None:
        param = "session.audio.input.turn_detection"
        match wanted.type:
            case "server_vad":
                self._turn_detection = {"type": "server_vad"}
                if wanted.silence_duration_ms is None:
                    return
                seconds = wanted.silence_duration_ms / 1000
                if not PATIENCE_S[0] <= seconds <= PATIENCE_S[1]:
                    why = "silence_duration_ms goes from 300 to 10000."
                    made.refused.append(
                        Refused("patience_out_of_range", why, param=f"{param}.silence_duration_ms")
                    )
                    return
                self._turn_detection["silence_duration_ms"] = int(wanted.silence_duration_ms)
                made.patience_s = seconds
            case "semantic_vad" if (wanted.eagerness or "auto") in EAGERNESS_S:
                eagerness = wanted.eagerness or "auto"
                self._turn_detection = {"type": "semantic_vad", "eagerness": eagerness}
                made.patience_s = EAGERNESS_S[eagerness]
                made.default_patience = made.patience_s is None
            case _:
                why = "Use server_vad with silence_duration_ms, or semantic_vad with an eagerness."
                made.refused.append(Refused("turn_detection_unknown", why, param=param))


def _format(wanted: Format | str) -> AudioFormat | None:
    if isinstance(wanted, str):
        return None
    match wanted.type:
        case "audio/pcm":
            return PCM.get(wanted.rate or 24_000)
        case "audio/pcmu":
            return PCMU
        case "audio/pcma":
            return PCMA
        case _:
            return None

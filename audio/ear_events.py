"""What ears report. Times are milliseconds on the call's audio clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from audio.pcm import AudioMs
from interview.delivery import SpokenWord


class TroubleCode(StrEnum):
    RECOGNITION_SLOW = "recognition_slow"
    RECOGNITION_FAILED = "recognition_failed"
    RECOGNITION_REFUSED = "recognition_refused"
    NO_AUDIO = "no_audio"
    AUDIO_TOO_FAST = "audio_too_fast"


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Voice, while the agent is silent."""

    at_ms: AudioMs


@dataclass(frozen=True, slots=True)
class SpeechDismissed:
    """What `SpeechStarted` announced held no words: a noise, a cough, our own echo. No turn comes of it."""

    at_ms: AudioMs


@dataclass(frozen=True, slots=True)
class PartialHeard:
    """The utterance so far, for captions; replaces the one before."""

    text: str


@dataclass(frozen=True, slots=True)
class UtteranceLikely:
    """All is recognised and we only wait to be sure: a reply may be prepared, free of side effects."""

    text: str


@dataclass(frozen=True, slots=True)
class UtteranceEnded:
    """The candidate gave up the floor. Word times: seconds of call audio; none where the engine gives none.

    ``end_ms`` is where the last voice was, not where the wait for more ended.
    """

    text: str
    words: tuple[SpokenWord, ...]
    start_ms: AudioMs
    end_ms: AudioMs


@dataclass(frozen=True, slots=True)
class InterruptionSuspected:
    """Voice while the agent sounds: pause playback now."""

    at_ms: AudioMs


@dataclass(frozen=True, slots=True)
class InterruptionConfirmed:
    """Sustained voice, or words that ask for the floor: cancel the reply. An utterance is under way."""

    at_ms: AudioMs


@dataclass(frozen=True, slots=True)
class InterruptionDismissed:
    """It was a cough, an "mm-hm", our own echo: resume playback."""

    at_ms: AudioMs


@dataclass(frozen=True, slots=True)
class SilenceReached:
    """Nobody has spoken for the reminder time, or a multiple of it."""

    silent_ms: int


@dataclass(frozen=True, slots=True)
class EarsTrouble:
    """Hearing is impaired; ``text`` is for the person. Typed answers still work."""

    code: TroubleCode
    text: str


EarEvent = (
    SpeechStarted
    | SpeechDismissed
    | PartialHeard
    | UtteranceLikely
    | UtteranceEnded
    | InterruptionSuspected
    | InterruptionConfirmed
    | InterruptionDismissed
    | SilenceReached
    | EarsTrouble
)

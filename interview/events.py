"""What happens on a call (events) and what is to be done about it (commands).

Events are past tense, commands imperative. Both are plain values: the floor machine maps
(state, event) to commands and the call loop carries the commands out. They are Structs, as are the other
values that every turn makes anew: some forty, and a frozen dataclass takes four times as long to make.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NewType

from msgspec import Struct

from interview.delivery import Spoken

TurnId = NewType("TurnId", int)
"""Issued by the line, strictly increasing; on Retell it *is* ``response_id``. The greeting is 0."""

GREETING = TurnId(0)


class Speaker(StrEnum):
    CANDIDATE = "candidate"
    INTERVIEWER = "interviewer"


class EndReason(StrEnum):
    """Why a call ended. ``FINISHED`` is ours, after the goodbye; the rest come from outside."""

    FINISHED = "finished"
    HUNG_UP = "hung_up"
    LINE_LOST = "line_lost"
    PROVIDER_FAILED = "provider_failed"
    REPLACED = "replaced"
    RESTART = "restart"
    TIME_LIMIT = "time_limit"


class Utterance(Struct, frozen=True):
    """One stretch of speech by one speaker, as the far side reports it (Retell's transcript item)."""

    speaker: Speaker
    text: str


class Clause(Struct, frozen=True):
    """A piece of a reply that can be spoken by itself. ``persona``: the id of who speaks it."""

    text: str
    persona: str


# --- events ---------------------------------------------------------------------------------------


class Opened(Struct, frozen=True):
    """The line is up and the interviewer may greet. ``greeted``: this call has had its greeting."""

    greeted: bool = False
    turn: TurnId = GREETING


class TurnEnded(Struct, frozen=True):
    """The candidate gave up the floor after saying ``text``; a reply under ``turn`` is due.

    ``at_s``: seconds of call audio at that moment, when the line knows them. ``spoken``: the sound behind
    the text, when the line heard it itself.
    """

    turn: TurnId
    text: str
    at_s: float | None = None
    spoken: Spoken | None = None


class TurnLikely(Struct, frozen=True):
    """The candidate has probably finished saying ``text``; the line only waits to be sure.

    A reply may be prepared, without side effects; nothing is spoken before `TurnEnded`.
    """

    text: str


class Silence(Struct, frozen=True):
    """Nobody spoke for the line's reminder time; a nudge under ``turn`` is due."""

    turn: TurnId


class BargeIn(Struct, frozen=True):
    """The candidate took the floor. ``heard``: what was played of the reply; None if not known."""

    heard: str | None = None


class Trimmed(Struct, frozen=True):
    """The far side says, perhaps late, that it played ``turn`` only as far as ``heard``."""

    turn: TurnId
    heard: str


class PlaybackDone(Struct, frozen=True):
    """The last sound of ``turn`` was played."""

    turn: TurnId


class TranscriptSeen(Struct, frozen=True):
    """The far side's whole transcript so far (it is the truth on Retell)."""

    utterances: tuple[Utterance, ...]


class HungUp(Struct, frozen=True):
    """The far side is gone, or the server must let it go."""

    reason: EndReason


class ReplyStarted(Struct, frozen=True):
    """The first words of the reply were handed to the line."""

    turn: TurnId


class ReplyDone(Struct, frozen=True):
    """The reply was handed over whole. ``ends_call``: it was the goodbye."""

    turn: TurnId
    text: str
    ends_call: bool = False


class ReplyFailed(Struct, frozen=True):
    """The reply could not be made. ``said``: words that reached the line before it failed."""

    turn: TurnId
    reason: str
    said: str = ""


LineEvent = (
    Opened | TurnEnded | TurnLikely | Silence | BargeIn | Trimmed | PlaybackDone | TranscriptSeen | HungUp
)
ReplyEvent = ReplyStarted | ReplyDone | ReplyFailed
Event = LineEvent | ReplyEvent


# --- commands -------------------------------------------------------------------------------------


class Record(Struct, frozen=True):
    """Upsert the words of ``speaker`` in ``turn``: heard text overwrites generated text.

    ``cut``: playback was broken off, so whatever was not heard was not said.
    """

    turn: TurnId
    speaker: Speaker
    text: str
    spoken: Spoken | None = None
    cut: bool = False


class Reconcile(Struct, frozen=True):
    """Take the far side's transcript as the truth."""

    utterances: tuple[Utterance, ...]


class Prompting(StrEnum):
    """What made a reply due."""

    GREETING = "greeting"
    ANSWER = "answer"
    SILENCE = "silence"


class StartReply(Struct, frozen=True):
    turn: TurnId
    text: str
    because: Prompting


class PrepareReply(Struct, frozen=True):
    """Begin to make the reply to ``text``, so that it is ready if these are the candidate's last words."""

    text: str


class CancelReply(Struct, frozen=True):
    turn: TurnId


class StopPlayback(Struct, frozen=True):
    turn: TurnId


class SayCanned(Struct, frozen=True):
    """Speak a fixed line under ``turn``, without a model."""

    turn: TurnId
    key: str


class EndCall(Struct, frozen=True):
    reason: EndReason


Command = Record | Reconcile | StartReply | PrepareReply | CancelReply | StopPlayback | SayCanned | EndCall

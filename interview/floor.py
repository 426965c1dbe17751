"""Who may speak: the floor, as a state machine without clock or I/O.

The table, one row per arrow (a turn is *newer* when its id exceeds every id seen so far):

    LISTENING           Opened, TurnEnded, Silence (newer)   Record?, StartReply              THINKING
    THINKING, SPEAKING  TurnEnded, Silence (newer)           StopPlayback, CancelReply,
                                                             Record?, StartReply              THINKING
    any                 the same, not newer                  -                                same
    LISTENING           TurnLikely                           PrepareReply                     LISTENING
    THINKING, SPEAKING  TurnLikely                           -                                same
    THINKING            ReplyStarted                         -                                SPEAKING
    THINKING, SPEAKING  ReplyDone                            Record(full text)                SPEAKING
    SPEAKING            PlaybackDone, the reply being over   EndCall after the goodbye        LISTENING
    SPEAKING            PlaybackDone, before ReplyDone       - (it counts once that comes)    SPEAKING
    THINKING, SPEAKING  ReplyFailed                          Record?, SayCanned; the second
                                                             in a row also EndCall            SPEAKING
    THINKING, SPEAKING  BargeIn(heard)                       StopPlayback, CancelReply,
                                                             Record(heard)                    LISTENING
    THINKING, SPEAKING  Trimmed(heard), this turn            as BargeIn(heard)                LISTENING
    any but CLOSED      Trimmed(heard), a turn before        Record(heard)                    same
    LISTENING           BargeIn, any reply event             -                                LISTENING
    any                 reply event of another turn          -                                same
    any but CLOSED      TranscriptSeen                       Reconcile                        same
    any but CLOSED      HungUp                               CancelReply?, EndCall            CLOSED
    CLOSED              anything                             -                                CLOSED

Silence comes first: StopPlayback leads every list it is in, since quiet is what the candidate notices.
"""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from interview.delivery import Spoken
from interview.errors import IllegalEvent
from interview.events import (
    BargeIn,
    CancelReply,
    Command,
    EndCall,
    EndReason,
    Event,
    HungUp,
    Opened,
    PlaybackDone,
    PrepareReply,
    Prompting,
    Reconcile,
    Record,
    ReplyDone,
    ReplyFailed,
    ReplyStarted,
    SayCanned,
    Silence,
    Speaker,
    StartReply,
    StopPlayback,
    TranscriptSeen,
    Trimmed,
    TurnEnded,
    TurnId,
    TurnLikely,
)

MAX_FAILURES = 2
"""Replies that may fail in a row before the call is given up."""


class Floor(StrEnum):
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"
    CLOSED = "closed"


class FloorMachine:
    """The one owner of the floor. Feed it events in order; carry out what it returns in order.

    An event that cannot happen raises `IllegalEvent` and changes nothing; a late one is dropped by id.
    """

    def __init__(self) -> None:
        self.state = Floor.LISTENING
        self.turn = TurnId(-1)
        self._failures = 0
        self._goodbye: TurnId | None = None
        self._over: TurnId | None = None
        self._sounded: TurnId | None = None

    def handle(self, event: Event) -> list[Command]:
        if self.state is Floor.CLOSED:
            return []
        match event:
            case Opened(greeted, turn):
                if self.turn >= 0 or self.state is not Floor.LISTENING:
                    raise IllegalEvent("floor", self.state, "Opened")
                if greeted:
                    self.turn = turn
                    return []
                return self._due(turn, "", Prompting.GREETING)
            case TurnEnded(turn, text, _, spoken):
                return self._due(turn, text, Prompting.ANSWER, spoken)
            case TurnLikely(text):
                return [] if self._busy else [PrepareReply(text)]
            case Silence(turn):
                return self._due(turn, "", Prompting.SILENCE)
            case BargeIn(heard):
                return self._barge_in(heard)
            case Trimmed(turn, heard):
                if turn == self.turn and self._busy:
                    return self._barge_in(heard)
                known = 0 <= turn <= self.turn
                return [Record(turn, Speaker.INTERVIEWER, heard, cut=True)] if known else []
            case PlaybackDone(turn):
                return self._played(turn)
            case TranscriptSeen(utterances):
                return [Reconcile(utterances)]
            case HungUp(reason):
                commands: list[Command] = [CancelReply(self.turn)] if self._busy else []
                self.state = Floor.CLOSED
                return [*commands, EndCall(reason)]
            case ReplyStarted() | ReplyDone() | ReplyFailed():
                return self._reply(event)
            case _:
                assert_never(event)

    @property
    def _busy(self) -> bool:
        return self.state in (Floor.THINKING, Floor.SPEAKING)

    def _due(
        self, turn: TurnId, text: str, because: Prompting, spoken: Spoken | None = None
    ) -> list[Command]:
        if turn <= self.turn:
            return []
        commands: list[Command] = []
        if self._busy:
            commands += [StopPlayback(self.turn), CancelReply(self.turn)]
        if text:
            commands.append(Record(turn, Speaker.CANDIDATE, text, spoken))
        self.turn, self.state, self._goodbye = turn, Floor.THINKING, None
        return [*commands, StartReply(turn, text, because)]

    def _barge_in(self, heard: str | None) -> list[Command]:
        if not self._busy:
            return []
        commands: list[Command] = [StopPlayback(self.turn), CancelReply(self.turn)]
        if heard is not None:
            commands.append(Record(self.turn, Speaker.INTERVIEWER, heard, cut=True))
        self.state, self._goodbye = Floor.LISTENING, None
        return commands

    def _played(self, turn: TurnId) -> list[Command]:
        if turn != self.turn or self.state is not Floor.SPEAKING:
            return []
        self._sounded = turn
        return self._rest()

    def _rest(self) -> list[Command]:
        """Listen once the reply is over *and* was heard: a reply under way still has to be cancelled."""
        if not self._over == self._sounded == self.turn:
            return []
        self.state = Floor.LISTENING
        if self._goodbye == self.turn:
            self.state = Floor.CLOSED
            return [EndCall(EndReason.FINISHED)]
        return []

    def _reply(self, event: ReplyStarted | ReplyDone | ReplyFailed) -> list[Command]:
        if event.turn != self.turn or not self._busy:
            return []
        match event:
            case ReplyStarted():
                self.state = Floor.SPEAKING
                return []
            case ReplyDone(turn, text, ends_call):
                self.state, self._failures = Floor.SPEAKING, 0
                self._goodbye = turn if ends_call else None
                self._over = turn
                return [Record(turn, Speaker.INTERVIEWER, text), *self._rest()]
            case ReplyFailed(turn, _, said):
                self._failures += 1
                self.state = Floor.SPEAKING
                self._over, self._sounded = turn, None  # the fixed line is still to be heard
                commands: list[Command] = [Record(turn, Speaker.INTERVIEWER, said)] if said else []
                if self._failures < MAX_FAILURES:
                    return [*commands, SayCanned(turn, "apology")]
                self.state = Floor.CLOSED
                return [*commands, SayCanned(turn, "giving_up"), EndCall(EndReason.PROVIDER_FAILED)]

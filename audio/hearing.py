"""From windows and words to who has the floor: the deciding half of the ears. No clock, no I/O.

    IDLE        voice, agent silent                            SpeechStarted                  OPEN
    IDLE        voice, agent sounds                            InterruptionSuspected          SUSPECTED
    OPEN        voice while the agent sounds as well           InterruptionSuspected          SUSPECTED
    OPEN        all recognised, in a pause                     UtteranceLikely                OPEN
    OPEN        the endpointer says over                       -                              CLOSING
    CLOSING     voice: the answer goes on                      -                              OPEN
    CLOSING     all recognised: in the middle of a sentence    UtteranceLikely                OPEN
    CLOSING     all recognised, with words                     UtteranceEnded                 IDLE
    CLOSING     all recognised: nothing, "um", our own echo    SpeechDismissed                IDLE
    OPEN, CLOSING          the candidate says it is over       -                              FINISHING
    SUSPECTED              the candidate says it is over       InterruptionConfirmed          FINISHING
    FINISHING   all recognised                                 as in CLOSING, but for going on
    FINISHING   voice                                          -                              FINISHING
    SUSPECTED   sustained voice, or words that want the floor  InterruptionConfirmed          OPEN
    SUSPECTED   quiet, and nothing, "mm-hm" or echo heard      InterruptionDismissed          IDLE
    SUSPECTED   quiet, too short a voice, or words late        InterruptionDismissed          DOUBTED
    SUSPECTED   agent falls silent                             SpeechStarted                  OPEN, CLOSING
    DOUBTED     words that want the floor, after all           Suspected, Confirmed           CLOSING
    DOUBTED     nothing, "mm-hm", echo                         -                              IDLE
    DOUBTED     voice                                          as in IDLE                     as in IDLE

An utterance is a row of segments, one per stretch of speech. A segment is recognised as soon as a short pause
follows it, while the endpointer still waits; if the speaker goes on, the next one is added behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from audio.ear_events import (
    EarEvent,
    InterruptionConfirmed,
    InterruptionDismissed,
    InterruptionSuspected,
    PartialHeard,
    SilenceReached,
    SpeechDismissed,
    SpeechStarted,
    UtteranceEnded,
    UtteranceLikely,
)
from audio.echo import Overlap, SpokenMemory
from audio.endpointing import Endpointer, EndpointPolicy, Phase, only_fillers
from audio.pcm import AudioMs
from audio.stt import Heard
from audio.vad import WINDOW_MS, SpeechGate
from interview.delivery import SpokenWord

BEFORE_WINDOWS: Final = 10
"""Windows before the first voiced one that recognition also gets: 320 ms, for soft beginnings."""
COMMIT_MS: Final = 250
"""Pause after which a stretch of speech is recognised, in case it was the last."""
SEGMENT_MS: Final = 25_000
"""Longest segment; recognisers look at 30 s at a time."""
SUSTAINED_MS: Final = 500
"""Voice over the agent's that confirms an interruption without words: longer than most an "mm-hm"."""
SUSTAINED_ECHO_MS: Final = 2_500
"""The same once an echo of the agent was heard on this call: then words have to tell."""
QUIET_MS: Final = 250
"""Silence after which a suspicion without words is settled."""
COUGH_MS: Final = 200
"""Voice shorter than this is taken for a cough until words say otherwise: playback resumes at once."""
DOUBT_MS: Final = 1_500
"""Silence after which a suspicion is dropped although its words are not recognised yet."""
ECHO_TAIL_MS: Final = 600
"""How long after the agent fell silent its echo may still begin: the client's playout and the room."""


# --- what is to be done with the sound --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenSegment:
    """Push the last ``windows`` windows, then every one that follows, until the segment is committed."""

    segment: int
    windows: int


@dataclass(frozen=True, slots=True)
class CommitSegment:
    segment: int


@dataclass(frozen=True, slots=True)
class DropSegment:
    """Nobody needs the words of it any more."""

    segment: int


Step = EarEvent | OpenSegment | CommitSegment | DropSegment


class State(StrEnum):
    IDLE = "idle"
    OPEN = "open"
    CLOSING = "closing"
    FINISHING = "finishing"
    SUSPECTED = "suspected"
    DOUBTED = "doubted"


@dataclass(slots=True)
class _Segment:
    """``start_ms``: its first sample. ``heard`` is None until it is recognised."""

    number: int
    start_ms: int
    partial: str = ""
    heard: Heard | None = None
    open: bool = True

    @property
    def text(self) -> str:
        return (self.heard.text if self.heard is not None else self.partial).strip()


@dataclass(slots=True)
class _Utterance:
    """``start_ms``, ``end_ms``: first and last voice."""

    start_ms: int
    end_ms: int
    voice_ms: int = 0
    over_agent: bool = False
    segments: list[_Segment] = field(default_factory=list)
    shown: str = ""
    likely: str = ""

    @property
    def text(self) -> str:
        return " ".join(segment.text for segment in self.segments if segment.text)

    @property
    def settled(self) -> bool:
        return all(segment.heard is not None for segment in self.segments)

    @property
    def words(self) -> tuple[SpokenWord, ...]:
        """Those of all segments on the call's clock; none if a segment with text has no times."""
        heard = [(s.heard, s.start_ms / 1000) for s in self.segments if s.heard is not None and s.text]
        if any(not one.words for one, _ in heard):
            return ()
        return tuple(
            replace(word, start_s=round(word.start_s + at, 3), end_s=round(word.end_s + at, 3))
            for one, at in heard
            for word in one.words
        )


class Hearing:
    """Feed it windows, words and what the agent does, in order; carry out what it ``tell``s, in order."""

    def __init__(
        self,
        policy: EndpointPolicy,
        language: str,
        tell: Callable[[Step], None],
        pauses_ms: Sequence[int] = (),
    ) -> None:
        self._policy, self._tell = policy, tell
        self._gate = SpeechGate()
        self.endpointer = Endpointer(policy, language, pauses_ms)
        self._memory = SpokenMemory()
        self._utterance = _Utterance(0, 0)
        self._agent: str | None = None
        self._agent_until = -ECHO_TAIL_MS
        self._echoes = False
        self._silent_ms = 0
        self._quiet_ms = 0
        self._segments = 0
        self._free_from = 0
        self.state = State.IDLE
        self.at_ms = 0

    # --- sound ------------------------------------------------------------------------------------

    def window(self, probability: float) -> None:
        """One window of sound, judged."""
        self.at_ms += WINDOW_MS
        if self._gate.push(probability):
            self._voice()
        else:
            self._silence(WINDOW_MS)

    def lost(self, ms: int) -> None:
        """Sound that nobody will judge: too much came at once."""
        self.at_ms += ms

    def nothing(self, ms: int) -> None:
        """No sound came for ``ms`` by the loop's clock: silence, but none that the audio clock counts."""
        self._gate.voice = False
        self._silence(ms)

    def finish(self) -> bool:
        """The candidate says the utterance is over: wait for its words only. False: there is none."""
        under_way = self.state not in (State.IDLE, State.DOUBTED)
        if self.state is State.SUSPECTED:
            self._confirm()  # which may end it
        self._finish()
        return under_way

    def _finish(self) -> None:
        if self.state in (State.OPEN, State.CLOSING):
            self._commit()
            self._free_from = self.at_ms  # between two windows: all before it went to recognition
            self.endpointer.reset()
            self.state = State.FINISHING
            self._settle()

    def _voice(self) -> None:
        if self.state is State.FINISHING:
            return  # the next utterance, once this one's words are here
        first = self._silent_ms > 0 or self.state in (State.IDLE, State.DOUBTED)
        self._silent_ms = self._quiet_ms = 0
        match self.state:
            case State.IDLE | State.DOUBTED:
                self._begin()
            case State.OPEN if first and self._agent is not None:
                self._suspect(self.at_ms - 2 * WINDOW_MS)
            case State.CLOSING:
                self.state = State.OPEN
            case State.OPEN | State.SUSPECTED | State.FINISHING:
                pass
        utterance = self._utterance
        utterance.end_ms = self.at_ms
        utterance.voice_ms += 2 * WINDOW_MS if first else WINDOW_MS
        self._record()
        over = self.endpointer.voice(WINDOW_MS)
        if self.state is State.SUSPECTED:
            if utterance.voice_ms >= (SUSTAINED_ECHO_MS if self._echoes else SUSTAINED_MS):
                self._confirm()
        elif over:
            self._commit()
            self._close()

    def _begin(self) -> None:
        start = max(self.at_ms - 2 * WINDOW_MS, 0)
        self._drop()
        near = self._agent is not None or start < self._agent_until + ECHO_TAIL_MS
        self._utterance = _Utterance(start, self.at_ms, over_agent=near)
        if self._agent is None:
            self.state = State.OPEN
            self._tell(SpeechStarted(AudioMs(start)))
        else:
            self._suspect(start)

    def _silence(self, ms: int) -> None:
        self._silent_ms += ms
        if self._silent_ms >= COMMIT_MS:
            self._commit()
        over = self.endpointer.silence(ms)
        match self.state:
            case State.OPEN if over:
                self._close()
            case State.SUSPECTED:
                self._doubt()
            case State.IDLE | State.DOUBTED if self._agent is None:
                before, self._quiet_ms = self._quiet_ms, self._quiet_ms + ms
                if before // self._policy.reminder_ms != self._quiet_ms // self._policy.reminder_ms:
                    self._tell(SilenceReached(self._quiet_ms))
            case _:
                pass

    # --- segments ---------------------------------------------------------------------------------

    def _record(self) -> None:
        """Have a segment open, not too long a one."""
        last = self._utterance.segments[-1] if self._utterance.segments else None
        if last is not None and last.open:
            if self.at_ms - last.start_ms < SEGMENT_MS:
                return
            self._commit()
        start = max(self.at_ms - (BEFORE_WINDOWS + 2) * WINDOW_MS, self._free_from, 0)
        self._segments += 1
        self._utterance.segments.append(_Segment(self._segments, start))
        self._tell(OpenSegment(self._segments, max((self.at_ms - start) // WINDOW_MS, 1)))

    def _commit(self) -> None:
        for segment in self._utterance.segments[-1:]:
            if segment.open:
                segment.open, self._free_from = False, self.at_ms - WINDOW_MS
                self._tell(CommitSegment(segment.number))

    def _drop(self) -> None:
        for segment in self._utterance.segments:
            if segment.open:
                segment.open, self._free_from = False, self.at_ms - WINDOW_MS
            if segment.heard is None:
                self._tell(DropSegment(segment.number))
        self._utterance.segments.clear()

    # --- words ------------------------------------------------------------------------------------

    def partial(self, segment: int, text: str) -> None:
        """What is recognised of a segment so far."""
        for one in self._utterance.segments:
            if one.number == segment and one.heard is None:
                one.partial = text
                self._read()

    def recognised(self, segment: int, heard: Heard | None) -> None:
        """What was said in a segment; None when recognition failed: then its partial has to do."""
        for one in self._utterance.segments:
            if one.number == segment and one.heard is None:
                one.heard = heard if heard is not None else Heard(one.partial)
                self._read()

    def _read(self) -> None:
        """Look at the words again."""
        utterance = self._utterance
        text = utterance.text
        self.endpointer.text(text)
        match self.state:
            case State.SUSPECTED:
                if self._wants_floor(text):
                    self._confirm()
                elif utterance.settled:
                    self._doubt()
            case State.DOUBTED if utterance.settled:
                self._reconsider(text)
            case State.OPEN | State.CLOSING | State.FINISHING:
                if text and text != utterance.shown and not self._is_echo(text):
                    utterance.shown = text
                    self._tell(PartialHeard(text))
                self._settle()
            case _:
                pass

    def _settle(self) -> None:
        """Say what can be said once all is recognised."""
        utterance = self._utterance
        if not utterance.settled:
            return
        if self.state in (State.CLOSING, State.FINISHING):
            if self.state is State.FINISHING or not self.endpointer.go_on():
                self._end()
                return
            self.state = State.OPEN
        text, paused = utterance.text, self.endpointer.state is Phase.PAUSED
        if paused and text not in ("", utterance.likely) and not self._is_echo(text):
            utterance.likely = text
            self._tell(UtteranceLikely(text))

    def _close(self) -> None:
        self.state = State.CLOSING
        self._settle()

    def _end(self) -> None:
        utterance, text = self._utterance, self._utterance.text
        self.state, self._quiet_ms = State.IDLE, 0
        if not text or only_fillers(text) or self._is_echo(text):
            self._echoes = self._echoes or self._is_echo(text)
            self.endpointer.reset()
            self._tell(SpeechDismissed(AudioMs(self.at_ms)))
        else:
            start, end = AudioMs(utterance.start_ms), AudioMs(utterance.end_ms)
            self._tell(UtteranceEnded(text, utterance.words, start, end))
        self._utterance = _Utterance(self.at_ms, self.at_ms)

    # --- interruptions ----------------------------------------------------------------------------

    def agent(self, text: str | None) -> None:
        """The agent sounds ``text`` (may grow or go on clause by clause), or is silent."""
        self._quiet_ms = 0
        if text is None:
            if self._agent is not None:
                self._agent, self._agent_until = None, self.at_ms
            if self.state is State.SUSPECTED:
                self._tell(SpeechStarted(AudioMs(self._utterance.start_ms)))
                self._reopen()
            return
        self._memory.spoke(text)
        was, self._agent = self._agent, text
        self.endpointer.replied()
        if was is None and self.state is State.OPEN and self._gate.voice:
            self._suspect(self._utterance.start_ms)

    def _suspect(self, at_ms: int) -> None:
        self.state = State.SUSPECTED
        self._tell(InterruptionSuspected(AudioMs(max(at_ms, 0))))

    def _doubt(self) -> None:
        """Quiet after a suspicion: settle it when the words, or the time, allow."""
        utterance = self._utterance
        if self._silent_ms < QUIET_MS:
            return
        if utterance.settled:
            self._dismiss(State.IDLE)
        elif self._silent_ms >= DOUBT_MS or utterance.voice_ms < COUGH_MS:
            self._dismiss(State.DOUBTED)

    def _dismiss(self, state: State) -> None:
        self._echoes = self._echoes or self._memory.judge(self._utterance.text) is Overlap.ECHO
        self.state = state
        self.endpointer.reset()
        self._tell(InterruptionDismissed(AudioMs(self.at_ms)))

    def _confirm(self) -> None:
        self._agent, self._agent_until = None, self.at_ms
        self._tell(InterruptionConfirmed(AudioMs(self.at_ms)))
        self._reopen()

    def _reopen(self) -> None:
        """The suspicion was an utterance, which may be over by now."""
        self.state = State.OPEN if self.endpointer.state is not Phase.IDLE else State.CLOSING
        self._read()

    def _reconsider(self, text: str) -> None:
        """Words that came after the suspicion was dropped."""
        if not self._wants_floor(text):
            self._echoes = self._echoes or self._memory.judge(text) is Overlap.ECHO
            self.state = State.IDLE
            return
        if self._agent is not None:
            self._tell(InterruptionSuspected(AudioMs(self.at_ms)))
            self._confirm()
        else:
            self._tell(SpeechStarted(AudioMs(self._utterance.start_ms)))
            self._reopen()

    def _wants_floor(self, text: str) -> bool:
        return self._memory.judge(text, self._utterance.settled) is Overlap.SPEECH

    def _is_echo(self, text: str) -> bool:
        return self._utterance.over_agent and self._memory.judge(text) is Overlap.ECHO

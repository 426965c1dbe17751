"""When has somebody finished speaking? Time in, a verdict out; no clock, no I/O.

    IDLE     voice                                   HEARING
    HEARING  silence                                 PAUSED
    PAUSED   voice                                   HEARING   the pause is remembered as one of theirs
    PAUSED   silence, as long as is needed           IDLE      over
    HEARING  voice, longer than an utterance may be  IDLE      over
    IDLE     voice soon after the end                HEARING   so it was a pause, and is remembered as one
    IDLE     words that ask for a longer wait        PAUSED

How much silence is needed starts from the policy's patience, grows with the pauses this speaker made, and is
scaled by what the words so far look like: less after a finished sentence, more in the middle of one, most
after "let me think". What the candidate asked for is a lower bound of it all.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Final

from interview.delivery import SpokenWord

KEPT_PAUSES: Final = 24
"""A speaker's newest pauses that are remembered."""
PAUSE_MS: Final = 200
"""Shorter gaps lie between words."""
MOST_PATIENCE_S: Final = 10.0
"""The longest thinking time that can be asked for."""


class Look(StrEnum):
    """What the words so far look like."""

    FINISHED = "finished"
    OPEN = "open"
    UNFINISHED = "unfinished"
    THINKING = "thinking"


@dataclass(frozen=True, slots=True)
class EndpointPolicy:
    """How long to wait. Milliseconds of silence; ``scale`` times the patience by how the words look."""

    patience_ms: int = 1_500
    least_ms: int = 500
    most_ms: int = 6_000
    scale: Mapping[Look, float] = field(
        default_factory=lambda: {
            Look.FINISHED: 0.6,
            Look.OPEN: 1.0,
            Look.UNFINISHED: 2.0,
            Look.THINKING: 3.5,
        }
    )
    adapts: bool = True
    max_utterance_ms: int = 300_000
    reminder_ms: int = 12_000
    """How long nobody speaks before that is reported."""


class Phase(StrEnum):
    IDLE = "idle"
    HEARING = "hearing"
    PAUSED = "paused"


class Endpointer:
    """Feed it the windows in order; `voice` and `silence` say True when the utterance is over.

    ``pauses_ms``: what this speaker is known for from before, oldest first.
    """

    REOPEN_MS = 2_000  # who speaks again this soon had not finished
    OVERTIME_MS = 5_000  # how long an utterance past its limit may wait for a pause

    def __init__(self, policy: EndpointPolicy, language: str = "en", pauses_ms: Sequence[int] = ()) -> None:
        self._policy, self._language = policy, language
        self._asked_ms = 0
        self._pauses: deque[int] = deque(pauses_ms, KEPT_PAUSES)
        self._look = Look.OPEN
        self._spoken_ms = 0
        self._replied = True
        self.state = Phase.IDLE
        self.silent_ms = 0

    @property
    def patience_s(self) -> float:
        """The silence that is waited for after words that could be finished or not."""
        return max(self._usual(), self._asked_ms) / 1000

    def be_patient(self, seconds: float) -> None:
        """Wait at least this long, whatever the words look like; 0 goes back to the policy."""
        self._asked_ms = int(min(max(seconds, 0.0), MOST_PATIENCE_S) * 1000)

    @property
    def needed_ms(self) -> int:
        """The silence that ends the utterance as it is now."""
        policy = self._policy
        usual = self._usual() * policy.scale[self._look]
        return max(int(min(max(usual, policy.least_ms), policy.most_ms)), self._asked_ms)

    def text(self, text: str) -> None:
        """What is recognised of the utterance so far."""
        self._look = look(text, self._language)

    def replied(self) -> None:
        """Somebody else spoke: what comes now answers that, and is no pause in what was said before."""
        self._replied = True

    def voice(self, ms: int) -> bool:
        if self.state is Phase.IDLE:
            if not self._replied and self.silent_ms <= self.REOPEN_MS + self._usual():
                self._remember(self.silent_ms)
            self._spoken_ms, self._look = 0, Look.OPEN
        elif self.state is Phase.PAUSED:
            self._remember(self.silent_ms)
        self.state, self.silent_ms = Phase.HEARING, 0
        self._spoken_ms += ms
        return self._spoken_ms >= self._policy.max_utterance_ms + self.OVERTIME_MS and self._end()

    def silence(self, ms: int) -> bool:
        self.silent_ms += ms
        if self.state is Phase.IDLE:
            return False
        self.state = Phase.PAUSED
        self._spoken_ms += ms
        late = self._spoken_ms >= self._policy.max_utterance_ms and self.silent_ms >= PAUSE_MS
        return (late or self.silent_ms >= self.needed_ms) and self._end()

    def go_on(self) -> bool:
        """Take the end back if the words, known only now, ask for a longer wait than there was."""
        ended = self.state is Phase.IDLE and not self._replied
        if ended and self._spoken_ms < self._policy.max_utterance_ms and self.silent_ms < self.needed_ms:
            self.state, self._replied = Phase.PAUSED, True
            return True
        return False

    def reset(self) -> None:
        """Forget the utterance, not the speaker."""
        self.state, self._replied = Phase.IDLE, True

    def _end(self) -> bool:
        self.state, self._replied = Phase.IDLE, False
        return True

    def _remember(self, pause_ms: int) -> None:
        if pause_ms >= PAUSE_MS:
            self._pauses.append(pause_ms)

    def _usual(self) -> float:
        """The patience this speaker needs: the policy's, or half as much again as their long pauses.

        Measured with ``bench/endpointing_sweep.py``.
        """
        policy = self._policy
        if not policy.adapts or len(self._pauses) < 3:
            return policy.patience_ms
        ordered = sorted(self._pauses)
        long = ordered[(len(ordered) - 1) * 9 // 10]
        return min(max(1.5 * long, policy.patience_ms), 3 * policy.patience_ms)


def pauses_between(words: Sequence[SpokenWord]) -> list[int]:
    """The pauses in an answer, in milliseconds, as the times of its words tell them."""
    gaps = (round((later.start_s - word.end_s) * 1000) for word, later in pairwise(words))
    return [gap for gap in gaps if gap >= PAUSE_MS]


# --- what words look like -------------------------------------------------------------------------

_DANGLING: Final = frozenset(
    # conjunctions, and words that lean on the next
    "and or but so because since although though while whereas if when unless until that which who whose"
    " where why how than as then also plus"
    # articles, determiners, prepositions
    " a an the these those my our your its their some any every each to of at by for"
    " from with into onto over under between through during without within against towards per via"
    # verbs and pronouns that want something after them
    " i we he she they is are was were be been being am has had does would could should might must shall"
    " i'm we're they're it's that's there's i'd i've we've i'll we'll didn't don't wasn't"
    " very really quite just mainly basically"
    # fillers
    " um uh er erm hmm mm ah eh".split()
)
_THINKING: Final = re.compile(
    r"(let me (think|see)|give me a (second|moment|minute|sec)|(one|a|just a) (second|moment|sec)|hold on"
    r"|how (do|should|can) i (say|put) (this|that|it)|good question|let's see|where was i"
    r"|thinking about (it|this|that)|i need (a|to) (moment|second|think))( please)?$"
)
_CLOSING: Final = re.compile(
    r"(that's (it|all|about it|everything)|that is (it|all)|that's my answer|thank you( very much)?|thanks"
    r"|does that (make sense|answer .*)|if that makes sense|i don't know|no idea|i'm done|next question"
    r"|i have no (more )?questions|(can|could) you (please )?repeat .*)$"
)
_SHORT: Final = frozenset(
    "yes no yeah yep nope sure okay ok right correct exactly absolutely definitely hello hi goodbye".split()
)
_FILLERS: Final = frozenset("um umm uh uhm er erm hm hmm mm mmm ah eh oh".split())


def only_fillers(text: str) -> bool:
    """ "Um": somebody begins to think, which is no answer."""
    words = re.findall(r"[^\W_]+", text.lower())
    return bool(words) and all(word in _FILLERS for word in words)


def look(text: str, language: str = "en") -> Look:
    """Whether ``text`` looks finished. Words are known for English; elsewhere punctuation has to do."""
    stripped = text.strip().rstrip("\"')”’")
    if not stripped:
        return Look.OPEN
    if stripped.endswith((",", ";", ":", "-", "–", "—", "…", "...")):
        return Look.UNFINISHED
    closed = stripped.endswith((".", "?", "!", "。", "？", "！", "؟", "।"))
    if language.partition("-")[0].lower() != "en":
        return Look.FINISHED if closed else Look.OPEN
    words = re.findall(r"[a-z0-9']+", stripped.lower().replace("’", "'"))
    if not words:
        return Look.OPEN
    plain = " ".join(words[-8:])
    if _THINKING.search(plain):
        return Look.THINKING
    if _CLOSING.search(plain):
        return Look.FINISHED
    # Recognisers close every stretch with a full stop; a word that leans on the next one knows better.
    if words[-1] in _DANGLING:
        return Look.UNFINISHED
    if closed or (len(words) <= 2 and words[-1] in _SHORT):
        return Look.FINISHED
    return Look.OPEN

"""How far one reply has sounded at the client: by the client's word, or else by our own clock.

Sans I/O; every time is an argument, in seconds on one steady clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from interview.events import TurnId
from server.realtime_events import ReplyOut

LAG_S: Final = 0.2
"""A client without reports plays this much later than we send: network, jitter buffer, sound card."""
OVERDUE_S: Final = 3.0
"""A client with reports that says nothing for this long past the end is taken to have played it."""
HOLD_S: Final = 4.0
"""Playback paused for a possible interruption goes on after this, whatever became of the doubt."""
SPEECH_S: Final = 330.0
"""A reply that has not begun waits this long at most for the candidate's words to end, as the ears see to."""


FOLLOWED_S: Final = 2.0
"""After a reply that failed its apology comes by then; else the turn counts as heard without one."""
UNHEARD_S: Final = 2.0
"""A client that reports does so more often than this while it plays; then our clock is asked again."""


@dataclass(slots=True)
class Playback:
    """``turn``: what the reply answers. ``previous``: an earlier reply to the same turn.

    ``complete``: all of it was sent, or it ``failed``. ``over``: it has sounded, or it was ``cut``. ``read``:
    the voice failed, and it was shown instead. ``held_at``: since when it is paused. ``reported_ms``: the
    client's own word on how much has sounded.
    """

    out: ReplyOut
    turn: TurnId
    previous: Playback | None = None
    complete: bool = False
    failed: bool = False
    over: bool = False
    cut: bool = False
    read: bool = False
    sounding: bool = False
    held_at: float | None = None
    reported_ms: int = 0
    _reported_at: float = 0.0
    _ends_at: float = 0.0
    _ran_dry: bool = False

    def sent(self, now: float, ms: float) -> float | None:
        """``ms`` more of sound went out; in how many seconds it begins to be heard.

        None: right behind what went out before, as far as the client's own buffer bridges the gap.
        """
        at = now if self.held_at is None else self.held_at
        start, follows = max(self._ends_at, at), self.sounding and at <= self._ends_at + LAG_S
        follows, self._ran_dry = follows and not self._ran_dry, False
        if not self.sounding:
            self._reported_at = now
        self._ends_at = start + ms / 1000
        self.sounding = True
        return None if follows else max(0.0, start - now)

    def reported(self, now: float, ms: float) -> None:
        """The client says it has played ``ms``: never more than was sent, never less than before."""
        self._reported_at = now
        self.reported_ms = int(max(self.reported_ms, min(ms, self.out.sent_ms)))

    def hold(self, now: float, *, pauses: bool) -> None:
        """``pauses``: the client can stop its playback; one that cannot plays out what it has."""
        if self.held_at is None:
            self.held_at = now if pauses else max(now, self._ends_at)
            self._ran_dry = not pauses

    def goes_on_at(self) -> float | None:
        """When a pause ends that nobody ends."""
        return None if self.held_at is None else self.held_at + (HOLD_S if self.sounding else SPEECH_S)

    def release(self, now: float) -> None:
        if self.held_at is not None:
            self._ends_at += max(0.0, now - self.held_at)
            self.held_at = None

    def played_ms(self, now: float, *, reports: bool) -> int:
        """How much has sounded: by the client's word while it gives it, else by our clock's guess."""
        at = now if self.held_at is None else min(now, self.held_at)
        if reports and at - self._reported_at < UNHEARD_S:
            return self.reported_ms
        left = max(0.0, self._ends_at - at) * 1000
        return max(self.reported_ms, int(max(0.0, self.out.sent_ms - left)))

    def over_at(self, *, reports: bool) -> float | None:
        """When it is taken to have sounded, if nobody says so before; None while that is open."""
        if not self.complete or self.held_at is not None:
            return None
        if self.failed:
            return max(self._ends_at, self._reported_at) + FOLLOWED_S
        if not self.sounding or (reports and self.reported_ms >= int(self.out.sent_ms)):
            return 0.0
        return self._ends_at + (OVERDUE_S if reports else LAG_S)

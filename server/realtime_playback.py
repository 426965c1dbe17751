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


@dataclass(slots=True)
class Playback:
    """``turn``: what the reply answers. ``before``: what was heard of this turn in an earlier reply.

    ``complete``: all of it was sent. ``over``: it has sounded, or it was cut. ``read``: the voice failed, and
    it was shown instead. ``held_at``: since when it is paused.
    ``reported_ms``: the client's own word on how much has sounded.
    """

    out: ReplyOut
    turn: TurnId
    before: str = ""
    complete: bool = False
    over: bool = False
    read: bool = False
    sounding: bool = False
    held_at: float | None = None
    reported_ms: int = 0
    _ends_at: float = 0.0

    def sent(self, now: float, ms: float) -> float:
        """``ms`` more of sound went out; in how many seconds it will begin to be heard."""
        start = max(self._ends_at, now if self.held_at is None else self.held_at)
        self._ends_at = start + ms / 1000
        self.sounding = True
        return max(0.0, start - now)

    def hold(self, now: float, *, pauses: bool) -> None:
        """``pauses``: the client can stop its playback; one that cannot plays out what it has."""
        if self.held_at is None:
            self.held_at = now if pauses else max(now, self._ends_at)

    def release(self, now: float) -> None:
        if self.held_at is not None:
            self._ends_at += max(0.0, now - self.held_at)
            self.held_at = None

    def played_ms(self, now: float) -> int:
        """Our clock's guess."""
        at = now if self.held_at is None else min(now, self.held_at)
        left = max(0.0, self._ends_at - at) * 1000
        return int(max(0.0, self.out.sent_ms - left))

    def over_at(self, *, reports: bool) -> float | None:
        """When it is taken to have sounded, if nobody says so before; None while that is open."""
        if not self.complete or self.held_at is not None:
            return None
        return self._ends_at + (OVERDUE_S if reports else LAG_S) if self.sounding else 0.0

"""What is known of one response id, and the two ways in which waiting for it ends badly."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from server.simulate.wire import Frame


class Unanswered(Exception):
    """The server did not do in time what it had to do; the text says what."""


class CallEnded(Exception):
    """The call is over, so what was waited for cannot come; ``reason`` in Retell's words."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the call ended: {reason}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back under one response id. ``superseded``: a newer request or an interrupt killed it."""

    turn: int
    text: str
    frames: tuple[Frame, ...]
    complete: bool
    end_call: bool
    superseded: bool
    first_content_s: float | None


@dataclass(slots=True)
class Turn:
    """The same while it is under way. ``begun`` and ``over`` are set when the call ends, too."""

    id: int
    asked_at: float
    text: str = ""
    frames: list[Frame] = field(default_factory=list)
    first_at: float | None = None
    complete: bool = False
    superseded: bool = False
    cut: bool = False  # the caller broke in: what comes later is not spoken
    end_call: bool = False
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def reply(self) -> Reply:
        first = None if self.first_at is None else self.first_at - self.asked_at
        state = (self.complete, self.end_call, self.superseded)
        return Reply(self.id, self.text, tuple(self.frames), *state, first)

    def supersede(self) -> None:
        """Nothing more of it will be spoken."""
        self.superseded = True
        self.begun.set()
        self.over.set()

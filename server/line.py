"""The port to a live candidate. A line hides who does voice detection, transcription and speech."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Protocol

from interview.events import EndReason, LineEvent, TurnId

Post = Callable[[LineEvent], Awaitable[None]]


class Line(Protocol):
    """One connection to one candidate; it may outlive sockets.

    ``run`` posts events, in order, until the far side is gone for good; its last event is `HungUp`.
    ``speak`` runs wholly inside the caller's task and returns what was handed over; cancelling it
    stops everything under way for that turn. It checks staleness right before each send.
    ``stop`` drops what is buffered for a turn and whatever still comes for it.
    ``close`` lets the far side go in the way that fits the reason; it never raises.
    """

    async def run(self, post: Post) -> None: ...

    async def speak(self, turn: TurnId, clauses: AsyncGenerator[str, None], ends: Callable[[], bool]) -> None:
        """``ends``: asked once all clauses are out; True when this was the goodbye."""
        ...

    async def stop(self, turn: TurnId) -> None: ...

    async def close(self, reason: EndReason) -> None: ...

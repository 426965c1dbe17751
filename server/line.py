"""The port to a live candidate. A line hides who does voice detection, transcription and speech."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from interview.conversation import Standing
from interview.events import Clause, EndReason, LineEvent, TurnId

Post = Callable[[LineEvent], Awaitable[None]]
Clauses = AsyncGenerator[Clause, None]


@dataclass(frozen=True, slots=True)
class QuestionAsked:
    """The question under discussion changed; ``standing`` tells it and where the interview stands."""

    standing: Standing


@dataclass(frozen=True, slots=True)
class AnswerSaved:
    """The candidate's words of ``turn`` are stored for good."""

    turn: TurnId
    question_id: str


@dataclass(frozen=True, slots=True)
class CoachCue:
    """A hint for the candidate's eyes, in study mode only."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerScored:
    """A question's score became known while the call goes on; None: not assessed."""

    question_id: str
    overall: int | None


Note = QuestionAsked | AnswerSaved | CoachCue | AnswerScored
"""What a candidate's page may show beside the conversation. A line without a page drops it."""


class Line(Protocol):
    """One connection to one candidate; it may outlive sockets.

    ``run`` posts events, in order, until the far side is gone for good; its last event is `HungUp`.
    ``speak`` runs wholly inside the caller's task and returns what was handed over; cancelling it
    stops everything under way for that turn. It checks staleness right before each send.
    ``stop`` drops what is buffered for a turn and whatever still comes for it.
    ``show`` hands a note to the candidate's page, if there is one; it never waits and never raises.
    ``close`` lets the far side go in the way that fits the reason; it never raises.
    """

    async def run(self, post: Post) -> None: ...

    async def speak(self, turn: TurnId, clauses: Clauses, ends: Callable[[], bool]) -> None:
        """``ends``: asked once all clauses are out; True when this was the goodbye."""
        ...

    async def stop(self, turn: TurnId) -> None: ...

    def show(self, note: Note) -> None: ...

    async def close(self, reason: EndReason) -> None: ...


class ManagedLine(Line, Protocol):
    """A line as the server holds it: what may be asked of it from outside the conversation."""

    def leave(self, reason: EndReason) -> None:
        """The server must let go of this call."""
        ...

    def abandon(self) -> None:
        """The call died of a bug: cut the connection, so that the far side comes back to what was stored."""
        ...

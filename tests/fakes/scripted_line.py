"""A line that follows a script of time: what the candidate does, when, and how slowly words are taken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from interview.events import Clause, EndReason, HungUp, LineEvent, TurnId
from server.line import Clauses, Note, Post

Step = tuple[float, LineEvent]
"""At a time of the loop's clock, an event."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One clause that went out."""

    at: float
    turn: TurnId
    clause: Clause


class ScriptedLine:
    """Implements `server.line.Line`.

    ``script`` is played in order; a `HungUp` ends it. ``takes_s``: seconds that the far side needs per
    clause, as under back-pressure. A clause counts as sent when it was taken; the check of staleness is
    made right before that, as the port demands.
    """

    def __init__(self, script: Sequence[Step], *, takes_s: float = 0.0) -> None:
        self._script, self._takes_s = script, takes_s
        self.sent: list[Sent] = []
        self.notes: list[Note] = []
        self.stops: list[tuple[float, TurnId]] = []
        self.closed: EndReason | None = None
        self.speaking: set[TurnId] = set()
        self.most_speaking = 0
        self.broken: set[TurnId] = set()
        self.on_sent: Callable[[Sent], None] = lambda _: None

    async def run(self, post: Post) -> None:
        for at, event in self._script:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(at):
                    await asyncio.Event().wait()
            await post(event)
            if isinstance(event, HungUp):
                return
        await asyncio.Event().wait()

    async def speak(self, turn: TurnId, clauses: Clauses, ends: Callable[[], bool]) -> None:
        self.speaking.add(turn)
        self.most_speaking = max(self.most_speaking, len(self.speaking))
        try:
            async for clause in clauses:
                if turn in self.broken:
                    raise ConnectionResetError("scripted")
                if self._takes_s:
                    await asyncio.sleep(self._takes_s)
                if any(turn <= stopped for _, stopped in self.stops):
                    return
                self.sent.append(Sent(asyncio.get_running_loop().time(), turn, clause))
                self.on_sent(self.sent[-1])
            ends()
        finally:
            self.speaking.discard(turn)

    async def stop(self, turn: TurnId) -> None:
        self.stops.append((asyncio.get_running_loop().time(), turn))

    def show(self, note: Note) -> None:
        self.notes.append(note)

    async def close(self, reason: EndReason) -> None:
        self.closed = reason

    def text(self, turn: int) -> str:
        return " ".join(one.clause.text for one in self.sent if one.turn == turn)

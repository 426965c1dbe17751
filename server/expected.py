"""Calls that this process registered a moment ago and that have not begun: their greeting asks no database.

What is kept is what the registration has just read and written. It may have changed since: a call that begins
with it is opened in the database, and compared, with its first write.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from storage.ports import (
    UNOPENED,
    CallStore,
    Closed,
    Fenced,
    NotFound,
    OpenCall,
    StoredResponse,
    StoredSession,
)

MAX_EXPECTED: Final = 128
"""More than this wait for nobody: the oldest is looked up in the database after all."""
EXPECTED_S: Final = 60.0
"""A call begins within seconds of its registration; Retell's access token lasts 30."""


class ExpectedCalls:
    """Each is taken once, by the first who looks it up. ``clock`` gives seconds that only grow.

    The newest `MAX_EXPECTED` are kept, for `EXPECTED_S`.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._calls: dict[str, tuple[float, OpenCall]] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def __contains__(self, call_id: object) -> bool:
        self._forget_old()
        return call_id in self._calls

    def add(self, stored: StoredSession, response: StoredResponse) -> None:
        """``response`` is stored, and nobody has opened it."""
        self._forget_old()
        self._calls.pop(response.call_id, None)  # what is added last stands last
        if len(self._calls) >= MAX_EXPECTED:
            del self._calls[next(iter(self._calls))]
        self._calls[response.call_id] = self._clock(), OpenCall(stored, response, (), UNOPENED)

    def take(self, call_id: str) -> OpenCall | None:
        self._forget_old()
        _, call = self._calls.pop(call_id, (0.0, None))
        return call

    def forget(self, session_id: str) -> None:
        """The interview was changed or cancelled: its calls are looked up in the database."""
        for call_id in [k for k, (_, call) in self._calls.items() if call.stored.session.id == session_id]:
            del self._calls[call_id]

    def _forget_old(self) -> None:
        now = self._clock()
        while self._calls:
            call_id, (added, _) = next(iter(self._calls.items()))
            if now - added < EXPECTED_S:
                return
            del self._calls[call_id]


def is_as_expected(opened: OpenCall, expected: OpenCall) -> bool:
    """Whether nobody has begun or changed a call between its registration and its opening."""
    now, then = opened.stored.session, expected.stored.session
    same = (now.wishes, now.questions, opened.response.name) == (
        then.wishes,
        then.questions,
        expected.response.name,
    )
    return same and opened.response.progress is None and not (opened.utterances or opened.follow_ups)


class Claim(Enum):
    """How a call stands with the database.

    EXPECTED   asked for as the first                         -> ASKED
    ASKED      it is as it was expected                       -> HELD
               it is not, or somebody else has opened it      -> REFUSED
               no answer: asked again, whoever opened it      -> ASKED
    """

    EXPECTED = auto()
    ASKED = auto()
    HELD = auto()
    REFUSED = auto()


class Ownership:
    """The fencing token that goes with each write of a call.

    A call that began as it was expected asks for its token with the first write, and only then for what is
    stored. ``begun`` is what it began with.
    """

    def __init__(self, calls: CallStore, begun: OpenCall) -> None:
        self._calls, self._begun, self._fence = calls, begun, begun.fence
        self._claim = Claim.EXPECTED if begun.fence == UNOPENED else Claim.HELD

    async def fence(self) -> int:
        """Raises Fenced when the call is not what it was expected to be; StorageDown: ask again."""
        if self._claim in (Claim.EXPECTED, Claim.ASKED):
            await self._ask()
        if self._claim is Claim.REFUSED:
            raise Fenced("the call began elsewhere, or was changed or cancelled before it began")
        return self._fence

    async def _ask(self) -> None:
        # Whoever opens the call first owns it. Once an answer got lost, that may have been this one: what is
        # stored tells.
        first, self._claim = self._claim is Claim.EXPECTED, Claim.ASKED
        try:
            opened = await self._calls.open_call(self._begun.response.call_id, first=first)
        except (Closed, Fenced, NotFound):
            self._claim = Claim.REFUSED
            return
        self._fence = opened.fence
        self._claim = Claim.HELD if is_as_expected(opened, self._begun) else Claim.REFUSED

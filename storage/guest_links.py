"""The number that a guest's link must carry, one for each call."""

from __future__ import annotations

from storage.ports import NotFound
from storage.reviews import log_action
from storage.wire import ACQUIRE_S, Pool, guard


class PostgresGuestLinks:
    """On a pool from `wire.open_pool`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def number(self, call_id: str) -> int:
        """The number of links that open ``call_id`` now. Raises NotFound."""
        with guard():
            number: int | None = await self._pool.fetchval(
                "SELECT link_number FROM mock_interview_responses WHERE call_id = $1",
                call_id,
                timeout=ACQUIRE_S,
            )
        if number is None:
            raise NotFound("no such call")
        return number

    async def withdraw(self, call_id: str, by: str, role: str) -> int:
        """The next number, with a line in the audit log: links given so far open nothing. Raises NotFound."""
        with guard():
            async with self._pool.acquire(timeout=ACQUIRE_S) as db, db.transaction():
                number: int | None = await db.fetchval(
                    "UPDATE mock_interview_responses SET link_number = link_number + 1 "
                    "WHERE call_id = $1 RETURNING link_number",
                    call_id,
                )
                if number is None:
                    raise NotFound("no such call")
                await log_action(db, by, "links.withdrawn", call_id, {"role": role, "number": number})
        return number

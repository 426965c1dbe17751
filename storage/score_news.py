"""Which answer has just been scored, told by the database to every server that wants to know."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
import msgspec
import structlog

from storage.ports import StorageError
from storage.wire import Connection, connect

CHANNEL: Final = "viva_scores"
PAUSES_S: Final = (0.5, 2.0, 10.0)
"""Pauses before listening again after the connection was lost; the last one repeats."""

log = structlog.get_logger("viva.storage")


class ScoreNews(msgspec.Struct):
    """``overall`` None: it was looked at and not assessed."""

    call_id: str
    question_id: str
    overall: int | None


async def tell_scored(db: Connection, news: ScoreNews) -> None:
    """Tell it when ``db``'s transaction is committed; what is rolled back is not told."""
    await db.execute("SELECT pg_notify($1, $2)", CHANNEL, msgspec.json.encode(news).decode())


async def follow_scores(dsn: str, told: Callable[[ScoreNews], None]) -> None:
    """Call ``told`` for every score from now on, until cancelled.

    What happens while the connection is lost is not heard of: a page shows it when it is loaded again.
    """

    def hear(_db: Any, _pid: int, _channel: str, payload: object) -> None:
        try:
            news = msgspec.json.decode(str(payload), type=ScoreNews)
        except msgspec.MsgspecError:
            log.warning("news of a score cannot be read")
            return
        told(news)

    tries = 0
    while True:
        lost = asyncio.Event()
        try:
            db = await connect(dsn)
            try:
                db.add_termination_listener(lambda _db, lost=lost: lost.set())
                await db.add_listener(CHANNEL, hear)
                tries = 0
                await lost.wait()
            finally:
                await db.close(timeout=2.0)
        except (StorageError, asyncpg.PostgresError, OSError, TimeoutError) as trouble:
            log.warning("scores of live calls are not heard of", why=type(trouble).__name__)
        await asyncio.sleep(PAUSES_S[min(tries, len(PAUSES_S) - 1)])
        tries += 1


@asynccontextmanager
async def following(dsn: str, told: Callable[[ScoreNews], None]) -> AsyncIterator[None]:
    """`follow_scores` while the block runs."""
    task = asyncio.create_task(follow_scores(dsn, told), name="score news")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,), timeout=5.0)

"""News of scores: told once committed, to all who listen, again after a lost connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from storage.score_news import CHANNEL, ScoreNews, following, tell_scored
from storage.wire import Pool, open_pool

NEWS = ScoreNews("call_1", "q1", 70)


def hold(dsn: str, act: Callable[[Pool, asyncio.Queue[ScoreNews]], Awaitable[None]]) -> None:
    async def work() -> None:
        pool = await open_pool(dsn)
        heard: asyncio.Queue[ScoreNews] = asyncio.Queue(16)
        try:
            async with asyncio.timeout(20), following(dsn, heard.put_nowait):
                await listening(pool)
                await act(pool, heard)
        finally:
            await pool.close()

    asyncio.run(work())


async def listening(pool: Pool) -> None:
    """Wait until the listener's LISTEN is the last statement of its session."""
    found = 0
    while not found:
        found = await pool.fetchval(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        )


def test_what_is_committed_is_told_and_what_is_rolled_back_is_not(dsn: str) -> None:
    async def act(pool: Pool, heard: asyncio.Queue[ScoreNews]) -> None:
        async with pool.acquire() as db:
            rolled_back = db.transaction()
            await rolled_back.start()
            await tell_scored(db, ScoreNews("call_1", "q0", 10))
            await rolled_back.rollback()
            async with db.transaction():
                await tell_scored(db, NEWS)
                await tell_scored(db, ScoreNews("call_1", "q2", None))
        assert await heard.get() == NEWS
        assert await heard.get() == ScoreNews("call_1", "q2", None)
        assert heard.empty()

    hold(dsn, act)


def test_news_that_cannot_be_read_is_passed_over(dsn: str) -> None:
    async def act(pool: Pool, heard: asyncio.Queue[ScoreNews]) -> None:
        await pool.execute("SELECT pg_notify($1, 'not json')", CHANNEL)
        await pool.execute("SELECT pg_notify($1, $2)", CHANNEL, '{"call_id": 7}')
        async with pool.acquire() as db:
            await tell_scored(db, NEWS)
        assert await heard.get() == NEWS

    hold(dsn, act)


def test_a_lost_connection_is_made_again(dsn: str) -> None:
    async def act(pool: Pool, heard: asyncio.Queue[ScoreNews]) -> None:
        gone = await pool.fetchval(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        )
        assert gone
        while heard.empty():
            async with pool.acquire() as db:
                await tell_scored(db, NEWS)
            await asyncio.sleep(0)
        assert heard.get_nowait() == NEWS

    hold(dsn, act)

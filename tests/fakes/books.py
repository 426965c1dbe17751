"""A look into the database of a server that runs in a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg

from storage.wire import connect


class Books:
    """A look into the server's database, and a signal whenever something is stored."""

    def __init__(self, db: asyncpg.Connection) -> None:
        self._db = db
        self._stored: set[tuple[int, str]] = set()
        self._changed = asyncio.Event()

    @staticmethod
    async def open(data_dir: Path) -> Books:
        books = Books(
            await connect(f"postgresql://postgres@/postgres?host={quote(str(data_dir / 'run'), safe='/')}")
        )
        await books._db.execute(
            "CREATE OR REPLACE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " PERFORM pg_notify('stored', NEW.turn || ' ' || NEW.speaker); RETURN NEW; END $$;"
            "CREATE OR REPLACE TRIGGER tell AFTER INSERT OR UPDATE ON mock_interview_utterances"
            " FOR EACH ROW EXECUTE FUNCTION tell()"
        )
        await books._db.add_listener("stored", books._hear)
        return books

    def _hear(self, *given: Any) -> None:
        turn, speaker = given[-1].split()
        self._stored.add((int(turn), speaker))
        self._changed.set()

    async def until(self, turn: int, speaker: str) -> None:
        async with asyncio.timeout(30):
            while (turn, speaker) not in self._stored:
                self._changed.clear()
                await self._changed.wait()

    async def rows(self, sql: str) -> list[dict[str, Any]]:
        return [dict(row) for row in await self._db.fetch(sql)]

    @asynccontextmanager
    async def locked(self, table: str) -> AsyncIterator[None]:
        """Nobody else writes to ``table`` meanwhile."""
        async with self._db.transaction():
            await self._db.execute(f"SELECT FROM {table} FOR UPDATE")
            yield

    async def close(self) -> None:
        await self._db.remove_listener("stored", self._hear)
        await self._db.close()

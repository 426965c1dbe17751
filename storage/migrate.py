"""Forward-only migrations: the SQL files in ``schema/``, each applied once, in the order of their names."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from storage.ports import MigrationRefused
from storage.wire import Connection, Pool, connect, guard

_LOCK_KEY: Final = 0x76697661  # "viva"; an advisory lock of the whole database
_WAIT_S: Final = 600.0  # another process may be in the middle of a long migration


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of SQL; ``checksum`` does not depend on the line endings of the checkout."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.replace("\r\n", "\n").encode()).hexdigest()


def migrations() -> list[Migration]:
    """The migrations of this version, oldest first."""
    folder = files("storage").joinpath("schema")
    return [
        Migration(entry.name, entry.read_text(encoding="utf-8"))
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".sql")
    ]


async def migrate(dsn_or_pool: str | Pool, *, plan: Sequence[Migration] | None = None) -> list[str]:
    """Apply what is missing and return the names of the files applied now.

    Safe when several processes run it at once: one works, the others wait and find nothing to do.

    Raises:
        MigrationRefused: an applied file was changed, or the database is newer than this version.
        StorageDown: the database cannot be reached.
    """
    steps = await asyncio.to_thread(migrations) if plan is None else list(plan)
    with guard():
        if not isinstance(dsn_or_pool, str):
            async with dsn_or_pool.acquire(timeout=10) as connection:
                return await _apply(connection, steps)
        own = await connect(dsn_or_pool)
        try:
            return await _apply(own, steps)
        finally:
            await own.close()


async def _apply(connection: Connection, steps: Sequence[Migration]) -> list[str]:
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK_KEY, timeout=_WAIT_S)
    try:
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations ("
            " name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        rows = await connection.fetch("SELECT name, checksum FROM schema_migrations")
        applied: dict[str, str] = {row["name"]: row["checksum"] for row in rows}
        _check(applied, steps)
        fresh = [step for step in steps if step.name not in applied]
        for step in fresh:
            async with connection.transaction():
                await connection.execute(step.sql, timeout=_WAIT_S)
                await connection.execute(
                    "INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)", step.name, step.checksum
                )
        return [step.name for step in fresh]
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK_KEY)


def _check(applied: dict[str, str], steps: Sequence[Migration]) -> None:
    known = {step.name: step.checksum for step in steps}
    for name, checksum in sorted(applied.items()):
        if name not in known:
            raise MigrationRefused(
                f"the database has migration {name}, which this version of Viva does not know: "
                "run the newer version, or restore a backup from before it"
            )
        if known[name] != checksum:
            raise MigrationRefused(
                f"migration {name} was changed after it had been applied: "
                "restore the file as it was and put the change into a new migration"
            )
    newest = max(applied, default="")
    for name in known:
        if name not in applied and name < newest:
            raise MigrationRefused(
                f"migration {name} comes before {newest}, which is applied already: give it a later number"
            )

"""``viva jobs``: what waits, what runs, what has failed and why; and failed jobs run again."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TextIO

import msgspec

from server.settings import Settings
from storage.embedded import EmbeddedPostgres, running_dsn
from storage.jobs import PostgresJobs
from storage.migrate import migrate
from storage.ports import DataDirInUse, JobRow, JobState
from storage.wire import open_pool

MANY: Final = 200
"""How many jobs are listed at most; the counts tell of the others."""


async def look_at_jobs(settings: Settings, arguments: argparse.Namespace, out: TextIO) -> int:
    """Do what the command line says. Raises StorageError."""
    async with _database(settings) as dsn:
        pool = await open_pool(dsn, max_size=2)
        try:
            jobs = PostgresJobs(pool)
            match arguments.action:
                case "show":
                    data: Any = msgspec.to_builtins(await jobs.show(arguments.id))
                    text = "\n".join(f"{name}: {value}" for name, value in data.items())
                case "retry":
                    done = await jobs.retry(arguments.ids or None)
                    data = {"queued": done}
                    text = f"{len(done)} queued again" if done else "nothing to run again"
                case _:
                    data, text = await _list(jobs, JobState.FAILED if arguments.failed else None)
        finally:
            await pool.close()
    out.write(f"{json.dumps(data, indent=2) if arguments.json else text}\n")
    return 0


async def _list(jobs: PostgresJobs, state: JobState | None) -> tuple[dict[str, Any], str]:
    counts, rows = await jobs.counts(), await jobs.listing(state, MANY)
    data = {"counts": counts, "jobs": msgspec.to_builtins(rows)}
    if not counts:
        return data, "no jobs"
    lines = [
        f"{kind}: {', '.join(f'{n} {state}' for state, n in by_state.items())}"
        for kind, by_state in counts.items()
    ]
    return data, "\n".join([*lines, "", *_table(rows)]).rstrip()


def _table(rows: Sequence[JobRow]) -> list[str]:
    if not rows:
        return []
    cells = [("id", "kind", "state", "tries", "due (UTC)", "why")]
    cells += [
        (str(r.id), r.kind, r.state.value, str(r.attempts), f"{r.due_at:%Y-%m-%d %H:%M:%S}", r.why)
        for r in rows
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(5)]
    return ["  ".join([*map(str.ljust, row[:5], widths), row[5]]).rstrip() for row in cells]


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[str]:
    """The configured database; the embedded one of a running server, or else started for a moment."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    try:
        async with EmbeddedPostgres(settings.data_dir) as dsn:
            await migrate(dsn)
            yield dsn
    except DataDirInUse:
        running = await asyncio.to_thread(running_dsn, settings.data_dir)
        if running is None:
            raise
        yield running

"""``python -m bench.aftermath [--quick]``: live turns with and without answers being scored beside them.

One embedded server with its worker, as `make run` has it. For the turns with, answers that were scored are
queued again; for the turns without, the worker has nothing to do.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from bench.measure import Figure, fleet, grow
from bench.page import with_section
from bench.processes import ROOT, Desk, Http, Server
from bench.talk import ANSWER, Call, open_call
from storage.embedded import running_dsn
from storage.jobs import enqueue, score_job
from storage.wire import connect

TURNS: Final = 6
"""Measured turns per call, after one that warms the call up."""
CALLS: Final = 12
"""Calls held beforehand, whose answers are the backlog."""
BACKLOG: Final = 30
"""Answers that wait when turns with scoring begin; the worker must not be through them by their end."""
ITEMS: Final = 12
WAIT_S: Final = 60.0


@dataclass(slots=True)
class Phase:
    """What was measured in seconds, without scoring or with it."""

    connect: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    complete: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Results:
    without: Phase = field(default_factory=Phase)
    beside: Phase = field(default_factory=Phase)
    scored: int = 0
    seconds_beside: float = 0.0


class Backlog:
    """The database of the running server: how many jobs wait, and all answers over again."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._round = 0

    def waiting(self) -> int:
        """Jobs that are due, and those in hand."""
        return self._ask("SELECT count(*) FROM pgqueuer WHERE execute_after <= now()")

    def scored(self) -> int:
        """How often an answer has been judged so far."""
        return self._ask("SELECT coalesce(sum(revisions), 0) FROM mock_interview_evaluations")

    def fill(self) -> None:
        """Queue judged answers again; their words count as changed."""
        self._round += 1
        asyncio.run(self._fill())

    def _ask(self, sql: str) -> int:
        async def ask() -> int:
            connection = await connect(self._dsn)
            try:
                return int(await connection.fetchval(sql))
            finally:
                await connection.close()

        return asyncio.run(ask())

    async def _fill(self) -> None:
        connection = await connect(self._dsn)
        try:
            rows = await connection.fetch(
                "UPDATE mock_interview_evaluations SET digest = 'again' WHERE ctid IN ("
                "SELECT ctid FROM mock_interview_evaluations ORDER BY updated_at LIMIT $1) "
                "RETURNING call_id, question_id",
                BACKLOG,
            )
            jobs = [score_job(row["call_id"], row["question_id"], f"again {self._round}") for row in rows]
            async with connection.transaction():
                await enqueue(connection, jobs)
        finally:
            await connection.close()


def measure(rounds: int, say: Callable[[str], None]) -> Results:
    results = Results()
    with fleet() as servers:
        viva = servers.embedded(servers.fake_llm())
        dsn = running_dsn(servers.here / "embedded")
        assert dsn is not None
        backlog, desk = Backlog(dsn), Desk(Http(viva.port))
        say("answers to score")
        for _ in range(CALLS):
            _talk(viva, desk, None)
        _wait(lambda: backlog.scored() >= BACKLOG and not backlog.waiting())
        say("rounds")
        for number in range(-1, rounds):
            into = results if number >= 0 else Results()
            for beside in (False, True) if number % 2 else (True, False):
                if beside:
                    _beside(viva, desk, backlog, into)
                else:
                    _talk(viva, desk, into.without)
                _wait(lambda: not backlog.waiting())
    return results


def _beside(viva: Server, desk: Desk, backlog: Backlog, into: Results) -> None:
    before, began = backlog.scored(), time.perf_counter()
    backlog.fill()
    _wait(lambda: backlog.scored() > before)
    _talk(viva, desk, into.beside)
    if not backlog.waiting():
        raise RuntimeError("the worker ran out of answers: turns were measured beside nothing")
    into.scored += backlog.scored() - before
    into.seconds_beside += time.perf_counter() - began


def _talk(viva: Server, desk: Desk, phase: Phase | None) -> None:
    """One call: it joins, is warmed up, and answers `TURNS` times."""
    call = open_call(viva.port, desk.new_call())
    items = grow(call, ITEMS)
    call.ask(items)
    turns = [_answer(call, items) for _ in range(TURNS)]
    call.close()
    if phase is not None:
        phase.connect.append(call.first_response)
        phase.first += [first for first, _ in turns]
        phase.complete += [done for _, done in turns]


def _answer(call: Call, items: list[dict[str, str]]) -> tuple[float, float]:
    items += [call.said[-1], {"role": "user", "content": ANSWER}]
    return call.ask(items)


def _wait(holds: Callable[[], bool]) -> None:
    until = time.perf_counter() + WAIT_S
    while not holds():
        if time.perf_counter() > until:
            raise TimeoutError("the worker does not get on")
        time.sleep(0.01)


def table(results: Results) -> list[tuple[str, ...]]:
    head = ("ms, p10 / median", "nothing to score", "scoring beside", "ratio of p10", "ratio of medians")
    rows: list[tuple[str, ...]] = [head]
    for what, name in (
        ("response_required → first content", "first"),
        ("response_required → content_complete", "complete"),
        ("connect → first response", "connect"),
    ):
        figures = [Figure.of(getattr(phase, name)) for phase in (results.without, results.beside)]
        without, beside = figures
        rows.append(
            (
                what,
                *(f"{f.p10 * 1e3:.3g} / {f.median * 1e3:.3g}" for f in figures),
                f"{beside.p10 / without.p10:.2f}×",
                f"{beside.median / without.median:.2f}×",
            )
        )
    return rows


def section(results: Results, rounds: int) -> str:
    head, *body = table(results)
    rows = "\n".join(f"| {' | '.join(row)} |" for row in (head, tuple("---" for _ in head), *body))
    speed = results.scored / max(results.seconds_beside, 0.001)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, CPython {platform.python_version()}"
    return f"""## Scoring beside live calls

Does a live turn feel that answers are being scored? One server as `make run` has it, with its embedded
database, its worker, and the judge made of rules, which works hardest for the processor. The turns are
Retell's.

```
make bench-aftermath
```

{rows}

{rounds} rounds; in each, a call with {TURNS} measured turns while the worker has nothing to do, and one while
it works through a backlog, the first of the two in turn. It scored {speed:.0f} answers a second meanwhile.

The worker's process steps back where processors are short (`NICE` in `server/worker_process.py`), and what
the queue notes waits for no disk. On a busy machine, runs of 25 rounds with and without the first of these,
in turn, gave 1.06× and 1.07× with it and 2.02× and 1.34× without, of the median to the first content. The
database's own processes do not step back: joining a call, which waits for it, still feels a little of the
scoring.

{datetime.now(UTC):%Y-%m-%d}, {machine}.
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.aftermath", description="Scoring beside live calls."
    )
    parser.add_argument("--quick", action="store_true", help="under a minute; writes no file")
    quick: bool = parser.parse_args().quick
    rounds = 12 if quick else 100
    results = measure(rounds, lambda what: print(f"bench: {what} ...", file=sys.stderr))
    text = section(results, rounds)
    print(text)
    if not quick:
        path = ROOT / "docs" / "benchmarks.md"
        before = path.read_text(encoding="utf-8") if path.exists() else "# Benchmarks\n"
        path.write_text(with_section(before, "aftermath", text), encoding="utf-8")
        print(f"written to {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

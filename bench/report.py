"""The figures as one table of ratios, for the terminal and for docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version

from bench.measure import Figure, Grown, Plan, Results, Samples
from bench.processes import DEMO_PYTHON

Row = tuple[str, ...]
_HEAD: Row = ("what", "Viva", "demo", "bare aiohttp", "demo / Viva", "Viva / bare", "target", "")


def rows(results: Results) -> list[Row]:
    """p10 and median of each server, and the ratios of both; a target is met by medians."""

    def row(what: str, of: Callable[[Samples], list[float]], scale: float, limit: float, least: float) -> Row:
        viva, demo, bare = (Figure.of(of(s)) for s in results.samples.values())
        faster, quick = demo.median / viva.median, demo.p10 / viva.p10
        target = f"≤ {limit:g}" + (f", ≥ {least:g}×" if least else "")
        met = viva.median * scale <= limit and faster >= least
        times = tuple(f"{f.p10 * scale:.3g} / {f.median * scale:.3g}" for f in (viva, demo, bare))
        above = f"{viva.p10 / bare.p10:.1f}× / {viva.median / bare.median:.1f}×"
        return (what, *times, f"{quick:.1f}× / {faster:.1f}×", above, target, _met(met))

    memory = results.kb_per_call
    lean = memory["demo"] / memory["Viva"]
    return [
        row("response_required → first content, ms", lambda s: s.first, 1e3, 1.0, 15),
        row("response_required → content_complete, ms", lambda s: s.complete, 1e3, 2.0, 0),
        row("connect → first response, ms", lambda s: s.connect, 1e3, 2.0, 10),
        row("update_only of 5 KB, each, µs", lambda s: s.update, 1e6, 20.0, 0),
        (
            "memory per live call, KB",
            *(f"{memory[name]:.0f}" for name in results.samples),
            f"{lean:.0f}×",
            f"{memory['Viva'] / max(memory['bare aiohttp'], 1):.1f}×",
            "≤ 60, ≥ 16×",
            _met(memory["Viva"] <= 60 and lean >= 16),
        ),
        row("start to listening, s", lambda s: s.start, 1.0, 1.2, 0),
    ]


def growth_rows(results: Results) -> list[Row]:
    """First content and update cost as a call grows and as calls become many, against the smallest."""
    out: list[Row] = []
    for name, series in (("minutes of one call", results.minutes), ("live calls", results.calls)):
        for grown in series:
            base = series[0]
            out.append((name, str(grown.size), *_grown(grown, base)))
    return out


def _grown(grown: Grown, base: Grown) -> Row:
    first, update = Figure.of(grown.first), Figure.of(grown.update)
    bare: Row = ("", "", "", "")
    if grown.bare_first:
        same, smallest = Figure.of(grown.bare_first), Figure.of(base.bare_first)
        bare = (
            f"{same.p10 * 1e3:.3g} / {same.median * 1e3:.3g}",
            f"{same.median / smallest.median:.2f}×",
            f"{(first.median - same.median) * 1e3:.3g}",
            f"{Figure.of(grown.bare_update).median * 1e6:.3g}",
        )
    return (
        f"{first.p10 * 1e3:.3g} / {first.median * 1e3:.3g}",
        f"{first.median / Figure.of(base.first).median:.2f}×",
        *bare[:3],
        f"{grown.update_bytes / 1000:.1f}",
        f"{update.p10 * 1e6:.3g} / {update.median * 1e6:.3g}",
        bare[3],
    )


_GROWTH_HEAD: Row = (
    "as this grows",
    "to",
    "first content, ms",
    "to the smallest",
    "bare, ms",
    "bare to its smallest",
    "Viva above bare, ms",
    "update, KB",
    "update, µs",
    "bare, µs",
)


def _met(met: bool) -> str:
    return "met" if met else "missed"


def memory_line(results: Results) -> str:
    mb = [
        f"{kb / 1024:.1f}"
        for kb in (
            results.memory_before_kb,
            results.memory_live_kb,
            results.memory_after_kb,
            results.memory_again_kb,
        )
    ]
    return (
        f"Memory of the Viva process, MB: {mb[0]} before, {mb[1]} with {results.opened} live calls, {mb[2]} "
        f"after they were closed, {mb[3]} after as many again were opened and closed. Blocks in use inside it, in "
        f"thousands: {', '.join(f'{blocks / 1000:.0f}' for blocks in results.blocks)}."
    )


def text(results: Results) -> str:
    """For the terminal."""
    return "\n".join(
        [
            *_columns([_HEAD, *rows(results)]),
            "",
            *_columns([_GROWTH_HEAD, *growth_rows(results)]),
            "",
            memory_line(results),
            f"{results.seconds:.0f} s in all. Times and ratios are p10 / median.",
        ]
    )


def _columns(table: list[Row]) -> list[str]:
    widths = [max(len(row[n]) for row in table) for n in range(len(table[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]


def markdown(results: Results, plan: Plan, command: str) -> str:
    """docs/benchmarks.md."""
    ours = ", ".join(f"{name} {version(name)}" for name in ("aiohttp", "uvloop", "msgspec", "asyncpg"))
    return f"""# Benchmarks

The Retell line of Viva beside two others, in one run on one machine: a **bare aiohttp** WebSocket server that
sends canned frames, and **the demo**: the approach of Retell's Python demo for custom-LLM servers, written anew
from its description (FastAPI, uvicorn, the OpenAI SDK with a client for each call, every frame parsed, a task for
each frame). Viva and the demo ask the same local model server over HTTP; it answers with twelve deltas at once, so
every figure is what the server itself costs. Viva stores each turn in a PostgreSQL beside it meanwhile; the demo
and the bare server store nothing.

```
{command}
```

{_markdown([_HEAD, *rows(results)])}

Times and ratios are p10 / median of {plan.rounds} rounds, three turns in each; a target is met by medians. The targets are
absolute figures for a machine that is not shared; on a shared one, read the ratios.

{_markdown([_GROWTH_HEAD, *growth_rows(results)])}

In "minutes of one call" the transcript grows as in a talk of four utterances a minute, and Viva has every turn of it
on record. Retell sends the whole transcript in each frame, so bytes grow with the call, and with them what any server pays for
their way through two sockets and for the one look that finds the frame's type: the bare server beside it gets the same bytes.
What Viva adds must not grow; it decodes only what a transcript has more than the one before.

{memory_line(results)}
What calls held is given back to Python's allocator as they end, and the calls that come next use it again. The allocator
returns memory to the system by whole arenas of 1 MB; about a thousand small things that are made meanwhile and stay (the
database driver's prepared statements and their timers, parsed addresses, counters, questions that are cached) lie
scattered over these arenas and keep them.

## How it is measured

- Each server is a process of its own on the loopback interface. The client sends one thing at a time and takes the
  servers in turn, round by round; a slow spell of the machine hits all of them. p99 and CPU percentages are left out:
  on a virtual machine that its host pauses, they say more about the host than about a server.
- *First content* is from the last byte of `response_required` sent to the first frame with words. Viva waits for the
  model's first line and its first whole clause; the demo passes on whatever comes. A transcript of 64 utterances goes
  with each request. The first turn of each call only warms it up.
- *Connect* is from the TCP connect to the greeting. The call was registered with Viva some seconds before; Viva
  greets on what it remembers of that, and opens the call in its database with the first write.
- *update_only*: forty frames and a ping in one write, until the ping's echo, less a ping alone, over forty.
- *Memory per live call* is the growth of resident memory and swap, with {results.opened} idle calls for Viva and
  {plan.peer_calls} for the others.
- *Start* is from the spawn to the line that says the server listens; Viva's includes its embedded PostgreSQL, with
  the database already initialised.

`make bench` makes its own environment for the demo from `requirements-bench.lock`. `python -m bench --quick` takes
about a minute and writes nothing.

## This run

{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}, CPython {platform.python_version()},
{ours}. The demo: {_demo_versions()}.
"""


def _markdown(table: list[Row]) -> str:
    head, *body = table
    lines = [head, tuple("---" for _ in head), *body]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def _demo_versions() -> str:
    names = ("fastapi", "uvicorn", "websockets", "openai", "uvloop")
    code = "import sys; from importlib.metadata import version as v; print(', '.join(f'{n} {v(n)}' for n in sys.argv[1:]))"
    done = subprocess.run(
        [str(DEMO_PYTHON), "-c", code, *names], capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout.strip()

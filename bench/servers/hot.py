"""The child side of the hot voice benchmark: orders in on standard input, figures out, one JSON line each.

Only the standard library, so that each peer can run it in an environment of its own.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Protocol

RATE = 16_000
FRAME_MS = 20
FRAME_BYTES = RATE * FRAME_MS // 1000 * 2
WARM_FRAMES = 8
"""Heard before the clock starts: the others, whose turn it was, have taken the caches."""


class Worker(Protocol):
    """``cost``: seconds to hear so many frames on each stream. ``barge``: milliseconds of ``clip`` that were
    fed, frame by frame, when each of the named reactions came. ``grow``: open so many sessions more and
    feed them all ``seconds`` of ``clip``."""

    async def cost(self, frames: int) -> float: ...

    async def barge(self, clip: bytes) -> dict[str, int]: ...

    async def grow(self, sessions: int, clip: bytes) -> None: ...


def frames_of(pcm: bytes) -> list[bytes]:
    return [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)]


def memory_kb() -> int:
    """Resident and swapped."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return sum(int(fields[name].split()[0]) for name in ("VmRSS", "VmSwap") if name in fields)


def read(path: str) -> bytes:
    return Path(path).read_bytes()


async def serve(worker: Worker) -> None:
    """Until standard input ends."""
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        answer: dict[str, Any]
        match order["do"]:
            case "cost":
                await worker.cost(WARM_FRAMES)
                answer = {"seconds": await worker.cost(order["frames"])}
            case "barge":
                answer = {"ms": await worker.barge(read(order["clip"]))}
            case _:
                before = memory_kb()
                await worker.grow(order["sessions"], read(order["clip"]))
                answer = {"kb": memory_kb() - before}
        print(json.dumps(answer), flush=True)

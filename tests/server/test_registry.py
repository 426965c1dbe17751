"""The live calls of a process: one that fails takes down only itself, and draining ends them all."""

from __future__ import annotations

import asyncio

import pytest

from interview.events import EndReason
from server.registry import HARD_STOP_S, CallRegistry, Draining
from tests import virtual_loop


class Line:
    """A `server.line.ManagedLine` that notes how it was let go."""

    def __init__(self, *, obeys: bool = True) -> None:
        self.left: list[tuple[float, EndReason]] = []
        self.abandoned = False
        self.gone = asyncio.Event()
        self._obeys = obeys

    def leave(self, reason: EndReason) -> None:
        self.left.append((asyncio.get_running_loop().time(), reason))
        if self._obeys:
            self.gone.set()

    def abandon(self) -> None:
        self.abandoned = True


def test_a_call_is_known_while_it_lives() -> None:
    async def main() -> None:
        registry, line = CallRegistry(), Line()
        registry.start("a", line, line.gone.wait())  # type: ignore[arg-type]
        assert "a" in registry
        assert len(registry) == 1
        assert registry.line("a", Line) is line  # type: ignore[type-var]
        assert registry.line("a", str) is None  # type: ignore[type-var]
        line.gone.set()
        await asyncio.sleep(1)
        assert "a" not in registry
        assert registry.line("a", Line) is None  # type: ignore[type-var]

    virtual_loop.run(main())


def test_a_call_that_fails_takes_down_only_itself() -> None:
    async def fails() -> None:
        raise RuntimeError("a bug")

    async def main() -> None:
        registry, good, bad = CallRegistry(), Line(), Line()
        registry.start("good", good, good.gone.wait())  # type: ignore[arg-type]
        registry.start("bad", bad, fails())  # type: ignore[arg-type]
        await asyncio.sleep(1)
        assert bad.abandoned
        assert not good.abandoned
        assert "good" in registry
        assert "bad" not in registry
        await registry.drain(0.0)

    virtual_loop.run(main())


@pytest.mark.parametrize("grace_s", [0.0, 20.0])
def test_draining_waits_then_lets_go(grace_s: float) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        registry, short, long = CallRegistry(), Line(), Line()
        registry.start("short", short, asyncio.sleep(5.0))  # type: ignore[arg-type]
        registry.start("long", long, long.gone.wait())  # type: ignore[arg-type]
        draining = asyncio.create_task(registry.drain(grace_s))
        await asyncio.sleep(0.1)
        with pytest.raises(Draining):
            registry.start("new", Line(), asyncio.sleep(1.0))  # type: ignore[arg-type]
        await draining
        assert long.left == [(grace_s, EndReason.RESTART)]
        assert short.left == ([] if grace_s else [(0.0, EndReason.RESTART)])
        assert len(registry) == 0
        assert loop.time() <= max(grace_s, 5.0)

    virtual_loop.run(main())


def test_a_call_that_will_not_go_is_cancelled_within_a_bound() -> None:
    async def main() -> None:
        registry, stubborn = CallRegistry(), Line(obeys=False)
        registry.start("a", stubborn, asyncio.Event().wait())  # type: ignore[arg-type]
        await registry.drain(1.0)
        await asyncio.sleep(0)
        assert len(registry) == 0
        assert asyncio.get_running_loop().time() <= 1.0 + HARD_STOP_S + 10.0 + HARD_STOP_S

    virtual_loop.run(main())


def test_one_at_a_time_begins_a_call() -> None:
    async def main() -> None:
        registry, order = CallRegistry(), list[str]()

        async def begin(call_id: str, name: str, gate: asyncio.Event) -> None:
            async with registry.alone(call_id):
                order.append(name)
                await gate.wait()

        gates = [asyncio.Event() for _ in range(4)]
        calls = ("a", "a", "b", "a")
        tasks = [
            asyncio.create_task(begin(call_id, f"{call_id}{number}", gate))
            for number, (call_id, gate) in enumerate(zip(calls, gates, strict=True))
        ]
        await asyncio.sleep(1)
        assert order == ["a0", "b2"]
        tasks[1].cancel()  # one that gives up waiting lets nobody in
        await asyncio.sleep(1)
        assert order == ["a0", "b2"]
        assert registry.is_beginning("a")
        for gate in gates:
            gate.set()
        await asyncio.wait(tasks)
        assert order == ["a0", "b2", "a3"]
        assert not registry.is_beginning("a")

    virtual_loop.run(main())

"""Admission by loop lag, on a clock of its own."""

from __future__ import annotations

import asyncio

from server.load import EVERY_S, REMEMBERED, LoopLag
from tests import virtual_loop


def test_a_loop_in_time_has_room() -> None:
    seen: list[float] = []
    lag = LoopLag(0.1, seen.append)

    async def act() -> None:
        watch = asyncio.create_task(lag.watch())
        await asyncio.sleep(EVERY_S * 30.5)
        watch.cancel()
        await asyncio.wait((watch,))

    virtual_loop.run(act())
    assert len(seen) == 30
    assert max(seen) < 1e-6
    assert not lag.overloaded()


def test_one_hitch_is_no_overload_and_lasting_lateness_is() -> None:
    lag = LoopLag(0.1)
    for _ in range(REMEMBERED):
        lag.note(0.0)
    lag.note(3.0)
    assert not lag.overloaded()
    for _ in range(REMEMBERED):
        lag.note(0.2)
    assert lag.overloaded()
    assert lag.usual_s == 0.2
    for _ in range(REMEMBERED):
        lag.note(0.01)
    assert not lag.overloaded()


def test_a_server_that_has_just_begun_is_not_judged() -> None:
    lag = LoopLag(0.1)
    for _ in range(REMEMBERED - 1):
        lag.note(9.0)
    assert not lag.overloaded()

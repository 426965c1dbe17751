from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from server.beside import beside


def test_it_runs_on_a_loop_of_its_own_until_the_block_ends() -> None:
    seen: list[object] = []

    @asynccontextmanager
    async def guest() -> AsyncIterator[None]:
        seen.extend([threading.get_ident(), asyncio.get_running_loop()])
        try:
            yield
        finally:
            seen.append("left")

    async def work() -> None:
        async with beside(guest, "guest"):
            assert seen[0] != threading.get_ident()
            assert seen[1] is not asyncio.get_running_loop()
            assert len(seen) == 2
        assert seen[2] == "left"

    asyncio.run(work())


def test_what_cannot_begin_is_raised_here() -> None:
    @asynccontextmanager
    async def guest(database: bool = False) -> AsyncIterator[None]:
        if not database:
            raise LookupError("no database")
        yield

    async def work() -> None:
        with pytest.raises(LookupError, match="no database"):
            async with beside(guest, "guest"):
                pytest.fail("it never began")

    asyncio.run(work())


def test_a_block_that_fails_ends_it_too() -> None:
    left = threading.Event()

    @asynccontextmanager
    async def guest() -> AsyncIterator[None]:
        try:
            yield
        finally:
            left.set()

    async def work() -> None:
        with pytest.raises(ZeroDivisionError):
            async with beside(guest, "guest"):
                raise ZeroDivisionError
        assert left.is_set()

    asyncio.run(work())

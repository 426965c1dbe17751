"""The number of a call's guest links: raised one by one, and told wherever the call is read."""

from __future__ import annotations

import asyncio

import pytest

from storage.guest_links import PostgresGuestLinks
from storage.ports import NotFound
from storage.runs import PostgresRuns
from tests.storage.samples import Stores, a_response, a_session, with_stores

pytestmark = pytest.mark.postgres


def test_the_number_goes_up_and_is_told_wherever_the_call_is_read(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        links = PostgresGuestLinks(stores.pool)
        await stores.repo.add_session(a_session())
        for number in (1, 2):
            await stores.repo.add_response(a_response(number))
        assert await links.number("call1") == 0
        made = await asyncio.gather(*(links.withdraw("call1", "user:ada", "coach") for _ in range(5)))
        assert sorted(made) == [1, 2, 3, 4, 5]
        assert (await links.number("call1"), await links.number("call2")) == (5, 0)
        read = (
            await stores.repo.response_by_call("call1"),
            (await PostgresRuns(stores.pool).record("call1")).response,
            (await stores.calls.open_call("call1")).response,
        )
        assert [one.link_number for one in read] == [5, 5, 5]

    with_stores(dsn, work)


def test_a_call_that_is_not_there_has_no_links(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        links = PostgresGuestLinks(stores.pool)
        with pytest.raises(NotFound):
            await links.number("unknown")
        with pytest.raises(NotFound):
            await links.withdraw("unknown", "user:ada", "coach")
        assert await stores.pool.fetchval("SELECT count(*) FROM audit_log") == 0

    with_stores(dsn, work)

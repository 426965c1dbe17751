"""A call that nobody registered: whose interview it gets, and where it is found afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from server.callbook import GUEST
from server.rest import LOCAL_CANDIDATE, ROOT
from tests.fakes.retell_talk import greeted
from tests.fakes.world import World, hold

TOKENS = {"auth": "oidc", "jwt_secret": "s" * 32}


@pytest.mark.parametrize(("signing", "owner"), [({}, LOCAL_CANDIDATE), (TOKENS, GUEST)])
def test_its_interview_is_the_local_users_where_nobody_signs_in(
    dsn: str, signing: dict[str, Any], owner: str
) -> None:
    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw)
        (row,) = await world.rows("SELECT candidate_id FROM mock_interview_sessions")
        assert row["candidate_id"] == owner
        async with world.http.get(f"{world.base}{ROOT}") as got:
            assert got.status == (200 if owner == LOCAL_CANDIDATE else 401)
            if got.status == 200:
                assert [item["role"] for item in (await got.json())["items"]] == ["generalist"]

    hold(dsn, act, **signing)

from __future__ import annotations

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from interview.model import Move, SessionStatus, Sliders
from storage.ports import Duplicate, NotFound, Stale, StorageDown
from storage.seed import DEFAULT_INTERVIEWERS, seed_interviewers
from storage.wire import open_pool
from tests.storage.samples import CLOSING, NOON, OPENER, Stores, a_response, a_session, with_stores

pytestmark = pytest.mark.postgres


def test_seeding_twice_keeps_what_an_operator_changed(dsn: str) -> None:
    changed = replace(DEFAULT_INTERVIEWERS[0], retell_agent_id="agent_1", sliders=Sliders(speed=1))

    async def work(stores: Stores) -> None:
        await stores.repo.put_interviewer(changed)
        await seed_interviewers(stores.repo)
        assert len(await stores.repo.interviewers()) == 4
        assert await stores.repo.interviewer(changed.id) == changed
        with pytest.raises(NotFound):
            await stores.repo.interviewer("nobody")

    with_stores(dsn, work)


def test_a_session_comes_back_as_it_was_by_each_key(dsn: str) -> None:
    stored = a_session(key="k1")

    async def work(stores: Stores) -> None:
        assert await stores.repo.add_session(stored) == stored
        for key in ("s1", "link1", "slug-1"):
            assert await stores.repo.find_session(key) == stored
        assert await stores.repo.find_session("s1", "ada") == stored
        with pytest.raises(NotFound):
            await stores.repo.find_session("s1", "eve")
        with pytest.raises(NotFound):
            await stores.repo.find_session("s9")

    with_stores(dsn, work)


def test_an_idempotency_key_gives_the_first_session_again(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        first, second = a_session(1, key="k"), a_session(2, key="k")
        got = await asyncio.gather(stores.repo.add_session(first), stores.repo.add_session(second))
        assert got[0] == got[1]
        other = a_session(3, candidate="bob", key="k")
        assert await stores.repo.add_session(other) == other
        assert len(await stores.repo.sessions_of("ada")) == 1

    with_stores(dsn, work)


def test_a_used_slug_or_an_unknown_interviewer_is_refused(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        await stores.repo.add_session(a_session(1))
        with pytest.raises(Duplicate, match="slug"):
            await stores.repo.add_session(replace(a_session(2), slug="slug-1"))
        with pytest.raises(NotFound, match="interviewer"):
            await stores.repo.add_session(replace(a_session(3), interviewer_id="nobody"))

    with_stores(dsn, work)


def test_saving_writes_status_and_questions_once_per_version(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        stored = await stores.repo.add_session(a_session())
        shorter = stored.session.with_questions((OPENER, CLOSING))
        await stores.repo.save_session(shorter)
        assert (await stores.repo.find_session("s1")).session == shorter
        with pytest.raises(Stale):
            await stores.repo.save_session(shorter)
        started = shorter.move(Move.START)
        await stores.repo.save_session(started)
        assert (await stores.repo.find_session("s1")).session == started
        with pytest.raises(NotFound):
            await stores.repo.save_session(replace(started, id="s9"))

    with_stores(dsn, work)


def test_of_two_writers_one_is_stale(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        stored = await stores.repo.add_session(a_session())
        outcomes = await asyncio.gather(
            stores.repo.save_session(stored.session.move(Move.START)),
            stores.repo.save_session(stored.session.move(Move.CANCEL)),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes if outcome is not None] == [Stale]

    with_stores(dsn, work)


def test_sessions_are_listed_newest_first_in_pages(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        for number in range(1, 6):
            await stores.repo.add_session(a_session(number))
        cancelled = a_session(3).session.move(Move.CANCEL)
        await stores.repo.save_session(cancelled)
        page = await stores.repo.sessions_of("ada", limit=2)
        assert [row.session.id for row in page] == ["s5", "s4"]
        assert page[0].session.questions == ()
        rest = await stores.repo.sessions_of("ada", before=page[-1].created_at)
        assert [row.session.id for row in rest] == ["s3", "s2", "s1"]
        only = await stores.repo.sessions_of("ada", status=SessionStatus.CANCELLED)
        assert [row.session for row in only] == [replace(cancelled, questions=())]

    with_stores(dsn, work)


def test_responses_are_kept_by_call(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        await stores.repo.add_session(a_session())
        first = replace(a_response(1), analytics={"a": 1}, progress={"stage": "intro"})
        await stores.repo.add_response(first)
        await stores.repo.add_response(a_response(2))
        assert await stores.repo.responses_of("s1") == [first, a_response(2)]
        assert await stores.repo.response_by_call("call1") == first
        with pytest.raises(Duplicate, match="call_id"):
            await stores.repo.add_response(replace(a_response(3), call_id="call1"))
        with pytest.raises(NotFound):
            await stores.repo.add_response(a_response(4, session=9))

    with_stores(dsn, work)


def test_an_email_completes_an_interview_once_but_may_try_again(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        await stores.repo.add_session(a_session())
        for number, status in enumerate(("interrupted", "abandoned", "completed"), start=1):
            await stores.repo.add_response(a_response(number, email="Ada@Example.org"))
            call = await stores.calls.open_call(f"call{number}")
            await stores.calls.end_call(f"call{number}", call.fence, status=status, reason="r", at=NOON)
        assert await stores.repo.emails_of("s1") == {"ada@example.org"}
        with pytest.raises(Duplicate) as caught:
            await stores.repo.add_response(a_response(4, email="ada@example.ORG"))
        assert "example" not in str(caught.value)
        await stores.repo.add_response(a_response(5, email="bob@example.org"))
        await stores.repo.add_response(a_response(6))

    with_stores(dsn, work)


def test_text_that_postgresql_refuses_is_cleaned(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        await stores.repo.add_session(replace(a_session(), metadata={"a\0b": "c\0d", "e": ["\ud800x"]}))
        assert (await stores.repo.find_session("s1")).metadata == {"ab": "cd", "e": ["x"]}

    with_stores(dsn, work)


def test_a_nul_in_a_name_is_dropped_and_in_a_key_finds_nothing(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        await stores.repo.add_session(replace(a_session(), name="Pra\0ctice"))
        await stores.repo.add_response(replace(a_response(1), name="Gu\0est"))
        assert (await stores.repo.find_session("s1")).name == "Practice"
        assert (await stores.repo.response_by_call("call1")).name == "Guest"
        with pytest.raises(NotFound):
            await stores.repo.find_session("s1\0")
        with pytest.raises(NotFound):
            await stores.calls.open_call("call1\0")

    with_stores(dsn, work)


def test_deleting_a_session_deletes_all_of_it(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        await stores.repo.add_session(a_session())
        await stores.repo.add_response(a_response(1))
        await stores.pool.execute("DELETE FROM mock_interview_sessions")
        assert await stores.pool.fetchval("SELECT count(*) FROM mock_interview_questions") == 0
        assert await stores.repo.responses_of("s1") == []

    with_stores(dsn, work)


@pytest.mark.parametrize(
    ("score", "reason", "taken"),
    [
        (0, None, True),
        (100, None, True),
        (None, "too short", True),
        (101, None, False),
        (-1, None, False),
        (None, None, False),
        (None, "", False),
    ],
)
def test_the_database_takes_only_whole_scores_or_a_reason(
    dsn: str, score: int | None, reason: str | None, taken: bool
) -> None:
    async def work(stores: Stores) -> None:
        await stores.repo.add_session(a_session())
        await stores.repo.add_response(a_response(1))
        insert = stores.pool.execute(
            "INSERT INTO mock_interview_scores (call_id, dimension, score, reason) "
            "VALUES ('call1', 'd', $1, $2)",
            score,
            reason,
        )
        if taken:
            await insert
        else:
            with pytest.raises(asyncpg.CheckViolationError):
                await insert

    with_stores(dsn, work)


def test_an_unreachable_database_is_named_without_its_password() -> None:
    async def reach() -> None:
        pool = await open_pool("postgresql://viva:hunter2@127.0.0.1:1/viva")
        await pool.close()

    with pytest.raises(StorageDown, match=r"127\.0\.0\.1:1/viva.*VIVA_DATABASE_URL") as caught:
        asyncio.run(reach())
    assert "hunter2" not in str(caught.value)


def test_a_database_that_goes_away_is_storage_down(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        await stores.pool.execute("SELECT 1")
        stores.pool.terminate()
        with pytest.raises(StorageDown):
            await stores.repo.interviewers()

    with_stores(dsn, work)

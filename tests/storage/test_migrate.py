from __future__ import annotations

import asyncio
import re

import pytest

from storage.jobs import PostgresJobs
from storage.migrate import Migration, migrate, migrations
from storage.ports import MigrationRefused, StorageDown
from storage.wire import connect, open_pool

pytestmark = pytest.mark.postgres

ONE = Migration("0001_one.sql", "CREATE TABLE one (id int);")
TWO = Migration("0002_two.sql", "CREATE TABLE two (id int);\nINSERT INTO two VALUES (1);")


async def tables(dsn: str) -> set[str]:
    connection = await connect(dsn)
    try:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {row["tablename"] for row in rows}
    finally:
        await connection.close()


def test_two_at_once_apply_everything_once(empty_dsn: str) -> None:
    expected = len(migrations())

    async def work() -> None:
        done = await asyncio.gather(*(migrate(empty_dsn) for _ in range(4)))
        assert sorted(map(len, done)) == [0, 0, 0, expected]
        assert {"mock_interview_sessions", "consents", "audit_log"} <= await tables(empty_dsn)

    asyncio.run(work())


def test_only_what_is_missing_is_applied_and_a_pool_will_do(empty_dsn: str) -> None:
    async def work() -> None:
        pool = await open_pool(empty_dsn)
        try:
            assert await migrate(pool, plan=[ONE]) == [ONE.name]
            assert await migrate(pool, plan=[ONE, TWO]) == [TWO.name]
            assert await migrate(pool, plan=[ONE, TWO]) == []
        finally:
            await pool.close()

    asyncio.run(work())


def test_a_changed_file_is_refused_but_not_for_its_line_endings(empty_dsn: str) -> None:
    async def work() -> None:
        await migrate(empty_dsn, plan=[TWO])
        assert await migrate(empty_dsn, plan=[Migration(TWO.name, TWO.sql.replace("\n", "\r\n"))]) == []
        with pytest.raises(MigrationRefused, match=r"0002_two\.sql was changed after it had been applied"):
            await migrate(empty_dsn, plan=[Migration(TWO.name, "SELECT 1;")])

    asyncio.run(work())


def test_a_newer_database_and_a_late_number_are_refused(empty_dsn: str) -> None:
    async def work() -> None:
        await migrate(empty_dsn, plan=[TWO])
        with pytest.raises(MigrationRefused, match="newer version"):
            await migrate(empty_dsn, plan=[])
        with pytest.raises(MigrationRefused, match="later number"):
            await migrate(empty_dsn, plan=[ONE, TWO])
        assert "one" not in await tables(empty_dsn)

    asyncio.run(work())


def test_a_migration_that_fails_leaves_nothing_of_itself(empty_dsn: str) -> None:
    broken = Migration("0002_broken.sql", "CREATE TABLE half (id int); SELECT 1 / 0;")

    async def work() -> None:
        with pytest.raises(Exception, match="division by zero"):
            await migrate(empty_dsn, plan=[ONE, broken])
        assert await tables(empty_dsn) == {"one", "schema_migrations"}
        assert await migrate(empty_dsn, plan=[ONE, TWO]) == [TWO.name]

    asyncio.run(work())


def test_no_database_is_storage_down() -> None:
    async def work() -> None:
        await migrate("postgresql://viva@127.0.0.1:1/viva")

    with pytest.raises(StorageDown, match="VIVA_DATABASE_URL"):
        asyncio.run(work())


def test_a_database_that_was_not_migrated_says_what_to_run(empty_dsn: str) -> None:
    async def work() -> None:
        pool = await open_pool(empty_dsn)
        try:
            with pytest.raises(StorageDown, match="run `viva migrate`"):
                await PostgresJobs(pool).counts()
        finally:
            await pool.close()

    asyncio.run(work())


def test_planned_questions_are_found_without_reading_those_of_others(empty_dsn: str) -> None:
    async def work() -> str:
        await migrate(empty_dsn)
        connection = await connect(empty_dsn)
        try:
            rows = await connection.fetch(
                "EXPLAIN SELECT * FROM mock_interview_questions WHERE session_id = 's' AND call_id IS NULL"
            )
            return "\n".join(row[0] for row in rows)
        finally:
            await connection.close()

    (condition,) = re.findall("Index Cond: (.*)", asyncio.run(work()))
    assert "session_id" in condition

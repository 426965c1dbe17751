"""What the doctor finds, on a real database."""

from __future__ import annotations

import asyncio

from server.doctor import Finding, examine, render
from server.settings import Settings
from storage.jobs import enqueue, score_job
from storage.wire import open_pool
from tests.fakes.issuer import Issuer, ec, rsa


def database(dsn: str) -> Finding:
    findings = asyncio.run(examine(Settings(database_url=dsn)))
    assert "database" in render(findings)
    return next(finding for finding in findings if finding.part == "database")


async def queue(dsn: str, due_since: str) -> None:
    pool = await open_pool(dsn)
    try:
        async with pool.acquire() as db:
            await enqueue(db, [score_job("call_1", "q1", "d")])
            await db.execute("UPDATE pgqueuer SET execute_after = now() - $1::text::interval", due_since)
    finally:
        await pool.close()


def test_a_database_that_answers_is_well(dsn: str, empty_dsn: str) -> None:
    for one in (dsn, empty_dsn):
        assert database(one) == Finding("database", True, "reachable")


def test_jobs_that_nobody_does_are_told(dsn: str) -> None:
    asyncio.run(queue(dsn, "1 minute"))
    assert database(dsn).ok
    asyncio.run(queue(dsn, "20 minutes"))
    found = database(dsn)
    assert (found.ok, found.says) == (False, "reachable, but jobs wait for 20 minutes: start `viva worker`")


def test_a_database_that_does_not_answer_is_told() -> None:
    found = database("postgresql://viva:secret@127.0.0.1:1/viva")
    assert not found.ok
    assert "secret" not in found.says


def test_flags_with_nothing_behind_them_are_told() -> None:
    found = {f.part: f for f in asyncio.run(examine(Settings(flags=frozenset({"avatar"}))))}
    assert found["flags"].says == "avatar: nothing in this version looks at it"
    assert "flags" not in {f.part for f in asyncio.run(examine(Settings()))}


def test_who_signs_tokens_is_asked_for_its_keys() -> None:
    async def sign_in(issuer: str, secret: str | None = None) -> Finding:
        settings = Settings(auth="oidc", oidc_issuer=issuer, oidc_audience="viva", jwt_secret=secret)
        return next(f for f in await examine(settings) if f.part == "sign-in")

    async def work() -> None:
        async with Issuer(rsa("one"), ec("two")) as issuer:
            found = await sign_in(issuer.url)
            assert found.ok
            assert found.says.startswith(f"tokens of {issuer.url}, 2 keys; over plain http")
            issuer.script = [404]
            found = await sign_in(issuer.url)
            assert not found.ok
            assert "answered 404: check VIVA_OIDC_ISSUER" in found.says
            issuer.keys = []
            assert not (await sign_in(issuer.url)).ok
            assert (await sign_in(issuer.url, "s" * 32)).says.endswith("(HS256)")

    asyncio.run(work())

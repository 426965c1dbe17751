"""A call that this server registered a moment ago greets without the database, which is told afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
import structlog

from agents.question_writer import QuestionWriter
from interview.model import Question, Wishes
from server import call, expected
from server.app import serving
from server.settings import Settings
from storage.calls import PostgresCalls
from storage.leases import MemoryLeases
from storage.ports import Lease, OpenCall, StorageDown
from storage.wire import connect
from tests.fakes.rest import KEY, ROOT, no_voice
from tests.fakes.retell_api import FakeRetellApi
from tests.fakes.retell_talk import STORY, answer_for, opened, resumed, spoken
from tests.fakes.world import RawSocket, World, hold

NAME = "Zwiebelfisch"
ROW = "SELECT status, fence, end_reason, is_ended FROM mock_interview_responses"
SAID = "SELECT turn, speaker FROM mock_interview_utterances ORDER BY turn, speaker"


def at_desk(dsn: str, act: Callable[[World], Awaitable[None]], **more: Any) -> None:
    hold(dsn, act, retell=FakeRetellApi(KEY), **more)


async def registered(world: World, session_id: str = "") -> str:
    """The id of a new call."""
    session_id = session_id or await created(world)
    who = {"session_id": session_id, "email": "z@example.org", "name": NAME}
    async with world.http.post(f"{world.base}/api/register-call", json=who) as got:
        assert got.status == 201, await got.text()
        return str((await got.json())["callId"])


async def created(world: World) -> str:
    return str((await planned(world, ""))["sessionId"])


async def planned(world: World, path: str) -> dict[str, Any]:
    """The interview; the same one under any path that makes one."""
    role, key = {"role": "Backend Developer"}, {"Idempotency-Key": "once"}
    async with world.http.post(f"{world.base}{ROOT}{path}", json=role, headers=key) as got:
        assert got.status == 201, await got.text()
        made: dict[str, Any] = await got.json()
        return made


async def greeting(raw: RawSocket) -> str:
    """Get through the start of a call that was registered: it has no use for details."""
    await opened(raw)
    return spoken(await raw.complete(0))


async def until(world: World, sql: str) -> dict[str, Any]:
    """The row, as soon as there is one."""
    while not (rows := await world.rows(sql)):
        pass
    return rows[0]


@asynccontextmanager
async def stalled(dsn: str) -> AsyncIterator[None]:
    """Nobody can open a call: its row is locked."""
    db = await connect(dsn)
    try:
        async with db.transaction():
            await db.execute("SELECT FROM mock_interview_responses FOR UPDATE")
            yield
    finally:
        await db.close()


def openings(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Fills up with how calls are opened: as the first one to do so, or whoever had them before."""
    asked: list[bool] = []
    real = PostgresCalls.open_call

    async def open_call(self: PostgresCalls, call_id: str, *, first: bool = False) -> OpenCall:
        asked.append(first)
        return await real(self, call_id, first=first)

    monkeypatch.setattr(PostgresCalls, "open_call", open_call)
    return asked


@asynccontextmanager
async def another_server(dsn: str, world: World) -> AsyncIterator[World]:
    settings = Settings(database_url=dsn, port=0, drain_s=0.0)
    async with serving(settings, llm=world.llm, voice=no_voice) as viva:
        yield World(viva, world.llm, world.http)


# --- the first words -----------------------------------------------------------------------------------


def test_the_greeting_is_said_while_the_database_stalls_and_kept_as_soon_as_it_does_not(dsn: str) -> None:
    async def act(world: World) -> None:
        call_id = await registered(world)
        async with AsyncExitStack() as until_then:
            await until_then.enter_async_context(stalled(dsn))
            async with world.raw(call_id) as raw:
                assert f"Hello {NAME}, I am" in await greeting(raw)
                (row,) = await world.rows(ROW)
                assert (row["status"], row["fence"]) == ("created", 0)
                await until_then.aclose()
                await until(world, f"{SAID} LIMIT 1")
                row = await until(world, f"{ROW} WHERE fence > 0")
                assert row["status"] == "in_progress"
                (session,) = await world.rows("SELECT status FROM mock_interview_sessions")
                assert session["status"] == "in_progress"
                await raw.ask(1, *answer_for(1))
                assert spoken(await raw.complete(1))
        await world.gone(call_id)
        said = [(row["turn"], row["speaker"]) for row in await world.rows(SAID)]
        assert said == [(0, "interviewer"), (1, "candidate"), (1, "interviewer")]

    at_desk(dsn, act)


def test_the_greeting_needs_no_connection_to_the_database(dsn: str) -> None:
    async def act(world: World) -> None:
        call_id = await registered(world)
        async with AsyncExitStack() as taken:
            for _ in range(world.viva.pool.get_max_size()):
                await taken.enter_async_context(world.viva.pool.acquire())
            async with world.raw(call_id) as raw:
                assert NAME in await greeting(raw)
                await taken.aclose()
                await until(world, f"{ROW} WHERE fence > 0")

    at_desk(dsn, act)


@pytest.mark.parametrize("fresh", [True, False], ids=["expected", "too old"])
def test_a_call_that_waited_too_long_is_looked_up_before_it_is_greeted(
    dsn: str, monkeypatch: pytest.MonkeyPatch, fresh: bool
) -> None:
    async def act(world: World) -> None:
        asked = openings(monkeypatch)
        call_id = await registered(world)
        if not fresh:
            monkeypatch.setattr(expected, "EXPECTED_S", 0.0)
        async with world.raw(call_id) as raw:
            assert NAME in await greeting(raw)
            await until(world, f"{ROW} WHERE fence > 0")
        await world.gone(call_id)
        assert asked == [fresh]

    at_desk(dsn, act)


def test_of_two_sockets_at_the_same_moment_one_greets_and_one_joins(dsn: str) -> None:
    async def act(world: World) -> None:
        call_id = await registered(world)
        async with AsyncExitStack() as both:
            sockets = await asyncio.gather(*(both.enter_async_context(world.raw(call_id)) for _ in "ab"))
            alive = asyncio.Queue[RawSocket]()

            async def follow(raw: RawSocket) -> None:
                await opened(raw)
                alive.put_nowait(raw)

            await asyncio.gather(*map(follow, sockets))
            ends = [asyncio.create_task(raw.closed()) for raw in sockets]
            cut, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            assert [end.result() for end in cut] == [1006]
            (left,) = (end for end in ends if end not in cut)
            raw = sockets[ends.index(left)]
            await until(world, f"{SAID} LIMIT 1")
            left.cancel()
            await asyncio.wait((left,))
            await raw.ask(1, *answer_for(1))
            assert spoken(await raw.complete(1))
            await world.viva.registry.drain(0.0)
        said = [(row["turn"], row["speaker"]) for row in await world.rows(SAID)]
        assert said == [(0, "interviewer"), (1, "candidate"), (1, "interviewer")]

    at_desk(dsn, act)


# --- what it was begun with was not true any more ------------------------------------------------------


def test_a_call_that_began_elsewhere_is_left_there(dsn: str) -> None:
    async def act(world: World) -> None:
        call_id = await registered(world)
        async with another_server(dsn, world) as other, other.raw(call_id) as there:
            assert NAME in await greeting(there)
            await until(world, f"{SAID} LIMIT 1")
            with structlog.testing.capture_logs() as logs:
                async with world.raw(call_id) as here:
                    assert await here.closed() == 1006
                await world.gone(call_id)
            assert "call was taken over by another owner" in [line["event"] for line in logs]
            assert NAME not in repr(logs)
            await there.ask(1, *answer_for(1))
            assert spoken(await there.complete(1))
            await until(world, f"{SAID} OFFSET 2")  # the other server has lost nothing
            there.abort()
        async with world.raw(call_id) as here:
            await resumed(here)

    at_desk(dsn, act)


def test_a_socket_that_comes_while_the_call_is_let_go_is_cut_and_the_next_is_served(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    letting_go, go_on = asyncio.Event(), asyncio.Event()

    async def release(_: MemoryLeases, __: Lease) -> None:
        letting_go.set()
        await go_on.wait()

    async def act(world: World) -> None:
        monkeypatch.setattr(MemoryLeases, "release", release)
        call_id = await registered(world)
        await world.viva.pool.execute("UPDATE mock_interview_responses SET fence = 1")
        async with world.raw(call_id) as raw:
            assert await raw.closed() == 1006
        await letting_go.wait()
        async with world.raw(call_id) as raw:
            assert await raw.closed() == 1006
        go_on.set()
        await world.gone(call_id)
        async with world.raw(call_id) as raw:
            assert NAME in await greeting(raw)

    at_desk(dsn, act)


def test_another_interview_than_was_expected_is_begun_anew(dsn: str) -> None:
    async def act(world: World) -> None:
        call_id = await registered(world)
        await world.viva.pool.execute(
            "UPDATE mock_interview_questions SET text = 'Who are you?' WHERE type = 'opener'"
        )
        async with world.raw(call_id) as raw:
            assert "Who are you?" not in await greeting(raw)
            assert await raw.closed() == 1006
        assert await world.rows(SAID) == []
        await world.gone(call_id)
        async with world.raw(call_id) as again:
            assert "Who are you?" in await greeting(again)

    at_desk(dsn, act)


def test_an_interview_that_was_cancelled_here_greets_nobody(dsn: str) -> None:
    async def act(world: World) -> None:
        session_id = await created(world)
        call_id = await registered(world, session_id)
        async with world.http.post(f"{world.base}{ROOT}/{session_id}/cancel") as got:
            assert got.status == 200
        await refused(world, call_id)

    at_desk(dsn, act)


def test_an_interview_that_got_other_questions_here_begins_with_those(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def write(_: QuestionWriter, __: Wishes, plan: tuple[Question, ...]) -> tuple[Question, ...]:
        return replace(plan[0], text="Who are you?"), *plan[1:]

    async def act(world: World) -> None:
        monkeypatch.setattr(QuestionWriter, "write", write)
        call_id = await registered(world)
        await planned(world, "/questions/generate")
        async with world.raw(call_id) as raw:
            assert "Who are you?" in await greeting(raw)
            assert await raw.until_pong(1) == []

    at_desk(dsn, act)


def test_an_interview_that_was_cancelled_elsewhere_is_cut_off_after_the_greeting(dsn: str) -> None:
    async def act(world: World) -> None:
        call_id = await registered(world)
        await world.viva.pool.execute("UPDATE mock_interview_sessions SET status = 'cancelled'")
        async with world.raw(call_id) as raw:
            assert NAME in await greeting(raw)
            assert await raw.closed() == 1006
        await world.gone(call_id)
        await refused(world, call_id)
        (row,) = await world.rows(ROW)
        assert (row["status"], row["fence"]) == ("created", 0)

    at_desk(dsn, act)


async def refused(world: World, call_id: str) -> None:
    async with world.raw(call_id) as raw:
        await opened(raw)
        await raw.send(interaction_type="call_details", call={"call_id": call_id})
        assert (await raw.ws.receive()).type is aiohttp.WSMsgType.CLOSED, "not a word"


# --- calls that are over before the database hears of them ---------------------------------------------


def test_a_call_that_ends_before_its_first_write_is_closed_in_the_books(dsn: str) -> None:
    async def act(world: World) -> None:
        call_id = await registered(world)
        async with stalled(dsn), world.raw(call_id) as raw:
            assert NAME in await greeting(raw)
            await raw.ws.close(code=1000)
        await world.gone(call_id)
        (row,) = await world.rows(ROW)
        assert (row["status"], row["end_reason"]) == ("interrupted", "hung_up")
        assert row["fence"] > 0
        assert len(await world.rows(SAID)) == 1

    at_desk(dsn, act)


def test_a_socket_that_breaks_before_the_first_write_is_followed_by_another(dsn: str) -> None:
    async def act(world: World) -> None:
        call_id = await registered(world)
        async with AsyncExitStack() as until_then:
            await until_then.enter_async_context(stalled(dsn))
            async with world.raw(call_id) as raw:
                assert NAME in await greeting(raw)
                raw.abort()
            async with world.raw(call_id) as again:
                await resumed(again)
                await again.ask(1, ("agent", "Hello."), ("user", STORY))
                assert spoken(await again.complete(1))
                await until_then.aclose()
                await until(world, f"{SAID} OFFSET 2")
                assert await again.until_pong(1) == []

    at_desk(dsn, act)


def test_a_database_that_is_away_at_the_first_write_is_asked_again(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, away = PostgresCalls.open_call, ["not reached", "no answer"]

    async def open_call(self: PostgresCalls, call_id: str, *, first: bool = False) -> OpenCall:
        trouble = away.pop(0) if away else ""
        if trouble == "not reached":
            raise StorageDown(f"scripted: {trouble}")
        opened = await real(self, call_id, first=first)
        if trouble == "no answer":
            raise StorageDown(f"scripted: {trouble}")
        return opened

    async def act(world: World) -> None:
        monkeypatch.setattr(PostgresCalls, "open_call", open_call)
        monkeypatch.setattr(call, "RETRY_S", (0.0,))
        call_id = await registered(world)
        async with world.raw(call_id) as raw:
            assert NAME in await greeting(raw)
            await until(world, f"{SAID} LIMIT 1")
            assert away == []
            assert await raw.until_pong(1) == []

    at_desk(dsn, act)

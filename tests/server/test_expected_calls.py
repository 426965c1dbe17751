"""Calls that were registered here a moment ago: what is kept of them, and how they are opened after all."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from interview.events import Speaker
from server.expected import EXPECTED_S, MAX_EXPECTED, ExpectedCalls, Ownership
from storage.calls import PostgresCalls
from storage.ports import (
    UNOPENED,
    CallChanges,
    Fenced,
    OpenCall,
    StorageDown,
    StoredUtterance,
)
from tests.storage.samples import Stores, a_response, a_session, with_stores

HELLO = CallChanges({"stage": "intro"}, utterances=[StoredUtterance(0, Speaker.INTERVIEWER, "Hello.")])


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


# --- what is kept --------------------------------------------------------------------------------------


def expecting(*numbers: int, clock: Clock | None = None) -> ExpectedCalls:
    expected = ExpectedCalls(clock or Clock())
    for number in numbers:
        expected.add(a_session(), a_response(number))
    return expected


def test_the_first_look_up_takes_a_call_and_the_second_finds_none() -> None:
    expected = expecting(1, 2)
    assert "call1" in expected
    assert expected.take("call1") == OpenCall(a_session(), a_response(1), (), UNOPENED)
    assert "call1" not in expected
    assert expected.take("call1") is None
    assert expected.take("call2") is not None
    assert expected.take("call3") is None


@pytest.mark.parametrize(("waited", "there"), [(EXPECTED_S - 0.001, True), (EXPECTED_S, False)])
def test_a_call_that_did_not_begin_in_time_is_looked_up(waited: float, there: bool) -> None:
    clock = Clock()
    expected = expecting(1, clock=clock)
    clock.now += waited
    assert ("call1" in expected) is there
    assert (expected.take("call1") is not None) is there


def test_what_is_too_old_is_not_kept_either() -> None:
    clock = Clock()
    expected = expecting(1, 2, clock=clock)
    clock.now += EXPECTED_S
    expected.add(a_session(), a_response(3))
    assert len(expected) == 1


def test_of_too_many_the_oldest_is_looked_up() -> None:
    expected = expecting(*range(MAX_EXPECTED))
    expected.add(a_session(), a_response(0))  # told again, it is the newest
    assert len(expected) == MAX_EXPECTED
    expected.add(a_session(), a_response(MAX_EXPECTED))
    assert len(expected) == MAX_EXPECTED
    assert [n for n in range(MAX_EXPECTED + 1) if f"call{n}" not in expected] == [1]


def test_a_changed_interview_takes_its_own_calls_along() -> None:
    expected = expecting(1, 2)
    expected.add(a_session(2), a_response(3, session=2))
    expected.forget("s1")
    assert [n for n in (1, 2, 3) if f"call{n}" in expected] == [3]


def test_nothing_private_is_shown() -> None:
    assert "Guest" not in f"{expecting(1)!r} {expecting(1)}"


# --- how they are opened -------------------------------------------------------------------------------


class LostAnswers(PostgresCalls):
    """Opens a call as it should, as often as the first ``lost`` times without saying so."""

    lost = 1

    async def open_call(self, call_id: str, *, first: bool = False) -> OpenCall:
        opened = await super().open_call(call_id, first=first)
        if self.lost:
            self.lost -= 1
            raise StorageDown("scripted: the connection broke before the answer came")
        return opened


async def expected_call(stores: Stores) -> OpenCall:
    await stores.repo.add_session(a_session())
    response = await stores.repo.add_response(replace(a_response(), name="Zo\0ë"))
    return OpenCall(await stores.repo.find_session("s1"), response, (), UNOPENED)


async def fence_of(stores: Stores) -> int:
    return int(await stores.pool.fetchval("SELECT fence FROM mock_interview_responses"))


def test_the_first_write_opens_the_call_and_the_next_one_does_not_again(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        owned = Ownership(stores.calls, await expected_call(stores))
        assert await fence_of(stores) == UNOPENED, "not before it is asked for"
        fence = await owned.fence()
        assert fence > 0
        await stores.calls.save_call("call1", fence, HELLO)
        assert await owned.fence() == fence == await fence_of(stores)
        assert (await stores.repo.response_by_call("call1")).status == "in_progress"

    with_stores(dsn, work)


def test_a_call_that_was_found_in_the_database_has_its_token(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        await expected_call(stores)
        opened = await stores.calls.open_call("call1")
        assert await Ownership(stores.calls, opened).fence() == opened.fence == await fence_of(stores)

    with_stores(dsn, work)


def test_who_opened_it_meanwhile_keeps_it(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        owned = Ownership(stores.calls, await expected_call(stores))
        other = await stores.calls.open_call("call1")
        for _ in range(2):
            with pytest.raises(Fenced):
                await owned.fence()
        await stores.calls.save_call("call1", other.fence, HELLO)

    with_stores(dsn, work)


CHANGES = {
    "cancelled": "UPDATE mock_interview_sessions SET status = 'cancelled'",
    "over": "UPDATE mock_interview_responses SET is_ended = true",
    "gone": "DELETE FROM mock_interview_responses",
    "another question": "UPDATE mock_interview_questions SET text = 'Why?' WHERE id = 'q2'",
    "a question less": "DELETE FROM mock_interview_questions WHERE id = 'q2'",
    "other wishes": "UPDATE mock_interview_sessions SET wishes = wishes || '{\"duration_s\": 600}'",
    "another name": "UPDATE mock_interview_responses SET name = 'Bea'",
    "words": "INSERT INTO mock_interview_utterances (call_id, turn, speaker, text)"
    " VALUES ('call1', 0, 'interviewer', 'Hello.')",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_call_that_is_not_what_it_was_is_refused_for_good(dsn: str, change: str) -> None:
    async def work(stores: Stores) -> None:
        owned = Ownership(stores.calls, await expected_call(stores))
        await stores.pool.execute(change)
        for _ in range(2):
            with pytest.raises(Fenced):
                await owned.fence()

    with_stores(dsn, work)


@pytest.mark.parametrize("meanwhile", [False, True], ids=["alone", "begun elsewhere"])
def test_an_opening_whose_answer_got_lost_is_this_calls_own(dsn: str, meanwhile: bool) -> None:
    async def work(stores: Stores) -> None:
        owned = Ownership(LostAnswers(stores.pool), await expected_call(stores))
        with pytest.raises(StorageDown):
            await owned.fence()
        if meanwhile:
            other = await stores.calls.open_call("call1")
            await stores.calls.save_call("call1", other.fence, HELLO)
            with pytest.raises(Fenced):
                await owned.fence()
        else:
            await stores.calls.save_call("call1", await owned.fence(), HELLO)

    with_stores(dsn, work)


def test_the_first_of_many_openers_is_the_only_one(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        await expected_call(stores)
        opening = (stores.calls.open_call("call1", first=True) for _ in range(8))
        opened: list[Any] = await asyncio.gather(*opening, return_exceptions=True)
        assert sorted(type(one).__name__ for one in opened) == [*["Fenced"] * 7, "OpenCall"]

    with_stores(dsn, work)


def test_questions_that_many_interviews_ask_are_held_once(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        for number in (1, 2):
            await stores.repo.add_session(a_session(number))
            await stores.repo.add_response(a_response(number, session=number))
        one, two = await stores.repo.find_session("s1"), await stores.repo.find_session("s2")
        opened = (await stores.calls.open_call("call1")).stored
        for questions in (two.session.questions, opened.session.questions):
            assert list(map(id, questions)) == list(map(id, one.session.questions))
        assert one.session.questions == a_session().session.questions

    with_stores(dsn, work)

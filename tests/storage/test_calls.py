from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from interview.events import Speaker
from interview.model import Move, SessionStatus
from storage.ports import CallChanges, Closed, Fenced, NotFound, StoredAnswer, StoredUtterance
from tests.storage.samples import FOLLOW_UP, NOON, Stores, a_response, a_session, with_stores

pytestmark = pytest.mark.postgres

HELLO = StoredUtterance(0, Speaker.INTERVIEWER, "Hello.", persona="hr", question_id="q1")
ASKED = StoredUtterance(1, Speaker.INTERVIEWER, "A conflict?", persona="hr", question_id="q2")
SAID = StoredUtterance(1, Speaker.CANDIDATE, "I am Ada.", question_id="q1")
ANSWER = StoredAnswer(1, "q1", "I am Ada.", duration_ms=900)
CHANGES = CallChanges(
    {"stage": "intro", "asked": ["q1"]},
    utterances=[HELLO, ASKED, SAID],
    answers=[ANSWER],
    follow_ups=[FOLLOW_UP],
)


async def registered(stores: Stores, calls: int = 1) -> None:
    await stores.repo.add_session(a_session())
    for number in range(1, calls + 1):
        await stores.repo.add_response(a_response(number))


def test_opening_starts_run_and_session_and_raises_the_fence(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        await registered(stores)
        first = await stores.calls.open_call("call1")
        assert first.fence > 0
        assert first.response.status == "in_progress"
        assert first.stored.session == a_session().session.move(Move.START)
        assert await stores.repo.find_session("s1") == first.stored
        again = await stores.calls.open_call("call1")
        assert again.fence > first.fence
        assert again.stored == first.stored
        with pytest.raises(NotFound):
            await stores.calls.open_call("call9")

    with_stores(dsn, work)


def test_each_of_many_openers_gets_its_own_fence(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        await registered(stores)
        opened = await asyncio.gather(*(stores.calls.open_call("call1") for _ in range(8)))
        assert len({call.fence for call in opened}) == 8

    with_stores(dsn, work)


def test_what_was_saved_is_there_for_the_next_owner(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        await registered(stores)
        call = await stores.calls.open_call("call1")
        for _ in range(2):
            await stores.calls.save_call("call1", call.fence, CHANGES)
            assert await stores.repo.utterances_of("call1") == [HELLO, SAID, ASKED]
            assert await stores.repo.answers_of("call1") == [ANSWER]
            assert await stores.repo.follow_ups_of("call1") == [FOLLOW_UP]
        resumed = await stores.calls.open_call("call1")
        assert resumed.utterances == (HELLO, SAID, ASKED)
        assert resumed.follow_ups == (FOLLOW_UP,)
        assert resumed.response.progress == CHANGES.progress
        assert FOLLOW_UP not in resumed.stored.session.questions

    with_stores(dsn, work)


def test_later_words_overwrite_and_unheard_ones_go(dsn: str) -> None:
    heard, better = replace(ASKED, text="A con—"), replace(ANSWER, text="I am Ada L.")

    async def work(stores: Stores) -> None:
        await registered(stores)
        call = await stores.calls.open_call("call1")
        await stores.calls.save_call("call1", call.fence, CHANGES)
        changes = CallChanges(
            {"n": 2},
            utterances=[ASKED, heard],
            answers=[better],
            removed=[(0, Speaker.INTERVIEWER), (1, Speaker.INTERVIEWER), (7, Speaker.CANDIDATE)],
        )
        await stores.calls.save_call("call1", call.fence, changes)
        assert await stores.repo.utterances_of("call1") == [SAID, heard]
        assert await stores.repo.answers_of("call1") == [better]

    with_stores(dsn, work)


def test_follow_ups_belong_to_their_call_and_keep_their_order(dsn: str) -> None:
    second = replace(FOLLOW_UP, id="q1.f1", text="Why?")

    async def work(stores: Stores) -> None:
        await registered(stores, calls=2)
        fences = {name: (await stores.calls.open_call(name)).fence for name in ("call1", "call2")}
        for name, fence in fences.items():
            await stores.calls.save_call(name, fence, CallChanges({}, follow_ups=[FOLLOW_UP]))
        await stores.calls.save_call("call2", fences["call2"], CallChanges({}, follow_ups=[second]))
        assert await stores.repo.follow_ups_of("call1") == [FOLLOW_UP]
        assert await stores.repo.follow_ups_of("call2") == [FOLLOW_UP, second]

    with_stores(dsn, work)


def test_an_older_owner_writes_nothing(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        await registered(stores)
        old = await stores.calls.open_call("call1")
        await stores.calls.open_call("call1")
        with pytest.raises(Fenced):
            await stores.calls.save_call("call1", old.fence, CHANGES)
        with pytest.raises(Fenced):
            await stores.calls.end_call("call1", old.fence, status="completed", reason="finished", at=NOON)
        assert await stores.repo.utterances_of("call1") == []
        assert await stores.repo.follow_ups_of("call1") == []
        assert not (await stores.repo.response_by_call("call1")).is_ended
        with pytest.raises(NotFound):
            await stores.calls.save_call("call9", 1, CHANGES)
        with pytest.raises(NotFound):
            await stores.calls.end_call("call9", 1, status="completed", reason="finished", at=NOON)

    with_stores(dsn, work)


@pytest.mark.parametrize(
    ("status", "ended"),
    [("completed", True), ("cancelled", True), ("abandoned", True), ("interrupted", False)],
)
def test_ending_closes_the_run_and_moves_the_session(dsn: str, status: str, ended: bool) -> None:
    async def work(stores: Stores) -> None:
        await registered(stores)
        call = await stores.calls.open_call("call1")
        for _ in range(2):
            await stores.calls.end_call("call1", call.fence, status=status, reason="why", at=NOON)
        run = await stores.repo.response_by_call("call1")
        assert (run.status, run.is_ended, run.end_reason, run.ended_at) == (status, ended, "why", NOON)
        assert (await stores.repo.find_session("s1")).session.status == status
        if ended:
            with pytest.raises(Closed):
                await stores.calls.open_call("call1")
        else:
            resumed = await stores.calls.open_call("call1")
            assert resumed.stored.session.status is SessionStatus.IN_PROGRESS
            assert (resumed.response.end_reason, resumed.response.ended_at) == (None, None)

    with_stores(dsn, work)


def test_a_finished_run_stays_as_it_ended(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        await registered(stores)
        call = await stores.calls.open_call("call1")
        await stores.calls.end_call("call1", call.fence, status="completed", reason="finished", at=NOON)
        await stores.calls.end_call("call1", call.fence, status="interrupted", reason="line_lost", at=NOON)
        assert (await stores.repo.response_by_call("call1")).end_reason == "finished"
        assert (await stores.repo.find_session("s1")).session.status is SessionStatus.COMPLETED

    with_stores(dsn, work)


def test_a_cancelled_interview_opens_no_call_but_lets_one_end(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        await registered(stores, calls=2)
        call = await stores.calls.open_call("call1")
        await stores.repo.save_session(call.stored.session.move(Move.CANCEL))
        with pytest.raises(Closed, match="cancelled"):
            await stores.calls.open_call("call2")
        assert (await stores.repo.response_by_call("call2")).status == "created"
        await stores.calls.end_call("call1", call.fence, status="completed", reason="finished", at=NOON)
        assert (await stores.repo.response_by_call("call1")).is_ended
        assert (await stores.repo.find_session("s1")).session.status is SessionStatus.CANCELLED

    with_stores(dsn, work)


def test_another_guest_may_still_call_after_one_has_completed(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        await registered(stores, calls=2)
        call = await stores.calls.open_call("call1")
        await stores.calls.end_call("call1", call.fence, status="completed", reason="finished", at=NOON)
        guest = await stores.calls.open_call("call2")
        assert guest.response.status == "in_progress"
        assert guest.stored.session.status is SessionStatus.COMPLETED

    with_stores(dsn, work)


def test_a_call_cannot_end_as_something_that_goes_on(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        with pytest.raises(ValueError, match="paused"):
            await stores.calls.end_call("call1", 1, status="paused", reason="r", at=NOON)

    with_stores(dsn, work, seeded=False)

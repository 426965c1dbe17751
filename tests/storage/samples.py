"""Sessions and responses to store, and a way to run a coroutine on a fresh pool."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from interview.model import Block, InterviewSession, Question, QuestionType, Scenario, Sliders, Wishes
from storage.calls import PostgresCalls
from storage.ports import StoredResponse, StoredSession
from storage.postgres import PostgresRepository
from storage.seed import seed_interviewers
from storage.wire import open_pool

T = TypeVar("T")
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)

WISHES = Wishes(
    role="backend engineer",
    scenario=Scenario.PANEL,
    blocks=(Block.BEHAVIORAL, Block.COMMUNICATION),
    stack=("python", "postgresql"),
    sliders=Sliders(rapport=9, speed=2),
    goals="Größe “quoted” \\ and 漢字",
)
OPENER = Question("q1", "Tell me about you.", QuestionType.OPENER, None, "hr", looks_for=("clarity",))
MIDDLE = Question(
    "q2", "A conflict?", QuestionType.BEHAVIORAL, Block.BEHAVIORAL, "hr", competencies=("team",)
)
CLOSING = Question("q3", "Any questions?", QuestionType.CLOSING, None, "hr")
FOLLOW_UP = Question(
    "q2.f1", "And then?", QuestionType.FOLLOW_UP, Block.BEHAVIORAL, "hr", parent_id="q2", reason="no result"
)


def a_session(number: int = 1, *, candidate: str = "ada", key: str | None = None) -> StoredSession:
    return StoredSession(
        session=InterviewSession(f"s{number}", candidate, WISHES, (OPENER, MIDDLE, CLOSING)),
        link_id=f"link{number}",
        slug=f"slug-{number}",
        name="Practice",
        interviewer_id="maya",
        created_at=NOON + timedelta(minutes=number),
        metadata={"from": ["web", 1, None]},
        idempotency_key=key,
    )


def a_response(number: int = 1, *, session: int = 1, email: str = "") -> StoredResponse:
    return StoredResponse(
        id=f"r{number}",
        session_id=f"s{session}",
        call_id=f"call{number}",
        transport="realtime",
        email=email,
        name="Guest",
        created_at=NOON + timedelta(minutes=number),
    )


class Stores:
    def __init__(self, pool: Any) -> None:
        self.pool = pool
        self.repo = PostgresRepository(pool)
        self.calls = PostgresCalls(pool)


def with_stores(dsn: str, work: Callable[[Stores], Awaitable[T]], *, seeded: bool = True) -> T:
    """Run ``work`` on a pool of its own, with the default interviewers in place."""

    async def main() -> T:
        pool = await open_pool(dsn, max_size=4)
        try:
            stores = Stores(pool)
            if seeded:
                await seed_interviewers(stores.repo)
            return await work(stores)
        finally:
            await pool.close()

    return asyncio.run(main())

"""The real app behind an HTTP client, with a stand-in for Retell's REST side."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from agents.llm import LLM
from server.app import Viva, open_viva
from server.callbook import Found
from server.realtime_turns import Voice
from server.settings import Settings
from tests.fakes.retell_api import FakeRetellApi

GUARD_S = 30.0
"""A test that hangs fails after this."""
ROOT = "/v1/candidates/mock-ai-interview"
PUBLIC = "https://viva.example"
KEY = "key_very_secret_0001"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    json: Any
    text: str

    def problem(self) -> tuple[int, str]:
        """Status and code of a problem document; fails when the answer is none."""
        assert self.headers["Content-Type"].startswith("application/problem+json"), self.text
        assert self.json["status"] == self.status
        assert self.json["type"] == f"urn:viva:problem:{self.json['code']}"
        assert self.json["title"]
        return self.status, self.json["code"]


@dataclass
class Rest:
    viva: Viva
    client: TestClient[Any, Any]
    retell: FakeRetellApi

    async def ask(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        raw: bytes | io.BytesIO | None = None,
        **headers: str,
    ) -> Answer:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        more: dict[str, Any] = (
            {"data": raw} if raw is not None else {"json": json} if json is not None else {}
        )
        async with self.client.request(method, path, headers=names, **more) as got:
            text = await got.text()
            is_json = "json" in got.headers.get("Content-Type", "")
            return Answer(
                got.status, dict(got.headers), await got.json(content_type=None) if is_json else None, text
            )

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.ask("GET", path, None, raw=None, **headers)

    async def post(
        self, path: str, json: Any = None, *, raw: bytes | io.BytesIO | None = None, **headers: str
    ) -> Answer:
        return await self.ask("POST", path, {} if json is None else json, raw=raw, **headers)

    async def create(self, **wishes: Any) -> str:
        """The id of a new interview."""
        made = await self.post(ROOT, {"role": "Backend Developer"} | wishes)
        assert made.status == 201, made.text
        return str(made.json["sessionId"])

    async def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.viva.pool.fetch(sql, *values)]


async def no_voice(_: Found) -> Voice:
    raise AssertionError("this test holds no call on our own line")


@asynccontextmanager
async def app_at(dsn: str, *, llm: LLM | None = None, **more: Any) -> AsyncIterator[Rest]:
    """A fresh app; ``more`` are settings."""
    async with FakeRetellApi(KEY) as retell:
        given: dict[str, Any] = {
            "database_url": dsn,
            "public_url": PUBLIC,
            "retell_api_key": KEY,
            "retell_base_url": retell.url,
            "retell_agent_id": "agent_default",
        }
        async with (
            open_viva(Settings(**given | more), llm=llm, voice=no_voice) as viva,
            TestClient(TestServer(viva.app)) as client,
        ):
            yield Rest(viva, client, retell)


def serve(dsn: str, act: Callable[[Rest], Awaitable[None]], *, llm: LLM | None = None, **more: Any) -> None:
    """Run ``act`` against a fresh app."""

    async def work() -> None:
        async with asyncio.timeout(GUARD_S), app_at(dsn, llm=llm, **more) as rest:
            await act(rest)

    asyncio.run(work())

"""The real server on a real socket, with a scripted model behind it and Retell's part in front."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import aiohttp
import uvloop

from agents.interviewer import Patience
from server.app import Viva, serving
from server.callbook import Found
from server.realtime_turns import Voice
from server.settings import Settings
from server.simulate.retell import RetellSimulator
from tests.fakes.llm import ScriptedLLM
from tests.fakes.rest import no_voice
from tests.fakes.retell_api import FakeRetellApi

GUARD_S = 30.0
"""A test that hangs fails after this."""
Frame = dict[str, Any]


class RawSocket:
    """A socket that does nothing by itself, for cases in which every frame counts."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.frames: list[Frame] = []

    async def send(self, **event: Any) -> None:
        await self.ws.send_str(json.dumps(event))

    async def ask(self, turn: int, *said: tuple[str, str], kind: str = "response_required") -> None:
        items = [{"role": role, "content": text} for role, text in said]
        await self.send(interaction_type=kind, response_id=turn, transcript=items)

    async def next(self) -> Frame:
        message = await self.ws.receive()
        assert message.type is aiohttp.WSMsgType.TEXT, message
        frame: Frame = json.loads(message.data)
        self.frames.append(frame)
        return frame

    async def until_pong(self, stamp: int) -> list[Frame]:
        """All frames up to the echo of ``stamp``: what the server had to say before it read the ping."""
        await self.send(interaction_type="ping_pong", timestamp=stamp)
        found: list[Frame] = []
        while (frame := await self.next()) != {"response_type": "ping_pong", "timestamp": stamp}:
            found.append(frame)
        return found

    async def complete(self, turn: int) -> list[Frame]:
        """The frames of ``turn`` up to its last."""
        found: list[Frame] = []
        while not (found and found[-1]["content_complete"]):
            frame = await self.next()
            if frame.get("response_id") == turn:
                found.append(frame)
        return found

    async def closed(self) -> int:
        """Read to the end; the close code, 1006 for a cut connection."""
        while True:
            message = await self.ws.receive()
            if message.type is aiohttp.WSMsgType.CLOSE:
                return int(message.data)
            if message.type in (
                aiohttp.WSMsgType.CLOSED,
                aiohttp.WSMsgType.CLOSING,
                aiohttp.WSMsgType.ERROR,
            ):
                return 1006

    def abort(self) -> None:
        connection = self.ws._response.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()


@dataclass
class World:
    viva: Viva
    llm: ScriptedLLM
    http: aiohttp.ClientSession

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.viva.port}"

    @property
    def url(self) -> str:
        return f"{self.base}/llm-websocket"

    def call(self, call_id: str = "call_1", **more: Any) -> RetellSimulator:
        return RetellSimulator(self.url, call_id, **more)

    @asynccontextmanager
    async def raw(self, call_id: str = "call_1", url: str | None = None) -> AsyncIterator[RawSocket]:
        async with self.http.ws_connect(
            url or f"{self.url}/{call_id}", autoclose=False, max_msg_size=0
        ) as ws:
            yield RawSocket(ws)

    async def gone(self, call_id: str = "call_1") -> None:
        """Wait until the call has left the registry."""
        while call_id in self.viva.registry:
            await asyncio.wait({self.viva.registry._tasks[call_id]})
            await asyncio.sleep(0)

    async def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.viva.pool.fetch(sql, *values)]


Act = Callable[[World], Awaitable[None]]


def hold(
    dsn: str,
    act: Act,
    *,
    llm: Callable[[], ScriptedLLM] = ScriptedLLM,
    patience: Patience | None = None,
    voice: Callable[[Found], Awaitable[Voice]] | None = None,
    retell: FakeRetellApi | None = None,
    **more: Any,
) -> None:
    """Run ``act`` against a fresh server; afterwards nothing may be left running."""

    async def work() -> None:
        async with asyncio.timeout(GUARD_S), retell or nullcontext():
            given: dict[str, Any] = {"database_url": dsn, "port": 0, "drain_s": 0.0}
            if retell is not None:
                given |= retell.settings
            settings = Settings(**given | more)
            model = llm()
            async with (
                serving(
                    settings, llm=model, patience=patience or Patience(), voice=voice or no_voice
                ) as viva,
                aiohttp.ClientSession() as http,
            ):
                await act(World(viva, model, http))
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, left
            assert model.live == 0

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())

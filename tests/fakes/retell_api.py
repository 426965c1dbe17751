"""A stand-in for Retell's REST side: create-web-call (v3) and get-call (v2) on a free port."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

from aiohttp import web


class FakeRetellApi:
    """``async with FakeRetellApi() as fake``; ``fake.url`` is the base URL.

    ``script`` lists what the next requests get: a status (503, 429, 402 …), ``"hang"`` (no answer until the
    fake stops), ``"garbage"`` (200 without the fields); when it is empty, requests succeed.
    ``attempts`` counts every request, ``bodies`` keeps what was posted, ``calls`` has what get-call returns.
    ``sounds`` has what ``/recordings/NAME`` gives: the file, a status, or where it sends on to.
    """

    def __init__(self, api_key: str = "key_fake") -> None:
        self.api_key = api_key
        self.script: list[int | str] = []
        self.attempts = 0
        self.bodies: list[dict[str, Any]] = []
        self.calls: dict[str, dict[str, Any]] = {}
        self.sounds: dict[str, bytes | int | str] = {}
        self.fetched: list[str] = []
        self.url = ""
        self._stopping = asyncio.Event()
        self._runner: web.AppRunner | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """What a server must be told to make its calls here."""
        return {
            "retell_api_key": self.api_key,
            "retell_base_url": self.url,
            "retell_agent_id": "agent_default",
        }

    async def __aenter__(self) -> FakeRetellApi:
        app = web.Application()
        app.router.add_post("/v3/create-web-call", self._create)
        app.router.add_get("/v2/get-call/{call_id}", self._get)
        app.router.add_get("/recordings/{name}", self._sound)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _refusal(self, request: web.Request) -> web.Response | None:
        self.attempts += 1
        if request.headers.get("Authorization") != f"Bearer {self.api_key}":
            return web.json_response({"status": "error", "message": "Invalid API key"}, status=401)
        if not self.script:
            return None
        step = self.script.pop(0)
        if step == "hang":
            await self._stopping.wait()
            return web.Response(status=503)
        if step == "garbage":
            return web.json_response({"hello": "there"})
        message = f"scripted, key was {self.api_key}"
        return web.json_response({"status": "error", "message": message}, status=int(step))

    async def _create(self, request: web.Request) -> web.Response:
        refusal = await self._refusal(request)
        if refusal is not None:
            return refusal
        body = await request.json()
        self.bodies.append(body)
        call_id = f"call_{len(self.bodies):04d}"
        self.calls[call_id] = {
            "call_id": call_id,
            "call_type": "web_call",
            "call_status": "registered",
            "agent_id": body["agent_id"],
            "agent_version": 0,
            "access_token": "token-of-the-call",
            "metadata": body.get("metadata", {}),
        }
        answer = {
            "call_id": call_id,
            "access_token": "token-of-the-call",
            "transport": "gateway",
            "ice_servers": [{"urls": ["stun:stun.example.org:3478"]}],
            "expires_at": 1_790_000_000_000,
        }
        return web.json_response(answer, status=201)

    async def _get(self, request: web.Request) -> web.Response:
        refusal = await self._refusal(request)
        if refusal is not None:
            return refusal
        call = self.calls.get(request.match_info["call_id"])
        if call is None:
            return web.json_response({"status": "error", "message": "Not found"}, status=404)
        return web.json_response(call)

    async def _sound(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        self.fetched.append(name)
        found = self.sounds.get(name, 404)
        if isinstance(found, bytes):
            return web.Response(body=found, content_type="audio/wav")
        if isinstance(found, str):
            return web.Response(status=302, headers={"Location": found})
        return web.Response(status=found)

"""Whether the server lives, is ready and what it counts, for whoever runs it; and who hears and speaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from agents.llm import LLM
from server.metrics import Metrics
from server.registry import CallRegistry
from server.voice import Engine
from storage.wire import Pool

DATABASE_S: Final = 2.0
"""A database that has not answered by then counts as unreachable."""

log = structlog.get_logger("viva.health")


def health_routes(
    pool: Pool, llm: LLM, registry: CallRegistry, metrics: Metrics, engines: Callable[[], dict[str, Engine]]
) -> list[web.RouteDef]:
    """``engines`` gives who hears, speaks and thinks now, by part."""

    async def alive(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(_: web.Request) -> web.Response:
        state: dict[str, Any] = {"database": "ok", "llm": llm.model, "liveCalls": len(registry)}
        status = 200
        if registry.draining:
            state["status"], status = "draining", 503
        else:
            try:
                async with asyncio.timeout(DATABASE_S):
                    await pool.fetchval("SELECT 1")
            except Exception as trouble:  # whatever it is, the answer is the same
                log.warning("database is not reachable", why=type(trouble).__name__)
                state["database"], status = "unreachable", 503
        return web.json_response(
            {"status": "ready" if status == 200 else "unavailable"} | state, status=status
        )

    async def numbers(_: web.Request) -> web.Response:
        text = generate_latest(metrics.registry)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def who(_: web.Request) -> web.Response:
        return web.json_response({part: asdict(engine) for part, engine in engines().items()})

    return [
        web.get("/v1/engines", who),
        web.get("/healthz", alive),
        web.get("/readyz", ready),
        web.get("/metrics", numbers),
    ]

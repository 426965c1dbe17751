"""The worker's composition: what runs jobs is made here, in order, and taken down in reverse."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import aiohttp
import structlog
from yarl import URL

from agents.coach import CoachAgent
from agents.evaluator import EvaluatorAgent
from agents.llm import LLM
from agents.prompts import preload_prompts
from interview.rubric import parse_rubrics
from server.aftermath import Aftermath
from server.clients import build_retell, utc_now
from server.providers import build_llm
from server.recordings import Recordings
from server.retell_api import RetellApi
from server.retell_recording import RetellRecordings
from server.settings import Settings
from server.worker import build_aftermath, build_reviews, working
from storage.jobs import RECORDING
from storage.objects import ObjectStore, open_objects
from storage.question_files import read_rubric_file
from storage.wire import Pool

log = structlog.get_logger("viva.worker")


@asynccontextmanager
async def open_worker(settings: Settings, dsn: str) -> AsyncIterator[None]:
    """A worker with clients of its own, on the database ``dsn``.

    Raises:
        StorageError: the database cannot be reached.
    """
    async with AsyncExitStack() as stack:
        await asyncio.to_thread(preload_prompts)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        llm = build_llm(
            settings,
            session,
            time.monotonic,
            lambda adapter, why: log.warning("another model is asked instead", adapter=adapter, why=why),
        )
        stack.push_async_callback(llm.aclose)
        retell = build_retell(settings)
        if retell is not None:
            stack.push_async_callback(retell.aclose)
        objects = await asyncio.to_thread(open_objects, settings.object_store, settings.s3_endpoint)
        await stack.enter_async_context(working(dsn, await _aftermath(settings, llm, retell, objects)))
        yield


async def _aftermath(
    settings: Settings, llm: LLM, retell: RetellApi | None, objects: ObjectStore
) -> Callable[[Pool], Aftermath]:
    rubrics = parse_rubrics(await asyncio.to_thread(read_rubric_file))
    evaluator, coach = EvaluatorAgent(llm, rubrics), CoachAgent(llm)

    def build(pool: Pool) -> Aftermath:
        reviews = build_reviews(pool, llm, evaluator, coach, utc_now)
        aftermath = build_aftermath(pool, llm, evaluator, coach, retell, utc_now)
        also = reviews.handlers()
        if retell is not None:
            sound = RetellRecordings(
                aftermath.runs,
                retell,
                Recordings(settings.data_dir / "recordings", objects),
                settings.data_dir / "fetching",
                URL(settings.retell_base_url) if settings.retell_base_url else None,
            )
            also[RECORDING] = sound.fetch
        return replace(aftermath, also=also)

    return build

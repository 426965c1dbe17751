"""The composition root: everything is made here, in order, and taken down in reverse."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final

import aiohttp
import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from yarl import URL

from agents.analyst import AnalystAgent
from agents.coach import CoachAgent
from agents.evaluator import EvaluatorAgent
from agents.interviewer import InterviewerAgent, Patience
from agents.llm import LLM, LlmError
from agents.llm_offline import OfflineLLM
from agents.prompts import preload_prompts
from agents.question_writer import QuestionWriter
from interview.bank import QuestionBank, parse_bank
from interview.rubric import parse_rubrics
from server.aftermath import Aftermath
from server.analytics import AnalyticsService
from server.api_reference import OPERATIONS
from server.audio_links import AudioLinks
from server.auth import auth_middleware
from server.callbook import GUEST, CallBook, Found
from server.findings import EvaluateService, FeedbackService
from server.interviewers import AgentInterviewerService, OwnLine
from server.interviews import MockInterviewService, ResponseService
from server.limits import RateLimit
from server.load import LoopLag, watching
from server.metrics import Metrics
from server.openapi import openapi_routes
from server.pages import lost_middleware, page_routes, read_pages
from server.problems import problems
from server.providers import build_llm, note_of
from server.realtime_turns import Voice
from server.realtime_ws import RealtimeEndpoint
from server.recordings import Recordings
from server.registry import CallRegistry
from server.rest import LOCAL_CANDIDATE, Rest
from server.rest_audio import AudioRest
from server.rest_calls import CallRest
from server.rest_scorecard import ScorecardRest
from server.retell_api import RetellApi
from server.retell_recording import RetellRecordings
from server.retell_ws import RetellEndpoint
from server.settings import Settings, public_url
from server.tokens import READ, READ_S, CallTokens
from server.voice import Engine, is_recorded, open_voice
from server.webhook import RetellWebhook
from server.worker import build_aftermath, build_reviews, working
from server.worker_process import worker_process
from storage.calls import PostgresCalls
from storage.embedded import EmbeddedPostgres
from storage.jobs import RECORDING, PostgresJobs, preload_queue
from storage.leases import MemoryLeases
from storage.migrate import migrate
from storage.objects import ObjectStore, open_objects
from storage.ports import Leases, Rates, StoredSession
from storage.postgres import PostgresRepository
from storage.question_files import read_bank_files, read_rubric_file
from storage.rates import MemoryRates
from storage.results import PostgresResults
from storage.runs import PostgresRuns
from storage.score_news import following
from storage.seed import seed_interviewers
from storage.wire import Pool, open_pool

log = structlog.get_logger("viva.app")

MAX_BODY: Final = 2 * 1024 * 1024
ANALYSES: Final = 20
"""How often a minute one person may ask for an analysis on the spot."""


@dataclass(slots=True)
class Viva:
    """A server that is ready to be bound: its routes, and what the parts need of each other."""

    settings: Settings
    app: web.Application
    registry: CallRegistry
    pool: Pool
    llm: LLM
    port: int = 0
    engines: Callable[[], dict[str, Engine]] = dict

    def named_engines(self) -> dict[str, str]:
        """Who hears, speaks and thinks now, by part."""
        return {part: engine.name for part, engine in self.every_engine().items()}

    def every_engine(self) -> dict[str, Engine]:
        return self.engines() | {"llm": Engine(self.llm.model, note_of(self.llm))}

    def public_url(self) -> str:
        return public_url(self.settings, self.port or self.settings.port)


@asynccontextmanager
async def open_viva(
    settings: Settings,
    *,
    llm: LLM | None = None,
    patience: Patience | None = None,
    voice: Callable[[Found], Awaitable[Voice]] | None = None,
) -> AsyncIterator[Viva]:
    """Open database, models and services; close them again in reverse order.

    ``llm`` replaces the chain of the settings, ``patience`` how long the interviewer waits for it.
    ``voice`` makes the ears and the mouth of a call on our own line, in place of the engines of the settings.

    Raises:
        StorageError: the database cannot be reached, or the data directory is in use.
    """
    async with AsyncExitStack() as stack:
        if settings.database_url is not None:
            dsn = settings.database_url
        else:
            dsn = await stack.enter_async_context(EmbeddedPostgres(settings.data_dir))
            await migrate(dsn)
        bank = await asyncio.to_thread(_read_bank)
        await asyncio.to_thread(preload_prompts)
        await asyncio.to_thread(preload_queue)
        pool = await open_pool(dsn)
        stack.push_async_callback(pool.close)
        repo, calls = PostgresRepository(pool), PostgresCalls(pool)
        await seed_interviewers(repo)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        leases = await _leases(settings)
        stack.push_async_callback(leases.aclose)
        rates = await _rates(settings)
        stack.push_async_callback(rates.aclose)
        limit = RateLimit(ANALYSES, 60.0, rates, MemoryRates(time.monotonic))
        registry = CallRegistry()
        metrics = Metrics(lambda: len(registry))

        def on_fallback(adapter: str, why: str) -> None:
            metrics.llm_trouble.labels("fallback").inc()
            log.warning("another model is asked instead", adapter=adapter, why=why)

        def on_trouble(trouble: LlmError) -> None:
            metrics.llm_trouble.labels(type(trouble).__name__).inc()
            log.warning("model request failed", adapter=trouble.adapter, why=trouble.why)

        if llm is None:
            llm = build_llm(settings, session, time.monotonic, on_fallback)
            stack.push_async_callback(llm.aclose)
        retell = _retell(settings)
        if retell is not None:
            stack.push_async_callback(retell.aclose)
        secret = settings.secret or secrets.token_urlsafe(32)
        readers, links = CallTokens(secret, time.time, READ), AudioLinks(secret, time.time)
        pages = await asyncio.to_thread(read_pages)
        app = web.Application(
            client_max_size=MAX_BODY,
            middlewares=[problems, lost_middleware(pages), auth_middleware(settings, time.time, readers)],
        )
        viva = Viva(settings, app, registry, pool, llm)
        writer = None if isinstance(llm, OfflineLLM) else QuestionWriter(llm)
        interviews = MockInterviewService(repo, bank, writer, _now, viva.public_url)
        responses = ResponseService(repo, _now)
        objects = await asyncio.to_thread(open_objects, settings.object_store, settings.s3_endpoint)
        if voice is None:
            fixed = (question.text for question in bank)
            engines = await stack.enter_async_context(open_voice(settings, session, objects, fixed))
            voice, viva.engines, recordings = engines.voice, engines.names, engines.recordings
        else:
            recordings = Recordings(settings.data_dir / "recordings", objects)
        lag = LoopLag(settings.max_lag_s, metrics.lag)
        await stack.enter_async_context(watching(lag))
        tokens = CallTokens(secret, time.time)
        own_line = OwnLine(tokens, viva.public_url, lag.refusal)

        def scorecard_url(stored: StoredSession, call_id: str) -> str:
            # What follows the # stays in the browser: no log and no referrer sees it.
            return f"{interviews.scorecard_link(stored, call_id)}#access={readers.issue(call_id, READ_S)[0]}"

        agents = AgentInterviewerService(
            repo, interviews, responses, retell, settings.retell_agent_id, own_line, scorecard_url
        )
        book = CallBook(
            calls=calls,
            interviews=interviews,
            responses=responses,
            interviewer=InterviewerAgent(llm, patience or Patience(), on_trouble),
            registry=registry,
            metrics=metrics,
            clock=_now,
            unknown_calls=settings.retell_unknown_calls,
            leases=leases,
            owner=f"{socket.gethostname()}:{os.getpid()}",
            cue=CoachAgent(llm).cue,
            shows_scores="realtime_scoring" in settings.flags,
            host=LOCAL_CANDIDATE if settings.auth == "local" else GUEST,
        )
        if book.shows_scores:
            await stack.enter_async_context(
                following(dsn, lambda news: book.scored(news.call_id, news.question_id, news.overall))
            )
        endpoint = RetellEndpoint(registry, book.find_retell, settings.retell_ws_secret)
        results, runs = PostgresResults(pool), PostgresRuns(pool)
        rest = Rest(interviews, agents, EvaluateService(results), FeedbackService(results))
        after = CallRest(
            runs,
            PostgresJobs(pool),
            repo,
            AnalyticsService(AnalystAgent(llm), repo, results),
            _now,
            limit,
        )
        webhook = RetellWebhook(settings.retell_api_key, runs, repo, _now)
        sound = AudioRest(interviews, responses, recordings, links)
        judge = EvaluatorAgent(llm, parse_rubrics(await asyncio.to_thread(read_rubric_file)))
        cards = ScorecardRest(
            interviews,
            build_reviews(pool, llm, judge, CoachAgent(llm), _now),
            limit,
            links,
        )
        for part in (rest, after, webhook, sound, cards):
            app.router.add_routes(part.routes())
        app.router.add_get("/llm-websocket/{secret}/{call_id}", endpoint.handle)
        app.router.add_get("/llm-websocket/{secret}/{call_id}/", endpoint.handle)
        app.router.add_get("/llm-websocket/{call_id}", endpoint.handle)
        app.router.add_get("/llm-websocket/{call_id}/", endpoint.handle)
        realtime = RealtimeEndpoint(
            registry,
            book.find_realtime,
            tokens,
            voice,
            scorecard_url=lambda found: scorecard_url(found.stored, found.response.call_id),
            recording=is_recorded,
            engines=viva.named_engines,
            refuse=lag.refusal,
        )
        app.router.add_get("/v1/realtime", realtime.handle)
        app.router.add_routes(page_routes(pages, interviews))
        app.router.add_routes(openapi_routes(OPERATIONS, await asyncio.to_thread(version, "viva")))
        _health(viva, metrics)
        if settings.database_url is None:
            # Nobody else knows of this database, so its worker is ours.
            await stack.enter_async_context(worker_process(settings, dsn))
        yield viva


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
        retell = _retell(settings)
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
        reviews = build_reviews(pool, llm, evaluator, coach, _now)
        aftermath = build_aftermath(pool, llm, evaluator, coach, retell, _now)
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


async def _leases(settings: Settings) -> Leases:
    if settings.redis_url is None:
        return MemoryLeases(time.monotonic)
    return await asyncio.to_thread(_redis_leases, settings.redis_url)


async def _rates(settings: Settings) -> Rates:
    if settings.redis_url is None:
        return MemoryRates(time.monotonic)
    return await asyncio.to_thread(_redis_rates, settings.redis_url)


# Imported where it is used, off the loop: a server without Redis never loads it.


def _redis_leases(url: str) -> Leases:
    from storage.redis_leases import RedisLeases

    return RedisLeases(_redis(url))


def _redis_rates(url: str) -> Rates:
    from storage.redis_rates import RedisRates

    return RedisRates(_redis(url))


def _redis(url: str) -> Any:
    import redis.asyncio

    return redis.asyncio.Redis.from_url(url, socket_timeout=2.0, socket_connect_timeout=2.0)


def _now() -> datetime:
    return datetime.now(UTC)


def _read_bank() -> QuestionBank:
    return parse_bank(*read_bank_files())


def _retell(settings: Settings) -> RetellApi | None:
    if settings.retell_api_key is None:
        return None
    if settings.retell_base_url is None:
        return RetellApi(settings.retell_api_key)
    return RetellApi(settings.retell_api_key, base_url=settings.retell_base_url)


def _health(viva: Viva, metrics: Metrics) -> None:
    async def alive(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(_: web.Request) -> web.Response:
        state: dict[str, Any] = {"database": "ok", "llm": viva.llm.model, "liveCalls": len(viva.registry)}
        status = 200
        if viva.registry.draining:
            state["status"], status = "draining", 503
        else:
            try:
                async with asyncio.timeout(2.0):
                    await viva.pool.fetchval("SELECT 1")
            except Exception as trouble:  # whatever it is, the answer is the same
                log.warning("database is not reachable", why=type(trouble).__name__)
                state["database"], status = "unreachable", 503
        return web.json_response(
            {"status": "ready" if status == 200 else "unavailable"} | state, status=status
        )

    async def numbers(_: web.Request) -> web.Response:
        text = generate_latest(metrics.registry)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def engines(_: web.Request) -> web.Response:
        return web.json_response({part: asdict(engine) for part, engine in viva.every_engine().items()})

    viva.app.router.add_get("/v1/engines", engines)
    viva.app.router.add_get("/healthz", alive)
    viva.app.router.add_get("/readyz", ready)
    viva.app.router.add_get("/metrics", numbers)


@asynccontextmanager
async def serving(
    settings: Settings,
    *,
    llm: LLM | None = None,
    patience: Patience | None = None,
    voice: Callable[[Found], Awaitable[Voice]] | None = None,
) -> AsyncIterator[Viva]:
    """A bound, listening server; leaving the block drains it, bounded by ``VIVA_DRAIN_S``."""
    async with open_viva(settings, llm=llm, patience=patience, voice=voice) as viva:
        runner = web.AppRunner(viva.app, access_log=None, shutdown_timeout=5.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, settings.host, settings.port)
            await site.start()
            viva.port = runner.addresses[0][1]
            yield viva
            await viva.registry.drain(settings.drain_s)
        finally:
            await runner.cleanup()

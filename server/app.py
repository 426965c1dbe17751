"""The composition root: everything is made here, in order, and taken down in reverse."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

import aiohttp
import structlog
from aiohttp import web

from agents.analyst import AnalystAgent
from agents.coach import CoachAgent
from agents.evaluator import EvaluatorAgent
from agents.interviewer import InterviewerAgent, Patience
from agents.llm import LLM, LlmError
from agents.llm_offline import OfflineLLM
from agents.prompts import preload_prompts
from agents.question_writer import QuestionWriter
from interview.bank import QuestionBank, parse_bank
from interview.rubric import Dimension, Rubric, parse_rubrics
from server.analytics import AnalyticsService
from server.api_reference import OPERATIONS
from server.audio_links import AudioLinks
from server.auth import auth_middleware
from server.callbook import GUEST, CallBook, Found
from server.clients import build_leases, build_rates, build_retell, utc_now
from server.expected import ExpectedCalls
from server.findings import EvaluateService, FeedbackService
from server.guests import Guests
from server.health import health_routes
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
from server.retell_ws import RetellEndpoint
from server.settings import Settings, public_url
from server.sign_in import open_sign_in
from server.tokens import READ, CallTokens
from server.voice import Engine, is_recorded, open_voice
from server.webhook import RetellWebhook
from server.worker import build_reviews
from server.worker_process import worker_process
from storage.calls import PostgresCalls
from storage.embedded import EmbeddedPostgres
from storage.guest_links import PostgresGuestLinks
from storage.jobs import PostgresJobs, preload_queue
from storage.migrate import migrate
from storage.objects import open_objects
from storage.ports import Leases, StoredResponse, StoredSession
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
        ground = await _open_ground(settings, stack)
        registry = CallRegistry()
        metrics = Metrics(lambda: len(registry))
        if llm is None:
            llm = _open_llm(settings, ground.session, metrics, stack)
        retell = _open_retell(settings, stack)
        sign_in = await stack.enter_async_context(open_sign_in(settings, ground.session))
        keys, pages = _keys(settings, ground.pool), await asyncio.to_thread(read_pages)
        app = web.Application(
            client_max_size=MAX_BODY,
            middlewares=[problems, lost_middleware(pages), auth_middleware(sign_in, keys.guests)],
        )
        viva = Viva(settings, app, registry, ground.pool, llm)
        sound = await _open_sound(viva, ground, voice, stack)
        lag = LoopLag(settings.max_lag_s, metrics.lag)
        await stack.enter_async_context(watching(lag))
        services = _build_services(viva, ground, retell, keys, lag)
        book = _build_book(viva, ground, services, metrics, patience or Patience())
        if book.shows_scores:
            await stack.enter_async_context(
                following(ground.dsn, lambda news: book.scored(news.call_id, news.question_id, news.overall))
            )
        app.router.add_routes(_retell_routes(viva, book))
        app.router.add_get("/v1/realtime", _own_line(viva, book, services, keys, sound, lag).handle)
        for part in _rest_parts(viva, ground, services, keys, sound):
            app.router.add_routes(part.routes())
        app.router.add_routes(page_routes(pages, services.interviews))
        app.router.add_routes(openapi_routes(OPERATIONS, await asyncio.to_thread(version, "viva")))
        app.router.add_routes(health_routes(ground.pool, llm, registry, metrics, viva.every_engine))
        if settings.database_url is None:
            # Nobody else knows of this database, so its worker is ours.
            await stack.enter_async_context(worker_process(settings, ground.dsn))
        yield viva


# What the steps above hand on.


@dataclass(frozen=True, slots=True)
class _Ground:
    """What everything else stands on: files that were read, the database, what replicas share."""

    dsn: str
    bank: QuestionBank
    rubrics: Mapping[Dimension, Rubric]
    pool: Pool
    repo: PostgresRepository
    session: aiohttp.ClientSession
    leases: Leases
    limit: RateLimit


@dataclass(frozen=True, slots=True)
class _Keys:
    """What is signed: tokens that join a call, guests' links to its scorecard, links that play its sound."""

    join: CallTokens
    guests: Guests
    sound: AudioLinks


@dataclass(frozen=True, slots=True)
class _Sound:
    """What makes the ears and the mouth of a call on our own line, and where its sound is kept."""

    voice: Callable[[Found], Awaitable[Voice]]
    recordings: Recordings


@dataclass(frozen=True, slots=True)
class _Services:
    """What the lines and the REST side share. ``scorecard_url``: the link that a guest is given."""

    interviews: MockInterviewService
    responses: ResponseService
    agents: AgentInterviewerService
    expected: ExpectedCalls
    scorecard_url: Callable[[StoredSession, StoredResponse], str]


# Steps that open something. Each leaves on ``stack`` how it is closed.


async def _open_ground(settings: Settings, stack: AsyncExitStack) -> _Ground:
    dsn = settings.database_url
    if dsn is None:
        dsn = await stack.enter_async_context(EmbeddedPostgres(settings.data_dir))
        await migrate(dsn)
    bank = parse_bank(*await asyncio.to_thread(read_bank_files))
    rubrics = parse_rubrics(await asyncio.to_thread(read_rubric_file))
    await asyncio.to_thread(preload_prompts)
    await asyncio.to_thread(preload_queue)
    pool = await open_pool(dsn)
    stack.push_async_callback(pool.close)
    repo = PostgresRepository(pool)
    await seed_interviewers(repo)
    session = await stack.enter_async_context(aiohttp.ClientSession())
    leases = await build_leases(settings)
    stack.push_async_callback(leases.aclose)
    rates = await build_rates(settings)
    stack.push_async_callback(rates.aclose)
    limit = RateLimit(ANALYSES, 60.0, rates, MemoryRates(time.monotonic))
    return _Ground(dsn, bank, rubrics, pool, repo, session, leases, limit)


def _open_llm(
    settings: Settings, session: aiohttp.ClientSession, metrics: Metrics, stack: AsyncExitStack
) -> LLM:
    def on_fallback(adapter: str, why: str) -> None:
        metrics.llm_trouble.labels("fallback").inc()
        log.warning("another model is asked instead", adapter=adapter, why=why)

    llm = build_llm(settings, session, time.monotonic, on_fallback)
    stack.push_async_callback(llm.aclose)
    return llm


def _open_retell(settings: Settings, stack: AsyncExitStack) -> RetellApi | None:
    retell = build_retell(settings)
    if retell is not None:
        stack.push_async_callback(retell.aclose)
    return retell


async def _open_sound(
    viva: Viva,
    ground: _Ground,
    voice: Callable[[Found], Awaitable[Voice]] | None,
    stack: AsyncExitStack,
) -> _Sound:
    settings = viva.settings
    objects = await asyncio.to_thread(open_objects, settings.object_store, settings.s3_endpoint)
    if voice is not None:
        return _Sound(voice, Recordings(settings.data_dir / "recordings", objects))
    fixed = (question.text for question in ground.bank)
    engines = await stack.enter_async_context(open_voice(settings, ground.session, objects, fixed))
    viva.engines = engines.names
    return _Sound(engines.voice, engines.recordings)


# Steps that build on what is open; none of them needs closing.


def _keys(settings: Settings, pool: Pool) -> _Keys:
    secret = settings.secret or secrets.token_urlsafe(32)
    return _Keys(
        join=CallTokens(secret, time.time),
        guests=Guests(CallTokens(secret, time.time, READ), PostgresGuestLinks(pool)),
        sound=AudioLinks(secret, time.time),
    )


def _build_services(
    viva: Viva, ground: _Ground, retell: RetellApi | None, keys: _Keys, lag: LoopLag
) -> _Services:
    writer = None if isinstance(viva.llm, OfflineLLM) else QuestionWriter(viva.llm)
    expected = ExpectedCalls(time.monotonic)
    interviews = MockInterviewService(
        ground.repo, ground.bank, writer, utc_now, viva.public_url, expected.forget
    )
    responses = ResponseService(ground.repo, utc_now)

    def scorecard_url(stored: StoredSession, response: StoredResponse) -> str:
        return keys.guests.link(interviews.scorecard_link(stored, response.call_id), response)

    agents = AgentInterviewerService(
        ground.repo,
        interviews,
        responses,
        retell,
        viva.settings.retell_agent_id,
        OwnLine(keys.join, viva.public_url, lag.refusal),
        scorecard_url,
        expected.add,
    )
    return _Services(interviews, responses, agents, expected, scorecard_url)


def _build_book(
    viva: Viva, ground: _Ground, services: _Services, metrics: Metrics, patience: Patience
) -> CallBook:
    settings = viva.settings

    def on_trouble(trouble: LlmError) -> None:
        metrics.llm_trouble.labels(type(trouble).__name__).inc()
        log.warning("model request failed", adapter=trouble.adapter, why=trouble.why)

    return CallBook(
        calls=PostgresCalls(ground.pool),
        interviews=services.interviews,
        responses=services.responses,
        interviewer=InterviewerAgent(viva.llm, patience, on_trouble),
        registry=viva.registry,
        metrics=metrics,
        clock=utc_now,
        unknown_calls=settings.retell_unknown_calls,
        leases=ground.leases,
        expected=services.expected,
        owner=f"{socket.gethostname()}:{os.getpid()}",
        cue=CoachAgent(viva.llm).cue,
        shows_scores="realtime_scoring" in settings.flags,
        host=LOCAL_CANDIDATE if settings.auth == "local" else GUEST,
    )


def _retell_routes(viva: Viva, book: CallBook) -> list[web.RouteDef]:
    endpoint = RetellEndpoint(
        viva.registry, book.find_retell, viva.settings.retell_ws_secret, expected=book.expected
    )
    paths = ("/llm-websocket/{secret}/{call_id}", "/llm-websocket/{call_id}")
    return [web.get(path + slash, endpoint.handle) for path in paths for slash in ("", "/")]


def _own_line(
    viva: Viva, book: CallBook, services: _Services, keys: _Keys, sound: _Sound, lag: LoopLag
) -> RealtimeEndpoint:
    return RealtimeEndpoint(
        viva.registry,
        book.find_realtime,
        keys.join,
        sound.voice,
        scorecard_url=lambda found: services.scorecard_url(found.stored, found.response),
        recording=is_recorded,
        engines=viva.named_engines,
        refuse=lag.refusal,
    )


def _rest_parts(
    viva: Viva, ground: _Ground, services: _Services, keys: _Keys, sound: _Sound
) -> tuple[Rest, CallRest, RetellWebhook, AudioRest, ScorecardRest]:
    pool, llm = ground.pool, viva.llm
    results, runs = PostgresResults(pool), PostgresRuns(pool)
    analytics = AnalyticsService(AnalystAgent(llm), ground.repo, results)
    reviews = build_reviews(pool, llm, EvaluatorAgent(llm, ground.rubrics), CoachAgent(llm), utc_now)
    return (
        Rest(services.interviews, services.agents, EvaluateService(results), FeedbackService(results)),
        CallRest(runs, PostgresJobs(pool), ground.repo, analytics, utc_now, ground.limit),
        RetellWebhook(viva.settings.retell_api_key, runs, ground.repo, utc_now),
        AudioRest(services.interviews, services.responses, sound.recordings, keys.sound),
        ScorecardRest(services.interviews, reviews, ground.limit, keys.sound, keys.guests),
    )


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

"""``viva doctor``: what is configured, what can be reached, and what is used instead."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import asdict, dataclass
from typing import Any, Final

import aiohttp

from server.issuer_keys import IssuerAway, IssuerKeys, getter
from server.settings import RESERVED_FLAGS, Settings, SettingsError
from server.stt_providers import choose_stt
from server.tts_providers import choose_tts
from storage.jobs import longest_wait_s
from storage.ports import StorageError
from storage.wire import connect

PATIENCE_S: Final = 300.0
"""A job that is due and has waited longer has no worker."""


@dataclass(frozen=True, slots=True)
class Finding:
    part: str
    ok: bool
    says: str

    def as_data(self) -> dict[str, Any]:
        return asdict(self)


async def examine(settings: Settings) -> list[Finding]:
    """One finding per part; looks, changes nothing, starts nothing."""
    return [
        await _database(settings),
        _llm(settings),
        await asyncio.to_thread(_stt, settings),
        await asyncio.to_thread(_tts, settings),
        _retell(settings),
        Finding(
            "redis", True, "configured" if settings.redis_url else "not set: leases stay in this process"
        ),
        await _sign_in(settings),
        *_flags(settings),
    ]


def render(findings: list[Finding]) -> str:
    width = max(len(f.part) for f in findings)
    return "".join(f"{'ok ' if f.ok else 'BAD'}  {f.part:<{width}}  {f.says}\n" for f in findings)


async def _sign_in(settings: Settings) -> Finding:
    if settings.auth == "local":
        return Finding("sign-in", True, "one local user")
    if settings.jwt_secret is not None:
        return Finding("sign-in", True, "tokens signed with VIVA_JWT_SECRET (HS256)")
    issuer = settings.oidc_issuer or ""
    async with (
        aiohttp.ClientSession() as session,
        aclosing(IssuerKeys(issuer, getter(session), time.monotonic)) as keys,
    ):
        try:
            count = await keys.count()
        except IssuerAway as trouble:
            return Finding("sign-in", False, str(trouble))
    if not count:
        return Finding("sign-in", False, f"{issuer} publishes no key that tokens could be signed with")
    unsafe = "" if issuer.startswith("https:") else "; over plain http, so keep its network to yourself"
    return Finding("sign-in", True, f"tokens of {issuer}, {count} keys{unsafe}")


def _flags(settings: Settings) -> list[Finding]:
    idle = ", ".join(sorted(settings.flags & RESERVED_FLAGS))
    return [Finding("flags", True, f"{idle}: nothing in this version looks at it")] if idle else []


async def _database(settings: Settings) -> Finding:
    if settings.database_url is None:
        return Finding("database", True, f"embedded PostgreSQL under {settings.data_dir}")
    try:
        async with asyncio.timeout(5.0):
            connection = await connect(settings.database_url)
            try:
                waits = await longest_wait_s(connection)
            finally:
                await connection.close()
    except (StorageError, TimeoutError) as trouble:
        return Finding("database", False, str(trouble) or "no answer within 5 s: check VIVA_DATABASE_URL")
    if waits is not None and waits > PATIENCE_S:
        return Finding(
            "database", False, f"reachable, but jobs wait for {waits / 60:.0f} minutes: start `viva worker`"
        )
    return Finding("database", True, "reachable")


def _llm(settings: Settings) -> Finding:
    chain = " then ".join(settings.llm)
    if settings.llm == ("offline",):
        return Finding("llm", True, "offline: rules over the question bank, no model; set VIVA_LLM for one")
    rest = "" if "offline" in settings.llm else "; then the interviewer's own fixed words"
    return Finding("llm", True, f"{chain}{rest}")


def _tts(settings: Settings) -> Finding:
    names, why = choose_tts(settings)
    if not names:
        return Finding("tts", False, why)
    after = f"; then {', '.join(names[1:])}" if names[1:] else ""
    return Finding("tts", True, f"{names[0]}: {why}{after}")


def _stt(settings: Settings) -> Finding:
    try:
        choice = choose_stt(settings)
    except SettingsError as wrong:
        return Finding("stt", False, str(wrong))
    return Finding("stt", True, choice.line())


def _retell(settings: Settings) -> Finding:
    if settings.retell_api_key is None:
        return Finding("retell", True, "no RETELL_API_KEY: calls can come in, register-call cannot make them")
    secret = "with" if settings.retell_ws_secret else "WITHOUT"
    return Finding("retell", True, f"configured, {secret} a secret in the WebSocket URL")

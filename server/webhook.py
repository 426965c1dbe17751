"""``POST /v1/mock-ai-interview/webhook/retell``: what Retell tells us about a call.

The signature is over the raw bytes, so those are checked before anything is read out of them. A notice is
stored with the work it causes in one transaction and answered at once; the work is a job.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
import structlog
from aiohttp import web

from interview.flow import Progress, Stage
from server.logs import safe_call_id
from server.problems import Problem
from server.provider_record import ending_of
from server.rest import answer
from storage.jobs import analyse_job
from storage.ports import NotFound, SessionRepository
from storage.runs import Ending, PostgresRuns

PATH: Final = "/v1/mock-ai-interview/webhook/retell"
HEADER: Final = "X-Retell-Signature"
WINDOW_MS: Final = 5 * 60 * 1000
"""A stamp further from now than this, either way, is refused."""
MAX_CALL_ID: Final = 512
LATE_S: Final = 120.0
"""After the end of a call Retell analyses it and tells us; when it has not by then, we go on without."""
STARTED: Final = "call_started"
ENDED: Final = "call_ended"
ANALYSED: Final = "call_analyzed"

_SIGNATURE: Final = re.compile(r"v=([0-9]{1,16}),d=([0-9a-f]{64})", re.ASCII)
log = structlog.get_logger("viva.webhook")


def is_signed(body: bytes, signature: str | None, key: str, now_ms: int) -> bool:
    """True when ``signature`` (``v=UNIX_MS,d=HEX``) is Retell's for these bytes, and not too old or new."""
    found = _SIGNATURE.fullmatch(signature or "")
    if found is None or abs(now_ms - int(found[1])) > WINDOW_MS:
        return False
    wanted = hmac.new(key.encode(), body + found[1].encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, found[2])


@dataclass(frozen=True, slots=True)
class Notice:
    """``call`` is the call's record, or {} when the body names no more than its id."""

    event: str
    call_id: str
    call: Mapping[str, Any]


def read_notice(body: bytes) -> Notice | None:
    """A notice in a nested (``call``), an old (``data``) or a flat body; None when it is about no call.

    Raises:
        Problem: 400, the body is no JSON object.
    """
    try:
        raw = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Problem(400, "invalid_json", "Invalid JSON", "The body is not valid JSON in UTF-8.") from None
    if not isinstance(raw, dict):
        raise Problem(400, "invalid_body", "Invalid body", "Send a JSON object.", path="$")
    call: dict[str, Any] = next((raw[key] for key in ("call", "data") if isinstance(raw.get(key), dict)), {})
    event, call_id = raw.get("event"), call.get("call_id", raw.get("call_id"))
    if not isinstance(event, str) or not isinstance(call_id, str) or not 0 < len(call_id) <= MAX_CALL_ID:
        return None
    return Notice(event, call_id, call)


@dataclass(frozen=True, slots=True)
class RetellWebhook:
    """``key`` is Retell's API key, which signs; without one nothing can be checked, so nothing is taken."""

    key: str | None
    runs: PostgresRuns
    repo: SessionRepository
    clock: Callable[[], datetime]

    def routes(self) -> list[web.RouteDef]:
        return [web.post(PATH, self.handle)]

    async def handle(self, request: web.Request) -> web.Response:
        if self.key is None:
            raise Problem(
                503,
                "webhook_not_configured",
                "Webhook is not configured",
                "Set RETELL_API_KEY, which signs the webhook, and start again.",
            )
        body = await request.read()
        now = self.clock()
        if not is_signed(body, request.headers.get(HEADER), self.key, round(now.timestamp() * 1000)):
            raise Problem(
                401, "bad_signature", "Bad signature", f"The {HEADER} header does not fit the body."
            )
        notice = read_notice(body)
        if notice is None:
            log.info("webhook is about no call")
            return answer({"received": True, "status": "ignored"})
        try:
            status = await self._take(notice, now)
        except NotFound:
            log.warning(
                "webhook for an unknown call", call_id=safe_call_id(notice.call_id), webhook=notice.event[:40]
            )
            status = "unknown_call"
        return answer({"received": True, "status": status})

    async def _take(self, notice: Notice, now: datetime) -> str:
        call_id = notice.call_id
        match notice.event:
            case "call_started":
                fresh = await self.runs.begin(call_id, STARTED)
            case "call_ended":
                ending = await self._ending(notice, now)
                # A body that does not say how it ended: the call's record will, so fetch it now.
                wait = LATE_S if ending is not None else 0.0
                fresh = await self.runs.end(call_id, ending, [analyse_job(call_id, ENDED, wait)], event=ENDED)
            case "call_analyzed":
                ending = await self._ending(notice, now)
                fresh = await self.runs.end(call_id, ending, [analyse_job(call_id, ANALYSED)], event=ANALYSED)
            case _:
                return "ignored"
        return "saved" if fresh else "existing"

    async def _ending(self, notice: Notice, now: datetime) -> Ending | None:
        run = await self.repo.response_by_call(notice.call_id)
        finished = Progress.from_data(run.progress).stage is Stage.DONE
        return ending_of(notice.call, finished=finished, now=now)

"""RFC 9457 problem documents: one place that turns failures into answers.

``code`` is stable and meant for programs; ``title`` and ``detail`` are for people. Nothing that came from an
exception we did not write reaches the client.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog
from aiohttp import web

from interview.errors import IllegalTransition, InterviewError
from storage.ports import Duplicate, NotFound, Stale, StorageDown, StorageError

CONTENT_TYPE: Final = "application/problem+json"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_log = structlog.get_logger(__name__)


class Problem(Exception):
    """An answer that is an error. ``extra`` becomes further members of the document.

    ``detail`` is shown to the client: it never holds another person's data, a key or a token.
    """

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code, self.title, self.detail = status, code, title, detail
        self.headers = dict(headers or {})
        self.extra = extra

    def document(self) -> dict[str, Any]:
        """The members of the problem document."""
        members = {"type": f"urn:viva:problem:{self.code}", "title": self.title, "status": self.status}
        members |= {"code": self.code} | ({"detail": self.detail} if self.detail else {})
        return self.extra | members

    def response(self) -> web.Response:
        """The answer to send."""
        return web.Response(
            status=self.status,
            body=json.dumps(self.document(), ensure_ascii=False).encode(),
            content_type=CONTENT_TYPE,
            headers={"Cache-Control": "no-store"} | self.headers,
        )


def problem_of(error: Exception) -> Problem | None:
    """The problem that ``error`` stands for; None for one that nobody foresaw."""
    match error:
        case Problem():
            return error
        case NotFound():
            return Problem(404, "not_found", "Not found", "There is no such thing here, or it is not yours.")
        case Duplicate():
            return Problem(409, "duplicate", "Already there", "This was done before.")
        case Stale():
            return Problem(409, "stale", "Changed meanwhile", "Read it again and repeat your change.")
        case StorageDown():
            return Problem(
                503,
                "storage_down",
                "Storage is away",
                "The database cannot be reached; try again shortly.",
                headers={"Retry-After": "5"},
            )
        case StorageError():
            return Problem(409, "conflict", "Conflict", "Another server holds this call.")
        case IllegalTransition():
            return Problem(
                409, "illegal_transition", "Not possible now", f"There is no {error.move} when {error.state}."
            )
        case InterviewError():
            return Problem(422, "not_possible", "Not possible", str(error))
        case msgspec.ValidationError():
            reason, _, path = str(error).partition(" - at ")
            return Problem(400, "invalid_body", "Invalid body", reason, path=path.strip("`") or "$")
        case msgspec.DecodeError() | json.JSONDecodeError() | UnicodeDecodeError():
            return Problem(400, "invalid_json", "Invalid JSON", "The body is not valid JSON in UTF-8.")
        case web.HTTPException() if error.status >= 400:
            code = HTTPStatus(error.status).name.lower()
            allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
            return Problem(error.status, code, error.reason, headers=allow)
    return None


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Middleware: every failure leaves as a problem document; redirects pass."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        found = problem_of(error)
        if found is None:
            raise
        return found.response()
    except Exception as error:
        if request.writer.output_size > 0:
            # The answer (or a WebSocket) has begun. aiohttp then logs and drops the connection, which on a
            # Retell socket is also right: an abnormal drop is reconnected, a close frame ends the call.
            raise
        found = problem_of(error)
        if found is None:
            _log.exception("request failed", method=request.method, path=request.path)
            found = Problem(500, "internal", "Internal error", "This is our fault; it was logged.")
        elif found.status >= 500:
            _log.warning("request refused", code=found.code, method=request.method, path=request.path)
        return found.response()

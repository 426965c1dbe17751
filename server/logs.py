"""Logging: JSON lines for machines, coloured lines on a terminal, both on stderr.

Rules kept here once, so that no caller has to remember them: a key that starts with ``pii_`` never reaches
the output, keys that name a credential and values that contain one are blanked, call ids are made safe.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from server.settings import Settings

REDACTED: Final = "[redacted]"
_CREDENTIAL_KEYS: Final = re.compile(
    r"authorization|cookie|password|secret|api_?key|(^|_)tokens?$|token_value|credential", re.IGNORECASE
)
_CALL_ID_KEYS: Final = ("call_id", "callId")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_MAX_CALL_ID: Final = 64
_SHORTEST_SECRET: Final = 6  # shorter ones would blank ordinary words


def safe_call_id(call_id: object) -> str:
    """``call_id`` for a log line: control characters escaped, at most 64 characters."""
    text = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", str(call_id)[: _MAX_CALL_ID + 1])
    return text if len(text) <= _MAX_CALL_ID else text[: _MAX_CALL_ID - 1] + "…"


class Redact:
    """A structlog processor that applies this module's privacy rules, in nested values too."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        long_first = sorted((s for s in secrets if len(s) >= _SHORTEST_SECRET), key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, long_first))) if long_first else None

    def __call__(self, logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
        return self._mapping(event)

    def _mapping(self, given: Mapping[Any, Any]) -> dict[Any, Any]:
        clean: dict[Any, Any] = {}
        for key, value in given.items():
            if isinstance(key, str):
                if key.startswith("pii_"):
                    continue
                if _CREDENTIAL_KEYS.search(key):
                    clean[key] = REDACTED
                    continue
                if key in _CALL_ID_KEYS:
                    value = safe_call_id(value)
            # structlog's own bookkeeping (a LogRecord) must stay what it is.
            clean[key] = value if str(key) in ("_record", "_from_structlog") else self._value(value)
        return clean

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._secrets.sub(REDACTED, value) if self._secrets else value
        if isinstance(value, Mapping):
            return self._mapping(value)
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self._value(one) for one in value]
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return self._value(str(value))  # an exception or a URL may carry a key in its text


def configure_logging(settings: Settings, stream: TextIO | None = None) -> None:
    """Set up structlog and the standard library's root logger on ``stream`` (stderr); may be called again."""
    out = stream if stream is not None else sys.stderr
    pretty = out.isatty()
    redact = Redact(settings.secret_values())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    ending: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        redact,
        structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.PositionalArgumentsFormatter()], processors=ending
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for chatty in ("httpx", "httpcore", "google_genai", "aiohttp.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )

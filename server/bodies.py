"""Reading what a client sent: JSON bodies and query strings as types, faults by the client's own names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import web

from server.problems import Problem

T = TypeVar("T")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])([A-Z])")
_PATH: Final = re.compile(r" - at `\$((?:\.?[^`]*)?)`\Z")
_MISSING: Final = re.compile(r"missing required field `([^`]+)`")


def snake(name: str) -> str:
    return _CAMEL.sub(lambda m: f"_{m.group(1)}", name).lower()


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


async def read_body(request: web.Request, kind: type[T]) -> T:
    """The JSON body as ``kind``; top-level keys in snake_case and camelCase are taken alike.

    Raises:
        Problem: 400 ``invalid_json`` or ``invalid_body``; the latter names the field as it was sent.
    """
    try:
        raw = msgspec.json.decode(await request.read())
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Problem(
            400, "invalid_json", "Invalid JSON", "The body is not valid JSON in UTF-8, or nests too deep."
        ) from None
    if not isinstance(raw, dict):
        raise Problem(400, "invalid_body", "Invalid body", "Send a JSON object.", path="$")
    return convert(raw, kind, "invalid_body", "Invalid body")


def read_query(request: web.Request, kind: type[T]) -> T:
    """The query string as ``kind``; 400 ``invalid_query`` when it does not fit."""
    return convert(dict(request.query), kind, "invalid_query", "Invalid query", strict=False)


def convert(raw: Mapping[str, Any], kind: type[T], code: str, title: str, *, strict: bool = True) -> T:
    sent = {snake(key): key for key in raw}
    try:
        return msgspec.convert({snake(key): value for key, value in raw.items()}, kind, strict=strict)
    except msgspec.ValidationError as error:
        in_camel = any(snake(key) != key for key in raw)
        reason, path = _in_their_words(str(error), sent, in_camel)
    raise Problem(400, code, title, reason, path=path)


def _in_their_words(text: str, sent: Mapping[str, str], in_camel: bool) -> tuple[str, str]:
    """msgspec's message with the field's name as the client wrote it, and the path to the field."""
    found = _PATH.search(text)
    reason, path = (text[: found.start()], found[1]) if found else (text, "")
    if head := re.match(r"\.([a-z0-9_]+)", path):
        path = f".{sent.get(head[1], head[1])}{path[head.end() :]}"
    if missing := _MISSING.search(reason):
        path = f"{path}.{camel(missing[1]) if in_camel else missing[1]}"
        return f"The field {path[1:]} is missing.", f"${path}"
    return f"{path[1:]}: {reason}" if path else reason, f"${path}"

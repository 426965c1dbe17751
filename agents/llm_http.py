"""What every model adapter over HTTP shares: posting, server-sent events, and the error mapping.

Nothing here retries, and no error text carries more of the provider's answer than its error slug.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from agents.llm import (
    LlmEmpty,
    LlmError,
    LlmMalformed,
    LlmRateLimited,
    LlmRefused,
    LlmUnavailable,
    Message,
    Prompt,
)
from agents.sse import SseError, SseParser

DEFAULT_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=3.0, sock_read=15.0)

_MAX_BODY = 4 << 20
_MAX_ERROR_BODY = 4096
# Letters of one case only: no key and no echoed prompt looks like that. An echo inside a JSON string
# has its quotes escaped, so it cannot pose as a field either.
_SLUG = re.compile(rb'"(?:status|code|type)"\s*:\s*"([a-z_]{3,40}|[A-Z_]{3,40})"')


@dataclass(frozen=True, slots=True)
class Post:
    """One request, ready to go. ``headers`` may hold a key, so they stay out of ``repr``."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def status_error(adapter: str, status: int, slug: str = "", retry_after: str | None = None) -> LlmError:
    """The error for an HTTP status that is not success."""
    why = f"status {status} {slug}".rstrip()
    if status == 429:
        return LlmRateLimited(adapter, why, _seconds(retry_after))
    if status == 408 or status >= 500:
        return LlmUnavailable(adapter, why)
    if status >= 300:
        return LlmRefused(adapter, why)
    return LlmMalformed(adapter, why)


def network_error(adapter: str, error: Exception) -> LlmError:
    """The error for a failed connection or an elapsed limit; names the cause by type only."""
    return LlmUnavailable(adapter, type(error).__name__)


def conversation(prompt: Prompt) -> tuple[str, tuple[Message, ...]]:
    """System text and messages to send; never without a message.

    Gemini and Mistral refuse a request that has only a system text, so then it is the message.
    """
    if prompt.messages:
        return prompt.system, prompt.messages
    return "", (Message("user", prompt.system),)


async def post_events(
    session: aiohttp.ClientSession, adapter: str, post: Post, timeout: aiohttp.ClientTimeout
) -> AsyncGenerator[str, None]:
    """Yield the ``data`` of each server-sent event. Close it to abort the request."""
    parser = SseParser()
    async with (
        _answer(session, adapter, post, timeout) as response,
        aclosing(_chunks(response)) as chunks,
    ):
        async for chunk in chunks:
            for event in parser.feed(chunk):
                yield event.data


async def post_json(
    session: aiohttp.ClientSession, adapter: str, post: Post, timeout: aiohttp.ClientTimeout
) -> bytes:
    """The whole body of a successful answer."""
    body = bytearray()
    async with (
        _answer(session, adapter, post, timeout) as response,
        aclosing(_chunks(response)) as chunks,
    ):
        async for chunk in chunks:
            body += chunk
            if len(body) > _MAX_BODY:
                raise LlmMalformed(adapter, f"answer over {_MAX_BODY} bytes")
    return bytes(body)


def ended(adapter: str, *, spoke: bool, finished: bool) -> LlmError | None:
    """What it means that a stream ended; ``None`` when all is well."""
    if not spoke:
        return LlmEmpty(adapter, "the stream ended without a word")
    return None if finished else LlmUnavailable(adapter, "the stream ended half-way")


@asynccontextmanager
async def _answer(
    session: aiohttp.ClientSession, adapter: str, post: Post, timeout: aiohttp.ClientTimeout
) -> AsyncIterator[aiohttp.ClientResponse]:
    try:
        async with session.post(
            post.url,
            data=post.body,
            headers={"Content-Type": "application/json", **post.headers},
            timeout=timeout,
            allow_redirects=False,  # a redirect would carry the key to another host
        ) as response:
            if response.status != 200:
                body = await response.content.read(_MAX_ERROR_BODY)
                found = _SLUG.search(body)
                slug = found[1].decode() if found else ""
                response.close()
                raise status_error(adapter, response.status, slug, response.headers.get("Retry-After"))
            try:
                yield response
            except BaseException:
                response.close()  # hang up now; release() alone may keep reading the rest
                raise
    except SseError as error:
        raise LlmMalformed(adapter, str(error)) from None
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise network_error(adapter, error) from error
    except ValueError:
        raise LlmRefused(adapter, "the key or the address cannot be sent") from None


async def _chunks(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    while chunk := await response.content.readany():
        yield chunk


def _seconds(text: str | None) -> float | None:
    """``Retry-After`` in seconds. Its other form, a date, would need a wall clock: not worth one."""
    if text is None or not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text.strip()):
        return None
    return float(text)

"""What every model adapter over HTTP shares: posting, server-sent events, and the error mapping.

Nothing here retries, and no error text carries more of the provider's answer than its error slug.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from agents.http_answer import Head, HttpFault
from agents.http_client import HttpClient, Limits, Place, place_of
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
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
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


def ended(adapter: str, *, spoke: bool, finished: bool) -> LlmError | None:
    """What it means that a stream ended; ``None`` when all is well."""
    if not spoke:
        return LlmEmpty(adapter, "the stream ended without a word")
    return None if finished else LlmUnavailable(adapter, "the stream ended half-way")


class Wire:
    """An adapter's way to its server: connections of its own, or aiohttp's where a proxy stands between.

    ``timeout``: ``sock_connect`` and ``sock_read`` bound each step, ``total`` the whole answer. The session
    stays the caller's.
    """

    def __init__(self, session: aiohttp.ClientSession, adapter: str, timeout: aiohttp.ClientTimeout) -> None:
        self._session, self._adapter, self._timeout = session, adapter, timeout
        self._limits = Limits(timeout.sock_connect, timeout.sock_read, timeout.total)
        self._client = HttpClient()
        self._ways: dict[str, Place | _Detour] = {}  # an adapter has one address, or one for each task

    async def events(self, post: Post, last: str | None = None) -> AsyncGenerator[str, None]:
        """Yield the ``data`` of each server-sent event. Close it to abort the request.

        ``last``: data after which nothing comes; the connection then outlives the answer.
        """
        parser = SseParser()
        async with self._answer(post) as read:
            while chunk := await read():
                for event in parser.feed(chunk):
                    yield event.data
                    if event.data == last:
                        return

    async def json(self, post: Post) -> bytes:
        """The whole body of a successful answer."""
        body = bytearray()
        async with self._answer(post) as read:
            while chunk := await read():
                body += chunk
                if len(body) > _MAX_BODY:
                    raise LlmMalformed(self._adapter, f"answer over {_MAX_BODY} bytes")
        return bytes(body)

    async def aclose(self) -> None:
        """Close our own connections; may be called twice."""
        await self._client.aclose()

    @asynccontextmanager
    async def _answer(self, post: Post) -> AsyncIterator[Callable[[], Awaitable[bytes]]]:
        """How to read the body of a successful answer; b"" is its end."""
        adapter = self._adapter
        headers = {"Content-Type": "application/json", **post.headers}
        try:
            async with self._send(post, headers) as reading:
                if reading.head.status != 200:
                    raise await _refusal(adapter, reading)
                if reading.head.headers.get("content-encoding", "identity").lower() != "identity":
                    raise LlmMalformed(adapter, "a compressed answer that was not asked for")
                yield reading.read
        except SseError as error:
            raise LlmMalformed(adapter, str(error)) from None
        except (HttpFault, aiohttp.ClientError, TimeoutError, OSError) as error:
            raise network_error(adapter, error) from error
        except ValueError:
            raise LlmRefused(adapter, "the key or the address cannot be sent") from None

    def _send(self, post: Post, headers: Mapping[str, str]) -> AbstractAsyncContextManager[_Incoming]:
        if (way := self._ways.get(post.url)) is None:
            way = self._ways[post.url] = _way(post.url)
        if isinstance(way, Place):
            return self._client.post(way, headers, post.body, self._limits)
        return self._by_aiohttp(post, headers, way.proxy)

    @asynccontextmanager
    async def _by_aiohttp(
        self, post: Post, headers: Mapping[str, str], proxy: str | None
    ) -> AsyncIterator[_Incoming]:
        async with self._session.post(
            post.url,
            data=post.body,
            headers={"Accept-Encoding": "identity", **headers},
            timeout=self._timeout,
            proxy=proxy,
            allow_redirects=False,  # a redirect would carry the key to another host
        ) as response:
            try:
                yield _Detoured(response)
            except BaseException:
                response.close()  # hang up now; release() alone may keep reading the rest
                raise


class _Incoming(Protocol):
    """An answer whose head has come; ``read`` gives the next piece of its body, b"" at the end."""

    @property
    def head(self) -> Head: ...

    async def read(self) -> bytes: ...


class _Detoured:
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.head = Head(response.status, {name.lower(): value for name, value in response.headers.items()})
        self.read = response.content.readany


@dataclass(frozen=True, slots=True)
class _Detour:
    proxy: str | None


def _way(url: str) -> Place | _Detour:
    """Straight, but for what our own client leaves out: a proxy, or a password in the address."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxy = None if host in _LOOPBACK or proxy_bypass(host) else getproxies().get(parts.scheme)
    return _Detour(proxy) if proxy or "@" in parts.netloc else place_of(url)


async def _refusal(adapter: str, answer: _Incoming) -> LlmError:
    body = b""
    while len(body) < _MAX_ERROR_BODY and (piece := await answer.read()):
        body += piece
    found = _SLUG.search(body[:_MAX_ERROR_BODY])
    slug = found[1].decode() if found else ""
    return status_error(adapter, answer.head.status, slug, answer.head.headers.get("retry-after"))


def _seconds(text: str | None) -> float | None:
    """``Retry-After`` in seconds. Its other form, a date, would need a wall clock: not worth one."""
    if text is None or not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text.strip()):
        return None
    return float(text)

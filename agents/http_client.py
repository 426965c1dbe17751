"""Our own HTTP/1.1 client for the live path: POST a body, read the answer as it comes.

What it leaves out is what makes a general client slow: no redirects, no cookies, no compression, no proxies,
no request that is not a POST. Connections are kept and used again; one that the far side closed while it was
idle is replaced without the caller noticing. Nothing else is ever sent twice.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final
from urllib.parse import urlsplit

import aiohappyeyeballs

from agents.http_connection import Connection, Reading, Stale

KEEP_S: Final = 120.0
"""An idle connection is used again within this: longer than most answers of a candidate."""
KEEP: Final = 100
"""Idle connections that are kept; the ones above are closed."""
CLOSE_S: Final = 2.0
_HAPPY_S: Final = 0.25
_IDLE_PROBE_S: Final = 30


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: to connect (TLS included), between two reads, for the whole answer. None: no limit."""

    connect: float | None = 3.0
    read: float | None = 15.0
    total: float | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request goes. ``name``: the host as its Host header has it."""

    secure: bool
    host: str
    port: int
    name: str
    target: str

    @property
    def key(self) -> tuple[bool, str, int]:
        """What a connection leads to."""
        return self.secure, self.host, self.port


@lru_cache(maxsize=256)
def place_of(url: str) -> Place:
    """Raises ValueError for what is no plain http(s) address."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError("not an http address")
    secure = parts.scheme == "https"
    host = parts.hostname.encode("idna").decode("ascii") if not parts.hostname.isascii() else parts.hostname
    port = parts.port or (443 if secure else 80)
    name = f"[{host}]" if ":" in host else host
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(secure, host, port, name if parts.port is None else f"{name}:{port}", target)


@cache
def default_tls() -> ssl.SSLContext:
    """Made once for all; reads the machine's certificates from disk, so call it off the event loop."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class HttpClient:
    """Owns its connections; `aclose` it when done. ``tls`` replaces the machine's own certificates."""

    _loop: asyncio.AbstractEventLoop

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._all: set[Connection] = set()
        self._idle: list[Connection] = []

    @asynccontextmanager
    async def post(
        self, place: Place, headers: Mapping[str, str], body: bytes, limits: Limits
    ) -> AsyncIterator[Reading]:
        """The answer to a POST. Leaving the block by an exception or a cancel cuts the connection.

        Raises:
            ValueError: a header or the address has what cannot be sent.
            HttpFault: the answer is not HTTP as we accept it, or was cut off.
            OSError: no connection, or it was lost; TimeoutError: a limit has passed.
        """
        self._loop = asyncio.get_running_loop()
        request = _request(place, headers, body)
        until = None if limits.total is None else self._loop.time() + limits.total
        connection = self._take(place)
        try:
            try:
                if connection is None:
                    raise Stale
                reading = await connection.ask(request, limits.read, until)
            except Stale:
                connection = await self._connect(place, limits)
                reading = await connection.ask(request, limits.read, until)
            yield reading
        except BaseException:
            if connection is not None:
                connection.abort()
            raise
        connection.let_go()

    async def aclose(self) -> None:
        """Cut all connections and wait, with a bound, until they are gone."""
        if not self._all:
            return
        going = [connection.gone for connection in self._all]
        for connection in list(self._all):
            connection.abort()
        await asyncio.wait(going, timeout=CLOSE_S)

    def forget(self, connection: Connection) -> None:
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def put_back(self, connection: Connection) -> None:
        connection.idle_since = self._loop.time()
        self._idle.append(connection)
        if len(self._idle) > KEEP:
            self._idle.pop(0).abort()

    def _take(self, place: Place) -> Connection | None:
        oldest = self._loop.time() - KEEP_S
        while self._idle and self._idle[0].idle_since < oldest:
            self._idle.pop(0).abort()
        for number in range(len(self._idle) - 1, -1, -1):
            if self._idle[number].key == place.key:
                connection = self._idle.pop(number)
                if connection.alive:
                    return connection
        return None

    async def _connect(self, place: Place, limits: Limits) -> Connection:
        bounds = [limit for limit in (limits.connect, limits.total) if limit is not None]
        tls = None
        if place.secure:
            tls = self._tls or await asyncio.to_thread(default_tls)
        async with asyncio.timeout(min(bounds, default=None)):
            infos = await self._loop.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
            sock = await aiohappyeyeballs.start_connection(infos, happy_eyeballs_delay=_HAPPY_S)
            try:
                _ask_for_probes(sock)
                _, connection = await self._loop.create_connection(
                    lambda: Connection(place.key, self.put_back, self.forget),
                    sock=sock,
                    ssl=tls,
                    server_hostname=place.host if tls else None,
                )
            except BaseException:
                sock.close()
                raise
        self._all.add(connection)
        return connection


def _request(place: Place, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [
        f"POST {place.target} HTTP/1.1",
        f"Host: {place.name}",
        "Accept: */*",
        "Accept-Encoding: identity",
        "User-Agent: viva",
        *(f"{name}: {value}" for name, value in headers.items()),
        f"Content-Length: {len(body)}",
    ]
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1 or "\0" in text:
        raise ValueError("a header or the address cannot be sent: a line break")
    if " " in place.target:
        raise ValueError("the address cannot be sent: a space")
    if not text.isascii():
        raise ValueError("a header or the address cannot be sent: not ASCII")
    return text.encode() + b"\r\n\r\n" + body


def _ask_for_probes(sock: socket.socket) -> None:
    """Let the system notice a far side that vanished while the connection was idle."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with suppress(OSError, AttributeError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _IDLE_PROBE_S)

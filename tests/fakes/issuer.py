"""An OpenID issuer on a free port of loopback, which really signs."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

AUDIENCE = "viva"


def rsa(kid: str | None, size: int = 2048) -> RSAKey:
    return RSAKey.generate_key(size, {"kid": kid} if kid else None)


def ec(kid: str, curve: str = "P-256") -> ECKey:
    return ECKey.generate_key(curve, {"kid": kid})


class Issuer:
    """``async with Issuer(key, …) as issuer``; ``issuer.url`` is what ``iss`` says.

    ``keys`` are published as they stand; ``more`` are JWKs published beside them. ``script`` lists what the
    next requests get: a status, ``"hang"`` (no answer until the issuer stops), or a text in place of the
    document; when it is empty, requests succeed. ``asked`` counts requests, by document; ``seen`` is set once
    the keys were asked for. ``slash``: what the issuer's own address ends in.
    """

    def __init__(self, *keys: RSAKey | ECKey, slash: str = "") -> None:
        self.keys: list[RSAKey | ECKey] = list(keys)
        self.more: list[dict[str, Any]] = []
        self.script: list[int | str] = []
        self.asked = {"discovery": 0, "keys": 0}
        self.named: str | None = None
        self.keys_at: str | None = None
        self.base = ""
        self._slash = slash
        self.seen = asyncio.Event()
        self._stopping = asyncio.Event()
        self._server: TestServer | None = None

    @property
    def url(self) -> str:
        return self.base + self._slash

    async def __aenter__(self) -> Issuer:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._discovery)
        app.router.add_get("/keys", self._published)
        self._server = TestServer(app)
        await self._server.start_server()
        self.base = str(self._server.make_url("/")).rstrip("/")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._server is not None:
            await self._server.close()

    def claims(self, **more: Any) -> dict[str, Any]:
        """Good ones, with ``more`` in their place; None leaves one out."""
        found = {"sub": "ada", "exp": int(time.time()) + 600, "iss": self.url, "aud": AUDIENCE} | more
        return {name: value for name, value in found.items() if value is not None}

    def token(self, alg: str = "RS256", key: RSAKey | ECKey | None = None, **more: Any) -> str:
        """Signed with ``key``, else with the first that is published."""
        key = key or self.keys[0]
        header = {"alg": alg} | ({"kid": key.kid} if key.kid else {})
        return jwt.encode(header, self.claims(**more), key, algorithms=[alg])

    async def _discovery(self, _: web.Request) -> web.StreamResponse:
        self.asked["discovery"] += 1
        document = {"issuer": self.named or self.url, "jwks_uri": self.keys_at or f"{self.base}/keys"}
        return await self._scripted() or web.json_response(document)

    async def _published(self, _: web.Request) -> web.StreamResponse:
        self.asked["keys"] += 1
        self.seen.set()
        keys = [key.as_dict(private=False) for key in self.keys]
        return await self._scripted() or web.json_response({"keys": keys + self.more})

    async def _scripted(self) -> web.StreamResponse | None:
        if not self.script:
            return None
        step = self.script.pop(0)
        if step == "hang":
            await self._stopping.wait()
        if isinstance(step, int):
            return web.Response(status=step, headers={"Location": f"{self.base}/keys"})
        return web.Response(text=step)

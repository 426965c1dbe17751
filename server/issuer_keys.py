"""The public keys of an OpenID issuer: found through its discovery document, kept, looked for again.

Keys that are there are used at once, whatever the issuer does meanwhile. A look at the issuer is one task
with a deadline, shared by all who wait for it, and followed by a pause: a token with a made-up key id makes
nobody ask the issuer more often than that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import urlsafe_b64decode

FRESH_S: Final = 600.0
"""After that the issuer is asked again, behind the back of who asks: a key it took back is gone by then."""
PAUSE_S: Final = 10.0
"""Between two looks at the issuer, however the first one ended."""
LOOK_S: Final = 5.0
"""The deadline of a look: both documents together."""
MAX_DOCUMENT: Final = 256 * 1024
"""Bytes of the longest document that is read."""
MIN_RSA_BITS: Final = 2048
ALGORITHMS: Final[Mapping[str, str]] = {
    "RS256": "RSA",
    "RS384": "RSA",
    "RS512": "RSA",
    "PS256": "RSA",
    "PS384": "RSA",
    "PS512": "RSA",
    "ES256": "P-256",
    "ES384": "P-384",
    "ES512": "P-521",
}
"""What a token may be signed with, and the kind of key it takes. With public keys, nothing symmetric."""

T = TypeVar("T")
log = structlog.get_logger("viva.issuer_keys")


class UnknownKey(Exception):
    """The issuer publishes no key that the token could be signed with."""


class IssuerAway(Exception):
    """The issuer's keys cannot be had now. The text says why; it is meant for whoever runs the server."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """``kind`` is "RSA" or a curve; ``only_for`` the algorithm that the issuer confines it to, if any."""

    kid: str | None
    kind: str
    only_for: str | None
    key: RSAKey | ECKey

    def fits(self, algorithm: str, kid: str | None) -> bool:
        """Whether a token with this header may be signed with it."""
        return (
            ALGORITHMS.get(algorithm) == self.kind
            and self.only_for in (None, algorithm)
            and kid in (None, self.kid)
        )


class _Discovery(msgspec.Struct):
    issuer: str
    jwks_uri: str


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


class _PublishedKey(msgspec.Struct):
    kty: str
    kid: str | None = None
    use: str = "sig"
    alg: str | None = None
    n: str = ""
    e: str = ""
    crv: str = ""
    x: str = ""
    y: str = ""


class IssuerKeys:
    """The keys of ``issuer``. ``get`` fetches a document, ``clock`` gives monotonic seconds.

    `aclose` it; a look that is under way ends then.
    """

    algorithms = frozenset(ALGORITHMS)

    def __init__(
        self, issuer: str, get: Callable[[str], Awaitable[bytes]], clock: Callable[[], float]
    ) -> None:
        self._issuer, self._get, self._clock = issuer.rstrip("/"), get, clock
        self._keys: Sequence[PublicKey] = ()
        self._stale_at = self._next_look_at = clock()
        self._trouble: str | None = None
        self._looking: asyncio.Task[None] | None = None

    async def find(self, algorithm: str, kid: str | None) -> RSAKey | ECKey:
        """The key behind a token's header. Waits for the issuer only where no key that is kept fits.

        Raises:
            UnknownKey: the issuer has no such key, as far as was seen within `PAUSE_S`.
            IssuerAway: no such key is kept, and the issuer could not be asked.
        """
        found = self._pick(algorithm, kid)
        if found is None or self._clock() >= self._stale_at:
            self.look()
        if found is None and self._looking is not None:
            await asyncio.wait((self._looking,))
            found = self._pick(algorithm, kid)
        if found is not None:
            return found
        if self._trouble is not None:
            raise IssuerAway(self._trouble)
        raise UnknownKey

    def look(self) -> None:
        """Begin to ask the issuer, unless that is under way or was done just now."""
        now = self._clock()
        if (self._looking is None or self._looking.done()) and now >= self._next_look_at:
            self._next_look_at = now + PAUSE_S
            self._looking = asyncio.create_task(self._look(), name="issuer's keys")

    async def count(self) -> int:
        """How many keys the issuer publishes now. Raises IssuerAway."""
        self.look()
        if self._looking is not None:
            await asyncio.wait((self._looking,))
        if self._trouble is not None:
            raise IssuerAway(self._trouble)
        return len(self._keys)

    async def aclose(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait((self._looking,), timeout=LOOK_S)

    def _pick(self, algorithm: str, kid: str | None) -> RSAKey | ECKey | None:
        fitting = [one.key for one in self._keys if one.fits(algorithm, kid)]
        # A token that names no key is taken where there is only one that it could mean.
        return fitting[0] if len(fitting) == 1 or (fitting and kid is not None) else None

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(LOOK_S):
                self._keys = await self._published()
        except TimeoutError:
            self._trouble = f"{self._issuer} did not answer within {LOOK_S:.0f} s"
        except IssuerAway as why:
            self._trouble = str(why)
        except Exception as fault:
            log.exception("the issuer's keys could not be looked at")
            self._trouble = f"looking at {self._issuer} failed ({type(fault).__name__})"
        else:
            self._trouble, self._stale_at = None, self._clock() + FRESH_S
            return
        log.warning("no keys of the issuer", why=self._trouble, kept=len(self._keys))

    async def _published(self) -> Sequence[PublicKey]:
        where = f"{self._issuer}/.well-known/openid-configuration"
        found = _decoded(await self._get(where), _Discovery, where)
        if found.issuer.rstrip("/") != self._issuer:
            raise IssuerAway(f"{where} speaks for another issuer: set VIVA_OIDC_ISSUER to the one it names")
        _check_address(found.jwks_uri, self._issuer)
        return usable(_decoded(await self._get(found.jwks_uri), _KeySet, found.jwks_uri).keys)


def usable(published: Sequence[Mapping[str, Any]]) -> list[PublicKey]:
    """The keys among ``published`` that tokens may be signed with; others, and broken ones, are left out."""
    keys = []
    for one in published:
        try:
            found = _public_key(msgspec.convert(one, _PublishedKey))
        except (JoseError, KeyError, ValueError, msgspec.ValidationError) as why:
            log.info("a key of the issuer is left out", why=type(why).__name__)
        else:
            keys += [found] if found is not None else []
    return keys


def _public_key(one: _PublishedKey) -> PublicKey | None:
    """None for one that is meant for something else.

    Raises:
        JoseError, KeyError, ValueError: it is broken, or too short.
    """
    if one.use != "sig":
        return None
    match one.kty:
        # Its public numbers alone: whatever else the document says of a key is not ours to judge.
        case "RSA":
            if int.from_bytes(urlsafe_b64decode(one.n.encode())).bit_length() < MIN_RSA_BITS:
                raise ValueError("too short")
            rsa = RSAKey.import_key({"kty": "RSA", "n": one.n, "e": one.e})
            return PublicKey(one.kid, "RSA", one.alg, rsa)
        case "EC":
            curve = ECKey.import_key({"kty": "EC", "crv": one.crv, "x": one.x, "y": one.y})
            return PublicKey(one.kid, curve.curve_name, one.alg, curve)
        case _:
            return None


def _decoded(body: bytes, kind: type[T], where: str) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError:
        raise IssuerAway(f"{where} is not such a document: check VIVA_OIDC_ISSUER") from None


def _check_address(url: str, issuer: str) -> None:
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in ("https", urlsplit(issuer).scheme):
        raise IssuerAway(f"{issuer} names an address for its keys that is not safe to ask")


def getter(session: aiohttp.ClientSession) -> Callable[[str], Awaitable[bytes]]:
    """Fetches a document over ``session``: no redirects, nothing longer than `MAX_DOCUMENT`."""

    async def get(url: str) -> bytes:
        body = bytearray()
        try:
            async with session.get(url, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise IssuerAway(f"{url} answered {answer.status}: check VIVA_OIDC_ISSUER")
                async for part in answer.content.iter_chunked(1 << 14):
                    body += part
                    if len(body) > MAX_DOCUMENT:
                        raise IssuerAway(f"{url} is longer than {MAX_DOCUMENT} bytes")
        except (aiohttp.ClientError, ValueError) as trouble:
            raise IssuerAway(f"{url} cannot be reached ({type(trouble).__name__})") from None
        return bytes(body)

    return get

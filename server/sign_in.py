"""From a signed token to who it names: the signature, whom it is from, whom it is for, and its time."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Set
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

import aiohttp
import msgspec
from joserfc import jwt
from joserfc.errors import (
    BadSignatureError,
    ClaimError,
    ExpiredTokenError,
    JoseError,
    MissingClaimError,
)
from joserfc.jwk import ECKey, OctKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode

from server.issuer_keys import IssuerKeys, UnknownKey, getter
from server.settings import Settings

LEEWAY_S: Final = 30
"""How far the clocks of issuer and server may be apart."""
MAX_TOKEN: Final = 16 * 1024
"""Characters of the longest token that is looked at."""
_OTHERS: Final = {
    "iss": "The token comes from another issuer.",
    "aud": "The token is meant for somebody else than this server.",
    "nbf": "The token is not valid yet.",
    "iat": "The token is not valid yet.",
}

Key = OctKey | RSAKey | ECKey


class NotSignedIn(Exception):
    """The token lets nobody in; the text says why, without a word of the token."""


class Keys(Protocol):
    """Where the key comes from that a token was signed with."""

    @property
    def algorithms(self) -> Set[str]:
        """What tokens may be signed with."""

    async def find(self, algorithm: str, kid: str | None) -> Key:
        """The key for a token with this header. ``algorithm`` is one of `algorithms`.

        Raises:
            UnknownKey: there is none.
            IssuerAway: that cannot be said now.
        """


class SharedSecret:
    """One secret for whoever signs and us: HS256."""

    algorithms = frozenset({"HS256"})

    def __init__(self, secret: str) -> None:
        self._key = OctKey.import_key(secret)

    async def find(self, algorithm: str, kid: str | None) -> Key:
        return self._key


class _Header(msgspec.Struct):
    alg: str
    kid: str | None = None


@dataclass(frozen=True, slots=True)
class SignIn:
    """``issuer`` and ``audience``: what ``iss`` and ``aud`` must say, if set. ``now`` gives Unix seconds."""

    keys: Keys
    issuer: str | None
    audience: str | None
    now: Callable[[], float]

    async def claims_of(self, token: str) -> dict[str, Any]:
        """What a good token says; ``sub`` and ``exp`` are among it.

        Raises:
            NotSignedIn: it is no good token.
            IssuerAway: its key is not known, and the issuer cannot be asked.
        """
        header = _header_of(token)
        if header.alg not in self.keys.algorithms:
            kinds = ", ".join(sorted(self.keys.algorithms))
            raise NotSignedIn(f"The token is not signed in a way that is taken here ({kinds}).")
        try:
            key = await self.keys.find(header.alg, header.kid)
            # Pinned to one algorithm, the one that the key was chosen for.
            registry = JWSRegistry(algorithms=[header.alg], strict_check_header=False)
            claims: dict[str, Any] = jwt.decode(token, key, registry=registry).claims
            self._registry().validate(claims)
        except UnknownKey:
            raise NotSignedIn("The token is signed with a key that its issuer does not publish.") from None
        except BadSignatureError:
            raise NotSignedIn("The token's signature is not that of its issuer.") from None
        except ExpiredTokenError:
            raise NotSignedIn("The token has run out.") from None
        except MissingClaimError as missing:
            raise NotSignedIn(f"The token says nothing of {missing.claim.replace(',', ' and ')}.") from None
        except ClaimError as wrong:
            raise NotSignedIn(_OTHERS.get(wrong.claim, "The token's claims cannot be used.")) from None
        except (JoseError, ValueError):
            raise NotSignedIn("The token cannot be read.") from None
        return claims

    def _registry(self) -> jwt.JWTClaimsRegistry:
        expected: dict[str, jwt.ClaimsOption] = {"sub": {"essential": True}, "exp": {"essential": True}}
        if self.issuer:
            # Some issuers end in a slash, and some people leave it out when they write the address down.
            bare = self.issuer.rstrip("/")
            expected["iss"] = {"essential": True, "values": [bare, f"{bare}/"]}
        if self.audience:
            expected["aud"] = {"essential": True, "value": self.audience}
        return jwt.JWTClaimsRegistry(now=int(self.now()), leeway=LEEWAY_S, **expected)


def _header_of(token: str) -> _Header:
    try:
        if len(token) > MAX_TOKEN:
            raise ValueError
        return msgspec.json.decode(urlsafe_b64decode(token.partition(".")[0].encode("ascii")), type=_Header)
    except (ValueError, msgspec.DecodeError):
        raise NotSignedIn("The token is not a signed token.") from None


@asynccontextmanager
async def open_sign_in(settings: Settings, session: aiohttp.ClientSession) -> AsyncIterator[SignIn | None]:
    """None where everybody is the one local user. An issuer is asked for its keys at once; nobody waits."""
    if settings.auth == "local":
        yield None
    elif settings.jwt_secret is not None:
        yield _sign_in(settings, SharedSecret(settings.jwt_secret))
    else:
        keys = IssuerKeys(settings.oidc_issuer or "", getter(session), time.monotonic)
        async with aclosing(keys):
            keys.look()
            yield _sign_in(settings, keys)


def _sign_in(settings: Settings, keys: Keys) -> SignIn:
    return SignIn(keys, settings.oidc_issuer, settings.oidc_audience, time.time)

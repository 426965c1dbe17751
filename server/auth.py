"""Who is asking: one local user, or the subject of a signed token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from server.problems import Problem
from server.rest import CANDIDATE, LOCAL_CANDIDATE, ROLES
from server.settings import Settings

OWNED: Final = (
    "/v1/candidates/",
    "/v1/calls/",
    "/api/get-call",
    "/api/generate-insights",
    "/api/analyze-communication",
)
STAFF: Final = ("coach", "owner")
"""Roles that may see every candidate's interviews."""


def auth_middleware(settings: Settings, now: Callable[[], float]) -> Middleware:
    """Sets ``request[CANDIDATE]`` on the candidate's paths; 401 where no valid token comes.

    ``now`` gives Unix seconds, for the tokens' expiry.
    """
    key = OctKey.import_key(settings.jwt_secret) if settings.jwt_secret else None

    @web.middleware
    async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(OWNED):
            if settings.auth == "local":
                request[CANDIDATE], request[ROLES] = LOCAL_CANDIDATE, frozenset(STAFF)
            else:
                claims = claims_of(request)
                request[CANDIDATE], request[ROLES] = f"user:{claims['sub']}", roles_in(claims)
        return await handler(request)

    def claims_of(request: web.Request) -> dict[str, Any]:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token or key is None:
            raise _unauthorised()
        required = jwt.JWTClaimsRegistry(
            now=int(now()),
            leeway=30,
            sub={"essential": True},
            exp={"essential": True},
            **_expected(settings),
        )
        try:
            claims: dict[str, Any] = jwt.decode(token.strip(), key, algorithms=["HS256"]).claims
            required.validate(claims)
        except (JoseError, ValueError):
            raise _unauthorised() from None
        return claims

    return authenticate


def roles_in(claims: Mapping[str, Any]) -> frozenset[str]:
    """The roles we know in a token's ``roles``, a list of names or one name."""
    named = claims.get("roles")
    names = named if isinstance(named, list) else [named]
    return frozenset(role for role in STAFF if role in names)


def _expected(settings: Settings) -> dict[str, jwt.ClaimsOption]:
    expected: dict[str, jwt.ClaimsOption] = {}
    if settings.oidc_issuer:
        expected["iss"] = {"essential": True, "value": settings.oidc_issuer}
    if settings.oidc_audience:
        expected["aud"] = {"essential": True, "value": settings.oidc_audience}
    return expected


def _unauthorised() -> Problem:
    return Problem(
        401,
        "unauthorised",
        "Not signed in",
        "Send a valid token as Authorization: Bearer.",
        headers={"WWW-Authenticate": "Bearer"},
    )

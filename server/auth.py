"""Who is asking: one local user, the subject of a signed token, or the guest of one call."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from server.problems import Problem
from server.rest import CANDIDATE, GUEST_OF, LOCAL_CANDIDATE, ROLES, ROOT
from server.settings import Settings
from server.tokens import MARK, CallTokens, TokenRefused

OWNED: Final = (
    "/v1/candidates/",
    "/v1/calls/",
    "/api/get-call",
    "/api/generate-insights",
    "/api/analyze-communication",
)
FOR_GUESTS: Final = re.compile(
    rf"GET {ROOT}/[^/]+/scorecard|POST {ROOT}/[^/]+/(scores/dispute|questions/[^/]+/again)"
    r"|(GET|POST) /api/get-call"
)
"""What somebody who came by a link, answered, and has no account may ask for: their own call."""
_SOUND: Final = re.compile(r"/v1/calls/[^/]+/audio")
STAFF: Final = ("coach", "owner")
"""Roles that may see every candidate's interviews."""


def auth_middleware(settings: Settings, now: Callable[[], float], guests: CallTokens) -> Middleware:
    """Sets ``request[CANDIDATE]`` on the candidate's paths; 401 where no valid token comes.

    ``now`` gives Unix seconds, for the tokens' expiry. ``guests`` checks the tokens of who has none of the
    identity provider's. A signed link to a stretch of sound is checked where it leads.
    """
    key = OctKey.import_key(settings.jwt_secret) if settings.jwt_secret else None

    @web.middleware
    async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(OWNED) and not is_signed_link(request):
            if settings.auth == "local":
                request[CANDIDATE], request[ROLES] = LOCAL_CANDIDATE, frozenset(STAFF)
            elif (token := token_of(request)).startswith(MARK):
                request[GUEST_OF] = guest_of(request, token)
                request[CANDIDATE], request[ROLES] = f"guest:{request[GUEST_OF]}", frozenset()
            else:
                claims = claims_of(token)
                request[CANDIDATE], request[ROLES] = f"user:{claims['sub']}", roles_in(claims)
        return await handler(request)

    def guest_of(request: web.Request, token: str) -> str:
        try:
            call_id = guests.call_of(token)
        except TokenRefused:
            raise _unauthorised() from None
        if FOR_GUESTS.fullmatch(f"{request.method} {request.path}") is None:
            raise Problem(
                403,
                "not_for_guests",
                "Not for guests",
                "This link is for the scorecard of one call. Sign in.",
            )
        return call_id

    def claims_of(token: str) -> dict[str, Any]:
        if key is None:
            raise _unauthorised()
        required = jwt.JWTClaimsRegistry(
            now=int(now()),
            leeway=30,
            sub={"essential": True},
            exp={"essential": True},
            **_expected(settings),
        )
        try:
            claims: dict[str, Any] = jwt.decode(token, key, algorithms=["HS256"]).claims
            required.validate(claims)
        except (JoseError, ValueError):
            raise _unauthorised() from None
        return claims

    return authenticate


def token_of(request: web.Request) -> str:
    """The bearer token. Raises Problem 401 when there is none."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise _unauthorised()
    return token.strip()


def is_signed_link(request: web.Request) -> bool:
    return "signature" in request.query and _SOUND.fullmatch(request.path) is not None


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

"""Who is asking: one local user, the subject of a signed token, or the guest of one call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from server.guests import Guests
from server.issuer_keys import PAUSE_S, IssuerAway
from server.problems import Problem
from server.rest import CANDIDATE, GUEST_OF, LOCAL_CANDIDATE, ROLES, ROOT
from server.sign_in import NotSignedIn, SignIn
from server.tokens import MARK, TokenRefused

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


def auth_middleware(sign_in: SignIn | None, guests: Guests) -> Middleware:
    """Sets ``request[CANDIDATE]`` on the candidate's paths; 401 where no valid token comes.

    Without ``sign_in`` everybody is the one local user. ``guests`` checks the tokens of who has none of the
    identity provider's. A signed link to a stretch of sound is checked where it leads.
    """

    @web.middleware
    async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(OWNED) and not is_signed_link(request):
            if sign_in is None:
                request[CANDIDATE], request[ROLES] = LOCAL_CANDIDATE, frozenset(STAFF)
            elif (token := token_of(request)).startswith(MARK):
                request[GUEST_OF] = await guest_of(request, token)
                request[CANDIDATE], request[ROLES] = f"guest:{request[GUEST_OF]}", frozenset()
            else:
                claims = await claims_of(sign_in, token)
                request[CANDIDATE], request[ROLES] = f"user:{claims['sub']}", roles_in(claims)
        return await handler(request)

    async def guest_of(request: web.Request, token: str) -> str:
        try:
            call_id = await guests.call_of(token)
        except TokenRefused:
            raise _unauthorised(
                "This link has run out or was withdrawn. Ask whoever gave it to you for another."
            ) from None
        if FOR_GUESTS.fullmatch(f"{request.method} {request.path}") is None:
            raise Problem(
                403,
                "not_for_guests",
                "Not for guests",
                "This link is for the scorecard of one call. Sign in.",
            )
        return call_id

    return authenticate


async def claims_of(sign_in: SignIn, token: str) -> dict[str, Any]:
    """What a token says of who sends it. Raises Problem: 401, or 503 while it cannot be checked."""
    try:
        return await sign_in.claims_of(token)
    except NotSignedIn as why:
        raise _unauthorised(f"{why} Sign in again.") from None
    except IssuerAway:
        raise Problem(
            503,
            "sign_in_unavailable",
            "Sign-in is not possible now",
            "The identity provider's keys cannot be fetched; try again shortly.",
            headers={"Retry-After": f"{PAUSE_S:.0f}"},
        ) from None


def token_of(request: web.Request) -> str:
    """The bearer token. Raises Problem 401 when there is none."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise _unauthorised()
    return token.strip()


def is_signed_link(request: web.Request) -> bool:
    return "signature" in request.query and _SOUND.fullmatch(request.path) is not None


def roles_in(claims: Mapping[str, Any]) -> frozenset[str]:
    """The roles we know in a token's ``roles`` or ``permissions``, each a list of names or one name.

    Auth0 keeps the name ``roles`` to itself and gives what an API knows of as ``permissions``.
    """
    names: list[Any] = []
    for claim in ("roles", "permissions"):
        named = claims.get(claim)
        names += named if isinstance(named, list) else [named]
    return frozenset(role for role in STAFF if role in names)


def _unauthorised(why: str = "") -> Problem:
    return Problem(
        401,
        "unauthorised",
        "Not signed in",
        why or "Send a valid token as Authorization: Bearer.",
        headers={"WWW-Authenticate": "Bearer"},
    )

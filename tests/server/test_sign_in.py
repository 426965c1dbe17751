"""Tokens of an issuer that really signs: what lets somebody in, and what each refusal says."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.jws import JWSRegistry
from joserfc.registry import HeaderParameter

from server.issuer_keys import IssuerAway, IssuerKeys, getter
from server.settings import Settings
from server.sign_in import LEEWAY_S, MAX_TOKEN, NotSignedIn, SharedSecret, SignIn, open_sign_in
from tests.fakes.issuer import AUDIENCE, Issuer, ec, rsa

GUARD_S = 30.0
"""A test that hangs fails after this."""
NOW = 1_790_000_000
RSA, CURVE, STRANGER = rsa("rsa"), ec("curve"), rsa("rsa")


def at_issuer(issuer: Issuer, act: Callable[[SignIn], Awaitable[None]]) -> None:
    async def work() -> None:
        async with asyncio.timeout(GUARD_S), issuer, aiohttp.ClientSession() as session:
            keys = IssuerKeys(issuer.url, getter(session), lambda: 0.0)
            try:
                await act(SignIn(keys, issuer.url, AUDIENCE, lambda: NOW))
            finally:
                await keys.aclose()

    asyncio.run(work())


def part(data: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()


GOOD: dict[str, Any] = {"exp": NOW + 600}


@pytest.mark.parametrize("alg", ["RS256", "RS512", "PS256", "ES256"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_token_of_the_issuer_lets_in(alg: str, slash: str) -> None:
    issuer = Issuer(RSA, CURVE, slash=slash)

    async def act(sign_in: SignIn) -> None:
        token = issuer.token(alg, CURVE if alg.startswith("ES") else RSA, roles=["coach"], **GOOD)
        claims = await sign_in.claims_of(token)
        assert (claims["sub"], claims["roles"]) == ("ada", ["coach"])

    at_issuer(issuer, act)


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({"exp": NOW - LEEWAY_S}, "run out"),
        ({"exp": None}, "nothing of exp"),
        ({"exp": "soon"}, "cannot be used"),
        ({"nbf": NOW + LEEWAY_S + 1}, "not valid yet"),
        ({"iat": NOW + LEEWAY_S + 1}, "not valid yet"),
        ({"sub": None}, "nothing of sub"),
        ({"sub": ""}, "cannot be used"),
        ({"sub": 7}, "cannot be used"),
        ({"aud": None}, "nothing of aud"),
        ({"aud": "others"}, "meant for somebody else"),
        ({"aud": ["others", "more"]}, "meant for somebody else"),
        ({"iss": None}, "nothing of iss"),
        ({"iss": "https://id.example"}, "another issuer"),
    ],
)
def test_claims_that_let_nobody_in(claims: dict[str, Any], says: str) -> None:
    issuer = Issuer(RSA)

    async def act(sign_in: SignIn) -> None:
        with pytest.raises(NotSignedIn, match=says):
            await sign_in.claims_of(issuer.token(**GOOD | claims))

    at_issuer(issuer, act)


def test_clocks_may_be_a_little_apart() -> None:
    issuer = Issuer(RSA)

    async def act(sign_in: SignIn) -> None:
        late: dict[str, Any] = {"nbf": NOW + LEEWAY_S, "iat": NOW + LEEWAY_S, "exp": NOW - LEEWAY_S + 1}
        assert (await sign_in.claims_of(issuer.token(aud=["others", AUDIENCE], **late)))["sub"] == "ada"

    at_issuer(issuer, act)


def test_what_the_issuer_did_not_sign_lets_nobody_in() -> None:
    issuer = Issuer(RSA)

    async def act(sign_in: SignIn) -> None:
        claims = issuer.claims(**GOOD)
        good = issuer.token(**GOOD)
        head, body, signature = good.split(".")
        # The public key, as everybody has it, taken for a shared secret.
        keyed = f"{part({'alg': 'HS256', 'kid': 'rsa'})}.{body}"
        mac = hmac.digest(RSA.as_pem(private=False), keyed.encode(), "sha256")
        keyed += "." + base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
        # What a token says is critical must be understood by whoever takes it.
        binding = JWSRegistry({"b": HeaderParameter("Binding", "str")}, algorithms=["RS256"])
        critical = {"alg": "RS256", "kid": "rsa", "crit": ["b"], "b": "to something"}
        own = {"alg": "RS256", "kid": "own", "jwk": STRANGER.as_dict(private=False)}
        unsigned = f"{part({'alg': 'none', 'kid': 'rsa'})}.{body}."
        forged = {
            "unsigned": (unsigned, "not signed in a way"),
            "keyed with what is public": (keyed, "not signed in a way"),
            "a stranger under the same key id": (
                issuer.token(key=STRANGER, **GOOD),
                "not that of its issuer",
            ),
            "a stranger": (issuer.token(key=rsa("other"), **GOOD), "does not publish"),
            "with a key of its own": (jwt.encode(own, claims, STRANGER), "does not publish"),
            "a key of another kind": (issuer.token("ES256", ec("rsa"), **GOOD), "does not publish"),
            "other claims": (
                f"{head}.{part(claims | {'sub': 'eve'})}.{signature}",
                "not that of its issuer",
            ),
            "cut": (good[:-20], "not that of its issuer"),
            "no signature": (f"{head}.{body}.", "not that of its issuer"),
            "no claims": (
                jws.serialize_compact({"alg": "RS256", "kid": "rsa"}, b"[]", RSA),
                "cannot be read",
            ),
            "critical": (jwt.encode(critical, claims, RSA, registry=binding), "cannot be read"),
            "encrypted": (f"{part({'alg': 'RSA-OAEP', 'enc': 'A256GCM'})}.a.b.c.d", "not signed in a way"),
            "long": (f"{head}.{'a' * MAX_TOKEN}.{signature}", "not a signed token"),
        }
        for name, (token, says) in forged.items():
            with pytest.raises(NotSignedIn, match=says):
                pytest.fail(f"{name}: {await sign_in.claims_of(token)}")
        assert (await sign_in.claims_of(good))["sub"] == "ada"

    at_issuer(issuer, act)


def test_headers_that_nobody_needs_to_know_are_no_hindrance() -> None:
    issuer = Issuer(RSA)

    async def act(sign_in: SignIn) -> None:
        header = {"alg": "RS256", "kid": "rsa", "typ": "at+jwt", "x5t": "abc", "nonce": "n"}
        body = json.dumps(issuer.claims(**GOOD))
        registry = JWSRegistry(algorithms=["RS256"], strict_check_header=False)
        token = jws.serialize_compact(header, body, RSA, registry=registry)
        assert (await sign_in.claims_of(token))["sub"] == "ada"

    at_issuer(issuer, act)


def test_while_the_issuer_is_away_a_strange_key_is_neither_good_nor_bad() -> None:
    issuer = Issuer(RSA)
    issuer.script = [503]

    async def act(sign_in: SignIn) -> None:
        with pytest.raises(IssuerAway):
            await sign_in.claims_of(issuer.token(**GOOD))

    at_issuer(issuer, act)


def test_the_issuer_is_asked_before_anybody_comes() -> None:
    async def work() -> None:
        async with asyncio.timeout(GUARD_S), Issuer(RSA) as issuer, aiohttp.ClientSession() as session:
            settings = Settings(auth="oidc", oidc_issuer=issuer.url, oidc_audience=AUDIENCE)
            async with open_sign_in(settings, session) as sign_in:
                await issuer.seen.wait()
                assert sign_in is not None
                assert (await sign_in.claims_of(issuer.token()))["sub"] == "ada"
            assert issuer.asked["keys"] == 1

    asyncio.run(work())


@given(
    st.one_of(
        st.text(), st.lists(st.binary(), max_size=5).map(lambda parts: b".".join(parts).decode("latin1"))
    )
)
def test_whatever_comes_is_refused_in_words(token: str) -> None:
    sign_in = SignIn(SharedSecret("s" * 32), None, None, lambda: NOW)
    with pytest.raises(NotSignedIn):
        asyncio.run(sign_in.claims_of(token))


@given(
    st.dictionaries(
        st.sampled_from(["alg", "kid", "crit", "b64", "typ", "jwk", "zip"]),
        st.one_of(st.none(), st.booleans(), st.integers(), st.just("HS256"), st.lists(st.just("b64"))),
    ),
    st.one_of(st.none(), st.lists(st.none()), st.dictionaries(st.text(), st.integers())),
)
def test_whatever_a_token_is_made_of_is_refused_in_words(header: dict[str, Any], claims: Any) -> None:
    sign_in = SignIn(SharedSecret("s" * 32), None, None, lambda: NOW)
    with pytest.raises(NotSignedIn):
        asyncio.run(sign_in.claims_of(f"{part(header)}.{part(claims)}.AAAA"))

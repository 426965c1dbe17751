"""An issuer's keys: looked for when one is missing, kept while the issuer is away, asked for seldom."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from joserfc.jwk import ECKey, OctKey, RSAKey
from joserfc.util import int_to_base64

from server.issuer_keys import (
    FRESH_S,
    LOOK_S,
    MAX_DOCUMENT,
    PAUSE_S,
    IssuerAway,
    IssuerKeys,
    UnknownKey,
    getter,
    usable,
)
from tests.fakes.issuer import Issuer, ec, rsa
from tests.virtual_loop import run

GUARD_S = 30.0
"""A test that hangs fails after this."""
ONE, TWO, CURVE = rsa("one"), rsa("two"), ec("curve")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def at_issuer(
    issuer: Issuer, act: Callable[[IssuerKeys, Clock], Awaitable[None]], address: str | None = None
) -> None:
    async def work() -> None:
        async with asyncio.timeout(GUARD_S), issuer, aiohttp.ClientSession() as session:
            clock = Clock()
            keys = IssuerKeys(address or issuer.url, getter(session), clock)
            try:
                await act(keys, clock)
            finally:
                await keys.aclose()

    asyncio.run(work())


def test_a_key_is_fetched_once_and_kept() -> None:
    issuer = Issuer(ONE, CURVE)

    async def act(keys: IssuerKeys, clock: Clock) -> None:
        found = await asyncio.gather(*(keys.find("RS256", "one") for _ in range(9)))
        assert {key.thumbprint() for key in found} == {ONE.thumbprint()}
        assert not found[0].is_private
        assert (await keys.find("ES256", "curve")).thumbprint() == CURVE.thumbprint()
        clock.now += FRESH_S - 1
        await keys.find("PS512", "one")
        assert issuer.asked == {"discovery": 1, "keys": 1}

    at_issuer(issuer, act)


def test_a_new_key_is_found_and_one_that_was_taken_back_is_gone() -> None:
    issuer = Issuer(ONE)

    async def act(keys: IssuerKeys, clock: Clock) -> None:
        await keys.find("RS256", "one")
        issuer.keys = [TWO]
        clock.now += PAUSE_S
        assert (await keys.find("RS256", "two")).thumbprint() == TWO.thumbprint()
        with pytest.raises(UnknownKey):
            await keys.find("RS256", "one")

    at_issuer(issuer, act)


def test_made_up_key_ids_make_nobody_ask_the_issuer_again_and_again() -> None:
    issuer = Issuer(ONE)

    async def act(keys: IssuerKeys, clock: Clock) -> None:
        for n in range(100):
            with pytest.raises(UnknownKey):
                await keys.find("RS256", f"made up {n}")
            clock.now += PAUSE_S / 20
        assert issuer.asked["keys"] == 5
        await keys.find("RS256", "one")

    at_issuer(issuer, act)


def test_old_keys_are_used_while_the_issuer_is_asked_behind_the_back() -> None:
    published = [ONE]
    asked = []

    async def get(url: str) -> bytes:
        asked.append(asyncio.get_running_loop().time())
        await asyncio.sleep(2.0)
        if url == "https://id.example/keys":
            return msgspec.json.encode({"keys": [key.as_dict(private=False) for key in published]})
        return b'{"issuer": "https://id.example", "jwks_uri": "https://id.example/keys"}'

    async def act() -> None:
        loop = asyncio.get_running_loop()
        keys = IssuerKeys("https://id.example", get, loop.time)
        await keys.find("RS256", "one")
        published[:] = [TWO]
        await asyncio.sleep(FRESH_S)
        before = loop.time()
        assert (await keys.find("RS256", "one")).thumbprint() == ONE.thumbprint()
        assert loop.time() == before, "nobody waits for it"
        await asyncio.sleep(5.0)
        assert asked == [0.0, 2.0, before, before + 2.0]
        with pytest.raises(UnknownKey):
            await keys.find("RS256", "one")
        await keys.aclose()

    run(act())


@pytest.mark.parametrize("step", [500, 302, "no JSON", "{}"])
@pytest.mark.parametrize("first_well", [0, 1])
def test_while_the_issuer_is_away_kept_keys_go_on_working(step: int | str, first_well: int) -> None:
    issuer = Issuer(ONE)

    async def act(keys: IssuerKeys, clock: Clock) -> None:
        await keys.find("RS256", "one")
        clock.now += FRESH_S
        issuer.script = [
            *[f'{{"issuer": "{issuer.url}", "jwks_uri": "{issuer.url}/keys"}}'] * first_well,
            step,
        ]
        with pytest.raises(IssuerAway):
            await keys.find("RS256", "two")
        assert issuer.script == []
        asked = dict(issuer.asked)
        for _ in range(5):
            assert (await keys.find("RS256", "one")).thumbprint() == ONE.thumbprint()
        with pytest.raises(IssuerAway):
            await keys.find("RS256", "two")
        assert issuer.asked == asked, "and it is left alone for a while"
        issuer.keys.append(TWO)
        clock.now += PAUSE_S
        assert (await keys.find("RS256", "two")).thumbprint() == TWO.thumbprint()
        with pytest.raises(UnknownKey):
            await keys.find("RS256", "three")

    at_issuer(issuer, act)


def test_a_document_without_end_is_not_read() -> None:
    issuer = Issuer(ONE)

    async def act(keys: IssuerKeys, clock: Clock) -> None:
        document = f'{{"issuer": "{issuer.url}", "jwks_uri": "{issuer.url}/keys"}}'
        issuer.script = [document.ljust(MAX_DOCUMENT + 1)]
        with pytest.raises(IssuerAway, match="longer than"):
            await keys.find("RS256", "one")
        issuer.script = [document.ljust(MAX_DOCUMENT)]
        clock.now += PAUSE_S
        await keys.find("RS256", "one")

    at_issuer(issuer, act)


def test_an_issuer_that_was_never_there_is_named() -> None:
    async def act(keys: IssuerKeys, clock: Clock) -> None:
        with pytest.raises(IssuerAway, match=r"http://127\.0\.0\.1:1/\.well-known/.* cannot be reached"):
            await keys.find("RS256", "one")

    at_issuer(Issuer(ONE), act, "http://127.0.0.1:1")


def test_a_document_for_another_issuer_is_not_believed() -> None:
    issuer = Issuer(ONE)
    issuer.named = "https://id.example.org"

    async def act(keys: IssuerKeys, clock: Clock) -> None:
        with pytest.raises(IssuerAway, match="another issuer: set VIVA_OIDC_ISSUER"):
            await keys.find("RS256", "one")
        assert issuer.asked["keys"] == 0

    at_issuer(issuer, act)


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_slash_at_the_end_of_its_address_makes_no_difference(slash: str) -> None:
    issuer = Issuer(ONE, slash=slash)

    async def act(keys: IssuerKeys, clock: Clock) -> None:
        assert await keys.count() == 1

    at_issuer(issuer, act)


@pytest.mark.parametrize("where", ["file:///etc/passwd", "http://id.example/keys", "/keys", "https:///keys"])
def test_keys_come_over_a_connection_as_safe_as_the_issuers_own(where: str) -> None:
    asked = []

    async def get(url: str) -> bytes:
        asked.append(url)
        return msgspec.json.encode({"issuer": "https://id.example", "jwks_uri": where})

    async def act() -> None:
        keys = IssuerKeys("https://id.example", get, lambda: 0.0)
        with pytest.raises(IssuerAway, match="not safe"):
            await keys.find("RS256", "one")
        await keys.aclose()

    run(act())
    assert asked == ["https://id.example/.well-known/openid-configuration"]


def test_a_look_has_a_deadline_and_who_leaves_meanwhile_does_not_end_it() -> None:
    async def get(url: str) -> bytes:
        if url == "https://id.example/keys":
            await asyncio.Event().wait()
        return b'{"issuer": "https://id.example", "jwks_uri": "https://id.example/keys"}'

    async def act() -> None:
        loop = asyncio.get_running_loop()
        keys = IssuerKeys("https://id.example", get, loop.time)
        left = asyncio.create_task(keys.find("RS256", "one"))
        stayed = asyncio.create_task(keys.find("RS256", "one"))
        await asyncio.sleep(1.0)
        left.cancel()
        with pytest.raises(IssuerAway, match="did not answer"):
            await stayed
        assert loop.time() == LOOK_S
        assert left.cancelled()
        await asyncio.sleep(PAUSE_S)
        keys.look()
        await asyncio.sleep(1.0)
        before = loop.time()
        await keys.aclose()
        assert (loop.time(), len(asyncio.all_tasks())) == (before, 1), "a look ends with its owner"

    run(act())


def test_only_public_keys_for_signatures_are_usable() -> None:
    good = rsa("good").as_dict(private=False)
    pinned = ONE.as_dict(private=False) | {"alg": "RS512", "use": "sig", "x5c": ["anything"]}
    numbers = generate_private_key(65537, 1024).public_key().public_numbers()
    short = {"kty": "RSA", "n": int_to_base64(numbers.n), "e": int_to_base64(numbers.e), "kid": "short"}
    published: list[dict[str, Any]] = [
        dict(good),
        short,
        pinned,
        CURVE.as_dict(private=False),
        TWO.as_dict(private=True),
        TWO.as_dict(private=False) | {"kid": "for secrets", "use": "enc"},
        OctKey.generate_key().as_dict(private=True) | {"kid": "shared"},
        {"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": "unknown kind"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "tiny"},
        {"kty": "RSA", "kid": "empty"},
        {"kty": "RSA", "n": 7, "e": "AQAB", "kid": "no text"},
        {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA", "kid": "beside the curve"},
        {"kty": "EC", "crv": "P-1", "x": "AAAA", "y": "AAAA", "kid": "no curve"},
        {"kid": "no kind"},
    ]
    found = usable(published)
    assert [one.kid for one in found] == ["good", "one", "curve", "two"]
    assert not any(one.key.is_private for one in found)
    assert [alg for alg in ("RS256", "RS512", "PS512", "ES256", "HS256") if found[1].fits(alg, "one")] == [
        "RS512"
    ]
    assert [alg for alg in ("ES256", "ES384", "RS256") if found[2].fits(alg, "curve")] == ["ES256"]


def test_a_token_without_a_key_id_is_taken_where_there_is_no_choice() -> None:
    issuer = Issuer(ONE, CURVE)

    async def act(keys: IssuerKeys, clock: Clock) -> None:
        for alg, kind in (("RS256", RSAKey), ("ES256", ECKey)):
            assert isinstance(await keys.find(alg, None), kind)
        issuer.keys.append(TWO)
        clock.now += PAUSE_S
        with pytest.raises(UnknownKey):
            await keys.find("RS256", "unknown")
        with pytest.raises(UnknownKey):
            await keys.find("RS256", None)

    at_issuer(issuer, act)

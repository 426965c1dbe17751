"""Tokens of an identity provider: only one that is signed, in time and meant for us lets anybody in."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from server.auth import roles_in
from tests.fakes.issuer import AUDIENCE, Issuer, rsa
from tests.fakes.rest import GUARD_S, ROOT, Rest, app_at, serve

pytestmark = pytest.mark.postgres

SECRET = "a secret of thirty-two characters!"
ISSUER = "https://id.example"
OIDC: dict[str, Any] = {
    "auth": "oidc",
    "jwt_secret": SECRET,
    "oidc_issuer": ISSUER,
    "oidc_audience": AUDIENCE,
}


def claims(**more: Any) -> dict[str, Any]:
    found = {"sub": "ada", "exp": int(time.time()) + 600, "iss": ISSUER, "aud": AUDIENCE} | more
    return {name: value for name, value in found.items() if value is not None}


def signed(found: dict[str, Any], key: str = SECRET, alg: str = "HS256") -> str:
    return f"Bearer {jwt.encode({'alg': alg}, found, OctKey.import_key(key), algorithms=[alg])}"


def part(data: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()


REFUSED = {
    "none": None,
    "empty": "Bearer ",
    "basic": "Basic YWRhOmFkYQ==",
    "no token": "Bearer nonsense",
    "unsigned": f"Bearer {part({'alg': 'none'})}.{part(claims())}.",
    "another key": signed(claims(), "another secret of that very length"),
    "another algorithm": signed(claims(), alg="HS512"),
    "run out": signed(claims(exp=int(time.time()) - 3600)),
    "without an end": signed(claims(exp=None)),
    "without a name": signed(claims(sub=None)),
    "for others": signed(claims(aud="others")),
    "from others": signed(claims(iss="https://id.example.org")),
    "no claims": f"Bearer {part({'alg': 'HS256'})}.bm90IEpTT04.AAAA",
    "not ASCII": "Bearer é.é.é",
}


@pytest.mark.parametrize("token", REFUSED.values(), ids=REFUSED)
def test_what_is_no_good_token_lets_nobody_in(dsn: str, token: str | None) -> None:
    async def act(rest: Rest) -> None:
        headers: dict[str, Any] = {} if token is None else {"Authorization": token}
        for method, path, body in (
            ("POST", ROOT, {"role": "Nurse"}),
            ("POST", f"{ROOT}/questions/generate", {"role": "Nurse"}),
            ("GET", ROOT, None),
            ("GET", f"{ROOT}/any", None),
        ):
            got = await rest.ask(method, path, body, **headers)
            assert got.problem() == (401, "unauthorised"), path
            assert got.headers["WWW-Authenticate"] == "Bearer"
        assert await rest.rows("SELECT 1 FROM mock_interview_sessions") == []

    serve(dsn, act, **OIDC)


def test_a_good_token_lets_in_who_it_names(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        for token in (signed(claims()), signed(claims(aud=["others", AUDIENCE]))):
            got = await rest.post(ROOT, {"role": "Nurse"}, Authorization=token)
            assert got.status == 201
        owners = await rest.rows("SELECT DISTINCT candidate_id FROM mock_interview_sessions")
        assert owners == [{"candidate_id": "user:ada"}]
        seen = await rest.get(ROOT, Authorization=signed(claims(sub="bob")))
        assert seen.json["items"] == []

    serve(dsn, act, **OIDC)


def test_tokens_of_an_issuer_let_in_by_the_keys_it_publishes(dsn: str) -> None:
    key = rsa("one")

    async def work() -> None:
        async with asyncio.timeout(GUARD_S), Issuer(key) as issuer:
            given: dict[str, Any] = {"auth": "oidc", "oidc_issuer": issuer.url, "oidc_audience": AUDIENCE}
            async with app_at(dsn, **given) as rest:
                made = await rest.post(ROOT, {"role": "Nurse"}, Authorization=f"Bearer {issuer.token()}")
                assert made.status == 201
                path = f"{ROOT}/{made.json['sessionId']}"
                for who, status in (("ada", 200), ("bob", 404)):
                    got = await rest.get(path, Authorization=f"Bearer {issuer.token(sub=who)}")
                    assert got.status == status
                for wrong in (issuer.token(aud="others"), signed(issuer.claims()).partition(" ")[2]):
                    got = await rest.get(ROOT, Authorization=f"Bearer {wrong}")
                    assert got.problem() == (401, "unauthorised")
                    assert "The token is " in got.json["detail"]
                assert issuer.asked == {"discovery": 1, "keys": 1}

    asyncio.run(work())


def test_an_issuer_that_is_away_at_first_lets_nobody_in_and_says_so(dsn: str) -> None:
    key = rsa("one")

    async def work() -> None:
        async with asyncio.timeout(GUARD_S), Issuer(key) as issuer:
            issuer.script = [503]
            given: dict[str, Any] = {"auth": "oidc", "oidc_issuer": issuer.url, "oidc_audience": AUDIENCE}
            async with app_at(dsn, **given) as rest:
                got = await rest.get(ROOT, Authorization=f"Bearer {issuer.token()}")
                assert got.problem() == (503, "sign_in_unavailable")
                assert got.headers["Retry-After"] == "10"
                assert (await rest.get("/readyz")).status == 200

    asyncio.run(work())


def test_roles_come_as_roles_or_as_permissions() -> None:
    assert roles_in({"roles": "coach"}) == {"coach"}
    assert roles_in({"roles": ["reader", "owner"], "permissions": ["read:all", "coach"]}) == {
        "coach",
        "owner",
    }
    assert roles_in({"roles": {"owner": True}, "permissions": None, "role": "owner"}) == frozenset()
    assert roles_in({"roles": [["owner"], 7]}) == frozenset()

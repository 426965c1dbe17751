"""Tokens of an identity provider: only one that is signed, in time and meant for us lets anybody in."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from tests.fakes.rest import ROOT, Rest, serve

pytestmark = pytest.mark.postgres

SECRET = "a secret of thirty-two characters!"
ISSUER, AUDIENCE = "https://id.example", "viva"
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

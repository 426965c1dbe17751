"""Call tokens: signed, bound to one call, running out, and fit for a subprotocol."""

from __future__ import annotations

import base64
import hmac
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.tokens import JOIN, JOIN_S, CallTokens, Claims, TokenRefused

SECRET = "s" * 40


def test_a_token_opens_its_call_until_it_runs_out() -> None:
    now = [1000.0]
    tokens = CallTokens(SECRET, lambda: now[0])
    token, expires_at = tokens.issue("call_1")
    assert expires_at == 1000 + JOIN_S
    assert re.fullmatch(r"[A-Za-z0-9._-]+", token)
    tokens.check(token, "call_1")
    with pytest.raises(TokenRefused, match="another call"):
        tokens.check(token, "call_2")
    now[0] = expires_at - 0.5
    tokens.check(token, "call_1")
    now[0] = expires_at
    with pytest.raises(TokenRefused, match="expired"):
        tokens.check(token, "call_1")


def test_replicas_share_tokens_and_strangers_do_not() -> None:
    token, _ = CallTokens(SECRET, lambda: 0.0).issue("call_1")
    CallTokens(SECRET, lambda: 0.0).check(token, "call_1")
    with pytest.raises(TokenRefused, match="not issued by this server"):
        CallTokens("t" * 40, lambda: 0.0).check(token, "call_1")


@pytest.mark.parametrize("token", ["", "x", "v1.", "v1..", "v2.a.b", "é.é.é", "v1." + "a" * 2000, "a.b.c.d"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(TokenRefused):
        CallTokens(SECRET, lambda: 0.0).check(token, "call_1")


@given(st.integers(0, 200), st.characters(categories=["L", "N"], max_codepoint=127))
def test_no_changed_token_opens(place: int, letter: str) -> None:
    tokens = CallTokens(SECRET, lambda: 0.0)
    token, _ = tokens.issue("call_1")
    place %= len(token) - 1  # the last letter has bits that stand for nothing
    changed = token[:place] + letter + token[place + 1 :]
    if changed != token:
        with pytest.raises(TokenRefused):
            tokens.check(changed, "call_1")


def test_a_token_carries_the_number_it_was_issued_with() -> None:
    tokens = CallTokens(SECRET, lambda: 0.0)
    for number in (0, 7):
        token, expires_at = tokens.issue("call_1", 60, number)
        assert tokens.claims_of(token) == Claims("call_1", expires_at, number)


def test_tokens_from_before_there_were_numbers_have_the_first() -> None:
    key = hmac.digest(SECRET.encode(), JOIN, "sha256")
    head = "v1." + base64.urlsafe_b64encode(b'["call_1",60]').rstrip(b"=").decode()
    signature = base64.urlsafe_b64encode(hmac.digest(key, head.encode(), "sha256")).rstrip(b"=").decode()
    assert CallTokens(SECRET, lambda: 0.0).claims_of(f"{head}.{signature}") == Claims("call_1", 60, 0)

"""Tokens for one call, signed and running out: one kind joins the call, one reads its scorecard.

``v1.PAYLOAD.SIGNATURE`` in unpadded base64url, so that a token fits a WebSocket subprotocol as it is. The
key is derived from ``VIVA_SECRET`` for one kind alone; all replicas share it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from typing import Final

import msgspec

JOIN_S: Final = 2 * 3600
"""A join token's life in seconds: consent and device check, the interview, and coming back to it."""
RESUME_S: Final = 4 * 3600
"""A resume token's life in seconds; it is renewed with every `viva.session`."""
READ_S: Final = 30 * 24 * 3600
"""For how many seconds a guest can read the scorecard of their own call."""
MARK: Final = "v1."
"""What every token begins with; no JWT does."""
JOIN: Final = b"viva call token v1"
READ: Final = b"viva scorecard token v1"
MAX_TOKEN: Final = 1024
"""Characters of the longest token that is looked at."""


class TokenRefused(Exception):
    """The token does not open this call; the text says why and what to do."""


class Claims(msgspec.Struct, array_like=True, frozen=True):
    """What a token says. ``number``: that of the call's links when it was issued, where they have one."""

    call_id: str
    expires_at: int
    number: int = 0


class CallTokens:
    """Of one kind: a token of another opens nothing. ``now`` gives Unix seconds."""

    def __init__(self, secret: str, now: Callable[[], float], kind: bytes = JOIN) -> None:
        self._key = hmac.digest(secret.encode(), kind, hashlib.sha256)
        self._now = now

    def issue(self, call_id: str, life_s: int = JOIN_S, number: int = 0) -> tuple[str, int]:
        """A token for ``call_id`` and the Unix second it runs out at."""
        claims = Claims(call_id, int(self._now()) + life_s, number)
        head = f"{MARK}{_text(msgspec.json.encode(claims))}"
        return f"{head}.{_text(self._sign(head))}", claims.expires_at

    def check(self, token: str, call_id: str) -> None:
        """Raises TokenRefused unless ``token`` opens ``call_id`` now."""
        if self.claims_of(token).call_id != call_id:
            raise TokenRefused("The token belongs to another call; open the URL it came with.")

    def claims_of(self, token: str) -> Claims:
        """What ``token`` says, if it is good now. Raises TokenRefused when it opens no call."""
        head, _, signature = token.rpartition(".")
        if len(token) > MAX_TOKEN or not token.isascii() or not head.startswith(MARK):
            raise TokenRefused("This is not a call token; register the call to get one.")
        if not hmac.compare_digest(_text(self._sign(head)), signature):
            raise TokenRefused("The token was not issued by this server; register the call again.")
        try:
            claims = msgspec.json.decode(_bytes(head[len(MARK) :]), type=Claims)
        except (msgspec.DecodeError, binascii.Error):
            raise TokenRefused("This is not a call token; register the call to get one.") from None
        if claims.expires_at <= self._now():
            raise TokenRefused("The token has expired; register the call again.")
        return claims

    def _sign(self, head: str) -> bytes:
        return hmac.digest(self._key, head.encode(), hashlib.sha256)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

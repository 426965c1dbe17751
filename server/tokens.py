"""Tokens that let a browser join one call: signed, bound to the call, and running out.

``v1.PAYLOAD.SIGNATURE`` in unpadded base64url, so that a token fits a WebSocket subprotocol as it is. The
key is derived from ``VIVA_SECRET`` for this use alone; all replicas share it.
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
MAX_TOKEN: Final = 1024
"""Characters of the longest token that is looked at."""


class TokenRefused(Exception):
    """The token does not open this call; the text says why and what to do."""


class _Claims(msgspec.Struct, array_like=True):
    call_id: str
    expires_at: int


class CallTokens:
    """``now`` gives Unix seconds."""

    def __init__(self, secret: str, now: Callable[[], float]) -> None:
        self._key = hmac.digest(secret.encode(), b"viva call token v1", hashlib.sha256)
        self._now = now

    def issue(self, call_id: str, life_s: int = JOIN_S) -> tuple[str, int]:
        """A token for ``call_id`` and the Unix second it runs out at."""
        claims = _Claims(call_id, int(self._now()) + life_s)
        head = f"v1.{_text(msgspec.json.encode(claims))}"
        return f"{head}.{_text(self._sign(head))}", claims.expires_at

    def check(self, token: str, call_id: str) -> None:
        """Raises TokenRefused unless ``token`` opens ``call_id`` now."""
        head, _, signature = token.rpartition(".")
        if len(token) > MAX_TOKEN or not token.isascii() or not head.startswith("v1."):
            raise TokenRefused("This is not a call token; register the call to get one.")
        if not hmac.compare_digest(_text(self._sign(head)), signature):
            raise TokenRefused("The token was not issued by this server; register the call again.")
        try:
            claims = msgspec.json.decode(_bytes(head[3:]), type=_Claims)
        except (msgspec.DecodeError, binascii.Error):
            raise TokenRefused("This is not a call token; register the call to get one.") from None
        if claims.call_id != call_id:
            raise TokenRefused("The token belongs to another call; open the URL it came with.")
        if claims.expires_at <= self._now():
            raise TokenRefused("The token has expired; register the call again.")

    def _sign(self, head: str) -> bytes:
        return hmac.digest(self._key, head.encode(), hashlib.sha256)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

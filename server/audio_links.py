"""Links that play one stretch of one call for a while, without a further token.

An ``<audio>`` element sends no ``Authorization`` header. Who may read a scorecard is given such links in it.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from server.tokens import TokenRefused

LINK_S: Final = 3600
"""A link lives for one to two times as long: links made within an hour are the same, so pages that ask for
the scorecard again and again need not draw it anew, and browsers may keep the sound."""


class AudioLinks:
    """``now`` gives Unix seconds."""

    def __init__(self, secret: str, now: Callable[[], float]) -> None:
        self._key = hmac.digest(secret.encode(), b"viva audio link v1", hashlib.sha256)
        self._now = now

    def url(self, call_id: str, start_s: float, end_s: float, track: str = "candidate") -> str:
        """The path that plays ``call_id`` from ``start_s`` to ``end_s`` seconds of its audio clock."""
        expires = (math.floor(self._now() / LINK_S) + 2) * LINK_S
        signature = self._sign(call_id, start_s, end_s, track, expires)
        return (
            f"/v1/calls/{quote(call_id, safe='')}/audio?start={start_s:.2f}&end={end_s:.2f}&track={track}"
            f"&expires={expires}&signature={signature}"
        )

    def check(
        self, call_id: str, start_s: float, end_s: float, track: str, expires: int, signature: str
    ) -> None:
        """Raises TokenRefused unless the link is ours and still good."""
        wanted = self._sign(call_id, start_s, end_s, track, expires)
        if not hmac.compare_digest(wanted.encode(), signature.encode()):
            raise TokenRefused("This link was changed, or comes from another server.")
        if expires <= self._now():
            raise TokenRefused("This link has run out.")

    def _sign(self, call_id: str, start_s: float, end_s: float, track: str, expires: int) -> str:
        text = f"{call_id}\0{start_s:.2f}\0{end_s:.2f}\0{track}\0{expires}"
        return hmac.digest(self._key, text.encode(), hashlib.sha256).hex()

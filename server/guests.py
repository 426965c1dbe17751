"""Guests: who came by a link and answered reads the own scorecard, by a link that can be withdrawn."""

from __future__ import annotations

from dataclasses import dataclass

from server.tokens import READ_S, CallTokens, TokenRefused
from storage.guest_links import PostgresGuestLinks
from storage.ports import StoredResponse


@dataclass(frozen=True, slots=True)
class Guests:
    """``tokens`` are of the kind for reading."""

    tokens: CallTokens
    links: PostgresGuestLinks

    def link(self, page: str, response: StoredResponse) -> str:
        """``page`` with a token for the call of ``response``."""
        return self._link(page, response.call_id, response.link_number)

    async def call_of(self, token: str) -> str:
        """The call that ``token`` opens now.

        Raises:
            TokenRefused: it opens none, or was withdrawn.
            StorageError: that cannot be looked up; NotFound for a call that was deleted.
        """
        claims = self.tokens.claims_of(token)
        if claims.number != await self.links.number(claims.call_id):
            raise TokenRefused("The link was withdrawn.")
        return claims.call_id

    async def withdraw(self, page: str, call_id: str, by: str, role: str) -> str:
        """No link to ``call_id`` given so far opens it any more; the new one does. Raises NotFound."""
        return self._link(page, call_id, await self.links.withdraw(call_id, by, role))

    def _link(self, page: str, call_id: str, number: int) -> str:
        # What follows the # stays in the browser: no log and no referrer sees it.
        return f"{page}#access={self.tokens.issue(call_id, READ_S, number)[0]}"

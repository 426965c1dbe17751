"""Retell's REST side: create a web call, read a call back.

    RetellError
    ├── RetellRefused   4xx: wrong key, unknown agent, no payment; trying again does not help
    ├── RetellBusy      429: too many calls; try later
    └── RetellDown      5xx, timeout, network, or an answer that cannot be read

One request per call of a method, never a retry: the SDK would re-POST a web call and leave an orphan.
Error texts hold no key, no token and nothing from the answer's body.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import retell

DEFAULT_TIMEOUT_S: Final = 10.0


class RetellError(Exception):
    """Base of all failures of Retell's REST side. ``status``: the HTTP status, if there was one."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class RetellRefused(RetellError):
    """Retell will not do it."""


class RetellBusy(RetellError):
    """Retell will not do it now."""


class RetellDown(RetellError):
    """Retell cannot be reached, failed, or answered something unreadable."""


@dataclass(frozen=True, slots=True)
class WebCall:
    """A created web call. The token is for the browser only; use it before ``expires_at`` (epoch ms)."""

    call_id: str
    access_token: str = field(repr=False)
    transport: str | None = None
    ice_servers: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    expires_at: int | None = None


class RetellApi:
    """An adapter around the SDK's async client. `aclose` it when done; the SDK is loaded on first use."""

    def __init__(
        self, api_key: str, *, base_url: str | None = None, timeout: float = DEFAULT_TIMEOUT_S
    ) -> None:
        self._api_key, self._base_url, self._timeout = api_key, base_url, timeout
        self._client: retell.AsyncRetell | None = None
        self._opening = asyncio.Lock()

    async def create_web_call(
        self,
        agent_id: str,
        dynamic_variables: dict[str, str],
        metadata: dict[str, Any],
        override: dict[str, Any] | None = None,
    ) -> WebCall:
        """Create a web call. ``override`` is Retell's ``agent_override``.

        Raises:
            RetellError: see the tree above; nothing is known to exist at Retell after it.
        """
        body: dict[str, Any] = {
            "agent_id": agent_id,
            "retell_llm_dynamic_variables": dynamic_variables,
            "metadata": metadata,
        }
        if override is not None:
            body["agent_override"] = override
        answer = await self._ask("create-web-call", **body)
        try:
            return WebCall(
                call_id=_text(answer, "call_id"),
                access_token=_text(answer, "access_token"),
                transport=answer.get("transport"),
                ice_servers=tuple(answer.get("ice_servers") or ()),
                expires_at=answer.get("expires_at"),
            )
        except (TypeError, KeyError) as error:
            raise RetellDown("Retell's answer to create-web-call lacks its fields.") from error

    async def retrieve_call(self, call_id: str) -> dict[str, Any]:
        """The call record as Retell has it, unknown fields included.

        Raises:
            RetellError: see the tree above; an unknown call is `RetellRefused` with status 404.
        """
        if not call_id:
            raise RetellRefused("An empty call id names no call.", 404)
        return await self._ask("get-call", call_id=call_id)

    async def aclose(self) -> None:
        """Close the connections; may be called twice."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        client = await self._open()
        from retell import APIConnectionError, APIError, APIStatusError

        try:
            if what == "get-call":
                answer: Any = await client.call.retrieve(**arguments)
            else:
                answer = await client.call.create_web_call(**arguments)
            found = answer.to_dict(mode="json")
        except APIStatusError as error:
            # "from None": the SDK's error holds the answer's body, and tracebacks end up in logs.
            raise _status_error(what, error.status_code) from None
        except APIConnectionError as error:
            kind = "did not answer in time" if "Timeout" in type(error).__name__ else "cannot be reached"
            raise RetellDown(f"Retell {kind} ({what}).") from None
        except (APIError, ValueError, AttributeError):
            raise RetellDown(f"Retell's answer to {what} cannot be read.") from None
        if not isinstance(found, Mapping):
            raise RetellDown(f"Retell's answer to {what} is no object.")
        return dict(found)

    async def _open(self) -> retell.AsyncRetell:
        async with self._opening:
            if self._client is None:
                # Importing and building the SDK's client takes long enough to make other calls stutter.
                self._client = await asyncio.to_thread(self._build)
            return self._client

    def _build(self) -> retell.AsyncRetell:
        import retell

        return retell.AsyncRetell(
            api_key=self._api_key,
            base_url=self._base_url or "https://api.retellai.com",
            timeout=self._timeout,
            max_retries=0,
        )


def _status_error(what: str, status: int) -> RetellError:
    if status == 429:
        return RetellBusy(f"Retell has no room for another call now ({what}: 429).", status)
    if status >= 500:
        return RetellDown(f"Retell failed ({what}: {status}).", status)
    hint = {401: "check RETELL_API_KEY", 402: "check the account's payment", 404: "no such agent or call"}
    return RetellRefused(
        f"Retell refused ({what}: {status}; {hint.get(status, 'check the request')}).", status
    )


def _text(answer: Mapping[str, Any], name: str) -> str:
    value = answer[name]
    if not isinstance(value, str) or not value:
        raise TypeError(name)
    return value

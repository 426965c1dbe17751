from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from server.retell_api import RetellApi, RetellBusy, RetellDown, RetellError, RetellRefused
from tests.fakes.retell_api import FakeRetellApi

KEY = "key_very_secret_0001"


def _with_fake(
    act: Callable[[RetellApi, FakeRetellApi], Awaitable[None]], *, timeout: float = 10, key: str = KEY
) -> None:
    async def body() -> None:
        async with FakeRetellApi(KEY) as fake:
            api = RetellApi(key, base_url=fake.url, timeout=timeout)
            try:
                await act(api, fake)
            finally:
                await api.aclose()
                await api.aclose()

    asyncio.run(body())


def test_a_web_call_is_created_and_read_back() -> None:
    async def act(api: RetellApi, fake: FakeRetellApi) -> None:
        call = await api.create_web_call(
            "agent_1", {"name": "Zoë"}, {"session_id": "s1"}, {"agent": {"x": 1}}
        )
        assert (call.call_id, call.access_token, call.transport) == (
            "call_0001",
            "token-of-the-call",
            "gateway",
        )
        assert call.ice_servers == ({"urls": ["stun:stun.example.org:3478"]},)
        assert call.expires_at == 1_790_000_000_000
        assert "token-of-the-call" not in repr(call)
        assert fake.bodies == [
            {
                "agent_id": "agent_1",
                "retell_llm_dynamic_variables": {"name": "Zoë"},
                "metadata": {"session_id": "s1"},
                "agent_override": {"agent": {"x": 1}},
            }
        ]
        record = await api.retrieve_call(call.call_id)
        assert record["metadata"] == {"session_id": "s1"}
        assert fake.attempts == 2

    _with_fake(act)


@pytest.mark.parametrize(
    ("step", "kind", "status"),
    [
        (503, RetellDown, 503),
        (500, RetellDown, 500),
        (429, RetellBusy, 429),
        (402, RetellRefused, 402),
        (422, RetellRefused, 422),
        ("garbage", RetellDown, None),
    ],
)
def test_a_failure_is_one_attempt_and_a_clean_error(
    step: int | str, kind: type[RetellError], status: int | None
) -> None:
    async def act(api: RetellApi, fake: FakeRetellApi) -> None:
        fake.script = [step]
        with pytest.raises(kind) as caught:
            await api.create_web_call("agent_1", {}, {})
        assert caught.value.status == status
        assert KEY not in str(caught.value)
        assert fake.attempts == 1

    _with_fake(act)


def test_a_timeout_is_one_attempt() -> None:
    async def act(api: RetellApi, fake: FakeRetellApi) -> None:
        fake.script = ["hang"]
        with pytest.raises(RetellDown, match="in time"):
            await api.create_web_call("agent_1", {}, {})
        assert fake.attempts == 1

    _with_fake(act, timeout=0.2)


def test_nobody_listening_is_down() -> None:
    async def body() -> None:
        with socket.socket() as held:  # bound and not listening: the port refuses
            held.bind(("127.0.0.1", 0))
            api = RetellApi(KEY, base_url=f"http://127.0.0.1:{held.getsockname()[1]}")
            with pytest.raises(RetellDown, match="cannot be reached"):
                await api.retrieve_call("c")
            await api.aclose()

    asyncio.run(body())


def test_a_wrong_key_and_unknown_calls_are_refused() -> None:
    async def wrong(api: RetellApi, fake: FakeRetellApi) -> None:
        with pytest.raises(RetellRefused, match="RETELL_API_KEY"):
            await api.create_web_call("agent_1", {}, {})

    async def unknown(api: RetellApi, fake: FakeRetellApi) -> None:
        for call_id in ("nope", "../../v3/x", ""):
            with pytest.raises(RetellRefused) as caught:
                await api.retrieve_call(call_id)
            assert caught.value.status == 404

    _with_fake(wrong, key="key_wrong")
    _with_fake(unknown)

"""What every vendor's adapter must do on the wire, against its fake."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from contextlib import aclosing
from subprocess import run as run_process
from typing import Any

import aiohttp
import pytest

from agents.llm import LlmEmpty, LlmError, LlmMalformed, LlmRateLimited, LlmRefused, LlmUnavailable, Prompt
from agents.llm_gemini import GeminiLLM
from agents.llm_gemini_api import VertexApi
from agents.llm_http import DEFAULT_TIMEOUT
from agents.llm_openai import OpenAiLLM
from tests.fakes.vendor_cases import PROMPT, SCHEMA, VENDORS, WAYS, Case, drain, failure
from tests.fakes.vendors import Blocked, CutShort, Die, Fail, Raw, Say, Stall, Step, run

vendors = pytest.mark.parametrize("case", WAYS, ids=str)


@vendors
def test_pieces_come_as_they_were_sent(case: Case) -> None:
    async def go() -> None:
        async with case.open(Say()) as (llm, vendor):
            assert await drain(llm) == (["Hel", "lo ", "wörld"], None)
            assert (await llm.complete(PROMPT)).text == "Hello wörld"
            assert len(vendor.seen) == 2

    run(go())


@vendors
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Fail(400), LlmRefused),
        (Fail(401), LlmRefused),
        (Fail(403), LlmRefused),
        (Fail(404), LlmRefused),
        (Fail(408), LlmUnavailable),
        (Fail(500), LlmUnavailable),
        (Fail(503), LlmUnavailable),
        (Fail(429), LlmRateLimited),
        (Raw("{not json PRIVATE"), LlmMalformed),
        (Raw('{"surprise": "PRIVATE"}'), LlmMalformed),
        (Raw('{"choices": 7, "candidates": 7}'), LlmMalformed),
        (Say(("",)), LlmEmpty),
        (CutShort(), LlmEmpty),
        (Die(), LlmUnavailable),
        (Blocked(), LlmRefused),
        (Blocked(after=("PRIV",)), LlmRefused),
    ],
    ids=str,
)
def test_each_failure_has_its_error(case: Case, stream: bool, step: Step, expected: type[LlmError]) -> None:
    async def go() -> None:
        async with case.open(step) as (llm, _):
            error = await failure(llm, stream=stream)
            assert type(error) is expected
            assert error.adapter == case.name

    run(go())


@vendors
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("sent", "read"), [("7", 7.0), ("1.5", 1.5), ("Mon, 01 Jan 2035 00:00:00 GMT", None)]
)
def test_rate_limits_say_how_long(case: Case, stream: bool, sent: str, read: float | None) -> None:
    async def go() -> None:
        async with case.open(Fail(429, sent)) as (llm, _):
            error = await failure(llm, stream=stream)
            assert isinstance(error, LlmRateLimited)
            assert error.retry_after == read

    run(go())


@vendors
@pytest.mark.parametrize("step", [Die(("Hel",)), CutShort(("Hel",))], ids=str)
def test_a_stream_that_dies_gives_what_it_had(case: Case, step: Step) -> None:
    async def go() -> None:
        async with case.open(step) as (llm, _):
            pieces, error = await drain(llm)
            assert pieces == ["Hel"]
            assert isinstance(error, LlmUnavailable)

    run(go())


@vendors
@pytest.mark.parametrize("stream", [True, False])
def test_the_read_limit_is_the_adapters_own(case: Case, stream: bool) -> None:
    async def go() -> None:
        tiny = aiohttp.ClientTimeout(total=None, sock_connect=5.0, sock_read=0.05)
        if not stream:  # the time for a whole answer; generous enough for the SDK's first request
            tiny = aiohttp.ClientTimeout(total=0.5, sock_connect=5.0)
        async with case.open(Stall(), timeout=tiny) as (llm, vendor):
            assert isinstance(await failure(llm, stream=stream), LlmUnavailable)
            if vendor.asked.is_set():  # on a crowded machine the limit may pass before the fake reads
                await vendor.aborted.wait()

    run(go())


@vendors
@pytest.mark.parametrize("stream", [True, False])
def test_nobody_listening(case: Case, stream: bool) -> None:
    async def go() -> None:
        async with aiohttp.ClientSession() as session:
            async with case.fake((Say(),)).serve() as base:
                pass
            llm = case.make(session, base, DEFAULT_TIMEOUT)
            assert isinstance(await failure(llm, stream=stream), LlmUnavailable)
            await llm.aclose()

    run(go())


@vendors
def test_closing_the_stream_hangs_up(case: Case) -> None:
    async def go() -> None:
        async with case.open(Stall(("Hel",))) as (llm, vendor):
            async with aclosing(llm.stream(PROMPT)) as stream:
                assert await anext(stream) == "Hel"
                assert not vendor.aborted.is_set()
            await vendor.aborted.wait()

    run(go())


@vendors
@pytest.mark.parametrize("stream", [True, False])
def test_cancelling_the_task_hangs_up(case: Case, stream: bool) -> None:
    async def go() -> None:
        async with case.open(Stall()) as (llm, vendor):
            work: Coroutine[Any, Any, object] = drain(llm) if stream else llm.complete(PROMPT)
            task = asyncio.create_task(work)
            await vendor.asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await vendor.aborted.wait()

    run(go())


@pytest.mark.parametrize(("case", "seed"), [(VENDORS[0], "seed"), (VENDORS[1], "random_seed")], ids=str)
def test_what_is_sent_to_chat_completions(case: Case, seed: str) -> None:
    async def go() -> dict[str, Any]:
        async with case.open(Say()) as (llm, vendor):
            await drain(llm, Prompt("t", "S", PROMPT.messages, schema=SCHEMA, seed=7, max_tokens=9))
            return vendor.seen[0].body

    body = run(go())
    assert body[seed] == 7
    assert body["max_tokens"] == 9
    assert [m["role"] for m in body["messages"]] == ["system", "user", "assistant", "user"]
    wanted = {"name": "answer", "schema": SCHEMA, "strict": True}
    assert body["response_format"] == {"type": "json_schema", "json_schema": wanted}


@pytest.mark.parametrize("case", VENDORS[2:], ids=str)
def test_gemini_is_sent_the_same_by_stream_and_by_sdk(case: Case) -> None:
    async def go() -> list[dict[str, Any]]:
        async with case.open(Say()) as (llm, vendor):
            prompt = Prompt("t", "S", PROMPT.messages, schema=SCHEMA, seed=7, max_tokens=9)
            await drain(llm, prompt)
            await llm.complete(prompt)
            return [seen.body for seen in vendor.seen]

    streamed, whole = run(go())
    assert [c["role"] for c in streamed["contents"]] == ["user", "model", "user"]
    assert streamed["generationConfig"] == whole["generationConfig"]
    assert streamed["contents"] == whole["contents"]
    assert streamed["systemInstruction"]["parts"] == whole["systemInstruction"]["parts"] == [{"text": "S"}]
    assert streamed["generationConfig"]["responseJsonSchema"] == SCHEMA


@vendors
def test_a_prompt_without_messages_becomes_one(case: Case) -> None:
    async def go() -> dict[str, Any]:
        async with case.open(Say()) as (llm, vendor):
            await drain(llm, Prompt("t", "Ask.", ()))
            return vendor.seen[0].body

    body = run(go())
    assert len(body.get("messages") or body["contents"]) == 1


def test_a_failing_token_provider_is_unavailable() -> None:
    async def broken() -> str:
        raise RuntimeError("SECRET")

    async def go() -> None:
        async with aiohttp.ClientSession() as session:
            llm = GeminiLLM(session, model="m", api=VertexApi("p", "l", broken, "http://127.0.0.1:9"))
            for stream in (True, False):
                assert isinstance(await failure(llm, stream=stream), LlmUnavailable)
            await llm.aclose()

    run(go())


def test_a_key_that_cannot_be_sent_is_refused() -> None:
    async def go() -> None:
        async with VENDORS[0].fake((Say(),)).serve() as base, aiohttp.ClientSession() as session:
            llm = OpenAiLLM(session, model="m", api_key="SECRET\r\nX: y", base=base)
            assert isinstance(await failure(llm, stream=True), LlmRefused)

    run(go())


def test_importing_the_adapters_imports_no_sdk() -> None:
    code = (
        "import sys, agents.llm_gemini, agents.llm_mistral, agents.chain, agents.structured;"
        "sys.exit(any(m.split('.')[0] in {'google', 'openai', 'mistralai', 'pydantic'} for m in sys.modules))"
    )
    assert run_process([sys.executable, "-c", code], check=False).returncode == 0

"""Each vendor's adapter together with the fake it talks to, and what tests do with the pair."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from unittest.mock import patch

import aiohttp
import pytest

from agents.llm import LLM, LlmError, Message, Prompt
from agents.llm_gemini import GeminiLLM
from agents.llm_gemini_api import GeminiApi, VertexApi
from agents.llm_http import DEFAULT_TIMEOUT
from agents.llm_mistral import mistral
from agents.llm_openai import OpenAiLLM
from tests.fakes.vendors import FakeGemini, FakeMistral, FakeOpenAi, FakeVertex, Step, Vendor

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}
PROMPT = Prompt(
    "interviewer.reply",
    "You are PRIVATE.",
    (Message("user", "Hi PRIVATE"), Message("assistant", "Yes?"), Message("user", "Go on")),
    seed=7,
)

Make = Callable[[aiohttp.ClientSession, str, aiohttp.ClientTimeout], LLM]


@dataclass(frozen=True)
class Case:
    name: str
    fake: Callable[[tuple[Step, ...]], Vendor]
    make: Make
    proxied: bool = False

    def __str__(self) -> str:
        return f"{self.name} by proxy" if self.proxied else self.name

    @asynccontextmanager
    async def open(
        self, *script: Step, timeout: aiohttp.ClientTimeout = DEFAULT_TIMEOUT
    ) -> AsyncIterator[tuple[LLM, Vendor]]:
        vendor, stack = self.fake(script), ExitStack()
        async with vendor.serve() as base, aiohttp.ClientSession() as session:
            if self.proxied:
                stack.enter_context(patch.dict(os.environ, {"http_proxy": base, "no_proxy": ""}))
            llm = self.make(session, base, timeout)
            try:
                yield llm, vendor
            finally:
                stack.close()
                await llm.aclose()
                await llm.aclose()


async def _token() -> str:
    return "SECRET"


def _openai(session: aiohttp.ClientSession, base: str, timeout: aiohttp.ClientTimeout) -> LLM:
    return OpenAiLLM(session, model="m", api_key="SECRET", base=f"{base}/v1", timeout=timeout)


def _openai_elsewhere(session: aiohttp.ClientSession, base: str, timeout: aiohttp.ClientTimeout) -> LLM:
    """Nobody listens there, and it counts as no loopback: only a proxy can answer."""
    return OpenAiLLM(session, model="m", api_key="SECRET", base="http://127.0.0.2:9/v1", timeout=timeout)


def _mistral(session: aiohttp.ClientSession, base: str, timeout: aiohttp.ClientTimeout) -> LLM:
    return mistral(session, model="m", api_key="SECRET", base=f"{base}/v1", timeout=timeout)


def _gemini(session: aiohttp.ClientSession, base: str, timeout: aiohttp.ClientTimeout) -> LLM:
    return GeminiLLM(session, model="m", api=GeminiApi("SECRET", base), timeout=timeout)


def _vertex(session: aiohttp.ClientSession, base: str, timeout: aiohttp.ClientTimeout) -> LLM:
    return GeminiLLM(session, model="m", api=VertexApi("p", "l", _token, base), timeout=timeout)


VENDORS = [
    Case("openai", FakeOpenAi, _openai),
    Case("mistral", FakeMistral, _mistral),
    Case("gemini", FakeGemini, _gemini),
    Case("vertex", FakeVertex, _vertex),
]
WAYS = [*VENDORS, Case("openai", FakeOpenAi, _openai_elsewhere, proxied=True)]
"""Each vendor over our own client, and one over the other way."""


async def drain(llm: LLM, prompt: Prompt = PROMPT) -> tuple[list[str], LlmError | None]:
    pieces: list[str] = []
    try:
        async with aclosing(llm.stream(prompt)) as stream:
            async for piece in stream:
                pieces.append(piece)
    except LlmError as error:
        return pieces, error
    return pieces, None


async def failure(llm: LLM, *, stream: bool) -> LlmError:
    if stream:
        error = (await drain(llm))[1]
    else:
        with pytest.raises(LlmError) as caught:
            await llm.complete(PROMPT)
        error = caught.value
    assert error is not None
    shown = f"{error} {error!r} {error.__cause__!r}"
    assert "SECRET" not in shown
    assert "PRIVATE" not in shown
    return error

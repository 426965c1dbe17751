"""Gemini, through its own API with a key or through Vertex AI with a token.

``stream`` is our own client: the SDK cannot abort a stream whose generator is closed. ``complete`` goes
through the SDK (``llm_gemini_sdk``), where milliseconds do not matter.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import aiohttp
import msgspec

from agents.llm import Completion, LlmMalformed, LlmRefused, Prompt
from agents.llm_gemini_api import REFUSALS, GeminiApi, VertexApi
from agents.llm_gemini_sdk import SdkCompleter
from agents.llm_http import DEFAULT_TIMEOUT, Post, Wire, conversation, ended, status_error


class _Part(msgspec.Struct):
    text: str = ""
    thought: bool = False


class _Content(msgspec.Struct):
    parts: list[_Part] = []


class _Candidate(msgspec.Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None

    def text(self) -> str:
        parts = self.content.parts if self.content else []
        return "".join(part.text for part in parts if not part.thought)


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: str | None = None


class _Fault(msgspec.Struct):
    code: int = 500


class _Answer(msgspec.Struct, rename="camel"):
    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: dict[str, Any] | None = None
    error: _Fault | None = None


_decoder = msgspec.json.Decoder(_Answer)


class GeminiLLM:
    """One Gemini model behind ``api``. The session stays the caller's.

    ``thinking_budget`` 0 turns thinking off where the model allows that; ``None`` leaves it to the model.
    ``timeout`` bounds each read of a stream; a whole answer gets its ``total``, or connect plus read.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        model: str,
        api: GeminiApi | VertexApi,
        timeout: aiohttp.ClientTimeout = DEFAULT_TIMEOUT,
        thinking_budget: int | None = None,
    ) -> None:
        self._wire = Wire(session, api.adapter, timeout)
        self._model, self._api = model, api
        self._thinking_budget = thinking_budget
        self._sdk = SdkCompleter(session, api, model, timeout, thinking_budget)

    @property
    def model(self) -> str:
        return f"{self._api.adapter}:{self._model}"

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str, None]:
        adapter = self._api.adapter
        spoke = finished = False
        post = Post(
            f"{self._api.url(self._model)}:streamGenerateContent?alt=sse",
            await self._api.headers(),
            msgspec.json.encode(self._body(prompt)),
        )
        async with aclosing(self._wire.events(post)) as events:
            async for data in events:
                candidate = self._read(data)
                if candidate is None:
                    continue
                if text := candidate.text():
                    spoke = True
                    yield text
                if candidate.finish_reason in REFUSALS:
                    raise LlmRefused(adapter, f"finished with {candidate.finish_reason}")
                finished = finished or candidate.finish_reason is not None
        if error := ended(adapter, spoke=spoke, finished=finished):
            raise error

    async def complete(self, prompt: Prompt) -> Completion:
        return Completion(await self._sdk.complete(prompt), self.model)

    async def aclose(self) -> None:
        """Close our connections, and the SDK's client if one was made. May be called twice."""
        await self._wire.aclose()
        await self._sdk.aclose()

    def _read(self, data: str) -> _Candidate | None:
        adapter = self._api.adapter
        try:
            answer = _decoder.decode(data)
        except (msgspec.MsgspecError, RecursionError):
            raise LlmMalformed(adapter, "not a generateContent answer") from None
        if answer.error is not None:
            raise status_error(adapter, answer.error.code)
        if answer.prompt_feedback is not None and answer.prompt_feedback.block_reason:
            raise LlmRefused(adapter, "the prompt was blocked")
        if answer.candidates is None and answer.usage_metadata is None:
            raise LlmMalformed(adapter, "an answer without candidates")
        return answer.candidates[0] if answer.candidates else None

    def _body(self, prompt: Prompt) -> dict[str, Any]:
        system, messages = conversation(prompt)
        config: dict[str, Any] = {
            "temperature": prompt.temperature,
            "maxOutputTokens": prompt.max_tokens,
        }
        if prompt.seed is not None:
            config["seed"] = prompt.seed
        if self._thinking_budget is not None:
            config["thinkingConfig"] = {"thinkingBudget": self._thinking_budget}
        if prompt.schema is not None:
            config |= {"responseMimeType": "application/json", "responseJsonSchema": prompt.schema}
        body: dict[str, Any] = {
            "contents": [
                {
                    "role": "model" if message.role == "assistant" else "user",
                    "parts": [{"text": message.text}],
                }
                for message in messages
            ],
            "generationConfig": config,
        }
        if system:
            body["systemInstruction"] = {"parts": [{"text": system}]}
        return body

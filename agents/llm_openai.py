"""OpenAI-compatible chat completions, with our own client: cheap per request, and it can be aborted."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import aiohttp
import msgspec

from agents.llm import Completion, LlmEmpty, LlmMalformed, LlmRefused, LlmUnavailable, Prompt
from agents.llm_http import DEFAULT_TIMEOUT, Post, Wire, conversation, ended, status_error

DEFAULT_BASE = "https://api.openai.com/v1"


class _Part(msgspec.Struct):
    type: str = "text"
    text: str = ""


class _Said(msgspec.Struct):
    content: str | list[_Part] | None = None
    refusal: str | None = None

    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content if part.type == "text")
        return self.content or ""


class _Choice(msgspec.Struct):
    delta: _Said | None = None
    message: _Said | None = None
    finish_reason: str | None = None


class _Fault(msgspec.Struct):
    code: Any = None


class _Answer(msgspec.Struct):
    choices: list[_Choice] | None = None
    error: _Fault | None = None


_decoder = msgspec.json.Decoder(_Answer)


class OpenAiLLM:
    """One model behind ``POST {base}/chat/completions``.

    ``base`` ends before ``/chat/completions``. ``seed_field`` and ``max_tokens_field`` are the two names
    on which otherwise compatible servers differ. The session stays the caller's.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        model: str,
        api_key: str | None = None,
        base: str = DEFAULT_BASE,
        adapter: str = "openai",
        timeout: aiohttp.ClientTimeout = DEFAULT_TIMEOUT,
        seed_field: str = "seed",
        max_tokens_field: str = "max_tokens",
    ) -> None:
        self._wire = Wire(session, adapter, timeout)
        self._model, self._adapter = model, adapter
        self._url = f"{base.rstrip('/')}/chat/completions"
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._seed_field, self._max_tokens_field = seed_field, max_tokens_field

    @property
    def model(self) -> str:
        return f"{self._adapter}:{self._model}"

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str, None]:
        spoke = finished = False
        post = self._post(prompt, stream=True)
        async with aclosing(self._wire.events(post, last="[DONE]")) as events:
            async for data in events:
                if data == "[DONE]":
                    finished = True
                    continue
                for choice in self._read(data)[:1]:
                    if choice.delta is not None and (text := choice.delta.text()):
                        spoke = True
                        yield text
                    self._check_refusal(choice, choice.delta)
                    finished = finished or choice.finish_reason is not None
        if error := ended(self._adapter, spoke=spoke, finished=finished):
            raise error

    async def complete(self, prompt: Prompt) -> Completion:
        post = self._post(prompt, stream=False)
        choices = self._read(await self._wire.json(post))
        if not choices or choices[0].message is None:
            raise LlmMalformed(self._adapter, "no message in the answer")
        self._check_refusal(choices[0], choices[0].message)
        if not (text := choices[0].message.text()):
            raise LlmEmpty(self._adapter, "an empty message")
        return Completion(text, self.model)

    async def aclose(self) -> None:
        """Close our connections. May be called twice."""
        await self._wire.aclose()

    def _read(self, data: str | bytes) -> list[_Choice]:
        try:
            answer = _decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            raise LlmMalformed(self._adapter, "not a chat completion") from None
        if answer.error is not None:
            if isinstance(answer.error.code, int):
                raise status_error(self._adapter, answer.error.code)
            raise LlmUnavailable(self._adapter, "error inside the answer")
        if answer.choices is None:
            raise LlmMalformed(self._adapter, "an answer without choices")
        return answer.choices

    def _check_refusal(self, choice: _Choice, said: _Said | None) -> None:
        if choice.finish_reason == "content_filter" or (said is not None and said.refusal):
            raise LlmRefused(self._adapter, "blocked by the provider's filter or the model")

    def _post(self, prompt: Prompt, *, stream: bool) -> Post:
        system, messages = conversation(prompt)
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [
                *([{"role": "system", "content": system}] if system else []),
                *({"role": message.role, "content": message.text} for message in messages),
            ],
            "temperature": prompt.temperature,
            self._max_tokens_field: prompt.max_tokens,
            "stream": stream,
        }
        if prompt.seed is not None:
            body[self._seed_field] = prompt.seed
        if prompt.schema is not None:
            body["response_format"] = _response_format(prompt.schema)
        return Post(self._url, self._headers, msgspec.json.encode(body))


def _response_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    # Strict mode is refused with 400 for a schema with open objects or optional fields.
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": _all_closed(schema)},
    }


def _all_closed(node: object) -> bool:
    if isinstance(node, Mapping):
        if node.get("type") == "object":
            fields = node.get("properties", {})
            if node.get("additionalProperties") is not False:
                return False
            if set(node.get("required", ())) != set(fields):
                return False
        return all(_all_closed(child) for child in node.values())
    if isinstance(node, (list, tuple)):
        return all(_all_closed(child) for child in node)
    return True

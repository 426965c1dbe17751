"""Whole answers from Gemini through google-genai, which is imported only when first needed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp

from agents.llm import LlmEmpty, LlmError, LlmMalformed, LlmRefused, Prompt
from agents.llm_gemini_api import REFUSALS, GeminiApi, VertexApi
from agents.llm_http import conversation, network_error, status_error

if TYPE_CHECKING:
    from google.genai import Client, types
    from google.oauth2.credentials import Credentials


class SdkCompleter:
    """``complete`` for one model. The SDK's requests run over the caller's session."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        api: GeminiApi | VertexApi,
        model: str,
        timeout: aiohttp.ClientTimeout,
        thinking_budget: int | None,
    ) -> None:
        self._session, self._api, self._model = session, api, model
        self._thinking_budget = thinking_budget
        # HttpOptions.timeout is not used: the SDK also tells it to the server, which refuses short ones.
        parts = (timeout.sock_connect, timeout.sock_read)
        self._limit_s = timeout.total or sum(part for part in parts if part) or None
        self._making = asyncio.Lock()
        self._client: Client | None = None
        self._credentials: Credentials | None = None

    async def complete(self, prompt: Prompt) -> str:
        """The text of the answer. Raises ``LlmError`` only."""
        client = await self._ready()
        adapter = self._api.adapter
        if isinstance(self._api, VertexApi):
            assert self._credentials is not None
            # No expiry is set, so the SDK takes the token as it is and never refreshes it itself.
            self._credentials.token = await self._api.bearer()
        try:
            async with asyncio.timeout(self._limit_s):
                answer = await client.aio.models.generate_content(
                    model=self._model, contents=self._contents(prompt), config=self._config(prompt)
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise network_error(adapter, error) from error
        except Exception as error:
            # The SDK's own texts quote the answer, so neither they nor the cause may travel on.
            raise self._translate(error) from None
        return self._text(answer)

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aio.aclose()
            client.close()

    async def _ready(self) -> Client:
        async with self._making:
            if self._client is None:
                # Importing costs seconds, and the client reads certificates from disk.
                made, self._credentials = await asyncio.to_thread(self._make)
                self._client = made
            return self._client

    def _make(self) -> tuple[Client, Credentials | None]:
        from google.genai import Client, types

        api = self._api
        options = types.HttpOptions(
            base_url=api.host() if isinstance(api, VertexApi) else api.base,
            api_version=api.api_version,
            # Without this a refused connection hides a sleep of up to ten seconds and a second try.
            retry_options=types.HttpRetryOptions(attempts=1),
            aiohttp_client=self._session,
        )
        if isinstance(api, GeminiApi):
            return Client(vertexai=False, api_key=api.api_key, http_options=options), None
        from google.oauth2.credentials import Credentials

        credentials = Credentials(token="")  # type: ignore[no-untyped-call]
        client = Client(
            vertexai=True,
            project=api.project,
            location=api.location,
            credentials=credentials,
            http_options=options,
        )
        return client, credentials

    def _contents(self, prompt: Prompt) -> list[Any]:
        from google.genai import types

        return [
            types.Content(
                role="model" if message.role == "assistant" else "user",
                parts=[types.Part(text=message.text)],
            )
            for message in conversation(prompt)[1]
        ]

    def _config(self, prompt: Prompt) -> types.GenerateContentConfig:
        from google.genai import types

        thinking = self._thinking_budget
        return types.GenerateContentConfig(
            system_instruction=conversation(prompt)[0] or None,
            temperature=prompt.temperature,
            max_output_tokens=prompt.max_tokens,
            seed=prompt.seed,
            response_mime_type="application/json" if prompt.schema is not None else None,
            response_json_schema=dict(prompt.schema) if prompt.schema is not None else None,
            thinking_config=types.ThinkingConfig(thinking_budget=thinking) if thinking is not None else None,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )

    def _translate(self, error: Exception) -> LlmError:
        from google.genai import errors

        if isinstance(error, LlmError):
            return error
        if isinstance(error, errors.APIError):
            headers = getattr(error.response, "headers", {})
            return status_error(self._api.adapter, int(error.code), "", headers.get("Retry-After"))
        return LlmMalformed(self._api.adapter, f"not an answer the SDK can read: {type(error).__name__}")

    def _text(self, answer: types.GenerateContentResponse) -> str:
        adapter = self._api.adapter
        if answer.prompt_feedback is not None and answer.prompt_feedback.block_reason:
            raise LlmRefused(adapter, "the prompt was blocked")
        if not answer.candidates:
            raise LlmMalformed(adapter, "an answer without candidates")
        candidate = answer.candidates[0]
        if candidate.finish_reason is not None and candidate.finish_reason.value in REFUSALS:
            raise LlmRefused(adapter, f"finished with {candidate.finish_reason.value}")
        parts = (candidate.content.parts if candidate.content else None) or []
        text = "".join(part.text or "" for part in parts if not part.thought)
        if not text:
            raise LlmEmpty(adapter, "an empty message")
        return text

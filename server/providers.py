"""From settings to language models: the only place that knows which adapter is which name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp

from agents.chain import Chain
from agents.llm import LLM, LlmError
from agents.llm_gemini import GeminiLLM
from agents.llm_gemini_api import GeminiApi, VertexApi
from agents.llm_mistral import mistral
from agents.llm_offline import OfflineLLM
from agents.llm_openai import OpenAiLLM
from server.settings import Settings

DEFAULT_MISTRAL = "mistral-small-latest"
DEFAULT_OPENAI = "gpt-4.1-mini"


def build_llm(
    settings: Settings,
    session: aiohttp.ClientSession,
    clock: Callable[[], float],
    on_fallback: Callable[[str, LlmError], None],
) -> LLM:
    """The chain of ``VIVA_LLM``; a single ``offline`` needs no chain around it."""
    models = [_build(name, settings, session) for name in settings.llm]
    if len(models) == 1 and isinstance(models[0], OfflineLLM):
        return models[0]
    return Chain(models, clock=clock, on_fallback=on_fallback)


def _build(name: str, settings: Settings, session: aiohttp.ClientSession) -> LLM:
    match name:
        case "gemini":
            api = GeminiApi(settings.gemini_api_key or "", **_base(settings.gemini_base_url))
            return GeminiLLM(session, model=settings.gemini_model, api=api, thinking_budget=0)
        case "vertex":
            place = VertexApi(settings.vertex_project or "", settings.vertex_location or "", vertex_token())
            return GeminiLLM(session, model=settings.gemini_model, api=place, thinking_budget=0)
        case "mistral":
            return mistral(
                session,
                model=DEFAULT_MISTRAL,
                api_key=settings.mistral_api_key or "",
                **_base(settings.mistral_base_url),
            )
        case "openai":
            return OpenAiLLM(
                session,
                model=settings.openai_model or DEFAULT_OPENAI,
                api_key=settings.openai_api_key,
                **_base(settings.openai_base_url),
            )
        case _:
            return OfflineLLM()


def _base(url: str | None) -> dict[str, str]:
    return {"base": url} if url else {}


def vertex_token() -> Callable[[], asyncio.Future[str]]:
    """A provider of OAuth tokens from the machine's Google credentials, made at the first request."""
    holder: list[object] = []

    def fetch() -> str:
        import google.auth
        import google.auth.transport.requests

        if not holder:
            scope = "https://www.googleapis.com/auth/cloud-platform"
            holder.append(google.auth.default(scopes=[scope])[0])
        credentials = holder[0]
        if not credentials.valid:  # type: ignore[attr-defined]
            credentials.refresh(google.auth.transport.requests.Request())  # type: ignore[attr-defined]
        return str(credentials.token)  # type: ignore[attr-defined]

    async def token() -> str:
        return await asyncio.to_thread(fetch)

    return token  # type: ignore[return-value]

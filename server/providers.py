"""From settings to language models: the only place that knows which adapter is which name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from agents.chain import Chain
from agents.llm import LLM
from agents.llm_gemini import GeminiLLM
from agents.llm_gemini_api import GeminiApi, VertexApi
from agents.llm_mistral import DEFAULT_BASE as MISTRAL_BASE
from agents.llm_mistral import mistral
from agents.llm_offline import OfflineLLM
from agents.llm_openai import DEFAULT_BASE as OPENAI_BASE
from agents.llm_openai import OpenAiLLM
from server.settings import Settings

DEFAULT_MISTRAL = "mistral-small-latest"
DEFAULT_OPENAI = "gpt-4.1-mini"
CLOUD_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
FIRST_DELTA_S = 4.0
"""A model that has not begun by then is passed over; the interviewer gives up after eight seconds."""


def build_llm(
    settings: Settings,
    session: aiohttp.ClientSession,
    clock: Callable[[], float],
    on_fallback: Callable[[str, str], None],
) -> LLM:
    """The chain of ``VIVA_LLM``; a single ``offline`` needs no chain around it."""
    models = [_build(name, settings, session) for name in settings.llm]
    if len(models) == 1 and isinstance(models[0], OfflineLLM):
        return models[0]
    return Chain(models, clock=clock, first_delta_s=FIRST_DELTA_S, on_fallback=on_fallback)


def note_of(llm: LLM) -> str:
    """What a person should know of the model that speaks."""
    return "rules over the question bank, no language model" if isinstance(llm, OfflineLLM) else ""


def _build(name: str, settings: Settings, session: aiohttp.ClientSession) -> LLM:
    match name:
        case "gemini":
            key = settings.gemini_api_key or ""
            api = GeminiApi(key, settings.gemini_base_url) if settings.gemini_base_url else GeminiApi(key)
            return GeminiLLM(session, model=settings.gemini_model, api=api, thinking_budget=0)
        case "vertex":
            place = VertexApi(settings.vertex_project or "", settings.vertex_location or "", vertex_token())
            return GeminiLLM(session, model=settings.gemini_model, api=place, thinking_budget=0)
        case "mistral":
            return mistral(
                session,
                model=DEFAULT_MISTRAL,
                api_key=settings.mistral_api_key or "",
                base=settings.mistral_base_url or MISTRAL_BASE,
            )
        case "openai":
            return OpenAiLLM(
                session,
                model=settings.openai_model or DEFAULT_OPENAI,
                api_key=settings.openai_api_key,
                base=settings.openai_base_url or OPENAI_BASE,
            )
        case _:
            return OfflineLLM()


def vertex_token() -> Callable[[], Awaitable[str]]:
    """A provider of OAuth tokens from the machine's Google credentials, made at the first request."""
    holder: list[Any] = []

    def fetch() -> str:
        import google.auth
        import google.auth.transport.requests

        if not holder:
            holder.append(google.auth.default(scopes=[CLOUD_SCOPE])[0])
        if not holder[0].valid:
            holder[0].refresh(google.auth.transport.requests.Request())
        return str(holder[0].token)

    async def token() -> str:
        return await asyncio.to_thread(fetch)

    return token

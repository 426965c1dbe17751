"""Mistral speaks the same chat completions, but calls the seed ``random_seed``."""

from __future__ import annotations

import aiohttp

from agents.llm_http import DEFAULT_TIMEOUT
from agents.llm_openai import OpenAiLLM

DEFAULT_BASE = "https://api.mistral.ai/v1"


def mistral(
    session: aiohttp.ClientSession,
    *,
    model: str,
    api_key: str,
    base: str = DEFAULT_BASE,
    timeout: aiohttp.ClientTimeout = DEFAULT_TIMEOUT,
) -> OpenAiLLM:
    """A Mistral model; content in parts (reasoning models) is read for its text parts only."""
    return OpenAiLLM(
        session,
        model=model,
        api_key=api_key,
        base=base,
        adapter="mistral",
        timeout=timeout,
        seed_field="random_seed",
    )

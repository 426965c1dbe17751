"""Where a Gemini model is reached: the Gemini API, or Vertex AI. Addresses and credentials only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import quote

from agents.llm import LlmError, LlmUnavailable

TokenProvider = Callable[[], Awaitable[str]]

# The answer was cut off on purpose. STOP and MAX_TOKENS are ends; the rest are the model's mishaps.
REFUSALS = frozenset({"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE"})


@dataclass(frozen=True, slots=True)
class GeminiApi:
    """The Gemini API: a key in ``x-goog-api-key``. ``api_version`` v1 is what the SDK defaults to."""

    api_key: str = field(repr=False)
    base: str = "https://generativelanguage.googleapis.com"
    api_version: str = "v1"
    adapter: str = "gemini"

    def url(self, model: str) -> str:
        return f"{self.base.rstrip('/')}/{self.api_version}/models/{quote(model, safe='')}"

    async def headers(self) -> dict[str, str]:
        return {"x-goog-api-key": self.api_key}


@dataclass(frozen=True, slots=True)
class VertexApi:
    """Vertex AI: ``token`` gives a fresh OAuth token each time it is awaited. ``base`` follows location."""

    project: str
    location: str
    token: TokenProvider = field(repr=False)
    base: str = ""
    api_version: str = "v1"
    adapter: str = "vertex"

    def host(self) -> str:
        region = "" if self.location == "global" else f"{self.location}-"
        return (self.base or f"https://{region}aiplatform.googleapis.com").rstrip("/")

    def url(self, model: str) -> str:
        place = f"projects/{quote(self.project, safe='')}/locations/{quote(self.location, safe='')}"
        return f"{self.host()}/{self.api_version}/{place}/publishers/google/models/{quote(model, safe='')}"

    async def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {await self.bearer()}"}

    async def bearer(self) -> str:
        """The token; whatever its provider throws becomes ``LlmUnavailable``."""
        try:
            return await self.token()
        except LlmError:
            raise
        except Exception as error:
            raise LlmUnavailable(self.adapter, f"no access token: {type(error).__name__}") from None

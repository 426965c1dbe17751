"""The port to a language model: one prompt in, a stream of text out.

    LlmError
    ├── LlmUnavailable   no connection, time-out, 5xx, circuit open     another adapter may do it
    ├── LlmRateLimited   429; ``retry_after`` seconds when told         another adapter may do it
    ├── LlmRefused       400/401/403/404 or blocked: our key, model or prompt   another adapter may do it
    ├── LlmMalformed     not the wire format, or not the JSON asked for  one repair, then another adapter
    └── LlmEmpty         the stream ended without a word                 another adapter may do it

Error texts name adapter, status and cause; never the prompt, the answer or a key.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from msgspec import Struct


class LlmError(Exception):
    """Base of all model failures."""

    def __init__(self, adapter: str, why: str) -> None:
        super().__init__(f"{adapter}: {why}")
        self.adapter, self.why = adapter, why


class LlmUnavailable(LlmError):
    """The model cannot be reached or did not answer in time."""


class LlmRateLimited(LlmError):
    """The provider asks for fewer requests."""

    def __init__(self, adapter: str, why: str, retry_after: float | None = None) -> None:
        super().__init__(adapter, why)
        self.retry_after = retry_after


class LlmRefused(LlmError):
    """The provider will not do this request, however often it is sent."""


class LlmMalformed(LlmError):
    """The provider's bytes, or the model's JSON, are not what was agreed."""


class LlmEmpty(LlmError):
    """The stream ended without a word."""


class Message(Struct, frozen=True):
    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """Everything a model is told for one task.

    ``task`` names the prompt file's task (``interviewer.reply``, ``evaluator.score`` …). ``facts`` is
    what the text was rendered from, as plain data: the offline adapter works from it by rules, the
    others ignore it. ``schema`` (JSON Schema) asks for structured output. ``source`` is
    ``name.vN@hash`` of the prompt file, stored with whatever the answer leads to.
    """

    task: str
    system: str
    messages: tuple[Message, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    schema: Mapping[str, Any] | None = None
    temperature: float = 0.4
    max_tokens: int = 400
    seed: int | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer. ``model`` names who really gave it, e.g. ``gemini:gemini-2.5-flash-lite``."""

    text: str
    model: str


class LLM(Protocol):
    """A language model.

    ``model`` names adapter and model. ``stream`` yields non-empty pieces of text as they come and must
    be closed by its owner (``aclosing``): closing or cancelling it aborts the request on the wire.
    ``complete`` answers whole, and honours ``Prompt.schema``. Both raise ``LlmError`` only, and
    ``stream`` raises ``LlmEmpty`` when it would end without a word.
    """

    @property
    def model(self) -> str: ...

    def stream(self, prompt: Prompt) -> AsyncGenerator[str, None]: ...

    async def complete(self, prompt: Prompt) -> Completion: ...

    async def aclose(self) -> None: ...

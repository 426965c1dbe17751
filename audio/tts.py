"""The port to speech synthesis: clauses in, sound with word times out.

    TtsError
    ├── TtsUnavailable   cannot be reached, did not answer in time, its process died
    ├── TtsRefused       our key, voice or text is wrong; trying again does not help
    └── TtsMissing       the engine or its voice is not on this machine; the text says how to get it

Error texts name adapter, status and cause; never the words to be spoken and never a key.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Protocol


class TtsError(Exception):
    """Base of all synthesis failures."""

    def __init__(self, adapter: str, why: str) -> None:
        super().__init__(f"{adapter}: {why}")
        self.adapter, self.why = adapter, why


class TtsUnavailable(TtsError):
    """The engine cannot be reached or did not answer in time."""


class TtsRefused(TtsError):
    """The engine will not do this, however often it is asked."""


class TtsMissing(TtsError):
    """The engine or its voice is not here."""


@dataclass(frozen=True, slots=True)
class WordTime:
    """``at_ms``: where the word begins, in milliseconds from the first sample of the stream."""

    text: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Sound:
    """A piece of speech at the engine's ``rate``. ``clause``: the ordinal of the clause it speaks.

    ``words``: the words that begin in it, where the engine gives times. ``last``: its clause is over.
    """

    pcm: bytes
    clause: int
    words: tuple[WordTime, ...] = ()
    last: bool = False


class TTS(Protocol):
    """A synthesis engine, shared by all calls.

    ``voice`` is a slot of `interview.personas` (``female_1``, ``male_2`` …), which the adapter maps to a
    voice of its own; two slots sound different where the engine can. ``speed`` 1.0 is normal.
    ``speak`` yields sound in order as it comes, asks for the next clause no earlier than it can use it,
    and must be closed by its owner (``aclosing``): closing or cancelling it stops the engine's work.
    It raises TtsError, after which what was yielded stays spoken.
    """

    @property
    def name(self) -> str: ...

    @property
    def note(self) -> str: ...

    @property
    def rate(self) -> int: ...

    def speak(
        self, clauses: AsyncIterator[str], voice: str, speed: float = 1.0
    ) -> AsyncGenerator[Sound, None]: ...

    async def aclose(self) -> None: ...

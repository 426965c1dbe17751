"""The port to speech recognition: segments of speech in, words out.

    SttError
    ├── SttUnavailable   cannot be reached, did not answer in time, its process died
    ├── SttRefused       our key, settings or audio are wrong; trying again does not help
    └── SttMissing       the engine or its model is not on this machine; the text says how to get it

Error texts name adapter, status and cause; never what was said and never a key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from interview.delivery import SpokenWord


class SttError(Exception):
    """Base of all recognition failures."""

    def __init__(self, adapter: str, why: str) -> None:
        super().__init__(f"{adapter}: {why}")
        self.adapter, self.why = adapter, why


class SttUnavailable(SttError):
    """The engine cannot be reached or did not answer in time."""


class SttRefused(SttError):
    """The engine will not do this, however often it is asked."""


class SttMissing(SttError):
    """The engine or its model is not here."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was recognised of one segment. Word times: seconds from the segment's first sample.

    ``words`` is empty when the engine gives no times; ``confidence`` (0–1) None when it gives none.
    """

    text: str
    words: tuple[SpokenWord, ...] = ()
    confidence: float | None = None


OnPartial = Callable[[str], None]
"""Told the text of the segment so far, for captions; later texts replace earlier ones."""


class SttStream(Protocol):
    """Recognition for one call: a segment is pushed, then committed; then the next begins.

    ``push`` takes 16 kHz mono PCM and never waits for recognition: what cannot be taken is bounded and
    reported by `commit`. ``commit`` ends the segment and returns its text ("" for no speech).
    ``discard`` forgets the segment. All but ``aclose`` raise SttError; after one, the next segment may
    be tried. ``aclose`` may be called twice and leaves no task, process or connection behind.
    """

    async def push(self, pcm: bytes) -> None: ...

    async def commit(self) -> Heard: ...

    async def discard(self) -> None: ...

    async def aclose(self) -> None: ...


class STT(Protocol):
    """A recognition engine, shared by all calls. ``name`` is shown; ``note`` says what it is good for."""

    @property
    def name(self) -> str: ...

    @property
    def note(self) -> str: ...

    async def open(self, language: str, on_partial: OnPartial) -> SttStream:
        """A stream for one call. ``language``: BCP 47, e.g. ``en``. Raises SttError."""
        ...

    async def aclose(self) -> None: ...

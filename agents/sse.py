"""Server-sent events, sans I/O: bytes in, events out.

How the bytes were cut into chunks never changes what comes out. An event that the stream did not
finish with a blank line is dropped, as the standard says: half an event is no event.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_EOL = re.compile(rb"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"


class SseError(ValueError):
    """The bytes are not a server-sent event stream we accept: not UTF-8, or beyond the size limit."""


@dataclass(frozen=True, slots=True)
class SseEvent:
    data: str
    event: str = "message"


class SseParser:
    """Parses one stream; make a new one for the next.

    No line, and no event's data, may be longer than ``limit`` bytes.
    """

    def __init__(self, limit: int = 1 << 20) -> None:
        self._limit = limit
        self._tail = b""
        self._after_cr = False
        self._at_start = True
        self._failed: SseError | None = None
        self._data: list[str] = []
        self._size = 0
        self._event = ""

    def feed(self, chunk: bytes) -> Iterator[SseEvent]:
        """Yield the events that ``chunk`` completes. Must be iterated to its end.

        A generator, so that events in front of a fault come out however the bytes were cut.
        Raises ``SseError``, and on every later call again.
        """
        try:
            yield from self._feed(chunk)
        except SseError as error:
            self._failed = error
            raise

    def _feed(self, chunk: bytes) -> Iterator[SseEvent]:
        if self._failed is not None:
            raise self._failed
        if not chunk:
            return
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_cr = False
            if not chunk:
                return
        self._after_cr = chunk.endswith(b"\r")
        parts: list[bytes] = _EOL.split(chunk) if b"\r" in chunk else chunk.split(b"\n")
        first, *rest = parts
        *lines, self._tail = [self._tail + first, *rest]
        for line in lines:
            event = self._line(line)
            if event is not None:
                yield event
        self._check(len(self._tail))

    def _line(self, line: bytes) -> SseEvent | None:
        self._check(len(line))
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        try:
            name, _, value = line.decode().partition(":")
        except UnicodeDecodeError:
            raise SseError("not UTF-8") from None
        value = value.removeprefix(" ")
        if name == "data":
            self._size += len(line)
            self._check(self._size)
            self._data.append(value)
        elif name == "event":
            self._event = value
        return None

    def _dispatch(self) -> SseEvent | None:
        data, name = self._data, self._event
        self._data, self._event, self._size = [], "", 0
        return SseEvent("\n".join(data), name or "message") if data else None

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise SseError(f"more than {self._limit} bytes in one line or event")

"""An HTTP/1.1 answer, sans I/O: bytes in, its head and the pieces of its body out.

Read lazily: a piece comes out as soon as its bytes are there, before what follows it is looked at. How the
bytes were cut changes only how the body is cut into pieces, never what it holds. Strict where a lax reader
could take one answer's bytes for another's: unknown transfer codings, disagreeing lengths, folded headers
and bare line feeds are faults. Sources: RFC 9110, RFC 9112.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

MAX_HEAD: Final = 64 << 10
"""Bytes of a status line with its headers, and of the trailers."""
MAX_SIZE_LINE: Final = 1024
MAX_INTERIM: Final = 8
"""1xx answers before the real one."""

_STATUS: Final = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\r\n]*)?")
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\r\n\0]*)")
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?")
_LENGTH: Final = re.compile(r"[0-9]{1,15}")


class HttpFault(Exception):
    """The bytes are no answer that we accept, or they end too early. The text holds none of them."""


@dataclass(frozen=True, slots=True)
class Head:
    """``headers``: by name in lower case; values of a name that came twice are joined by ", "."""

    status: int
    headers: Mapping[str, str]


class _At(Enum):
    HEAD = auto()
    SIZE = auto()
    CHUNK = auto()
    CHUNK_END = auto()
    TRAILERS = auto()
    LENGTH = auto()
    UNTIL_CLOSE = auto()
    END = auto()


class HttpAnswer:
    """Reads one answer; make a new one for the next."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._at = _At.HEAD
        self._left = 0
        self._searched = 0
        self._interim = 0
        self._closed = False
        self._keep = False
        self.begun = False
        """True once any byte of it has come."""

    @property
    def held(self) -> int:
        """Bytes that were fed and not read yet."""
        return len(self._held)

    @property
    def ended(self) -> bool:
        return self._at is _At.END

    @property
    def reusable(self) -> bool:
        """True when the answer has ended and its connection may carry another request."""
        return self.ended and self._keep and not self._held and not self._closed

    def feed(self, data: bytes) -> None:
        self.begun = True
        self._held += data

    def close(self) -> None:
        """The far side will send no more."""
        self._closed = True

    def head(self) -> Head | None:
        """The head of the final answer, once; None while more bytes are needed.

        Raises:
            HttpFault: not HTTP/1.x, too long, or cut off.
        """
        while (block := self._until(b"\r\n\r\n", MAX_HEAD)) is not None:
            first, *lines = block.split(b"\r\n")
            status = _STATUS.fullmatch(first)
            if status is None:
                raise HttpFault("not an HTTP/1.x status line")
            head = Head(int(status[2]), _fields(lines))
            if head.status >= 200:
                self._frame(head, old=status[1] == b"0")
                return head
            self._interim += 1
            if head.status == 101 or self._interim > MAX_INTERIM:
                raise HttpFault("an interim answer that was not asked for")
        return None

    def _frame(self, head: Head, *, old: bool) -> None:
        """How the body's end is found (RFC 9112 §6.3), and whether the connection outlives it."""
        headers = head.headers
        options = {option.strip().lower() for option in headers.get("connection", "").split(",")}
        self._keep = "keep-alive" in options if old else "close" not in options
        coding, length = headers.get("transfer-encoding"), headers.get("content-length")
        if head.status in (204, 304):
            self._at = _At.END
        elif coding is not None:
            if old or coding.lower() != "chunked":
                raise HttpFault("a transfer coding that was not asked for")
            self._keep = self._keep and length is None
            self._at = _At.SIZE
        elif length is not None:
            lengths = {part.strip() for part in length.split(",")}
            if len(lengths) > 1 or not _LENGTH.fullmatch(only := lengths.pop()):
                raise HttpFault("no single content length")
            self._left = int(only)
            self._at = _At.LENGTH if self._left else _At.END
        else:
            self._at, self._keep = _At.UNTIL_CLOSE, False

    def read(self) -> bytes:
        """The next piece of the body; b"" when more bytes are needed, or it has `ended`.

        Raises:
            HttpFault: the framing is broken, or the body was cut off.
        """
        while True:
            at = self._at
            if at is _At.CHUNK or at is _At.LENGTH:
                piece = self._take(self._left)
                self._left -= len(piece)
                if not self._left:
                    self._at = _At.CHUNK_END if at is _At.CHUNK else _At.END
                elif not piece and self._closed:
                    raise HttpFault("the body was cut off")
                return piece
            if at is _At.CHUNK_END:
                if len(self._held) < 2 and not self._closed:
                    return b""
                if self._take(2) != b"\r\n":
                    raise HttpFault("a chunk is not as long as it says")
                self._at = _At.SIZE
            elif at is _At.SIZE:
                line = self._until(b"\r\n", MAX_SIZE_LINE)
                if line is None:
                    return b""
                if (size := _SIZE.fullmatch(line)) is None:
                    raise HttpFault("a chunk without its size")
                self._left = int(size[1], 16)
                self._at = _At.CHUNK if self._left else _At.TRAILERS
            elif at is _At.TRAILERS:
                line = self._until(b"\r\n", MAX_HEAD)
                if line is None:
                    return b""
                self._left += len(line)
                if self._left > MAX_HEAD:
                    raise HttpFault("trailers are too long")
                if not line:
                    self._at = _At.END
            elif at is _At.UNTIL_CLOSE:
                piece = self._take(len(self._held))
                if not piece and self._closed:
                    self._at = _At.END
                return piece
            else:
                return b""

    def _take(self, most: int) -> bytes:
        held = self._held
        piece = bytes(held[:most])
        del held[:most]
        return piece

    def _until(self, end: bytes, most: int) -> bytes | None:
        """The held bytes in front of ``end``, which is taken too; None while it has not come."""
        held = self._held
        place = held.find(end, self._searched)
        if place > most or (place < 0 and len(held) > most + len(end)):
            raise HttpFault("a line or head is too long")
        if place < 0:
            if self._closed:
                raise HttpFault("the answer was cut off")
            self._searched = max(0, len(held) - len(end) + 1)
            return None
        self._searched = 0
        line = bytes(held[:place])
        del held[: place + len(end)]
        return line


def _fields(lines: list[bytes]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise HttpFault("a header that cannot be read")
        name, value = field[1].decode("ascii").lower(), field[2].strip(b" \t").decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers

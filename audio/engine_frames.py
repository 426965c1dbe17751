"""The frames between a speech engine in a process of its own and its owner.

frame   two uint32 (little-endian: bytes of JSON, bytes of data), the JSON, the data
"""

from __future__ import annotations

import socket
import struct
from typing import Final, TypeVar

import msgspec

HEAD: Final = struct.Struct("<II")
T = TypeVar("T")


class WorkerError(Exception):
    """What an engine's process tells its owner instead of a result.

    ``cause`` is ``missing``, ``refused`` or ``unavailable``.
    """

    def __init__(self, why: str, cause: str = "unavailable") -> None:
        super().__init__(why)
        self.why, self.cause = why, cause


def pack(message: msgspec.Struct, data: bytes = b"") -> bytes:
    head = msgspec.json.encode(message)
    return HEAD.pack(len(head), len(data)) + head + data


def take(buffer: bytearray, decoder: msgspec.json.Decoder[T], most: int) -> tuple[T, bytes] | None:
    """The first whole frame of ``buffer``, taken out of it; None while there is none.

    Raises:
        ValueError: what is there is no frame of this kind, or is larger than ``most`` bytes.
    """
    if len(buffer) < HEAD.size:
        return None
    head, data = HEAD.unpack_from(buffer)
    if head + data > most:
        raise ValueError("an oversized frame")
    end = HEAD.size + head + data
    if len(buffer) < end:
        return None
    message = decoder.decode(bytes(buffer[HEAD.size : HEAD.size + head]))
    rest = bytes(buffer[HEAD.size + head : end])
    del buffer[:end]
    return message, rest


def receive(connection: socket.socket, decoder: msgspec.json.Decoder[T]) -> tuple[T, bytes]:
    """The next frame; blocks. Raises EOFError or OSError when the other side is gone."""
    head, data = HEAD.unpack(_exactly(connection, HEAD.size))
    return decoder.decode(_exactly(connection, head)), _exactly(connection, data)


def _exactly(connection: socket.socket, size: int) -> bytes:
    pieces = bytearray()
    while len(pieces) < size:
        piece = connection.recv(min(size - len(pieces), 1 << 20))
        if not piece:
            raise EOFError
        pieces += piece
    return bytes(pieces)

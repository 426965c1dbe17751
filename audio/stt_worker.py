"""The child side of a recogniser in a process of its own, and the frames between it and its owner.

    frame   two uint32 (little-endian: bytes of JSON, bytes of data), the JSON, the data
    owner   an `Ask` per frame; the first is the engine's configuration
    child   one `Reply` per `Ask`, in order

Standard input is the socket. When it ends, the owner is gone, and so is the child: at once, even in the
middle of a pass.
"""

from __future__ import annotations

import os
import queue
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any, Final

import msgspec

HEAD: Final = struct.Struct("<II")
MAX_FRAME: Final = 64 << 20


class Ask(msgspec.Struct):
    """``data`` is 16 kHz mono PCM for every kind but ``load``."""

    kind: str
    number: int = 0
    fields: dict[str, Any] = {}


class Reply(msgspec.Struct):
    """The answer to the `Ask` of the same ``number``. ``words``: text, start, end in seconds, confidence.

    ``error``: why it could not be done; ``cause`` is then ``missing``, ``refused`` or ``unavailable``.
    """

    number: int = 0
    text: str = ""
    words: list[tuple[str, float, float, float | None]] = []
    confidence: float | None = None
    note: str = ""
    error: str = ""
    cause: str = "unavailable"


class WorkerError(Exception):
    """What the child tells its owner instead of an answer."""

    def __init__(self, why: str, cause: str = "unavailable") -> None:
        super().__init__(why)
        self.why, self.cause = why, cause


Handler = Callable[[Ask, bytes], Reply]

_ask = msgspec.json.Decoder(Ask)
_reply = msgspec.json.Decoder(Reply)


def pack(message: Ask | Reply, data: bytes = b"") -> bytes:
    head = msgspec.json.encode(message)
    return HEAD.pack(len(head), len(data)) + head + data


def take_reply(buffer: bytearray) -> Reply | None:
    """The first whole reply of ``buffer``, taken out of it; None while there is none.

    Raises:
        ValueError: what is there is no reply.
    """
    if len(buffer) < HEAD.size:
        return None
    head, data = HEAD.unpack_from(buffer)
    if head + data > MAX_FRAME:
        raise ValueError("an oversized frame")
    if len(buffer) < HEAD.size + head + data:
        return None
    reply = _reply.decode(bytes(buffer[HEAD.size : HEAD.size + head]))
    del buffer[: HEAD.size + head + data]
    return reply


def serve(load: Callable[[dict[str, Any]], tuple[Handler, str]]) -> None:
    """Load the engine and answer until the owner is gone. ``load`` returns the handler and a note.

    An engine that cannot be loaded is said so, once; then the child ends.
    """
    connection = socket.socket(fileno=0)
    inbox: queue.Queue[tuple[Ask, bytes]] = queue.Queue(maxsize=4)
    threading.Thread(target=_read, args=(connection, inbox), daemon=True).start()
    first, _ = inbox.get()
    try:
        handle, note = load(first.fields)
    except WorkerError as trouble:
        connection.sendall(pack(Reply(first.number, error=trouble.why, cause=trouble.cause)))
        return
    connection.sendall(pack(Reply(first.number, note=note)))
    while True:
        ask, data = inbox.get()
        try:
            reply = handle(ask, data)
            reply.number = ask.number
            packed = pack(reply)
        except WorkerError as trouble:
            packed = pack(Reply(ask.number, error=trouble.why, cause=trouble.cause))
        except Exception as trouble:
            # Only the type: an engine's own words may hold what was said.
            packed = pack(Reply(ask.number, error=type(trouble).__name__))
        connection.sendall(packed)


def _read(connection: socket.socket, inbox: queue.Queue[tuple[Ask, bytes]]) -> None:
    # A thread of its own: an owner that is killed must not leave an engine busy behind.
    try:
        while True:
            head, data = HEAD.unpack(_exactly(connection, HEAD.size))
            inbox.put((_ask.decode(_exactly(connection, head)), _exactly(connection, data)))
    except (OSError, EOFError, msgspec.MsgspecError):
        os._exit(0)


def _exactly(connection: socket.socket, size: int) -> bytes:
    pieces = bytearray()
    while len(pieces) < size:
        piece = connection.recv(min(size - len(pieces), 1 << 20))
        if not piece:
            raise EOFError
        pieces += piece
    return bytes(pieces)

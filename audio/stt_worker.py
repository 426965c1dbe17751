"""The child side of a recogniser in a process of its own; frames are those of `audio.engine_frames`.

    owner   an `Ask` per frame; the first is the engine's configuration
    child   one `Reply` per `Ask`, in order

Standard input is the socket. When it ends, the owner is gone, and so is the child: at once, even in the
middle of a pass.
"""

from __future__ import annotations

import os
import queue
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

import msgspec

from audio.engine_frames import WorkerError, pack, receive

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


Handler = Callable[[Ask, bytes], Reply]

_ask = msgspec.json.Decoder(Ask)
REPLIES: Final = msgspec.json.Decoder(Reply)


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
            inbox.put(receive(connection, _ask))
    except (OSError, EOFError, msgspec.MsgspecError):
        os._exit(0)

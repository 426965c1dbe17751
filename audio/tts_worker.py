"""The child side of a synthesiser in a process of its own; frames are those of `audio.engine_frames`.

    owner   `Order` per frame: ``load`` once, then ``speak`` and ``stop``, which names the speak it ends
    child   `Piece` per frame; those of one ``speak`` end with one that is ``last`` or has an ``error``

Standard input is the socket. When it ends, the owner is gone, and so is the child: at once, even in the
middle of a sentence.
"""

from __future__ import annotations

import os
import queue
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from audio.engine_frames import WorkerError, pack, receive

MAX_FRAME: Final = 16 << 20


class Order(msgspec.Struct):
    """``voice`` is the engine's own; ``config`` belongs to ``load``."""

    kind: str
    number: int = 0
    text: str = ""
    voice: str = ""
    speed: float = 1.0
    config: dict[str, Any] = {}


class Piece(msgspec.Struct):
    """Sound of the ``speak`` of the same ``number``. ``words``: text, milliseconds from its first sample.

    ``error``: why it cannot be spoken; ``cause`` is then ``missing``, ``refused`` or ``unavailable``.
    """

    number: int = 0
    words: list[tuple[str, int]] = []
    last: bool = False
    rate: int = 0
    error: str = ""
    cause: str = "unavailable"


Emit = Callable[[bytes, list[tuple[str, int]]], bool]
"""Hands over sound and the words that begin in it; False: nobody wants the rest."""
Synthesise = Callable[[Order, Emit], None]
Load = Callable[[Mapping[str, Any]], tuple[Synthesise, int]]
"""Loads an engine: how it speaks, and its samples per second. Raises WorkerError."""

_orders = msgspec.json.Decoder(Order)
PIECES: Final = msgspec.json.Decoder(Piece)


class _Inbox:
    """Orders as they come, on a thread of its own: a stop is seen while the engine speaks."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        # Bounded: an owner keeps at most a few orders here, and waits when it would be more.
        self.orders: queue.Queue[Order] = queue.Queue(maxsize=64)
        self._stopped: set[int] = set()

    def wanted(self, number: int) -> bool:
        return number not in self._stopped

    def finished(self, number: int) -> None:
        self._stopped = {n for n in self._stopped if n > number}

    def read(self) -> None:
        try:
            while True:
                order, _ = receive(self._connection, _orders)
                if order.kind == "stop":
                    self._stopped.add(order.number)
                else:
                    self.orders.put(order)
        except (OSError, EOFError, msgspec.MsgspecError):
            os._exit(0)


def serve(load: Load) -> None:
    """Load the engine and speak until the owner is gone.

    An engine that cannot be loaded is said so, once; then the child ends.
    """
    connection = socket.socket(fileno=0)
    inbox = _Inbox(connection)
    threading.Thread(target=inbox.read, daemon=True).start()
    first = inbox.orders.get()
    try:
        synthesise, rate = load(first.config)
    except WorkerError as trouble:
        connection.sendall(pack(Piece(first.number, error=trouble.why, cause=trouble.cause)))
        return
    connection.sendall(pack(Piece(first.number, last=True, rate=rate)))
    while True:
        order = inbox.orders.get()
        if inbox.wanted(order.number):
            connection.sendall(pack(_speak(synthesise, order, connection, inbox)))
        inbox.finished(order.number)


def _speak(synthesise: Synthesise, order: Order, connection: socket.socket, inbox: _Inbox) -> Piece:
    def emit(pcm: bytes, words: list[tuple[str, int]]) -> bool:
        if inbox.wanted(order.number) and (pcm or words):
            connection.sendall(pack(Piece(order.number, words), pcm))
        return inbox.wanted(order.number)

    try:
        synthesise(order, emit)
    except WorkerError as trouble:
        return Piece(order.number, error=trouble.why, cause=trouble.cause)
    except Exception as trouble:
        # Only the type: an engine's own words may hold what was to be said.
        return Piece(order.number, error=type(trouble).__name__)
    return Piece(order.number, last=True)

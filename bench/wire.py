"""A blocking WebSocket client that costs next to nothing: frames are built before the clock starts."""

from __future__ import annotations

import json
import os
import socket
import struct
from base64 import b64encode
from collections.abc import Iterator
from typing import Any, Final

TIMEOUT_S: Final = 20.0
_ZERO_MASK: Final = b"\0\0\0\0"


def text_frame(data: bytes) -> bytes:
    """A client's text frame. The mask is all zeros, which is legal and spares the client the masking."""
    size = len(data)
    if size < 126:
        head = struct.pack("!BB", 0x81, 0x80 | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", 0x81, 0xFE, size)
    else:
        head = struct.pack("!BBQ", 0x81, 0xFF, size)
    return head + _ZERO_MASK + data


class WebSocket:
    """One connection to one call id; the constructor returns once the upgrade was accepted."""

    def __init__(self, port: int, path: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self._held = b""
        while b"\r\n\r\n" not in self._held:
            self._fill()
        head, _, self._held = self._held.partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(head.split(b"\r\n")[0].decode())

    def send(self, frames: bytes) -> None:
        self._socket.sendall(frames)

    def messages(self) -> Iterator[dict[str, Any]]:
        """JSON text frames as they come; pings are answered, a close ends it."""
        while True:
            while len(self._held) < 2:
                self._fill()
            size, start = self._held[1] & 0x7F, 2
            if size == 126:
                start = 4
            elif size == 127:
                start = 10
            while len(self._held) < start:
                self._fill()
            if start > 2:
                size = int.from_bytes(self._held[2:start], "big")
            while len(self._held) < start + size:
                self._fill()
            opcode = self._held[0] & 0x0F
            data, self._held = self._held[start : start + size], self._held[start + size :]
            if opcode == 1:
                yield json.loads(data)
            elif opcode == 8:
                return
            elif opcode == 9:
                self._socket.sendall(struct.pack("!BB", 0x8A, 0x80 | size) + _ZERO_MASK + data)

    def close(self) -> None:
        """Close in good order (1000) without waiting for the far side's half."""
        try:
            self._socket.sendall(b"\x88\x82" + _ZERO_MASK + struct.pack("!H", 1000))
        except OSError:
            pass
        self._socket.close()

    def _fill(self) -> None:
        data = self._socket.recv(1 << 16)
        if not data:
            raise ConnectionError("the server closed the connection")
        self._held += data

"""An OpenAI-compatible model that answers twelve deltas at once, and Retell's create-web-call.

Written on a bare protocol, so that what it costs is the same small part of every server's figure. The
text follows the form that Viva asks its model for; the other servers read it as any other text.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Final, cast

import uvloop

HEADER: Final = '{"move": "advance", "answered": true, "about": "the cache"}\n'
CLAUSES: Final = (
    "I have noted the cache. ",
    "You described the old setup. ",
    "Then you measured the load. ",
    "The team agreed on it. ",
    "You wrote the first version. ",
    "Others took over the tests. ",
    "The release came in spring. ",
    "Some users saw it first. ",
    "You watched the error rate. ",
    "Nothing had to be undone. ",
    "The rest followed in summer. ",
    "Let us move on now.",
)
DELTAS: Final = (HEADER + CLAUSES[0], *CLAUSES[1:])


def _stream() -> bytes:
    """The whole answer as one chunked body, in twelve events, a finish reason and ``[DONE]``."""
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "fake"}
    events = []
    for number, text in enumerate(DELTAS):
        delta = {"content": text} | ({"role": "assistant"} if number == 0 else {})
        choice = {"index": 0, "delta": delta, "finish_reason": None}
        events.append(json.dumps(base | {"choices": [choice]}))
    events.append(json.dumps(base | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
    chunks = b""
    for event in (*events, "[DONE]"):
        data = f"data: {event}\n\n".encode()
        chunks += b"%x\r\n%s\r\n" % (len(data), data)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + chunks + b"0\r\n\r\n"


def _json(data: object) -> bytes:
    body = json.dumps(data).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Counts:
    completions = 0
    calls = 0


STREAM: Final = _stream()
REFUSED: Final = b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Http(asyncio.Protocol):
    """Just enough HTTP/1.1: keep-alive, bodies by Content-Length."""

    def __init__(self) -> None:
        self._held = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by class

    def data_received(self, data: bytes) -> None:
        self._held += data
        while True:
            head, end, rest = self._held.partition(b"\r\n\r\n")
            if not end:
                return
            length = 0
            for line in head.split(b"\r\n")[1:]:
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            if len(rest) < length:
                return
            body, self._held = rest[:length], rest[length:]
            assert self._transport is not None
            self._transport.write(_answer(head.split(b" ", 2)[1], body))


def _answer(path: bytes, body: bytes) -> bytes:
    if path.endswith(b"/chat/completions"):
        if b'"stream":true' not in body.replace(b" ", b""):
            return REFUSED  # a whole answer, such as the scene at a hand-over: fixed words stand in
        Counts.completions += 1
        return STREAM
    if path.endswith(b"/create-web-call"):
        Counts.calls += 1
        call = {"call_id": f"call_{Counts.calls:06d}", "access_token": "none", "agent_id": "agent"}
        return _json(call | {"call_type": "web_call", "call_status": "registered", "agent_version": 0})
    return _json({"completions": Counts.completions})


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Http, "127.0.0.1", 0)
    sys.stdout.write(f"ready {server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())

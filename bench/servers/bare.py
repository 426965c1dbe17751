"""A bare aiohttp WebSocket server with canned frames: what the socket and its frames cost at least.

It looks at each frame's type and id and at nothing else; it asks no model and stores nothing.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Final

import msgspec
import uvloop
from aiohttp import WSMsgType, web

from bench.servers.fake_llm import CLAUSES


class Head(msgspec.Struct):
    interaction_type: str = ""
    response_id: int = 0
    timestamp: int = 0


_head: Final = msgspec.json.Decoder(Head)
CONFIG: Final = b'{"response_type":"config","config":{"auto_reconnect":true,"call_details":true}}'


def frame(turn: int, text: str, *, complete: bool) -> bytes:
    return msgspec.json.encode(
        {"response_type": "response", "response_id": turn, "content": text, "content_complete": complete}
    )


async def handle(request: web.Request) -> web.StreamResponse:
    ws = web.WebSocketResponse(max_msg_size=4 << 20, compress=False)
    await ws.prepare(request)
    await ws.send_frame(CONFIG, WSMsgType.TEXT)
    await ws.send_frame(frame(0, "Hello, shall we begin?", complete=True), WSMsgType.TEXT)
    async for message in ws:
        head = _head.decode(message.data)
        if head.interaction_type == "ping_pong":
            pong = {"response_type": "ping_pong", "timestamp": head.timestamp}
            await ws.send_frame(msgspec.json.encode(pong), WSMsgType.TEXT)
        elif head.interaction_type == "response_required":
            for text in CLAUSES:
                await ws.send_frame(frame(head.response_id, text, complete=False), WSMsgType.TEXT)
            await ws.send_frame(frame(head.response_id, "", complete=True), WSMsgType.TEXT)
    return ws


async def main() -> None:
    app = web.Application()
    app.router.add_get("/llm-websocket/{call_id}", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"ready {runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())

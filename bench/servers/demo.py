"""The approach of Retell's Python demo, written anew from its description; runs in .venv-bench.

FastAPI on uvicorn; one ``AsyncOpenAI`` per call; every frame parsed whole; one task per frame; the newest
response id kept in the handler; a chunk is sent first and the id checked after it. Storage and signature
checks are left out, as in the original.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from typing import Any

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from openai import AsyncOpenAI

GREETING = "Hello, shall we begin?"
SYSTEM = "You hold a practice job interview by voice. Be brief, one question at a time."

app = FastAPI()


class Model:
    """Turns a transcript into a prompt and streams the answer; one for each call."""

    def __init__(self) -> None:
        self.client = AsyncOpenAI(base_url=os.environ["OPENAI_BASE_URL"], api_key="bench")

    def messages(self, transcript: list[dict[str, Any]]) -> list[dict[str, str]]:
        out = [{"role": "system", "content": SYSTEM}]
        for item in transcript:
            role = "assistant" if item["role"] == "agent" else "user"
            out.append({"role": role, "content": item["content"]})
        return out

    async def answer(self, request: dict[str, Any]) -> Any:
        turn = request["response_id"]
        messages: Any = self.messages(request["transcript"])
        stream = await self.client.chat.completions.create(model="fake", messages=messages, stream=True)
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                yield _response(turn, chunk.choices[0].delta.content, complete=False)
        yield _response(turn, "", complete=True)


def _response(turn: int, text: str, *, complete: bool) -> dict[str, Any]:
    return {
        "response_type": "response",
        "response_id": turn,
        "content": text,
        "content_complete": complete,
        "end_call": False,
    }


@app.websocket("/llm-websocket/{call_id}")
async def handle(websocket: WebSocket, call_id: str) -> None:
    await websocket.accept()
    model = Model()
    config = {"auto_reconnect": True, "call_details": True}
    await websocket.send_json({"response_type": "config", "config": config})
    await websocket.send_json(_response(0, GREETING, complete=True))
    newest = 0

    async def on_frame(request: dict[str, Any]) -> None:
        nonlocal newest
        kind = request["interaction_type"]
        if kind == "ping_pong":
            await websocket.send_json({"response_type": "ping_pong", "timestamp": request["timestamp"]})
        elif kind in ("response_required", "reminder_required"):
            newest = request["response_id"]
            async for frame in model.answer(request):
                await websocket.send_json(frame)
                if request["response_id"] < newest:
                    break

    tasks: set[asyncio.Task[None]] = set()
    try:
        async for text in websocket.iter_text():
            task = asyncio.create_task(on_frame(json.loads(text)))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
    except WebSocketDisconnect:
        pass


class Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        assert sockets is not None
        sys.stdout.write(f"ready {sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()


def main() -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="warning", ws_max_size=4 << 20, lifespan="off")
    Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()

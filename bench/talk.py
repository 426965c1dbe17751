"""What Retell would send, and the clock around it: one call, one turn, one batch of updates."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any, Final

from bench.wire import WebSocket, text_frame

ANSWER: Final = (
    "In my last project I moved the cache to the edge, measured the load for two weeks and then wrote the "
    "first version with a colleague, and in the end the pages were served in half of the time."
)
AGAIN: Final = "Could you repeat the question please?"
_ASKED: Final = "Tell me about a change you made and what came of it."
Item = dict[str, str]


def transcript(items: int, size: int) -> list[Item]:
    """``items`` alternating utterances that end with the candidate's answer, of about ``size`` bytes."""
    out: list[Item] = []
    filler = max(0, (size - len(ANSWER)) // max(items, 1) - 40)
    words = "and then we looked at the numbers again with the whole team before we went on "
    text = (words * (filler // len(words) + 1))[:filler].strip()
    for number in range(items - 1):
        role = "agent" if number % 2 == 0 else "user"
        out.append(
            {"role": role, "content": f"{_ASKED if role == 'agent' else 'Well,'} {text}"[: filler + 8]}
        )
    return [*out, {"role": "user", "content": ANSWER}]


def update(items: list[Item]) -> bytes:
    return _frame({"interaction_type": "update_only", "transcript": items, "turntaking": "user_turn"})


def request(turn: int, items: list[Item]) -> bytes:
    return _frame({"interaction_type": "response_required", "response_id": turn, "transcript": items})


def ping(number: int) -> bytes:
    return _frame({"interaction_type": "ping_pong", "timestamp": number})


def _frame(data: dict[str, Any]) -> bytes:
    return text_frame(json.dumps(data, separators=(",", ":")).encode())


@dataclass(slots=True)
class Call:
    """An open call. ``first_response``: seconds from the TCP connect to the greeting's first words."""

    socket: WebSocket
    first_response: float
    turn: int = 0
    pings: int = 0
    said: list[Item] = field(default_factory=list)

    def hear(self, turn: int, began: float) -> tuple[float, float]:
        """Seconds to the first content of ``turn`` and to its completion."""
        first, text = 0.0, ""
        for message in self.socket.messages():
            if message.get("response_type") != "response" or message["response_id"] != turn:
                continue
            if not first and message["content"]:
                first = time.perf_counter() - began
            text += message["content"]
            if message["content_complete"]:
                done = time.perf_counter() - began
                self.said.append({"role": "agent", "content": text})
                return first, done
        raise ConnectionError(f"the call was closed in turn {turn}")

    def ask(self, items: list[Item]) -> tuple[float, float]:
        self.turn += 1
        frame = request(self.turn, items)
        began = time.perf_counter()
        self.socket.send(frame)
        return self.hear(self.turn, began)

    def echo(self, before: bytes = b"") -> float:
        """Seconds until a ping that follows ``before`` is echoed."""
        self.pings += 1
        frames = before + ping(self.pings)
        began = time.perf_counter()
        self.socket.send(frames)
        for message in self.socket.messages():
            if message.get("response_type") == "ping_pong":
                return time.perf_counter() - began
        raise ConnectionError("the call was closed instead of a ping's echo")

    def close(self) -> None:
        self.socket.close()


def open_call(port: int, call_id: str) -> Call:
    began = time.perf_counter()
    socket = WebSocket(port, f"/llm-websocket/{call_id}")
    call = Call(socket, 0.0)
    call.first_response, _ = call.hear(0, began)
    return call

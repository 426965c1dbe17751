"""A `RealtimeLine` in virtual time: scripted ears and mouth, and a socket that notes what it is sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from audio.ears import InterruptionSuspected
from audio.pcm import AudioMs
from interview.events import Clause, EndReason, HungUp, LineEvent, TurnId
from server.realtime_line import CallInfo, RealtimeLine
from server.realtime_protocol import RealtimeProtocol
from server.realtime_turns import Tap
from tests.fakes.realtime import FakeSocket, FakeVoice, ScriptedEars, ScriptedMouth
from tests.virtual_loop import run

WORDS = "Tell me about a project that went wrong and what you did then"
VIVA = {"binary_audio": True, "rate": 16000, "playback": True}


@dataclass
class Scene:
    """A line with its task, a first socket, and what it posted."""

    voice: FakeVoice
    line: RealtimeLine
    socket: FakeSocket = field(default_factory=FakeSocket)
    posted: list[LineEvent] = field(default_factory=list)

    @property
    def ears(self) -> ScriptedEars:
        return self.voice.ears[0]

    @property
    def mouth(self) -> ScriptedMouth:
        return self.voice.mouths[0]

    async def post(self, event: LineEvent) -> None:
        self.posted.append(event)

    async def send(self, kind: str, **fields: Any) -> None:
        await self.line.receive(self.socket, json.dumps({"type": kind} | fields))

    async def update(self, **session: Any) -> None:
        await self.send("session.update", session={"type": "realtime"} | session)

    async def speak(self, turn: int, *texts: str, persona: str = "hr") -> None:
        async def clauses() -> AsyncGenerator[Clause, None]:
            for text in texts or (WORDS,):
                yield Clause(text, persona)

        async with aclosing(clauses()) as given:
            await self.line.speak(TurnId(turn), given, lambda: False)

    def response(self) -> str:
        reply = self.socket.of("response.created")[-1]["response"]["id"]
        assert isinstance(reply, str)
        return reply


def play(
    act: Callable[[Scene], Awaitable[None]],
    voice: FakeVoice | None = None,
    *,
    tap: Tap | None = None,
    **more: Any,
) -> Scene:
    """Run ``act`` beside a running line; afterwards the line is ended and has said so."""
    parts = voice or FakeVoice(word_ms=100, paced=True)

    async def work() -> Scene:
        info = CallInfo("call_1", lambda: "resume-token", scorecard_url="https://viva.example/s")
        made = parts.voice() if tap is None else replace(parts.voice(), tap=lambda *_: tap)
        line = RealtimeLine(info, made, protocol=RealtimeProtocol("abc"), **more)
        scene = Scene(parts, line)
        running = asyncio.create_task(line.run(scene.post), name="line")
        try:
            line.attach(scene.socket)
            await asyncio.sleep(0)
            await act(scene)
            line.leave(EndReason.HUNG_UP)
            await running
        finally:
            running.cancel()
            await asyncio.wait((running,))
        assert isinstance(scene.posted[-1], HungUp)
        return scene

    return run(work())


async def interrupted(scene: Scene, viva: dict[str, Any] | None) -> asyncio.Task[None]:
    """Four words and a half have sounded when the candidate makes a sound."""
    await scene.update(**({"viva": viva} if viva is not None else {}))
    speaking = asyncio.create_task(scene.speak(0))
    await asyncio.sleep(0.45)
    if viva:
        await scene.send("viva.playback", response_id=scene.response(), played_ms=460)
    await scene.ears.hears(InterruptionSuspected(AudioMs(400)))
    return speaking

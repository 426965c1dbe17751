"""Viva's way of a microphone frame, from the realtime line to the ears: ``viva_ears QUIET.pcm STREAMS``.

All of it is the server's own, without its socket and database: protocol, line, ears, resampler and the pool
of voice detection with every window shown to the network. Recognition is a fake that costs nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy

import uvloop

from audio.ears import Ears
from audio.endpointing import EndpointPolicy
from audio.pcm import bytes_of
from audio.pieces import Spoke
from audio.vad import VadPool
from audio.vad_silero import Silero
from bench.ears import Deaf
from bench.servers.hot import FRAME_MS, RATE, frames_of, read, serve
from interview.events import Clause, LineEvent, TurnId
from server.realtime_events import Frame
from server.realtime_line import CallInfo, RealtimeLine
from server.realtime_turns import Voice

UPDATE = {
    "type": "session.update",
    "session": {"type": "realtime", "viva": {"binary_audio": True, "rate": RATE, "playback": True}},
}


class Socket:
    """Keeps nothing but the types of events."""

    def __init__(self) -> None:
        self.kinds: set[str] = set()

    def put(self, frame: Frame) -> None:
        if not frame.binary:
            self.kinds.add(json.loads(frame.data)["type"])

    def forget(self, reply: int) -> None:
        pass

    def close(self, code: int, reason: str) -> None:
        raise RuntimeError(f"the line closed with {code}: {reason}")


class LongMouth:
    """Begins to speak, and goes on and on."""

    speed = lead_s = 1.0

    def __init__(self, send: Callable[[Spoke], Awaitable[None]]) -> None:
        self._send = send

    async def speak(self, turn: TurnId, clauses: AsyncGenerator[Clause, None]) -> None:
        async for clause in clauses:
            await self._send(Spoke(turn, 0, bytes(bytes_of(60_000, RATE)), clause.text))
        await asyncio.Event().wait()

    def hold(self, turn: TurnId) -> None:
        pass

    def release(self, turn: TurnId) -> None:
        pass


async def _say() -> AsyncGenerator[Clause, None]:
    yield Clause("Let me tell you something that takes a whole minute to say.", "hr")


class Session:
    def __init__(self, pool: VadPool) -> None:
        self.socket = Socket()
        voice = Voice(
            ears=lambda language, rate: Ears(
                stt=Deaf(), vad=pool, policy=EndpointPolicy(), language=language, input_rate=rate
            ),
            mouth=lambda rate, send: LongMouth(send),
        )
        self.line = RealtimeLine(CallInfo("call", lambda: "token"), voice)
        self.tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        async def post(_: LineEvent) -> None:
            pass

        self.line.attach(self.socket)
        self.tasks.append(asyncio.create_task(self.line.run(post)))
        await asyncio.sleep(0)
        await self.line.receive(self.socket, json.dumps(UPDATE))
        await asyncio.sleep(0)

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)


class VivaEars:
    def __init__(self, quiet: bytes, streams: int) -> None:
        silero = Silero()
        self._pool, self._gated = VadPool(silero, gated=False), VadPool(silero)
        self._frames = frames_of(quiet)
        self._sessions = [Session(self._pool) for _ in range(streams)]
        self._grown: list[Session] = []
        self._at = 0

    async def open(self) -> None:
        for session in self._sessions:
            await session.open()

    async def cost(self, frames: int) -> float:
        frame_s = FRAME_MS / 1000
        spent = 0.0
        for _ in range(frames):
            frame = self._frames[self._at % len(self._frames)]
            self._at += 1
            began = time.perf_counter()
            for session in self._sessions:
                await session.line.receive(session.socket, frame)
            await self._judge(self._pool)
            spent += time.perf_counter() - began
            # The line takes ten seconds more than real time: its allowance comes with time that has passed.
            for session in self._sessions:
                session.line.protocol._ahead_ms = max(0.0, session.line.protocol._ahead_ms - frame_s * 1000)
        return spent

    @staticmethod
    async def _judge(pool: VadPool) -> None:
        while pool.judge():
            pass
        await asyncio.sleep(0)

    async def barge(self, clip: bytes) -> dict[str, int]:
        session = Session(self._gated)
        await session.open()
        session.tasks.append(asyncio.create_task(session.line.speak(TurnId(0), _say(), lambda: False)))
        found: dict[str, int] = {}
        quiet = self._frames[:50]
        for number, frame in enumerate([*quiet, *frames_of(clip)], start=1 - len(quiet)):
            await session.line.receive(session.socket, frame)
            for _ in range(8):  # as many turns of the loop as a verdict takes to become a frame
                await self._judge(self._gated)
            for kind, name in (("viva.pause", "silent"), ("conversation.item.truncated", "sure")):
                if kind in session.socket.kinds:
                    found.setdefault(name, number * FRAME_MS)
            if len(found) == 2:
                break
        await session.close()
        return found

    async def grow(self, sessions: int, clip: bytes) -> None:
        more = [Session(self._gated) for _ in range(sessions)]
        self._grown += more
        for session in more:
            await session.open()
        for frame in frames_of(clip):
            for session in more:
                session.line.protocol._ahead_ms = 0.0
                await session.line.receive(session.socket, frame)
            await self._judge(self._gated)


async def main() -> None:
    worker = VivaEars(read(sys.argv[1]), int(sys.argv[2]))
    await worker.open()
    await serve(worker)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())

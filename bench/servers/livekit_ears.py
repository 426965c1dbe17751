"""LiveKit Agents' Silero plugin, alone: no room, no transport, no session around it.

``livekit_ears QUIET.pcm STREAMS``, in the benchmark's own environment.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import uvloop
from livekit import rtc
from livekit.agents.vad import VADEventType
from livekit.plugins import silero

from bench.servers.hot import FRAME_MS, RATE, frames_of, read, serve

WINDOW = 512
SAMPLES = RATE * FRAME_MS // 1000
INTERRUPTS_S = (("silent", 0.2), ("by default", 0.5))
"""An `AgentSession` interrupts when the voice has lasted for its ``min_interruption_duration``, 0.5 s by
default; 0.2 is what Pipecat waits by default."""


class Session:
    def __init__(self, vad: silero.VAD) -> None:
        self.stream = vad.stream()
        self.windows = 0
        self.spoke_s = 0.0
        self._fed = self._wanted = 0
        self._reached = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for event in self.stream:
            if event.type is VADEventType.INFERENCE_DONE:
                self.windows += 1
                self.spoke_s = event.speech_duration
                if self.windows >= self._wanted:
                    self._reached.set()

    async def hear(self, frames: list[bytes]) -> None:
        """Feed them and wait until the last whole window was judged."""
        self._reached.clear()
        for pcm in frames:
            self.stream.push_frame(rtc.AudioFrame(pcm, RATE, 1, SAMPLES))
            self._fed += SAMPLES
        self._wanted = self._fed // WINDOW
        if self.windows < self._wanted:
            await self._reached.wait()


class LivekitEars:
    def __init__(self, quiet: bytes, streams: int) -> None:
        self._vad = silero.VAD.load()
        self._frames = frames_of(quiet)
        self._sessions = [Session(self._vad) for _ in range(streams)]
        self._grown: list[Session] = []
        self._at = 0

    async def cost(self, frames: int) -> float:
        start = self._at % (len(self._frames) - frames)
        self._at += frames
        began = time.perf_counter()
        for session in self._sessions:
            await session.hear(self._frames[start : start + frames])
        return time.perf_counter() - began

    async def barge(self, clip: bytes) -> dict[str, int]:
        session = Session(self._vad)
        await session.hear(self._frames[:50])
        found: dict[str, int] = {}
        for number, pcm in enumerate(frames_of(clip), start=1):
            await session.hear([pcm])
            for name, least_s in INTERRUPTS_S:
                if session.spoke_s >= least_s:
                    found.setdefault(name, number * FRAME_MS)
        await session.stream.aclose()
        return found

    async def grow(self, sessions: int, clip: bytes) -> None:
        more = [Session(self._vad) for _ in range(sessions)]
        self._grown += more
        for session in more:
            await session.hear(frames_of(clip))


async def main() -> None:
    await serve(LivekitEars(read(sys.argv[1]), int(sys.argv[2])))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())

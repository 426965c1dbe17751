"""Pipecat's way of a microphone frame: FastAPI transport, protobuf, Silero in a `VADProcessor`.

``pipecat_ears QUIET.pcm STREAMS``, in the benchmark's own environment. The WebSocket is a queue.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import uvloop
from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import InputAudioRawFrame, VADUserStartedSpeakingFrame
from pipecat.frames.protobufs import frames_pb2
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.serializers.protobuf import ProtobufFrameSerializer
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.workers.runner import WorkerRunner
from starlette.websockets import WebSocketState

from bench.servers.hot import FRAME_MS, RATE, frames_of, read, serve


def packed(pcm: bytes) -> bytes:
    frame = frames_pb2.Frame()
    frame.audio.audio = pcm
    frame.audio.sample_rate = RATE
    frame.audio.num_channels = 1
    return bytes(frame.SerializeToString())


class Socket:
    """What the transport uses of a FastAPI WebSocket."""

    client_state = application_state = WebSocketState.CONNECTED

    def __init__(self) -> None:
        self.given: asyncio.Queue[bytes] = asyncio.Queue(64)

    async def receive(self) -> dict[str, Any]:
        return {"type": "websocket.receive", "bytes": await self.given.get()}

    async def send_bytes(self, data: bytes) -> None:
        pass

    async def send_text(self, data: str) -> None:
        pass

    async def close(self, *_: Any) -> None:
        pass


class Analyzer(SileroVADAnalyzer):
    """Says when it has judged as many frames as are wanted."""

    done = wanted = 0

    def __init__(self) -> None:
        super().__init__(sample_rate=RATE)
        self.reached = asyncio.Event()

    async def analyze_audio(self, buffer: bytes) -> Any:
        state = await super().analyze_audio(buffer)
        self.done += 1
        if self.done >= self.wanted:
            self.reached.set()
        return state


class Sink(FrameProcessor):
    """Where the recogniser would be."""

    started = False

    async def process_frame(self, frame: Any, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            return
        if isinstance(frame, VADUserStartedSpeakingFrame):
            self.started = True
        await self.push_frame(frame, direction)


class Session:
    def __init__(self) -> None:
        self.socket, self.sink = Socket(), Sink()
        self.analyzer = Analyzer()
        params = FastAPIWebsocketParams(
            audio_in_enabled=True,
            audio_out_enabled=True,
            audio_in_sample_rate=RATE,
            serializer=ProtobufFrameSerializer(),
        )
        transport = FastAPIWebsocketTransport(websocket=self.socket, params=params)
        pipeline = Pipeline(
            [transport.input(), VADProcessor(vad_analyzer=self.analyzer), self.sink, transport.output()]
        )
        self.worker = PipelineWorker(
            pipeline,
            params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
            idle_timeout_secs=None,
            enable_rtvi=False,
        )

    async def open(self, runner: WorkerRunner) -> None:
        await runner.add_workers(self.worker)
        await self.hear([packed(bytes(640))])

    async def hear(self, messages: list[bytes]) -> None:
        """Feed them and wait until the last one was judged."""
        self.analyzer.wanted += len(messages)
        self.analyzer.reached.clear()
        for message in messages:
            await self.socket.given.put(message)
        await self.analyzer.reached.wait()


class PipecatEars:
    def __init__(self, quiet: bytes, streams: int) -> None:
        self._frames = [packed(pcm) for pcm in frames_of(quiet)]
        self._runner = WorkerRunner(handle_sigint=False)
        self._running: asyncio.Task[None] | None = None
        self._sessions = [Session() for _ in range(streams)]
        self._grown: list[Session] = []
        self._at = 0

    async def open(self) -> None:
        self._running = asyncio.create_task(self._runner.run(auto_end=False))
        await asyncio.sleep(0.1)
        for session in self._sessions:
            await session.open(self._runner)

    async def cost(self, frames: int) -> float:
        start = self._at % (len(self._frames) - frames)
        self._at += frames
        began = time.perf_counter()
        for session in self._sessions:
            await session.hear(self._frames[start : start + frames])
        return time.perf_counter() - began

    async def barge(self, clip: bytes) -> dict[str, int]:
        session = Session()
        await session.open(self._runner)
        await session.hear(self._frames[:50])
        for number, pcm in enumerate(frames_of(clip), start=1):
            await session.hear([packed(pcm)])
            for _ in range(20):
                await asyncio.sleep(0)
            if session.sink.started:
                return {"silent": number * FRAME_MS}
        return {}

    async def grow(self, sessions: int, clip: bytes) -> None:
        messages = [packed(pcm) for pcm in frames_of(clip)]
        more = [Session() for _ in range(sessions)]
        self._grown += more
        for session in more:
            await session.open(self._runner)
            await session.hear(messages)


async def main() -> None:
    logger.remove()
    worker = PipecatEars(read(sys.argv[1]), int(sys.argv[2]))
    await worker.open()
    await serve(worker)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())

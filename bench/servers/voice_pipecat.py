"""Pipecat as a voice server: FastAPI transport, Silero in a `VADProcessor`, a canned reply when it says so.

``voice_pipecat SILENCE_S``, in the benchmark's own environment. What recognises, thinks and speaks takes no
time: it is left out. Sound goes as it is, both ways, which is cheaper than pipecat's protobuf.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import uvicorn
from fastapi import FastAPI, WebSocket
from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADParams
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    OutputAudioRawFrame,
    TTSAudioRawFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.serializers.base_serializer import FrameSerializer
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.workers.runner import WorkerRunner

from bench.servers.hot import RATE

REPLY = bytes(3200)


class Raw(FrameSerializer):
    async def serialize(self, frame: Frame) -> bytes | None:
        return frame.audio if isinstance(frame, OutputAudioRawFrame) else None

    async def deserialize(self, data: str | bytes) -> Frame | None:
        return InputAudioRawFrame(data, RATE, 1) if isinstance(data, bytes) else None


class Bot(FrameProcessor):
    """Where recogniser, model and voice would be."""

    async def process_frame(self, frame: Any, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            return
        await self.push_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame) and direction is FrameDirection.DOWNSTREAM:
            await self.push_frame(TTSAudioRawFrame(REPLY, RATE, 1))


def app(silence_s: float) -> FastAPI:
    api = FastAPI()

    @api.websocket("/voice")
    async def voice(websocket: WebSocket) -> None:
        await websocket.accept()
        params = FastAPIWebsocketParams(
            audio_in_enabled=True, audio_out_enabled=True, audio_in_sample_rate=RATE, serializer=Raw()
        )
        transport = FastAPIWebsocketTransport(websocket=websocket, params=params)
        analyzer = SileroVADAnalyzer(sample_rate=RATE, params=VADParams(stop_secs=silence_s))
        stages = [transport.input(), VADProcessor(vad_analyzer=analyzer), Bot(), transport.output()]
        worker = PipelineWorker(
            Pipeline(stages),
            params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
            idle_timeout_secs=None,
            enable_rtvi=False,
        )
        transport.add_event_handler("on_client_disconnected", lambda *_: worker.cancel())
        await WorkerRunner(handle_sigint=False).run(worker)

    return api


async def main() -> None:
    logger.remove()
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app(float(sys.argv[1])), log_level="critical", ws="websockets-sansio")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve([listening]))
    print(f"ready {listening.getsockname()[1]}", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    server.should_exit = server.force_exit = True
    await serving


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())

"""A bare voice server: aiohttp, Silero on each window as it comes, a count of silence, a canned reply.

It keeps nothing, batches nothing, decides nothing else: what is left to add is the least there is.
"""

from __future__ import annotations

import asyncio
import os
import struct
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy

import numpy as np
import uvloop
from aiohttp import WSMsgType, web

from audio.vad import WINDOW_MS, SpeechGate
from audio.vad_silero import CONTEXT, STATE, WINDOW, Silero
from bench.servers.voice_viva import SILENCE_MS

REPLY = bytes(3200)


async def handle(request: web.Request) -> web.StreamResponse:
    silero: Silero = request.app["silero"]
    ws = web.WebSocketResponse(max_msg_size=0, compress=False)
    await ws.prepare(request)
    h, c = np.zeros((1, STATE), np.float32), np.zeros((1, STATE), np.float32)
    sound, gate, spoke, silent_ms, number = np.zeros(CONTEXT, np.float32), SpeechGate(), False, 0, 0
    async for message in ws:
        if message.type is not WSMsgType.BINARY:
            continue
        more = np.frombuffer(message.data, "<i2").astype(np.float32) / 32768
        sound = np.concatenate([sound, more])
        while len(sound) >= CONTEXT + WINDOW:
            voice = gate.push(float(silero.judge(sound[None, : CONTEXT + WINDOW], h, c)[0]))
            sound = sound[WINDOW:]
            spoke, silent_ms = spoke or voice, 0 if voice else silent_ms + WINDOW_MS
            if spoke and silent_ms >= SILENCE_MS:
                spoke, number = False, number + 1
                await ws.send_bytes(struct.pack("<II", number, 0) + REPLY)
    return ws


async def main() -> None:
    app = web.Application()
    app["silero"] = await asyncio.to_thread(Silero)
    app.router.add_get("/voice", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"ready {runner.addresses[0][1]}", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await runner.cleanup()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())

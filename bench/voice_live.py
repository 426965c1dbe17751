"""Voice to voice, live: what a server adds to the silence that it is told to wait for.

Candidates send 20 ms frames in real time, speak a stretch of human speech, and wait for sound. The time from
the last frame with speech to the first frame with sound, less the configured silence, is what is measured.
Time is the candidates' own: frames sent, and what has passed since the last one. While the machine stands
still no frame is sent, and none is made up for afterwards, so that a pause counts for one frame at most. The
servers take turns, round by round; medians only.

Candidates are no choir: their frames go out at ten moments of each 20 ms. Frames of 20 ms meet windows of
32 ms in eight ways, and where in its window a candidate falls silent is worth up to 32 ms. Turns begin in
each of the eight ways equally often, so that no server has luck.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from bench.processes import ROOT
from bench.servers.hot import FRAME_MS, frames_of
from bench.servers.voice_viva import SILENCE_MS
from bench.voice_hot import PEERS_PYTHON
from server.simulate.candidate import register
from tests.fakes.human_speech import RATE, in_room, prompt, silence, trimmed

SPEECH_S: Final = 2
SETTLE_FRAMES: Final = 40
PHASES: Final = 8
SLOTS: Final = 10
"""Moments in the length of a frame at which candidates send theirs."""
PATIENCE_S: Final = 20.0
PEER_MOST: Final = 10
"""Sessions that one process of pipecat is asked to hold: about as many as it can on one core."""


@dataclass(slots=True)
class Clock:
    """Milliseconds of the time of the candidates who send together."""

    ticks: int = 0
    _ticked_at: float = 0.0

    def tick(self) -> None:
        self.ticks += 1
        self._ticked_at = asyncio.get_running_loop().time()

    def now(self) -> float:
        since_ms = (asyncio.get_running_loop().time() - self._ticked_at) * 1000
        return self.ticks * FRAME_MS + min(since_ms, FRAME_MS)


@dataclass(slots=True)
class Caller:
    """One candidate. ``take`` speech when ready; latencies in milliseconds go into ``found``."""

    ws: aiohttp.ClientWebSocketResponse
    viva: bool
    number: int
    clock: Clock
    found: list[float] = field(default_factory=list)
    turns: int = 0
    _at: int = 0
    _state: str = "waiting"
    _settle: int = SETTLE_FRAMES
    _spoke_at: float = 0.0
    _reply: str = ""
    _floor: str = ""

    async def read(self) -> None:
        async for message in self.ws:
            if message.type is aiohttp.WSMsgType.BINARY:
                if self._state == "listening":
                    self.found.append(self.clock.now() - self._spoke_at - SILENCE_MS)
                    self._state, self._settle = "waiting", SETTLE_FRAMES
                    self.turns += 1
            elif message.type is aiohttp.WSMsgType.TEXT and self.viva:
                await self._hear(message.data)

    async def _hear(self, data: str) -> None:
        if '"viva.floor"' in data:
            self._floor = json.loads(data)["state"]
        elif '"response.done"' in data:
            reply = json.loads(data)["response"]["id"]
            done = {"type": "viva.playback", "response_id": reply, "played_ms": 10**6, "done": True}
            await self.ws.send_str(json.dumps(done))

    async def send(self, speech: list[bytes], room: list[bytes]) -> None:
        tick = self.clock.ticks
        if self._state == "waiting" and (not self.viva or self._floor == "listening"):
            self._settle -= 1
            phase = (self.number + self.turns) % PHASES
            if self._settle <= 0 and tick >= self.number * 7 % 100 and tick % PHASES == phase:
                self._state, self._at = "speaking", 0
        if self._state != "speaking":
            await self.ws.send_bytes(room[tick % len(room)])
            return
        await self.ws.send_bytes(speech[self._at])
        self._at += 1
        if self._at == len(speech):
            self._state, self._spoke_at = "listening", self.clock.now()


@contextlib.asynccontextmanager
async def server(*command: str) -> AsyncIterator[int]:
    """The port of a server that ``command`` starts, in a process of its own."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR") if key in os.environ}
    process = await asyncio.create_subprocess_exec(
        *command,
        env=kept | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            port = int((await process.stdout.readline()).split()[1])
        yield port
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(15):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _round(
    http: aiohttp.ClientSession, port: int, viva: bool, sessions: int, turns: int
) -> list[float]:
    speech = frames_of(in_room(trimmed(prompt("demo-congrats"))[: SPEECH_S * RATE]).tobytes())
    room = frames_of(in_room(silence(2000)).tobytes())
    clocks = [Clock() for _ in range(min(SLOTS, sessions))]
    callers = [
        await _join(http, port, viva, number, clocks[number % len(clocks)]) for number in range(sessions)
    ]
    readers = [asyncio.create_task(caller.read()) for caller in callers]
    loop = asyncio.get_running_loop()
    due = loop.time()
    until = due + turns * (SPEECH_S + 4) + PATIENCE_S
    try:
        while any(caller.turns < turns for caller in callers) and loop.time() < until:
            for slot, clock in enumerate(clocks):
                await asyncio.sleep(max(0.0, due + slot * FRAME_MS / 1000 / SLOTS - loop.time()))
                clock.tick()
                for caller in callers[slot :: len(clocks)]:
                    await caller.send(speech, room)
            due = max(due + FRAME_MS / 1000, loop.time())
    finally:
        for caller in callers:
            await caller.ws.close()
        await asyncio.gather(*readers, return_exceptions=True)
    return [ms for caller in callers for ms in caller.found]


async def _join(http: aiohttp.ClientSession, port: int, viva: bool, number: int, clock: Clock) -> Caller:
    if not viva:
        ws = await http.ws_connect(f"http://127.0.0.1:{port}/voice", max_msg_size=0)
        return Caller(ws, False, number, clock)
    call = await register(f"http://127.0.0.1:{port}", duration=60)
    ws = await http.ws_connect(call.url, headers={"Authorization": f"Bearer {call.token}"}, max_msg_size=0)
    viva_on = {"binary_audio": True, "rate": RATE, "playback": True}
    await ws.send_str(
        json.dumps({"type": "session.update", "session": {"type": "realtime", "viva": viva_on}})
    )
    return Caller(ws, True, number, clock)


async def measure_live(
    numbers: tuple[int, ...], rounds: int, say: Callable[[str], None]
) -> dict[int, dict[str, list[float]]]:
    """Milliseconds above the configured silence, by number of sessions and server."""
    found: dict[int, dict[str, list[float]]] = {}
    module, script = (sys.executable, "-m"), str(ROOT / "bench" / "servers" / "voice_pipecat.py")
    commands = {"Viva": (*module, "bench.servers.voice_viva"), "bare": (*module, "bench.servers.voice_bare")}
    if PEERS_PYTHON.exists():
        commands["pipecat"] = (str(PEERS_PYTHON), script, str(SILENCE_MS / 1000))
    async with contextlib.AsyncExitStack() as stack:
        ports = {name: await stack.enter_async_context(server(*line)) for name, line in commands.items()}
        http = await stack.enter_async_context(aiohttp.ClientSession())
        for sessions in numbers:
            say(f"voice to voice, {sessions} sessions")
            here = {name: port for name, port in ports.items() if name != "pipecat" or sessions <= PEER_MOST}
            into = found[sessions] = {name: list[float]() for name in here}
            turns = PHASES if sessions == 1 else PHASES // 2
            for _ in range(rounds):
                for name, port in here.items():
                    into[name] += await _round(http, port, name == "Viva", sessions, turns)
    return found


def median_ms(samples: list[float]) -> float:
    return statistics.median(samples)

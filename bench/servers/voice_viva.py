"""Viva as a server with its real ears and turn loop; what recognises and speaks takes no time.

A PostgreSQL of its own, REST and registered calls as in production, where a worker elsewhere scores; the
rule-based model; and an endpointer that waits for exactly the configured silence.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Final

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy

import uvloop

from audio.ears import Ears
from audio.endpointing import EndpointPolicy, Look
from audio.pcm import bytes_of
from audio.pieces import Spoke
from audio.stt import Heard, OnPartial, SttStream
from audio.vad import VadPool
from audio.vad_silero import Silero
from interview.events import Clause, TurnId
from server.app import serving
from server.callbook import Found
from server.realtime_turns import Voice
from server.settings import Settings
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate

SILENCE_MS: Final = 512
"""The configured silence: sixteen windows."""
PIECE_MS: Final = 100
POLICY: Final = EndpointPolicy(
    patience_ms=SILENCE_MS, least_ms=SILENCE_MS, scale=dict.fromkeys(Look, 1.0), adapts=False
)


class Recogniser:
    """An STT, and its stream, that knows at once what was said."""

    name, note = "instant", "for measuring"

    async def open(self, language: str, on_partial: OnPartial) -> SttStream:
        return self

    async def push(self, pcm: bytes) -> None:
        pass

    async def commit(self) -> Heard:
        return Heard("I rewrote the importer and it is four times faster now.")

    async def discard(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


class Speaker:
    """A mouth that has spoken each clause at once."""

    speed = lead_s = 1.0

    def __init__(self, rate: int, send: Callable[[Spoke], Awaitable[None]]) -> None:
        self._piece, self._send = bytes(bytes_of(PIECE_MS, rate)), send

    async def speak(self, turn: TurnId, clauses: AsyncGenerator[Clause, None]) -> None:
        at_ms = 0
        async for clause in clauses:
            await self._send(Spoke(turn, at_ms, self._piece, clause.text, over=True))
            at_ms += PIECE_MS
        await self._send(Spoke(turn, at_ms, b"", last=True))

    def hold(self, turn: TurnId) -> None:
        pass

    def release(self, turn: TurnId) -> None:
        pass


async def main() -> None:
    pool, recogniser = VadPool(await asyncio.to_thread(Silero)), Recogniser()

    async def voice(_: Found) -> Voice:
        return Voice(
            ears=lambda language, rate: Ears(
                stt=recogniser, vad=pool, policy=POLICY, language=language, input_rate=rate
            ),
            mouth=Speaker,
        )

    judging = asyncio.create_task(pool.run())
    with tempfile.TemporaryDirectory(prefix="viva-bench-") as folder:
        database = EmbeddedPostgres(Path(folder) / "var")
        dsn = await asyncio.to_thread(database.start)
        try:
            await migrate(dsn)
            settings = Settings(
                database_url=dsn, data_dir=Path(folder) / "more", port=0, drain_s=0.0, max_lag_s=30.0
            )
            async with serving(settings, voice=voice) as viva:
                print(f"ready {viva.port}", flush=True)
                await asyncio.to_thread(sys.stdin.readline)
        finally:
            await asyncio.to_thread(database.stop)
    judging.cancel()
    await asyncio.wait((judging,))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())

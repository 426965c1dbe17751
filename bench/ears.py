"""``python -m bench.ears``: what a second of incoming sound costs, ears and all, and what a stream weighs.

Hot, closed loop, no sockets: 20 ms frames go into N ears, the pool judges, the ears decide, on one thread.
Samples are 160 ms of sound of all streams, so short that what the host or another process takes away spoils
only some; p10 and median are given. Recognition is a fake that costs and keeps nothing. ``always on`` shows
every window to the network; ``gated`` is what a server does.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
import tracemalloc
from collections.abc import Sequence
from typing import Final

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: a core per product is a core too many

from audio.ears import EarEvent, Ears
from audio.endpointing import EndpointPolicy
from audio.stt import Heard, OnPartial, SttStream
from audio.vad import VadPool
from audio.vad_silero import Silero
from tests.fakes.human_speech import PACKAGE, RATE, Pcm, here, hiss, in_room, join, prompt, silence

STREAMS: Final = (1, 4, 16, 64)
FRAME_MS: Final = 20
TARGET_MS: Final = 2.0
TARGET_MB: Final = 0.5


async def _emit(event: EarEvent) -> None:
    pass


class Deaf:
    """An STT, and its stream, that hears the same words in everything at once."""

    name = "deaf"
    note = "for measuring"

    async def open(self, language: str, on_partial: OnPartial) -> SttStream:
        return self

    async def push(self, pcm: bytes) -> None:
        pass

    async def commit(self) -> Heard:
        return Heard("the same words")

    async def discard(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


class Room:
    """``streams`` ears that run, with a pool that is ticked by hand."""

    def __init__(self, silero: Silero, streams: int, gated: bool, rate: int = RATE) -> None:
        self._pool = VadPool(silero, gated)
        self._ears = [
            Ears(
                stt=Deaf(),
                vad=self._pool,
                policy=EndpointPolicy(),
                language="en",
                input_rate=rate,
            )
            for _ in range(streams)
        ]
        self._tasks = [asyncio.create_task(ears.run(_emit)) for ears in self._ears]

    def frame(self, frames: Sequence[bytes]) -> None:
        for ears, pcm in zip(self._ears, frames, strict=True):
            ears.feed(pcm)
        while self._pool.judge():
            pass

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def frames_of(sound: Pcm, rate: int) -> list[bytes]:
    step = rate * FRAME_MS // 1000
    return [sound[start : start + step].tobytes() for start in range(0, len(sound) - step, step)]


async def cost(
    silero: Silero, sound: Pcm, streams: int, gated: bool, rounds: int, rate: int = RATE
) -> list[float]:
    """Milliseconds per second of sound and stream; one sample per 8 frames of all streams."""
    room, frames, samples = Room(silero, streams, gated, rate), frames_of(sound, rate), list[float]()
    await asyncio.sleep(0)
    at, per_sample = 0, 8
    shifts = [index * 7 for index in range(streams)]  # no two streams say the same at once
    for number in range(rounds + 5):
        took = 0.0
        for _ in range(per_sample):
            now = [frames[(at + shift) % len(frames)] for shift in shifts]
            began = time.perf_counter()
            room.frame(now)
            await asyncio.sleep(0)  # recognisers and takers of events are part of the bill
            took += time.perf_counter() - began
            at += 1
        if number >= 5:
            samples.append(took * 1000 / (streams * per_sample * FRAME_MS / 1000))
    await room.close()
    return sorted(samples)


async def weight(silero: Silero, sound: Pcm, streams: int) -> float:
    """Megabytes per stream after half a minute of sound, while its candidate speaks."""
    frames = frames_of(sound, RATE)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    room = Room(silero, streams, gated=True)
    await asyncio.sleep(0)
    for at in range(30_000 // FRAME_MS):
        room.frame([frames[at % len(frames)]] * streams)
        await asyncio.sleep(0)
    mb = (tracemalloc.get_traced_memory()[0] - before) / streams / 1e6
    tracemalloc.stop()
    await room.close()
    return mb


async def measure(rounds: int) -> int:
    silero = Silero()
    quiet = hiss(20_000, 15)
    talk = in_room(join(prompt("demo-instruct"), silence(2000)), 15)
    print(f"{'ms per audio-second and stream (p10 / median)':<46}" + "".join(f"{n:>15}" for n in STREAMS))
    worst = 0.0
    rows = [
        ("always on, candidate silent", quiet, False),
        ("always on, candidate speaks", talk, False),
        ("gated, candidate silent", quiet, True),
        ("gated, candidate speaks", talk, True),
    ]
    for name, sound, gated in rows:
        cells = []
        for streams in STREAMS:
            samples = await cost(silero, sound, streams, gated, max(rounds // streams, 60))
            p10, median = samples[len(samples) // 10], statistics.median(samples)
            worst = max(worst, median) if name == rows[0][0] else worst
            cells.append(f"{p10:6.2f} / {median:5.2f} ")
        print(f"{name:<46}" + "".join(f"{cell:>15}" for cell in cells), flush=True)
    for rate in (24_000, 48_000):
        samples = await cost(silero, hiss(20_000 * rate / RATE, 15), 1, False, rounds, rate)
        print(
            f"{f'always on, silent, from {rate // 1000} kHz':<46}{samples[len(samples) // 10]:7.2f} /", end=""
        )
        print(f"{statistics.median(samples):6.2f}")
    mb = await weight(silero, talk, 64)
    print(f"memory per stream: {mb:.3f} MB, buffers included (target {TARGET_MB})")
    print(f"always on, worst median: {worst:.2f} ms (target {TARGET_MS})")
    return 0 if worst <= TARGET_MS and mb <= TARGET_MB else 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.ears", description="Measure the ears.")
    parser.add_argument(
        "--rounds", type=int, default=4000, help="samples for one stream; fewer for more streams"
    )
    rounds: int = parser.parse_args().rounds
    if not here():
        print(f"ears: human speech is missing: apt-get install {PACKAGE}", file=sys.stderr)
        return 1
    return asyncio.run(measure(rounds))


if __name__ == "__main__":
    sys.exit(main())

"""Ears in a quiet room: plays sound into them on a virtual clock and notes what they say, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from audio.ears import EarEvent, Ears
from audio.endpointing import EndpointPolicy
from audio.stt import STT
from audio.vad import VadPool
from audio.vad_silero import Silero
from tests import virtual_loop
from tests.fakes.human_speech import RATE, Pcm

silero = cache(Silero)
FRAME = RATE // 50  # 20 ms
E = TypeVar("E")

Act = Callable[[Ears], None]


@dataclass
class Notes:
    """What was said, each with the milliseconds of sound received by then."""

    events: list[tuple[int, EarEvent]] = field(default_factory=list)

    def of(self, kind: type[E]) -> list[E]:
        return [event for _, event in self.events if isinstance(event, kind)]

    def at(self, kind: type[Any]) -> list[int]:
        return [at for at, event in self.events if isinstance(event, kind)]

    @property
    def kinds(self) -> list[str]:
        """Names in order, captions left out."""
        names = [type(event).__name__ for _, event in self.events]
        return [name for name in names if name not in ("PartialHeard", "UtteranceLikely")]


def listen(
    stt: STT,
    sound: Pcm,
    acts: Mapping[int, Act] | None = None,
    *,
    policy: EndpointPolicy | None = None,
    gated: bool = True,
    after_s: float = 0.0,
    deadline_s: float = 8.0,
    language: str = "en",
) -> Notes:
    """Play ``sound`` in real (virtual) time, doing each of ``acts`` at its millisecond; then send nothing for
    ``after_s``."""

    silero()  # reads its file, which must not happen on a loop

    async def main() -> Notes:
        pool, notes = VadPool(silero(), gated), Notes()
        ears = Ears(
            stt=stt,
            vad=pool,
            policy=policy or EndpointPolicy(),
            language=language,
            input_rate=RATE,
            deadline_s=deadline_s,
        )

        async def emit(event: EarEvent) -> None:
            notes.events.append((ears.position_ms, event))

        judging = asyncio.create_task(pool.run())
        hearing = asyncio.create_task(ears.run(emit))
        due = sorted((acts or {}).items())
        await asyncio.sleep(0)
        for start in range(0, len(sound), FRAME):
            while due and due[0][0] <= start * 1000 // RATE:
                due.pop(0)[1](ears)
            ears.feed(sound[start : start + FRAME].tobytes())
            await asyncio.sleep(0.02)
            if hearing.done():
                break
        await asyncio.sleep(after_s)
        judging.cancel()
        hearing.cancel()
        _, ended = await asyncio.gather(judging, hearing, return_exceptions=True)
        if isinstance(ended, Exception):
            raise ended
        return notes

    return virtual_loop.run(main())


def says(text: str | None) -> Act:
    """The agent begins to sound ``text``, or falls silent."""
    return lambda ears: ears.agent_speaking(text)


def patience(seconds: float) -> Act:
    return lambda ears: ears.set_patience(seconds)

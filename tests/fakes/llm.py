"""A language model that follows a script of time: pieces, gates, pauses, failures, silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import msgspec

from agents.llm import Completion, LlmEmpty, LlmError, Prompt
from agents.llm_offline import OfflineLLM

Step = str | float | asyncio.Event | LlmError
"""A piece of text; a pause in seconds (for virtual time); a gate to wait at; a failure.

A gate that nobody sets is a model that hangs.
"""
Script = Sequence[Step]
Rule = Callable[[Prompt], Script]


def move(step: str, about: str = "") -> str:
    """The judgement line that a model sends before its words."""
    head = msgspec.json.encode({"move": step, "answered": True, "about": about}).decode()
    return f"{head}\n"


@dataclass(slots=True)
class Stream:
    """What became of one request. ``aborted``: its owner closed or cancelled it before its end.

    ``began`` and ``ended`` are times of the loop; ``pieces`` counts what was taken.
    """

    prompt: Prompt
    began: float
    ended: float | None = None
    live: bool = True
    aborted: bool = False
    pieces: int = 0


class ScriptedLLM:
    """Implements `agents.llm.LLM`: the n-th stream plays the n-th script.

    Streams beyond the scripts play what ``rule`` makes of their prompt, or what the offline rules say. An
    empty script ends without a word.
    """

    model = "scripted:1"

    def __init__(self, *scripts: Script, rule: Rule | None = None) -> None:
        self._scripts, self._rule = list(scripts), rule
        self._offline = OfflineLLM()
        self._changed = asyncio.Event()
        self.streams: list[Stream] = []
        self.closes_in_s = 0.0  # how long a stream takes to end, however it ends
        self.most_live = 0
        self.closed = False

    @property
    def live(self) -> int:
        return sum(stream.live for stream in self.streams)

    def then(self, *scripts: Script) -> None:
        """Scripts for the next streams."""
        self._scripts += scripts

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait, without a clock, until ``holds`` is true of what has been asked and ended."""
        while not holds():
            self._changed.clear()
            await self._changed.wait()

    async def asked(self, times: int) -> None:
        await self.until(lambda: len(self.streams) >= times)

    async def idle(self) -> None:
        await self.until(lambda: self.live == 0)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str, None]:
        loop = asyncio.get_running_loop()
        seen = Stream(prompt, loop.time())
        self.streams.append(seen)
        self.most_live = max(self.most_live, self.live)
        self._changed.set()
        try:
            async with aclosing(self._play(prompt)) as pieces:
                async for piece in pieces:
                    seen.pieces += 1
                    yield piece
        except (GeneratorExit, asyncio.CancelledError):
            seen.aborted = True
            raise
        finally:
            try:
                await asyncio.sleep(self.closes_in_s)
            finally:
                seen.live, seen.ended = False, loop.time()
                self._changed.set()

    async def _play(self, prompt: Prompt) -> AsyncGenerator[str, None]:
        if self._scripts:
            script = self._scripts.pop(0)
        elif self._rule is not None:
            script = self._rule(prompt)
        else:
            script = [piece async for piece in self._offline.stream(prompt)]
        spoke = False
        for step in script:
            match step:
                case str():
                    spoke = True
                    yield step
                case float():
                    await asyncio.sleep(step)
                case asyncio.Event():
                    await step.wait()
                case LlmError():
                    raise step
        if not spoke:
            raise LlmEmpty(self.model, "the script is empty")

    async def complete(self, prompt: Prompt) -> Completion:
        return await self._offline.complete(prompt)

    async def aclose(self) -> None:
        self.closed = True

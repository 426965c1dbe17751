"""A call over the realtime line in virtual time: real ears and mouth, human speech, the real turn loop.

Only the engines are scripts: what is recognised, and a tone for a voice. The client plays what it is sent at
the pace of sound and reports how far it is, as a page does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from agents.interviewer import InterviewerAgent, Patience
from agents.prompts import preload_prompts
from audio.ears import Ears
from audio.endpointing import EndpointPolicy
from audio.mouth import Mouth
from audio.vad import VadPool
from interview.conversation import Changes, Conversation
from interview.events import EndReason, Speaker
from server.call import LiveCall
from server.realtime_events import Frame
from server.realtime_line import CallInfo, RealtimeLine
from server.realtime_turns import Voice
from tests.fakes import human_speech
from tests.fakes.human_speech import RATE, Pcm, in_room, join, prompt, silence, trimmed
from tests.fakes.listening import silero
from tests.fakes.llm import ScriptedLLM
from tests.fakes.realtime import FakeSocket
from tests.fakes.stt import ScriptedSTT
from tests.fakes.talk import QUESTIONS, WISHES
from tests.fakes.tts import ScriptedTTS
from tests.virtual_loop import run

ANSWER = "I rebuilt the importer with two colleagues and it now runs in four minutes."
FRAME = RATE // 50


class Page(FakeSocket):
    """Plays at the pace of sound; stops at once when told to; knows when each sample sounded."""

    def __init__(self) -> None:
        super().__init__()
        self.played: dict[int, float] = {}
        self.queued: dict[int, float] = {}
        self.replies: dict[int, str] = {}
        self.paused = False
        self.sounded: list[tuple[float, int]] = []
        self.paused_at: list[float] = []

    def put(self, frame: Frame) -> None:
        super().put(frame)
        now = asyncio.get_running_loop().time()
        if frame.binary:
            number = int.from_bytes(frame.data[:4], "little")
            at_ms = int.from_bytes(frame.data[4:8], "little")
            assert at_ms == pytest.approx(self.queued.get(number, 0.0), abs=1)
            self.queued[number] = at_ms + (len(frame.data) - 8) / 32
            return
        event = json.loads(frame.data)
        match event["type"]:
            case "viva.reply":
                self.replies[event["number"]] = event["response_id"]
            case "viva.pause":
                self.paused = True
                self.paused_at.append(now)
            case "viva.resume_audio":
                self.paused = False
            case "conversation.item.truncated":
                self.paused = False
                self.queued |= {number: self.played.get(number, 0.0) for number in self.queued}
            case _:
                pass

    def step(self, ms: float) -> int | None:
        """``ms`` pass; the number of the reply that sounds meanwhile."""
        if self.paused:
            return None
        for number, queued in self.queued.items():
            if self.played.get(number, 0.0) < queued:
                self.played[number] = min(self.played.get(number, 0.0) + ms, queued)
                self.sounded.append((asyncio.get_running_loop().time(), number))
                return number
        return None


@dataclass
class Call:
    line: RealtimeLine
    page: Page
    conversation: Conversation
    saved: list[Changes] = field(default_factory=list)
    said: list[Pcm] = field(default_factory=list)
    spoken_until: float = 0.0

    async def send(self, kind: str, **fields: Any) -> None:
        await self.line.receive(self.page, json.dumps({"type": kind} | fields))

    async def live(self) -> None:
        """The browser: a frame from the microphone and a step of playback every 20 ms, reports every 200."""
        loop = asyncio.get_running_loop()
        tick = 0
        while True:
            samples = self.said[0][:FRAME] if self.said else silence(20)
            if self.said:
                self.said[0] = self.said[0][FRAME:]
                self.spoken_until = loop.time()
                if len(self.said[0]) < FRAME:
                    self.said.pop(0)
            await self.line.receive(self.page, samples.astype("<i2").tobytes())
            self.page.step(20)
            tick += 1
            if tick % 10 == 0:
                for number, played in list(self.page.played.items()):
                    await self.send("viva.playback", response_id=self.page.replies[number], played_ms=played)
            await asyncio.sleep(0.02)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(120):
            while not holds():  # noqa: ASYNC110 (in step with the browser's frames)
                await asyncio.sleep(0.02)

    async def sounds(self, number: int, ms: float = 1.0) -> None:
        await self.until(lambda: self.page.played.get(number, 0.0) >= ms)

    async def over(self, number: int) -> None:
        """The reply has sounded whole, and everybody knows."""
        await self.sounds(number)
        await self.until(lambda: self.page.of("viva.floor")[-1]["state"] == "listening")

    def interviewer(self, turn: int) -> str:
        found = [s.text for s in self.conversation.said if (s.turn, s.speaker) == (turn, Speaker.INTERVIEWER)]
        return found[0] if found else ""


def hold(
    act: Callable[[Call], Awaitable[None]],
    stt: ScriptedSTT,
    tts: ScriptedTTS | None = None,
    policy: EndpointPolicy | None = None,
) -> Call:
    """Run ``act`` at one end of a call, then hang up."""
    human_speech.needed()
    silero()
    preload_prompts()

    async def work() -> Call:
        pool, speaks = VadPool(silero()), tts or ScriptedTTS()
        voice = Voice(
            ears=lambda language, rate: Ears(
                stt=stt,
                vad=pool,
                policy=policy or EndpointPolicy(),
                language=language,
                input_rate=rate,
            ),
            mouth=lambda rate, send: Mouth(speaks, lambda persona: persona, rate, send),
        )
        conversation = Conversation(WISHES, QUESTIONS, name="Kim")
        line = RealtimeLine(CallInfo("call_1", lambda: "token"), voice)

        saved: list[Changes] = []

        async def save(changes: Changes) -> None:
            saved.append(changes)

        live = LiveCall("call_1", line, conversation, InterviewerAgent(ScriptedLLM(), Patience()), save)
        call = Call(line, Page(), conversation, saved)
        judging = asyncio.create_task(pool.run())
        running = asyncio.create_task(live.run())
        line.attach(call.page)
        await call.send(
            "session.update",
            session={"type": "realtime", "viva": {"binary_audio": True, "rate": 16000, "playback": True}},
        )
        browser = asyncio.create_task(call.live())
        try:
            await act(call)
            await call.send("viva.end")
            assert await running is EndReason.HUNG_UP
        finally:
            for task in (browser, judging, running):
                task.cancel()
            await asyncio.wait((browser, judging, running))
        return call

    return run(work())


def speech(least_ms: int = 2500) -> Pcm:
    """A stretch of real speech without long pauses, in a quiet room."""
    whole = join(trimmed(prompt("demo-congrats")))
    return in_room(whole[: RATE * least_ms // 1000])

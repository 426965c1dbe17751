"""A whole call over the realtime line in virtual time: real ears and mouth, human speech, the real turn loop.

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
from interview.events import EndReason, Speaker, TurnId
from server.call import LiveCall
from server.realtime_events import Frame
from server.realtime_line import CallInfo, RealtimeLine
from server.realtime_turns import Voice
from tests.fakes import human_speech
from tests.fakes.human_speech import RATE, Pcm, in_room, join, prompt, silence, trimmed
from tests.fakes.listening import silero
from tests.fakes.llm import ScriptedLLM
from tests.fakes.realtime import FakeSocket
from tests.fakes.stt import Says, ScriptedSTT
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


def hold(act: Callable[[Call], Awaitable[None]], stt: ScriptedSTT) -> Call:
    human_speech.needed()
    silero()
    preload_prompts()

    async def work() -> Call:
        pool, tts = VadPool(silero()), ScriptedTTS()
        voice = Voice(
            ears=lambda language, rate: Ears(
                stt=stt, vad=pool, policy=EndpointPolicy(), language=language, input_rate=rate
            ),
            mouth=lambda rate, send: Mouth(tts, lambda persona: persona, rate, send),
        )
        conversation = Conversation(WISHES, QUESTIONS, name="Kim")
        line = RealtimeLine(CallInfo("call_1", lambda: "token"), voice)

        async def save(_: Changes) -> None:
            pass

        live = LiveCall("call_1", line, conversation, InterviewerAgent(ScriptedLLM(), Patience()), save)
        call = Call(line, Page(), conversation)
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


def test_a_spoken_answer_is_followed_by_the_next_question() -> None:
    async def act(call: Call) -> None:
        await call.over(1)
        heard = call.interviewer(0)
        assert QUESTIONS[0].text in heard
        call.said.append(speech())
        await call.sounds(2)
        first_sound = next(at for at, number in call.page.sounded if number == 2)
        # What is waited for is the candidate; what we add to it is less than a frame or two.
        assert first_sound - call.spoken_until < EndpointPolicy().patience_ms * 0.6 / 1000 + 0.1
        (done,) = call.page.of("conversation.item.input_audio_transcription.completed")
        assert done["transcript"] == ANSWER
        await call.over(2)

    call = hold(act, ScriptedSTT(ANSWER))
    (answer,) = [s for s in call.conversation.said if s.speaker is Speaker.CANDIDATE]
    assert (answer.turn, answer.text) == (TurnId(1), ANSWER)


def test_talking_over_the_interviewer_pauses_it_then_cuts_it() -> None:
    began: list[float] = []

    async def act(call: Call) -> None:
        await call.sounds(1, 2000)
        began.append(asyncio.get_running_loop().time())
        call.said.append(speech())
        await call.until(lambda: bool(call.page.of("conversation.item.truncated")))
        (cut,) = call.page.of("conversation.item.truncated")
        assert cut["audio_end_ms"] == pytest.approx(call.page.played[1], abs=220)
        assert call.page.paused_at[0] - began[0] < 0.2
        whole = call.page.of("response.output_audio_transcript.done")[0]["transcript"]
        await call.sounds(2)
        heard = call.interviewer(0)
        assert 0 < len(heard) < len(whole)
        assert whole.startswith(heard)
        assert not any(number == 1 for at, number in call.page.sounded if at > call.page.paused_at[0] + 0.02)

    hold(act, ScriptedSTT(Says(ANSWER, partials=((400.0, "I rebuilt the importer"),))))


def test_a_cough_only_pauses_it() -> None:
    async def act(call: Call) -> None:
        await call.sounds(1, 2000)
        call.said.append(speech(160))
        await call.over(1)
        assert len(call.page.paused_at) == 1
        assert call.page.of("conversation.item.truncated") == []
        assert call.page.of("response.done")[0]["response"]["status"] == "completed"
        assert len(call.page.of("viva.pause")) == len(call.page.of("viva.resume_audio"))
        assert QUESTIONS[0].text in call.interviewer(0)

    hold(act, ScriptedSTT(""))


def test_a_pulled_cable_in_mid_sentence_goes_on_where_it_stopped() -> None:
    async def act(call: Call) -> None:
        await call.sounds(1, 2000)
        old, last = call.page, call.page.events[-1]["event_id"]
        call.line.lost(old)
        await asyncio.sleep(5.0)
        page = Page()
        page.queued, page.played, page.replies = old.queued, old.played, old.replies
        call.page = page
        call.line.attach(page)
        await call.send("viva.resume", token="token", last_event=last)
        await call.over(1)
        assert QUESTIONS[0].text in call.interviewer(0)

    hold(act, ScriptedSTT())

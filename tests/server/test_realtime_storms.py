"""Whatever happens on the realtime line, in any order, some things hold: real turn loop, virtual time."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.interviewer import InterviewerAgent, Patience
from agents.prompts import preload_prompts
from audio.ears import (
    EarEvent,
    InterruptionConfirmed,
    InterruptionDismissed,
    InterruptionSuspected,
    PartialHeard,
    SilenceReached,
    SpeechDismissed,
    SpeechStarted,
    UtteranceLikely,
)
from audio.pcm import AudioMs
from interview.conversation import Changes, Conversation
from interview.events import EndReason, Speaker
from server.call import LiveCall
from server.realtime_events import Frame
from server.realtime_line import CallInfo, RealtimeLine
from tests.fakes.llm import ScriptedLLM
from tests.fakes.realtime import ANSWER, FakeSocket, FakeVoice, utterance
from tests.fakes.talk import QUESTIONS, WISHES
from tests.virtual_loop import run

AT = AudioMs(1000)
EARS: list[EarEvent] = [
    SpeechStarted(AT),
    SpeechDismissed(AT),
    PartialHeard("I rebuilt the"),
    UtteranceLikely(ANSWER),
    utterance(ANSWER),
    utterance(""),
    InterruptionSuspected(AT),
    InterruptionConfirmed(AT),
    InterruptionDismissed(AT),
    SilenceReached(12_000),
]
Act = tuple[str, Any]
ACTS = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([0.0, 0.02, 0.3, 1.0, 6.0])),
    st.tuples(st.just("hear"), st.sampled_from(EARS)),
    st.tuples(st.just("played"), st.integers(-100, 20_000)),
    st.tuples(st.just("cut"), st.integers(0, 20_000)),
    st.sampled_from([("typed", ANSWER), ("cancel", None), ("mute", True), ("mute", False), ("drop", None)]),
    st.sampled_from([("plain", None), ("resume", None)]),
)


class Witness(FakeSocket):
    """Fails at once when sound comes for a reply that was cut, or event ids do not rise."""

    def __init__(self, cut: set[str], replies: dict[int, str]) -> None:
        super().__init__()
        self.cut, self.replies = cut, replies

    def put(self, frame: Frame) -> None:
        super().put(frame)
        if frame.binary:
            assert self.replies[frame.reply] not in self.cut, "sound of a reply that was cut"
            return
        event = json.loads(frame.data)
        match event["type"]:
            case "viva.reply":
                self.replies[event["number"]] = event["item_id"]
            case "conversation.item.truncated":
                self.cut.add(event["item_id"])
            case _:
                pass


@dataclass
class Storm:
    """One call, its sockets, and all events of all of them."""

    line: RealtimeLine
    voice: FakeVoice
    cut: set[str] = field(default_factory=set)
    replies: dict[int, str] = field(default_factory=dict)
    sockets: list[Witness] = field(default_factory=list)

    @property
    def events(self) -> list[dict[str, Any]]:
        seen = {event["event_id"]: event for socket in self.sockets for event in socket.events}
        return list(seen.values())

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    async def send(self, kind: str, **fields: Any) -> None:
        await self.line.receive(self.sockets[-1], json.dumps({"type": kind} | fields))

    async def connect(self, *, resume: bool) -> None:
        if self.sockets:
            self.line.lost(self.sockets[-1])
        last = next((e["event_id"] for s in reversed(self.sockets) for e in reversed(s.events)), None)
        self.sockets.append(Witness(self.cut, self.replies))
        self.line.attach(self.sockets[-1])
        if resume:
            await self.send("viva.resume", token="t", last_event=last)
        else:
            viva = {"binary_audio": True, "rate": 16000, "playback": True}
            await self.send("session.update", session={"type": "realtime", "viva": viva})

    async def do(self, act: Act) -> None:
        match act:
            case ("wait", seconds):
                await asyncio.sleep(seconds)
            case ("hear", event):
                await self.voice.ears[0].hears(event)
            case ("played", ms):
                for created in self.of("response.created")[-2:]:
                    await self.send("viva.playback", response_id=created["response"]["id"], played_ms=ms)
            case ("cut", ms):
                for added in self.of("response.output_item.added")[-2:]:
                    await self.send(
                        "conversation.item.truncate", item_id=added["item"]["id"], audio_end_ms=ms
                    )
            case ("typed", text):
                await self.send("viva.text_answer", text=text)
            case ("cancel", _):
                await self.send("response.cancel")
            case ("mute", on):
                await self.send("viva.mute", on=on)
            case ("drop", _):
                self.line.lost(self.sockets[-1])
                await asyncio.sleep(1.0)
                await self.connect(resume=True)
            case ("plain", _):
                await self.connect(resume=False)
            case _:
                await self.connect(resume=True)


def weather(acts: list[Act]) -> tuple[Storm, Conversation]:
    preload_prompts()

    async def work() -> tuple[Storm, Conversation]:
        voice = FakeVoice(word_ms=100, paced=True)
        line = RealtimeLine(CallInfo("call_1", lambda: "token"), voice.voice())
        conversation = Conversation(WISHES, QUESTIONS, name="Kim")

        async def save(_: Changes) -> None:
            pass

        live = LiveCall("call_1", line, conversation, InterviewerAgent(ScriptedLLM(), Patience()), save)
        storm = Storm(line, voice)
        running = asyncio.create_task(live.run())
        try:
            await storm.connect(resume=False)
            for act in acts:
                if running.done():
                    break
                await storm.do(act)
            await asyncio.sleep(60.0)
            if not running.done():
                await storm.send("viva.end")
            assert await running in (EndReason.HUNG_UP, EndReason.FINISHED)
        finally:
            running.cancel()
            await asyncio.wait((running,))
        return storm, conversation

    return run(work())


@settings(max_examples=120)
@given(st.lists(ACTS, max_size=25))
def test_whatever_happens(acts: list[Act]) -> None:
    storm, conversation = weather(acts)
    created = [event["response"]["id"] for event in storm.of("response.created")]
    done = [event["response"]["id"] for event in storm.of("response.done")]
    assert len(set(done)) == len(done), "a response is done once"
    # A socket that is replaced without a resume does not see what happened meanwhile.
    assert set(done) <= set(created) or ("plain", None) in acts
    whole = [event["transcript"] for event in storm.of("response.output_audio_transcript.done")]
    if ("plain", None) not in acts:
        for said in conversation.said:
            if said.speaker is Speaker.INTERVIEWER:
                assert any(text.startswith(said.text) for text in whole), "only what was sounded is on record"
    turns = [said.turn for said in conversation.said if said.speaker is Speaker.CANDIDATE]
    assert turns == sorted(set(turns))
    pauses = len(storm.of("viva.pause"))
    assert pauses <= len(storm.of("viva.resume_audio")) + len(storm.of("conversation.item.truncated")) or (
        ("plain", None) in acts
    )
    errors = {event["error"]["code"] for event in storm.of("error")}
    assert errors <= {"response_cancel_not_active", "item_not_found"}

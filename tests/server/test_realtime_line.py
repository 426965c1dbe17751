"""`RealtimeLine` in virtual time: sockets that come and go, turns, interruptions, and the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from audio.ears import (
    EarsTrouble,
    InterruptionConfirmed,
    InterruptionDismissed,
    InterruptionSuspected,
    PartialHeard,
    SilenceReached,
    SpeechDismissed,
    SpeechStarted,
    TroubleCode,
    UtteranceLikely,
)
from audio.mouth import LEAD_S, SHORT_LEAD_S
from audio.pcm import AudioMs
from audio.pieces import Spoke
from interview.conversation import Standing
from interview.delivery import SpokenWord
from interview.events import (
    BargeIn,
    Clause,
    EndReason,
    HungUp,
    LineEvent,
    PlaybackDone,
    Silence,
    Trimmed,
    TurnEnded,
    TurnId,
    TurnLikely,
)
from interview.model import Question, QuestionType
from server.line import QuestionAsked
from server.realtime_line import CallInfo, RealtimeLine
from server.realtime_protocol import RealtimeProtocol
from server.realtime_turns import TYPING_S, Tap
from tests.fakes.realtime import ANSWER, FakeSocket, FakeVoice, ScriptedEars, ScriptedMouth, utterance
from tests.virtual_loop import run

WORDS = "Tell me about a project that went wrong and what you did then"
VIVA = {"binary_audio": True, "rate": 16000, "playback": True}


@dataclass
class Scene:
    """A line with its task, a first socket, and what it posted."""

    voice: FakeVoice
    line: RealtimeLine
    socket: FakeSocket = field(default_factory=FakeSocket)
    posted: list[LineEvent] = field(default_factory=list)

    @property
    def ears(self) -> ScriptedEars:
        return self.voice.ears[0]

    @property
    def mouth(self) -> ScriptedMouth:
        return self.voice.mouths[0]

    async def post(self, event: LineEvent) -> None:
        self.posted.append(event)

    async def send(self, kind: str, **fields: Any) -> None:
        await self.line.receive(self.socket, json.dumps({"type": kind} | fields))

    async def update(self, **session: Any) -> None:
        await self.send("session.update", session={"type": "realtime"} | session)

    async def speak(self, turn: int, *texts: str, persona: str = "hr") -> None:
        async def clauses() -> AsyncGenerator[Clause, None]:
            for text in texts or (WORDS,):
                yield Clause(text, persona)

        async with aclosing(clauses()) as given:
            await self.line.speak(TurnId(turn), given, lambda: False)

    def response(self) -> str:
        reply = self.socket.of("response.created")[-1]["response"]["id"]
        assert isinstance(reply, str)
        return reply


def play(
    act: Callable[[Scene], Awaitable[None]],
    voice: FakeVoice | None = None,
    *,
    tap: Tap | None = None,
    **more: Any,
) -> Scene:
    """Run ``act`` beside a running line; afterwards the line is ended and has said so."""
    parts = voice or FakeVoice(word_ms=100, paced=True)

    async def work() -> Scene:
        info = CallInfo("call_1", lambda: "resume-token", scorecard_url="https://viva.example/s")
        made = parts.voice() if tap is None else replace(parts.voice(), tap=lambda *_: tap)
        line = RealtimeLine(info, made, protocol=RealtimeProtocol("abc"), **more)
        scene = Scene(parts, line)
        running = asyncio.create_task(line.run(scene.post), name="line")
        try:
            line.attach(scene.socket)
            await asyncio.sleep(0)
            await act(scene)
            line.leave(EndReason.HUNG_UP)
            await running
        finally:
            running.cancel()
            await asyncio.wait((running,))
        assert isinstance(scene.posted[-1], HungUp)
        return scene

    return run(work())


# --- beginning ------------------------------------------------------------------------------------------


def test_the_greeting_waits_for_the_first_update_and_no_longer_than_a_second() -> None:
    async def sets_nothing(scene: Scene) -> None:
        speaking = asyncio.create_task(scene.speak(0))
        await asyncio.sleep(0.99)
        assert scene.socket.kinds() == ["session.created"]
        await asyncio.sleep(0.02)
        assert scene.socket.kinds()[1] == "response.created"
        assert (scene.ears.rate, scene.mouth.rate) == (24000, 24000)
        await speaking

    async def sets_at_once(scene: Scene) -> None:
        speaking = asyncio.create_task(scene.speak(0))
        await asyncio.sleep(0.1)
        await scene.update(viva={"rate": 16000})
        await asyncio.sleep(0)
        assert (scene.ears.rate, scene.mouth.rate) == (16000, 16000)
        assert scene.socket.kinds()[:3] == ["session.created", "session.updated", "viva.session"]
        await speaking

    play(sets_nothing)
    play(sets_at_once)


def test_a_reply_is_made_sounds_and_counts_as_played_by_our_clock() -> None:
    async def act(scene: Scene) -> None:
        await scene.update()
        await scene.speak(0)
        kinds = scene.socket.kinds()
        assert kinds[2:6] == [
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
        ]
        assert kinds[-6:] == [
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "response.output_item.done",
            "conversation.item.done",
            "response.done",
        ]
        assert "".join(e["delta"] for e in scene.socket.of("response.output_audio_transcript.delta")) == WORDS
        assert {e["response_id"] for e in scene.socket.of("response.output_audio.delta")} == {
            scene.response()
        }
        assert scene.ears.agent == WORDS
        assert scene.posted == []
        await asyncio.sleep(0.3)
        assert scene.posted == [PlaybackDone(TurnId(0))]
        assert scene.ears.agent is None

    play(act)


def test_a_client_that_reports_says_itself_when_it_has_played() -> None:
    async def act(scene: Scene) -> None:
        await scene.update(viva=VIVA)
        await scene.speak(0)
        await asyncio.sleep(1.0)
        assert scene.posted == []
        await scene.send("viva.playback", response_id="resp_unknown", played_ms=10**9, done=True)
        await scene.send("viva.playback", response_id=scene.response(), played_ms=1299)
        await asyncio.sleep(0.1)
        assert scene.posted == []
        await scene.send("viva.playback", response_id=scene.response(), played_ms=1300, done=True)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert scene.posted == [PlaybackDone(TurnId(0))]

    play(act)


def test_a_client_that_stops_reporting_does_not_stop_the_call() -> None:
    async def act(scene: Scene) -> None:
        await scene.update(viva=VIVA)
        await scene.speak(0)
        await asyncio.sleep(3.2)
        assert scene.posted == [PlaybackDone(TurnId(0))]

    play(act)


def test_a_client_that_lies_ahead_is_held_to_what_was_sent() -> None:
    async def act(scene: Scene) -> None:
        await scene.update(viva=VIVA)
        speaking = asyncio.create_task(scene.speak(0))
        await asyncio.sleep(0.45)
        await scene.send("viva.playback", response_id=scene.response(), played_ms=10**12, done=True)
        await scene.ears.hears(InterruptionSuspected(AudioMs(400)), InterruptionConfirmed(AudioMs(700)))
        assert scene.posted == [BargeIn("Tell me about a")]
        speaking.cancel()
        await asyncio.wait((speaking,))

    play(act)


# --- interruptions ----------------------------------------------------------------------------------------


async def _interrupted(scene: Scene, viva: dict[str, Any] | None) -> asyncio.Task[None]:
    """Four words and a half have sounded when the candidate makes a sound."""
    await scene.update(**({"viva": viva} if viva is not None else {}))
    speaking = asyncio.create_task(scene.speak(0))
    await asyncio.sleep(0.45)
    if viva:
        await scene.send("viva.playback", response_id=scene.response(), played_ms=460)
    await scene.ears.hears(InterruptionSuspected(AudioMs(400)))
    return speaking


def test_a_cough_pauses_and_the_reply_goes_on_where_it_stopped() -> None:
    async def act(scene: Scene) -> None:
        speaking = await _interrupted(scene, VIVA)
        (pause,) = scene.socket.of("viva.pause")
        assert pause["response_id"] == scene.response()
        sent = len(scene.socket.sound)
        await asyncio.sleep(1.0)
        assert len(scene.socket.sound) == sent
        await scene.ears.hears(InterruptionDismissed(AudioMs(1400)))
        await asyncio.sleep(0.05)
        assert len(scene.socket.of("viva.resume_audio")) == 1
        await speaking
        offsets = [int.from_bytes(frame.data[4:8], "little") for frame in scene.socket.sound]
        assert offsets == list(range(0, 1300, 100))
        assert scene.posted == []

    play(act)


def test_a_client_that_cannot_pause_has_less_in_flight() -> None:
    async def act(scene: Scene) -> None:
        await scene.update()
        await scene.speak(0)
        assert scene.mouth.lead_s == SHORT_LEAD_S
        await scene.update(viva=VIVA)
        await scene.speak(1)
        assert scene.mouth.lead_s == LEAD_S

    play(act)


def test_a_pause_that_nobody_ends_ends_by_itself() -> None:
    async def act(scene: Scene) -> None:
        speaking = await _interrupted(scene, VIVA)
        await asyncio.sleep(3.9)
        assert scene.socket.of("viva.resume_audio") == []
        await asyncio.sleep(0.2)
        assert len(scene.socket.of("viva.resume_audio")) == 1
        await speaking

    play(act)


def test_speech_cuts_the_reply_to_what_was_heard() -> None:
    async def act(scene: Scene) -> None:
        speaking = await _interrupted(scene, VIVA)
        await scene.ears.hears(InterruptionConfirmed(AudioMs(800)))
        assert scene.posted == [BargeIn("Tell me about a")]
        assert scene.ears.agent is None
        after = scene.socket.kinds()[-9:]
        assert after[0] == "input_audio_buffer.speech_started"
        assert after[1] == "conversation.item.truncated"
        assert "response.done" in after
        (done,) = scene.socket.of("response.done")
        assert done["response"]["status"] == "cancelled"
        assert done["response"]["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        (item,) = done["response"]["output"]
        assert (item["status"], item["content"][0]["transcript"]) == ("incomplete", "Tell me about a")
        (cut,) = scene.socket.of("conversation.item.truncated")
        assert cut["audio_end_ms"] == 460
        assert scene.socket.forgotten == [1], "nothing of it may go out that waits"
        sent = len(scene.socket.sound)
        await scene.line.stop(TurnId(0))
        speaking.cancel()
        await asyncio.wait((speaking,))
        await asyncio.sleep(1.0)
        assert len(scene.socket.sound) == sent
        assert len(scene.socket.of("response.done")) == 1
        await scene.ears.hears(utterance(ANSWER))
        ended = scene.posted[1]
        assert isinstance(ended, TurnEnded)
        assert (ended.turn, ended.text, ended.at_s) == (1, ANSWER, 3.0)
        assert ended.spoken is not None
        assert len(ended.spoken.words) == len(ANSWER.split())
        item_id = scene.socket.of("input_audio_buffer.speech_started")[0]["item_id"]
        (said,) = scene.socket.of("conversation.item.input_audio_transcription.completed")
        assert (said["item_id"], said["transcript"]) == (item_id, ANSWER)

    play(act)


def test_without_extensions_the_server_falls_silent_and_goes_by_its_clock() -> None:
    async def act(scene: Scene) -> None:
        speaking = await _interrupted(scene, None)
        await scene.ears.hears(InterruptionConfirmed(AudioMs(800)))
        assert scene.posted == [BargeIn("Tell me about a")]
        assert not any(kind.startswith("viva.") for kind in scene.socket.kinds())
        speaking.cancel()
        await asyncio.wait((speaking,))

    play(act)


def test_a_loud_noise_does_not_leave_the_call_hanging() -> None:
    async def act(scene: Scene) -> None:
        speaking = await _interrupted(scene, VIVA)
        await scene.ears.hears(InterruptionConfirmed(AudioMs(800)))
        speaking.cancel()
        await asyncio.wait((speaking,))
        await scene.ears.hears(utterance(""))
        assert scene.posted[1:] == [Silence(TurnId(1))]

    play(act)


def test_the_clients_own_word_on_what_was_heard_is_taken_exactly_and_late() -> None:
    async def act(scene: Scene) -> None:
        await scene.update()
        await scene.speak(0)
        item = scene.socket.of("response.output_item.added")[0]["item"]["id"]
        await scene.send("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=300)
        assert scene.posted == [BargeIn("Tell me about")]
        assert scene.socket.of("conversation.item.truncated")[-1]["audio_end_ms"] == 300
        await scene.send("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=100)
        assert scene.posted[1:] == [Trimmed(TurnId(0), "Tell")]
        await scene.send("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=10**9)
        assert scene.socket.of("conversation.item.truncated")[-1]["audio_end_ms"] == 1300
        assert scene.posted[2:] == [Trimmed(TurnId(0), WORDS)]
        await scene.send("conversation.item.truncate", item_id="item_x", audio_end_ms=1, event_id="e")
        error = scene.socket.of("error")[-1]["error"]
        assert (error["code"], error["event_id"]) == ("item_not_found", "e")

    play(act)


def test_words_before_the_reply_sounds_hold_it_back() -> None:
    async def act(scene: Scene) -> None:
        await scene.update(viva=VIVA)
        gate = asyncio.Event()

        async def late() -> AsyncGenerator[Clause, None]:
            await gate.wait()
            yield Clause(WORDS, "hr")

        async with aclosing(late()) as clauses:
            speaking = asyncio.create_task(scene.line.speak(TurnId(0), clauses, lambda: False))
            await asyncio.sleep(0.1)
            await scene.ears.hears(SpeechStarted(AudioMs(100)))
            gate.set()
            await asyncio.sleep(60.0)
            assert scene.socket.sound == [], "they may have a lot to say"
            await scene.ears.hears(SpeechDismissed(AudioMs(900)))
            await speaking
        assert len(scene.socket.sound) == 13
        assert scene.socket.of("viva.pause") == []

    play(act)


def test_going_on_talking_before_the_reply_sounds_takes_it_back_unheard() -> None:
    async def act(scene: Scene) -> None:
        await scene.update(viva=VIVA)
        await scene.ears.hears(SpeechStarted(AudioMs(0)), utterance("First part of it"))
        speaking = asyncio.create_task(scene.speak(1))
        await asyncio.sleep(0)
        await scene.ears.hears(SpeechStarted(AudioMs(3100)), utterance("and the rest", 3100, 4000))
        first, barge, second = scene.posted
        assert isinstance(first, TurnEnded)
        assert barge == BargeIn("")
        assert isinstance(second, TurnEnded)
        assert second.turn == 2
        speaking.cancel()
        await asyncio.wait((speaking,))
        await scene.speak(1)
        assert len(scene.socket.of("response.created")) == 1

    play(act)


# --- what else the ears report ----------------------------------------------------------------------------


def test_captions_likely_ends_reminders_and_trouble() -> None:
    async def act(scene: Scene) -> None:
        await scene.update(viva=VIVA)
        await scene.speak(0)
        await scene.send("viva.playback", response_id=scene.response(), played_ms=1300, done=True)
        await asyncio.sleep(0.1)
        await scene.ears.hears(
            SpeechStarted(AudioMs(1)),
            PartialHeard("I made"),
            PartialHeard("I have made it"),
            UtteranceLikely("I have made it."),
            utterance("I have made it."),
        )
        assert [e["text"] for e in scene.socket.of("viva.partial")] == ["I made", "I have made it"]
        assert [type(e) for e in scene.posted[1:]] == [TurnLikely, TurnEnded]
        assert scene.socket.of("viva.floor")[-1]["state"] == "thinking"
        await scene.ears.hears(SilenceReached(12000))
        assert len(scene.posted) == 3, "a reply is due: no reminder"
        await scene.line.stop(TurnId(1))
        await scene.ears.hears(EarsTrouble(TroubleCode.RECOGNITION_SLOW, "Please type."))
        assert scene.socket.of("viva.notice")[-1]["code"] == "recognition_slow"

    play(act)


def test_reminders_come_while_listening_and_not_while_muted() -> None:
    async def act(scene: Scene) -> None:
        await scene.update(viva=VIVA)
        await scene.send("viva.mute", on=True)
        await scene.line.receive(scene.socket, b"\1\1" * 100)
        assert scene.ears.fed == bytes(200)
        await scene.ears.hears(SilenceReached(12000), EarsTrouble(TroubleCode.NO_AUDIO, "No sound."))
        assert scene.posted == []
        assert scene.socket.of("viva.notice") == []
        await scene.send("viva.mute", on=False)
        await scene.line.receive(scene.socket, b"\1\1" * 100)
        assert scene.ears.fed == bytes(200) + b"\1\1" * 100
        await scene.ears.hears(SilenceReached(24000))
        assert scene.posted == [Silence(TurnId(1))]

    play(act, last_turn=TurnId(0))


def test_who_writes_is_not_reminded_until_they_have_not_written_for_a_while() -> None:
    async def act(scene: Scene) -> None:
        await scene.update(viva=VIVA)
        await scene.send("viva.typing")
        await asyncio.sleep(TYPING_S - 1)
        await scene.ears.hears(SilenceReached(24000))
        assert scene.posted == []
        await asyncio.sleep(2)
        await scene.ears.hears(SilenceReached(36000))
        assert scene.posted == [Silence(TurnId(1))]
        await scene.send("viva.typing")
        await scene.send("viva.text_answer", text="Here it is")
        await scene.line.stop(TurnId(2))
        assert scene.posted[1:] == [TurnEnded(TurnId(2), "Here it is", 0.0)]

    play(act, last_turn=TurnId(0))


def test_a_candidate_who_is_done_says_so() -> None:
    async def act(scene: Scene) -> None:
        await scene.send("input_audio_buffer.commit", event_id="too soon")
        await scene.update(viva=VIVA)
        await scene.send("input_audio_buffer.commit", event_id="silent")
        assert [(e["error"]["code"], e["error"]["event_id"]) for e in scene.socket.of("error")] == [
            ("input_audio_buffer_commit_empty", "too soon"),
            ("input_audio_buffer_commit_empty", "silent"),
        ]
        scene.ears.speaks = True
        await scene.ears.hears(SpeechStarted(AudioMs(1)))
        await scene.speak(0)
        await asyncio.sleep(30)
        await scene.send("input_audio_buffer.commit", event_id="done")
        await scene.send("response.create", event_id="pushed to talk")
        await scene.ears.hears(utterance("I left."))
        item = scene.socket.of("input_audio_buffer.speech_started")[-1]["item_id"]
        assert [e["item_id"] for e in scene.socket.of("input_audio_buffer.committed")] == [item]
        assert [e.turn for e in scene.posted if isinstance(e, TurnEnded)] == [1]
        assert len(scene.socket.of("error")) == 2
        await scene.ears.hears(SpeechStarted(AudioMs(1)))
        await scene.send("input_audio_buffer.commit", event_id="um")
        await scene.ears.hears(
            SpeechDismissed(AudioMs(2)), SpeechStarted(AudioMs(3)), SpeechDismissed(AudioMs(4))
        )
        assert [e["error"]["event_id"] for e in scene.socket.of("error")][2:] == ["um"]

    play(act)


def test_a_recording_pauses_with_the_client_and_hears_no_gaps() -> None:
    class Kept:
        def __init__(self) -> None:
            self.told: list[tuple[str, int | None]] = []

        def heard(self, pcm: bytes) -> None:
            pass

        def sounded(self, pcm: bytes, at_ms: int | None) -> None:
            self.told.append(("sounded", at_ms))

        def paused(self, at_ms: int) -> None:
            self.told.append(("paused", at_ms))

        def resumed(self, at_ms: int) -> None:
            self.told.append(("resumed", at_ms))

        def cut(self, at_ms: int) -> None:
            self.told.append(("cut", at_ms))

        def report(self, start_s: float, end_s: float, words: Sequence[SpokenWord]) -> None:
            return None

    kept = Kept()

    async def act(scene: Scene) -> None:
        await scene.update(viva=VIVA)
        speaking = asyncio.create_task(scene.speak(0))
        await asyncio.sleep(0.35)
        await scene.line.receive(scene.socket, bytes(32 * 350))
        await scene.ears.hears(InterruptionSuspected(AudioMs(1)))
        await asyncio.sleep(0.5)
        await scene.line.receive(scene.socket, bytes(32 * 500))
        await scene.ears.hears(InterruptionDismissed(AudioMs(1)))
        await speaking
        await scene.ears.hears(InterruptionSuspected(AudioMs(1)), InterruptionConfirmed(AudioMs(1)))

    voice = FakeVoice(word_ms=100, paced=True)
    play(act, voice, tap=kept)
    kinds = [kind for kind, _ in kept.told]
    assert kinds[:7] == ["sounded"] * 4 + ["paused", "resumed", "sounded"]
    assert [at for kind, at in kept.told if kind == "sounded"] == [0] + [None] * (len(WORDS.split()) - 1)
    assert [at for kind, at in kept.told if kind in ("paused", "resumed")][:2] == [350, 850]
    assert kinds[-2:] == ["paused", "cut"]


# --- what the client asks ---------------------------------------------------------------------------------


def test_typed_answers_at_any_time() -> None:
    async def act(scene: Scene) -> None:
        await scene.update(viva=VIVA)
        speaking = asyncio.create_task(scene.speak(0))
        await asyncio.sleep(0.45)
        await scene.send("viva.playback", response_id=scene.response(), played_ms=250)
        await scene.send("viva.text_answer", text="I would rather type")
        assert scene.posted == [BargeIn("Tell me about"), TurnEnded(TurnId(1), "I would rather type", 0.0)]
        (added,) = [e for e in scene.socket.of("conversation.item.added") if e["item"]["role"] == "user"]
        assert added["item"]["content"] == [{"type": "input_text", "text": "I would rather type"}]
        speaking.cancel()
        await asyncio.wait((speaking,))
        await scene.send("response.create", event_id="e")
        assert scene.socket.of("error") == []

    play(act)


def test_a_reply_can_be_cancelled_and_not_asked_for() -> None:
    async def act(scene: Scene) -> None:
        await scene.update()
        await scene.send("response.create")
        await scene.send("response.cancel", event_id="early")
        speaking = asyncio.create_task(scene.speak(0))
        await asyncio.sleep(0.45)
        await scene.send("response.create")
        await scene.send("response.cancel", response_id="resp_other", event_id="other")
        await scene.send("response.cancel")
        assert scene.posted == [BargeIn("Tell me about a")]
        (done,) = scene.socket.of("response.done")
        assert done["response"]["status_details"]["reason"] == "client_cancelled"
        speaking.cancel()
        await asyncio.wait((speaking,))
        await scene.send("response.create", event_id="again")
        errors = [(e["error"]["code"], e["error"]["event_id"]) for e in scene.socket.of("error")]
        assert errors == [
            ("response_cancel_not_active", "early"),
            ("response_cancel_not_active", "other"),
            ("response_not_due", "again"),
        ]

    play(act)


def test_speed_and_patience_can_be_set_before_and_after_the_call_begins() -> None:
    async def act(scene: Scene) -> None:
        await scene.send("viva.speed", value=0.8)
        await scene.send("viva.patience", seconds=4)
        await scene.update()
        assert (scene.mouth.speed, scene.ears.patience_s) == (0.8, 4.0)
        await scene.send("viva.speed", value=1.2)
        await scene.update(audio={"input": {"turn_detection": {"type": "semantic_vad"}}})
        assert (scene.mouth.speed, scene.ears.patience_s) == (1.2, 0.0)

    play(act)


# --- sockets that come and go -----------------------------------------------------------------------------


def test_a_lost_socket_parks_the_reply_and_the_next_goes_on() -> None:
    async def act(scene: Scene) -> None:
        await scene.update(viva=VIVA)
        speaking = asyncio.create_task(scene.speak(0))
        await asyncio.sleep(0.45)
        last = scene.socket.events[-1]["event_id"]
        first, scene.socket = scene.socket, FakeSocket()
        scene.line.lost(first)
        await asyncio.sleep(29)
        await scene.send("viva.ping", at=1)
        assert scene.socket.events == [], "not attached yet"
        scene.line.attach(scene.socket)
        await asyncio.sleep(0.1)
        assert scene.socket.kinds() == ["session.created"]
        await scene.send("viva.resume", token="t", last_event=last)
        resumed = scene.socket.of("viva.resumed")[0]
        assert (resumed["number"], resumed["sent_ms"]) == (1, 500)
        await speaking
        offsets = [int.from_bytes(f.data[4:8], "little") for f in first.sound + scene.socket.sound]
        assert offsets == list(range(0, 1300, 100))
        assert scene.socket.of("viva.session")[0]["resume_token"] == "resume-token"

    play(act)


def test_nobody_comes_back() -> None:
    async def work() -> None:
        line = RealtimeLine(CallInfo("call_1", lambda: ""), FakeVoice().voice())
        posted: list[LineEvent] = []

        async def post(event: LineEvent) -> None:
            posted.append(event)

        socket = FakeSocket()
        running = asyncio.create_task(line.run(post))
        line.attach(socket)
        await asyncio.sleep(100)
        line.lost(socket)
        await asyncio.sleep(29.9)
        assert posted == []
        await running
        assert posted == [HungUp(EndReason.LINE_LOST)]
        assert asyncio.get_running_loop().time() == pytest.approx(130.0)

    run(work())


def test_who_comes_back_is_told_the_time_as_it_is_then() -> None:
    async def act(scene: Scene) -> None:
        await scene.update(viva=VIVA)
        question = Question("q1", "Why?", QuestionType.OPENER, None, "hr")
        scene.line.show(QuestionAsked(Standing(question, 0, 7, spent_s=60, left_s=840)))
        assert [(e["elapsed_s"], e["left_s"]) for e in scene.socket.of("viva.time")] == [(60, 840)]
        await asyncio.sleep(100)
        seen = scene.socket.of("viva.session")[0]["event_id"]
        scene.line.lost(scene.socket)
        scene.socket = FakeSocket()
        scene.line.attach(scene.socket)
        await scene.send("viva.resume", token="resume-token", last_event=seen)
        assert len(scene.socket.of("viva.question")) == 2  # once again, and once as it stands
        assert [(e["elapsed_s"], e["left_s"]) for e in scene.socket.of("viva.time")] == [(160, 740)]

    play(act)


def test_the_newest_socket_wins() -> None:
    async def act(scene: Scene) -> None:
        await scene.update(viva=VIVA)
        second = FakeSocket()
        scene.line.attach(second)
        assert scene.socket.closed is not None
        assert scene.socket.closed[0] == 4409
        scene.line.lost(scene.socket)
        scene.line.hung_up(scene.socket)
        await scene.send("viva.text_answer", text="from the old one")
        assert scene.posted == []
        await asyncio.sleep(40)
        assert scene.posted == []
        assert "viva.floor" not in second.kinds()
        scene.socket = second
        await scene.update(viva=VIVA)
        assert {"viva.session", "viva.floor"} <= set(second.kinds())

    play(act)


@pytest.mark.parametrize(
    ("reason", "code", "told"),
    [
        (EndReason.FINISHED, 1000, True),
        (EndReason.HUNG_UP, 1000, True),
        (EndReason.TIME_LIMIT, 1000, True),
        (EndReason.PROVIDER_FAILED, 1000, True),
        (EndReason.RESTART, 1012, False),
        (EndReason.REPLACED, 4409, False),
    ],
)
def test_how_it_ends(reason: EndReason, code: int, told: bool) -> None:
    async def act(scene: Scene) -> None:
        await scene.update(viva={})
        await scene.line.close(reason)
        assert scene.socket.closed is not None
        assert scene.socket.closed[0] == code
        ended = scene.socket.of("viva.ended")
        assert bool(ended) is told
        if told:
            assert (ended[0]["reason"], ended[0]["scorecard_url"]) == (reason.value, "https://viva.example/s")
        late = FakeSocket()
        scene.line.attach(late)
        assert late.closed is not None
        assert late.closed[0] == (1012 if reason is EndReason.RESTART else 4404)

    play(act)


def test_who_ends_the_call_hears_of_it_though_another_connects_meanwhile() -> None:
    async def act(scene: Scene) -> None:
        await scene.update(viva=VIVA)
        await scene.send("viva.end")
        late = FakeSocket()
        scene.line.attach(late)
        assert late.closed is not None
        assert late.closed[0] == 4404
        await scene.line.close(EndReason.HUNG_UP)
        assert scene.socket.of("viva.ended")[0]["reason"] == "hung_up"
        assert scene.socket.closed == (1000, "the call is over")

    play(act)


def test_the_client_hangs_up() -> None:
    async def says_so(scene: Scene) -> None:
        await scene.send("viva.end")

    async def closes(scene: Scene) -> None:
        scene.line.hung_up(scene.socket)

    for act in (says_so, closes):
        assert play(act).posted == [HungUp(EndReason.HUNG_UP)]


def test_who_hangs_up_in_mid_reply_has_heard_no_more_than_sounded() -> None:
    async def act(scene: Scene) -> None:
        speaking = await _interrupted(scene, VIVA)
        await scene.send("viva.end")
        await asyncio.sleep(0.05)
        speaking.cancel()

    cut, hung_up = play(act).posted
    assert cut == BargeIn("Tell me about a")
    assert hung_up == HungUp(EndReason.HUNG_UP)


def test_a_bug_lets_the_client_come_back() -> None:
    async def act(scene: Scene) -> None:
        scene.line.abandon()
        assert scene.socket.closed is not None
        assert scene.socket.closed[0] == 1011

    assert play(act).posted == [HungUp(EndReason.RESTART)]


# --- a voice that fails -------------------------------------------------------------------------------------


def test_a_voice_that_dies_mid_sentence_leaves_the_words() -> None:
    async def act(scene: Scene) -> None:
        await scene.update(viva=VIVA)
        await scene.speak(0, "Hello there Kim.", "How are you today?", "Let us begin.")
        whole = "Hello there Kim. How are you today? Let us begin."
        assert "".join(e["delta"] for e in scene.socket.of("response.output_audio_transcript.delta")) == whole
        assert scene.socket.of("viva.notice")[0]["code"] == "voice_failed"
        assert scene.socket.of("response.done")[0]["response"]["status"] == "completed"
        await asyncio.sleep(4)
        assert scene.posted == [PlaybackDone(TurnId(0))]
        await scene.send("viva.text_answer", text="I can read")
        assert isinstance(scene.posted[-1], TurnEnded)

    play(act, FakeVoice(word_ms=100, paced=True, breaks_at=5))
    play(act, FakeVoice(word_ms=100, paced=True, breaks_at=0))


def test_a_mouth_that_does_not_stop_is_not_heard_in_the_next_reply() -> None:
    async def act(scene: Scene) -> None:
        await scene.update(viva=VIVA)
        await scene.speak(0)
        await scene.send("viva.text_answer", text="next, please")
        speaking = asyncio.create_task(scene.speak(1))
        await asyncio.sleep(0.05)
        sent = len(scene.socket.sound)
        late = Spoke(TurnId(1), 1300, bytes(3200), " and another thing")
        await scene.mouth.send(late)
        assert len(scene.socket.sound) == sent
        assert "another thing" not in str(scene.socket.events)
        await speaking

    play(act)


def test_turn_ids_go_on_after_those_that_are_taken() -> None:
    async def act(scene: Scene) -> None:
        await scene.update()
        await scene.send("viva.text_answer", text="back again")
        assert scene.posted == [TurnEnded(TurnId(8), "back again", 0.0)]

    play(act, last_turn=TurnId(7))


def test_who_speaks_is_shown_when_it_changes() -> None:
    async def act(scene: Scene) -> None:
        await scene.update(viva=VIVA)
        await scene.speak(0, "I am Ingrid.", persona="panel.manager")
        await scene.speak(0, "I am still Ingrid.", persona="panel.manager")
        await scene.speak(0, "I am Tomas.", persona="panel.engineer")
        assert [e["name"] for e in scene.socket.of("viva.persona")] == ["Ingrid", "Tomas"]

    play(act)


def test_the_apology_after_half_a_reply_is_heard_with_it() -> None:
    async def act(scene: Scene) -> None:
        await scene.update(viva=VIVA)

        async def breaks() -> AsyncGenerator[Clause, None]:
            yield Clause("First of all", "hr")
            raise ConnectionError

        async with aclosing(breaks()) as clauses:
            with pytest.raises(ConnectionError):
                await scene.line.speak(TurnId(0), clauses, lambda: False)
        assert scene.socket.of("response.done")[0]["response"]["status"] == "failed"
        await scene.send("viva.playback", response_id=scene.response(), played_ms=300, done=True)
        speaking = asyncio.create_task(scene.speak(0, "Sorry, let me start again."))
        await asyncio.sleep(0.25)
        await scene.send("viva.playback", response_id=scene.response(), played_ms=200)
        await scene.ears.hears(InterruptionConfirmed(AudioMs(800)))
        assert BargeIn("First of all Sorry, let") in scene.posted
        speaking.cancel()
        await asyncio.wait((speaking,))

    play(act)


def test_an_interruption_when_reports_have_ceased_goes_by_our_clock() -> None:
    async def act(scene: Scene) -> None:
        await scene.update(viva=VIVA)
        speaking = asyncio.create_task(scene.speak(0, WORDS, WORDS, WORDS))
        await asyncio.sleep(0.45)
        await scene.send("viva.playback", response_id=scene.response(), played_ms=100)
        await asyncio.sleep(1.9)
        await scene.ears.hears(InterruptionSuspected(AudioMs(1)), InterruptionDismissed(AudioMs(2)))
        await asyncio.sleep(0.2)
        await scene.ears.hears(InterruptionConfirmed(AudioMs(3)))
        (barge,) = scene.posted
        assert isinstance(barge, BargeIn)
        assert barge.heard is not None
        assert barge.heard.startswith(WORDS)
        assert len(barge.heard.split()) < 26
        speaking.cancel()
        await asyncio.wait((speaking,))

    play(act)


def test_a_reply_that_failed_is_heard_only_with_its_apology() -> None:
    async def act(scene: Scene) -> None:
        await scene.update()

        async def breaks() -> AsyncGenerator[Clause, None]:
            yield Clause("First of all", "hr")
            raise TimeoutError

        for _ in range(2):
            async with aclosing(breaks()) as clauses:
                with pytest.raises(TimeoutError):
                    await scene.line.speak(TurnId(0), clauses, lambda: False)
            await asyncio.sleep(1.0)
            assert scene.posted == [], "its apology comes"
        await asyncio.sleep(2.0)
        assert scene.posted == [PlaybackDone(TurnId(0))], "and where none comes, the call goes on"

    play(act)

"""What else the ears report to a `RealtimeLine`: captions, silence, the end of an answer, sound to keep."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

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
from audio.pcm import AudioMs
from interview.delivery import SpokenWord
from interview.events import Silence, TurnEnded, TurnId, TurnLikely
from server.realtime_turns import TYPING_S
from tests.fakes.line_scene import VIVA, WORDS, Scene, play
from tests.fakes.realtime import FakeVoice, utterance


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

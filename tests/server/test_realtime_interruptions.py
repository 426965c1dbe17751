"""Interruptions of a `RealtimeLine`: a sound holds the reply, then cuts it or lets it go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from audio.ears import (
    InterruptionConfirmed,
    InterruptionDismissed,
    InterruptionSuspected,
    SpeechDismissed,
    SpeechStarted,
)
from audio.mouth import LEAD_S, SHORT_LEAD_S
from audio.pcm import AudioMs
from interview.events import BargeIn, Clause, Silence, Trimmed, TurnEnded, TurnId
from tests.fakes.line_scene import VIVA, WORDS, Scene, interrupted, play
from tests.fakes.realtime import ANSWER, utterance


def test_a_cough_pauses_and_the_reply_goes_on_where_it_stopped() -> None:
    async def act(scene: Scene) -> None:
        speaking = await interrupted(scene, VIVA)
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
        speaking = await interrupted(scene, VIVA)
        await asyncio.sleep(3.9)
        assert scene.socket.of("viva.resume_audio") == []
        await asyncio.sleep(0.2)
        assert len(scene.socket.of("viva.resume_audio")) == 1
        await speaking

    play(act)


def test_speech_cuts_the_reply_to_what_was_heard() -> None:
    async def act(scene: Scene) -> None:
        speaking = await interrupted(scene, VIVA)
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
        speaking = await interrupted(scene, None)
        await scene.ears.hears(InterruptionConfirmed(AudioMs(800)))
        assert scene.posted == [BargeIn("Tell me about a")]
        assert not any(kind.startswith("viva.") for kind in scene.socket.kinds())
        speaking.cancel()
        await asyncio.wait((speaking,))

    play(act)


def test_a_loud_noise_does_not_leave_the_call_hanging() -> None:
    async def act(scene: Scene) -> None:
        speaking = await interrupted(scene, VIVA)
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

"""A voice that fails in mid-reply: the words are left, and an apology is heard with what came before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from audio.ears import InterruptionConfirmed
from audio.pcm import AudioMs
from audio.pieces import Spoke
from interview.events import BargeIn, Clause, PlaybackDone, TurnEnded, TurnId
from tests.fakes.line_scene import VIVA, Scene, play
from tests.fakes.realtime import FakeVoice


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

"""`RealtimeLine` in virtual time: how a reply is made and sounds, and what the client asks for."""

from __future__ import annotations

import asyncio

from audio.ears import InterruptionConfirmed, InterruptionSuspected
from audio.pcm import AudioMs
from interview.events import BargeIn, PlaybackDone, TurnEnded, TurnId
from tests.fakes.line_scene import VIVA, WORDS, Scene, play


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

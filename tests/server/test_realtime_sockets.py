"""The realtime line on the real app, over real sockets, with scripted ears and mouth."""

from __future__ import annotations

import asyncio
from typing import Any

from audio.ears import InterruptionConfirmed, InterruptionSuspected, SpeechStarted
from audio.pcm import AudioMs
from server.realtime_line import RealtimeLine
from tests.fakes.realtime import ANSWER, FakeVoice, joined, register, utterance
from tests.fakes.world import World, hold

VIVA = {"binary_audio": True, "rate": 16000, "playback": True}


def test_a_whole_turn_by_voice(dsn: str) -> None:
    voice = FakeVoice()

    async def act(world: World) -> None:
        call = await register(world.http, world.base)
        async with joined(world.http, call, browser=True) as client:
            updated = await client.update(VIVA)
            assert updated["session"]["viva"] == VIVA
            told = await client.until("viva.session")
            assert told["call_id"] == call.call_id
            assert (await client.until("viva.floor"))["state"] == "thinking", "of the greeting"
            reply = await client.until("viva.reply")
            assert reply["number"] == 1
            done = await client.until("response.done")
            assert done["response"]["status"] == "completed"
            question = next(e for e in client.seen if e["type"] == "viva.question")
            assert question["index"] == 1
            greeting = done["response"]["output"][0]["content"][0]["transcript"]
            sound = b"".join(pcm for number, _, pcm in client.sound if number == 1)
            assert len(sound) == len(greeting.split()) * 320
            await client.send(
                "viva.playback", response_id=reply["response_id"], played_ms=len(sound) // 32, done=True
            )
            await client.listening()
            await client.send("input_audio_buffer.append", audio="AAAA" * 80)
            await client.ws.send_bytes(b"\0\0" * 160)
            ears = voice.ears[0]
            await ears.hears(SpeechStarted(AudioMs(1000)), utterance(ANSWER))
            assert len(ears.fed) == 240 + 320
            await client.until("conversation.item.input_audio_transcription.completed", transcript=ANSWER)
            await client.until("viva.floor", state="thinking")
            await client.until("viva.reply", number=2)
            await client.until("response.done")
            await client.until("viva.answer.saved")
            await client.send("viva.end")
            ended = await client.until("viva.ended")
            assert ended["reason"] == "hung_up"
            assert await client.closed() == 1000
        await world.gone(call.call_id)
        (answer,) = await world.rows("SELECT * FROM mock_interview_answers")
        assert answer["text"] == ANSWER

    hold(dsn, act, voice=voice)


def test_talking_over_the_interviewer_leaves_only_what_was_heard(dsn: str) -> None:
    voice = FakeVoice(word_ms=200)

    async def act(world: World) -> None:
        call = await register(world.http, world.base)
        async with joined(world.http, call) as client:
            await client.update(VIVA)
            reply = await client.until("viva.reply")
            await client.until("response.done")
            await client.send("viva.playback", response_id=reply["response_id"], played_ms=610)
            await client.pong(1)
            await voice.ears[0].hears(InterruptionSuspected(AudioMs(2000)))
            await client.until("viva.pause", response_id=reply["response_id"])
            await voice.ears[0].hears(InterruptionConfirmed(AudioMs(2300)))
            await client.until("input_audio_buffer.speech_started")
            cut = await client.until("conversation.item.truncated")
            assert (cut["item_id"], cut["audio_end_ms"]) == (reply["item_id"], 610)
            await client.send("conversation.item.retrieve", item_id=reply["item_id"])
            item = (await client.until("conversation.item.retrieved"))["item"]
            heard = item["content"][0]["transcript"]
            assert heard.split() == ["Hello", "Kim,", "I"]
            await voice.ears[0].hears(utterance("Sorry, one moment please, I would rather begin"))
            await client.until("viva.reply", number=2)
            await client.until("response.done")
            await client.send("viva.end")
            assert await client.closed() == 1000
        await world.gone(call.call_id)
        rows: list[dict[str, Any]] = await world.rows(
            "SELECT * FROM mock_interview_utterances WHERE speaker = 'interviewer' ORDER BY turn"
        )
        assert rows[0]["text"] == heard

    hold(dsn, act, voice=voice)


def test_a_lost_socket_resumes(dsn: str) -> None:
    voice = FakeVoice()

    async def act(world: World) -> None:
        call = await register(world.http, world.base)
        async with joined(world.http, call) as client:
            await client.update(VIVA)
            token = (await client.until("viva.session"))["resume_token"]
            await client.until("response.done")
            last = client.seen[-1]["event_id"]
            client.abort()
        await asyncio.sleep(0)
        async with world.http.ws_connect(call.url) as ws:
            from tests.fakes.realtime import RealtimeClient

            again = RealtimeClient(ws)
            await again.send("viva.resume", token=token, last_event=last)
            assert (await again.next())["type"] == "session.created"
            resumed = await again.until("viva.resumed")
            assert resumed["complete"] is True
            await again.until("viva.session")
            await again.send("viva.text_answer", text=ANSWER)
            await again.until("conversation.item.added")
            await again.until("viva.reply", number=2)
            await again.until("response.done")
            await again.send("viva.end")
            assert await again.closed() == 1000

    hold(dsn, act, voice=voice)


def test_a_client_that_names_the_newest_id_it_saw_misses_nothing(dsn: str) -> None:
    """It notes the id of every event, whatever it is, and its second connection dies at once."""
    voice = FakeVoice()

    async def act(world: World) -> None:
        call = await register(world.http, world.base)
        answers: list[str] = []
        async with joined(world.http, call) as client:
            await client.update(VIVA)
            token = (await client.until("viva.session"))["resume_token"]
            await client.until("response.done")
            before = client.seen
            client.abort()
        line = world.viva.registry.line(call.call_id, RealtimeLine)
        assert line is not None
        async with joined(world.http, call) as short:
            await voice.ears[0].hears(SpeechStarted(AudioMs(1000)), utterance(ANSWER))
            last = short.seen[-1]["event_id"]
            short.abort()
        async with joined(world.http, call) as again:
            await again.send("viva.resume", token=token, last_event=last)
            assert (await again.until("viva.resumed"))["complete"] is True
            await again.until("response.done")
            await again.until("response.done")
            had = {event["event_id"] for event in before}
            for event in again.seen:
                if event["event_id"] not in had and "transcript" in event:
                    answers.append(event["transcript"])
            await again.send("viva.end")
            assert await again.closed() == 1000
        assert answers[0] == ANSWER
        numbers = [event["event_id"].rpartition("_")[2] for event in [*before, *again.seen]]
        kept = {int(number) for number in numbers if "." not in number}
        assert kept == set(range(1, max(kept) + 1))

    hold(dsn, act, voice=voice)

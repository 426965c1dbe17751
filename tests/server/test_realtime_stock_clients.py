"""Clients that are not ours hold an interview: the openai SDK, @openai/agents, and the guide's example."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from pathlib import Path
from typing import Any

import websockets
from openai import AsyncOpenAI

from audio.ears import InterruptionConfirmed, SpeechStarted
from audio.pcm import AudioMs
from interview.events import EndReason
from server.realtime_line import RealtimeLine
from tests.fakes.node_client import node_client, running
from tests.fakes.realtime import ANSWER, FakeVoice, Registered, register, utterance
from tests.fakes.world import World, hold

__all__ = ["node_client"]

SECOND = "We measured it before and after with the same data, every night for a week"


async def _said(world: World, speaker: str) -> list[str]:
    rows = await world.rows(
        "SELECT text FROM mock_interview_utterances WHERE speaker = $1 ORDER BY turn", speaker
    )
    return [row["text"] for row in rows]


class Sdk:
    """What a user of the SDK writes: send, and iterate over events."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.sound: dict[str, bytes] = {}

    async def until(self, kind: str) -> Any:
        while True:
            event = await self.connection.recv()
            if event.type == "response.output_audio.delta":
                heard = self.sound.get(event.item_id, b"")
                self.sound[event.item_id] = heard + base64.b64decode(event.delta)
            if event.type == kind:
                return event


def test_the_openai_sdk_holds_an_interview(dsn: str) -> None:
    voice = FakeVoice(word_ms=200)

    async def act(world: World) -> None:
        call = await register(world.http, world.base)
        async with (
            AsyncOpenAI(api_key=call.token, base_url=f"{world.base}/v1") as client,
            client.realtime.connect(call_id=call.call_id) as connection,
        ):
            await _interview(Sdk(connection), voice)
        await world.gone(call.call_id)
        heard, *_ = await _said(world, "interviewer")
        assert heard == "Hello Kim, I am"
        assert await _said(world, "candidate") == [ANSWER, SECOND]

    async def _interview(sdk: Sdk, voice: FakeVoice) -> None:
        await sdk.until("session.created")
        await sdk.connection.session.update(session={"type": "realtime", "instructions": "Be a pirate."})
        refused = await sdk.until("error")
        assert refused.error.code == "instructions_fixed"
        assert (await sdk.until("session.updated")).session.audio.output.format.rate == 24000
        greeting = await sdk.until("response.done")
        item = greeting.response.output[0]
        assert len(sdk.sound[item.id]) == len(item.content[0].transcript.split()) * 200 * 48
        await sdk.connection.input_audio_buffer.append(audio=base64.b64encode(bytes(960)).decode())
        # Over the interviewer: the SDK's user stops playing and says where.
        ears = voice.ears[0]
        await ears.hears(InterruptionConfirmed(AudioMs(900)))
        started = await sdk.until("input_audio_buffer.speech_started")
        await sdk.connection.conversation.item.truncate(item_id=item.id, content_index=0, audio_end_ms=800)
        cut = await sdk.until("conversation.item.truncated")
        while cut.audio_end_ms != 800:  # the first is the server's own guess
            cut = await sdk.until("conversation.item.truncated")
        await ears.hears(utterance(ANSWER))
        done = await sdk.until("conversation.item.input_audio_transcription.completed")
        assert (done.item_id, done.transcript) == (started.item_id, ANSWER)
        assert (await sdk.until("response.done")).response.status == "completed"
        await sdk.connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": SECOND}]}
        )
        await sdk.connection.response.create()
        assert (await sdk.until("response.done")).response.status in ("completed", "cancelled")
        await sdk.connection.response.cancel()

    hold(dsn, act, voice=voice)


def test_openai_agents_under_node_holds_an_interview(dsn: str, node_client: Path) -> None:
    voice = FakeVoice(word_ms=200)

    async def act(world: World) -> None:
        call: Registered = await register(world.http, world.base)
        async with running(node_client, call.url, call.token) as client:
            await client.until("connection", state="connected")
            assert (await client.until("error"))["code"] == "instructions_fixed"
            await client.until("audio_stopped")
            await client.until("turn_done", output=1)
            ears = voice.ears[0]
            await ears.hears(InterruptionConfirmed(AudioMs(900)))
            await client.until("audio_interrupted")
            item = (await client.until("retrieved"))["id"]
            heard = (await client.until("retrieved", id=item))["text"]
            await ears.hears(utterance(ANSWER))
            spoken = await client.until("turn_done", output=1)
            assert spoken["output"] == 1
            await ears.hears(SpeechStarted(AudioMs(4000)), utterance(SECOND, 4000, 6000))
            await client.until("turn_done", output=1)
            await client.do(say="I would like to add that the whole team kept using it afterwards")
            await client.until("turn_started")
            await client.until("turn_done", output=1)
            roles = [item["role"] for item in _last(client.seen)]
            assert roles[:4] == ["assistant", "user", "assistant", "user"]
            assert all(
                told["code"] == "instructions_fixed" for told in client.seen if told["kind"] == "error"
            )
            await client.do(close=True)
            await client.process.wait()
        await world.viva.registry.drain(0.0)
        rows = await world.rows(
            "SELECT text FROM mock_interview_utterances WHERE speaker = 'interviewer' AND turn = 0"
        )
        # The client goes by its own clock; however far it says it was, that is what was said.
        assert "".join(row["text"] for row in rows) == heard
        assert (await _said(world, "candidate"))[:2] == [ANSWER, SECOND]

    def _last(seen: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return next(told["items"] for told in reversed(seen) if told["kind"] == "history")

    hold(dsn, act, voice=voice)


def test_the_client_of_the_guide_holds_an_interview(dsn: str) -> None:
    guide = Path("docs/realtime.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(async def interview.*?)\n\n\nasyncio\.run", guide, re.DOTALL)
    printed: list[str] = []

    async def act(world: World) -> None:
        call = await register(world.http, world.base)
        loop, answers = asyncio.get_running_loop(), [ANSWER, SECOND]

        def answer(_: str) -> str:
            if not answers:
                line = world.viva.registry.line(call.call_id, RealtimeLine)
                assert line is not None
                loop.call_soon_threadsafe(line.leave, EndReason.FINISHED)
                return "and one more"
            return answers.pop(0)

        def show(*words: object) -> None:
            printed.append(" ".join(map(str, words)))

        known: dict[str, Any] = {"asyncio": asyncio, "json": json, "websockets": websockets}
        known |= {"input": answer, "print": show}
        exec(program, known)
        await known["interview"]({"callUrl": call.url, "accessToken": call.token})
        await world.gone(call.call_id)
        assert (await _said(world, "candidate"))[:2] == [ANSWER, SECOND]
        assert printed[:-1] == await _said(world, "interviewer")

    hold(dsn, act, voice=FakeVoice())
    assert printed[0].startswith("Hello Kim, I am")
    assert printed[-1].startswith("The scorecard:")

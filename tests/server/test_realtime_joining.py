"""Who may join the realtime line, what a bad client meets, and what a restart leaves; over real sockets."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from aiohttp import WSServerHandshakeError

from audio.ears import UtteranceEnded
from audio.pcm import AudioMs
from interview.delivery import SpokenWord
from interview.events import EndReason
from server.load import LoopLag
from server.realtime_line import RealtimeLine
from tests.fakes.realtime import ANSWER, FakeVoice, RealtimeClient, joined, register
from tests.fakes.world import World, hold

VIVA = {"binary_audio": True, "rate": 16000, "playback": True}


async def _refused(world: World, url: str, **more: Any) -> int:
    with pytest.raises(WSServerHandshakeError) as refused:
        await world.http.ws_connect(url, **more)
    return refused.value.status


async def _close_of(world: World, url: str, *messages: str, **more: Any) -> int | None:
    async with world.http.ws_connect(url, **more) as ws:
        for message in messages:
            await ws.send_str(message)
        return await RealtimeClient(ws).closed()


def test_only_a_token_of_this_call_opens_it(dsn: str) -> None:
    async def act(world: World) -> None:
        mine, other = await register(world.http, world.base), await register(world.http, world.base)
        assert mine.url == f"ws://127.0.0.1:{world.viva.port}/v1/realtime?call_id={mine.call_id}"
        assert await _refused(world, f"{world.base}/v1/realtime") == 400
        for header in (f"Bearer {other.token}", "Bearer nonsense", f"Basic {mine.token}", "Bearer"):
            assert await _refused(world, mine.url, headers={"Authorization": header}) == 401
        keys = ("realtime", f"openai-insecure-api-key.{other.token}")
        assert await _close_of(world, mine.url, protocols=keys) == 4401
        for hello in ("nonsense", '{"type": "viva.ping", "at": 1}', '{"type": "viva.hello", "token": "x"}'):
            assert await _close_of(world, mine.url, hello) == 4401
        assert (
            await _close_of(world, mine.url, f'{{"type": "viva.resume", "token": "{other.token}"}}') == 4401
        )
        assert len(world.viva.registry) == 0

    hold(dsn, act, voice=FakeVoice())


def test_three_ways_to_join(dsn: str) -> None:
    async def act(world: World) -> None:
        call = await register(world.http, world.base)
        async with world.http.ws_connect(call.url) as ws:
            client = RealtimeClient(ws)
            await client.send("viva.hello", token=call.token)
            assert (await client.next())["type"] == "session.created"
            await client.update({})
            async with joined(world.http, call, browser=True) as browser:
                assert browser.ws.protocol == "realtime"
                assert await client.closed() == 4409
                async with joined(world.http, call) as sdk:
                    assert await browser.closed() == 4409
                    await sdk.send("viva.end")
                    assert await sdk.closed() == 1000
        await world.gone(call.call_id)
        await world.viva.pool.execute(
            "UPDATE mock_interview_responses SET status = 'completed', is_ended = true"
        )
        more = {"headers": {"Authorization": f"Bearer {call.token}"}}
        assert await _close_of(world, call.url, **more) == 4404

    hold(dsn, act, voice=FakeVoice())


def test_a_retell_call_cannot_be_joined_here(dsn: str) -> None:
    async def act(world: World) -> None:
        call = await register(world.http, world.base)
        await world.viva.pool.execute("UPDATE mock_interview_responses SET transport = 'retell'")
        more = {"headers": {"Authorization": f"Bearer {call.token}"}}
        assert await _close_of(world, call.url, **more) == 4404

    hold(dsn, act, voice=FakeVoice())


def test_bad_messages_are_answered_and_the_interview_goes_on(dsn: str) -> None:
    async def act(world: World) -> None:
        call = await register(world.http, world.base)
        async with joined(world.http, call) as client:
            await client.update(VIVA)
            no_base64 = '{"type": "input_audio_buffer.append", "audio": "%"}'
            rate = {"input": {"format": {"type": "audio/pcm", "rate": 44100}}}
            wrong_rate = json.dumps({"type": "session.update", "session": {"audio": rate}})
            for frame, code in (
                ("{", "invalid_json"),
                ("[]", "invalid_message"),
                ('{"type": "nonsense"}', "unknown_type"),
                (no_base64, "invalid_sound"),
                (wrong_rate, "format_unknown"),
            ):
                await client.ws.send_str(frame)
                assert (await client.until("error"))["error"]["code"] == code
            await client.ws.send_bytes(b"\0" * 600_000)
            assert (await client.until("error"))["error"]["code"] == "sound_too_big"
            await client.send("viva.text_answer", text=ANSWER)
            await client.until("conversation.item.done")
            await client.until("response.done")
            await client.send("viva.end")
            assert await client.closed() == 1000
        await world.gone(call.call_id)
        said = await world.rows("SELECT text FROM mock_interview_utterances WHERE speaker = 'candidate'")
        assert [row["text"] for row in said] == [ANSWER]

    hold(dsn, act, voice=FakeVoice())


def test_a_frame_beyond_all_bounds_closes_the_socket_and_not_the_call(dsn: str) -> None:
    async def act(world: World) -> None:
        call = await register(world.http, world.base)
        async with joined(world.http, call) as client:
            await client.update(VIVA)
            try:
                await client.ws.send_bytes(bytes(4 * 1024 * 1024 + 1))
            except ConnectionError:
                pass  # the server may have closed before it was all sent
            assert await client.closed() in (1009, 1006)
        assert call.call_id in world.viva.registry
        async with joined(world.http, call) as again:
            await again.send("viva.end")
            assert await again.closed() == 1000

    hold(dsn, act, voice=FakeVoice())


def test_sound_much_faster_than_real_time_is_told_and_then_cut_off(dsn: str) -> None:
    async def act(world: World) -> None:
        call = await register(world.http, world.base)
        async with joined(world.http, call) as client:
            await client.update(VIVA)
            for _ in range(40):
                await client.ws.send_bytes(bytes(32_000 * 5))
                if client.ws.closed:
                    break
            assert await client.closed() == 4429
            assert [e["error"]["code"] for e in client.seen if e["type"] == "error"] == ["audio_too_fast"]
        assert call.call_id in world.viva.registry

    hold(dsn, act, voice=FakeVoice())


def test_a_client_that_never_reads_is_closed_with_bounded_memory(dsn: str) -> None:
    """Two minutes of speech at once, for a client whose receive buffer is full."""
    voice = FakeVoice(word_ms=2000)

    async def act(world: World) -> None:
        call = await register(world.http, world.base)
        async with joined(world.http, call) as client:
            await client.send("session.update", session={"type": "realtime"})
            reading = client.ws._response.connection
            assert reading is not None
            assert reading.transport is not None
            reading.transport.pause_reading()
            line = world.viva.registry.line(call.call_id, RealtimeLine)
            assert line is not None
            while line._socket is None or line._socket._closing is None:  # type: ignore[attr-defined]
                assert line._socket is None or line._socket._bytes <= 1024 * 1024  # type: ignore[attr-defined]
                await asyncio.sleep(0)
            reading.transport.resume_reading()
            assert await client.closed() == 4408
        assert call.call_id in world.viva.registry
        async with joined(world.http, call) as again:
            await again.send("viva.end")
            assert await again.closed() == 1000

    hold(dsn, act, voice=voice)


def test_after_a_restart_the_call_goes_on_at_the_same_question(dsn: str) -> None:
    secret = "k" * 40
    kept: dict[str, Any] = {}
    voice, later = FakeVoice(), FakeVoice()
    words = [SpokenWord(word, 2.0 * n, 2.0 * n + 0.4) for n, word in enumerate(ANSWER.split())]
    hesitant = UtteranceEnded(ANSWER, tuple(words), AudioMs(0), AudioMs(2000 * len(words)))

    async def before(world: World) -> None:
        kept["call"] = call = await register(world.http, world.base)
        async with joined(world.http, call) as client:
            await client.update(VIVA)
            kept["token"] = (await client.until("viva.session"))["resume_token"]
            reply = await client.until("viva.reply")
            await client.until("response.done")
            await client.send("viva.playback", response_id=reply["response_id"], played_ms=0, done=True)
            await client.listening()
            await voice.ears[0].hears(hesitant)
            await client.until("viva.reply", number=2)
            await client.until("response.done")
            await client.until("viva.answer.saved")
            kept["question"] = [e for e in client.seen if e["type"] == "viva.question"][-1]["id"]
            kept["last"] = client.seen[-1]["event_id"]
            line = world.viva.registry.line(call.call_id, RealtimeLine)
            assert line is not None
            line.leave(EndReason.RESTART)
            assert await client.closed() == 1012

    async def after(world: World) -> None:
        call = kept["call"]
        url = f"{world.base}/v1/realtime?call_id={call.call_id}"
        async with world.http.ws_connect(url) as ws:
            client = RealtimeClient(ws)
            session = {"type": "realtime", "viva": VIVA}
            await client.send("viva.resume", token=kept["token"], last_event=kept["last"], session=session)
            resumed = await client.until("viva.resumed")
            assert (resumed["complete"], resumed["response_id"]) == (False, None)
            await client.until("viva.session")
            question = await client.until("viva.question")
            assert question["id"] == kept["question"]
            await client.send("viva.text_answer", text="And then we measured it again for a month")
            await client.until("response.done")
            assert client.sound, "the new server sends sound as was agreed on with the old one"
            await client.send("viva.end")
            assert await client.closed() == 1000
        await world.gone(call.call_id)
        rows = await world.rows(
            "SELECT turn, text FROM mock_interview_utterances WHERE speaker = 'candidate' ORDER BY turn"
        )
        assert [row["turn"] for row in rows] == [1, 2]

    hold(dsn, before, voice=voice, secret=secret)
    hold(dsn, after, voice=later, secret=secret)
    assert voice.found[0].pauses_ms == ()
    assert later.found[0].pauses_ms == (1600,) * (len(words) - 1), "who was waited for is waited for again"


def test_a_draining_server_takes_no_new_call_and_sends_live_ones_away(dsn: str) -> None:
    async def act(world: World) -> None:
        first, second = await register(world.http, world.base), await register(world.http, world.base)
        async with joined(world.http, first) as client:
            await client.update(VIVA)
            world.viva.registry.draining = True
            bearer = {"Authorization": f"Bearer {second.token}"}
            assert await _refused(world, second.url, headers=bearer) == 503
            await world.viva.registry.drain(0.0)
            assert await client.closed() == 1012

    hold(dsn, act, voice=FakeVoice())


def test_a_server_whose_loop_is_late_takes_no_new_call_and_keeps_live_ones(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(world: World) -> None:
        first, second = await register(world.http, world.base), await register(world.http, world.base)
        async with joined(world.http, first) as client:
            await client.update(VIVA)
            monkeypatch.setattr(LoopLag, "overloaded", lambda _: True)
            bearer = {"Authorization": f"Bearer {second.token}"}
            assert await _refused(world, second.url, headers=bearer) == 503
            client.abort()
        async with joined(world.http, first) as again:
            await again.send("viva.end")
            assert await again.closed() == 1000

    hold(dsn, act, voice=FakeVoice())


def test_a_call_is_registered_for_our_own_line(dsn: str) -> None:
    async def act(world: World) -> None:
        made = {"role": "Backend Developer"}
        async with world.http.post(f"{world.base}/v1/candidates/mock-ai-interview", json=made) as got:
            session_id = (await got.json())["sessionId"]
        who = {"session_id": session_id, "email": "kim@example.org", "name": "Kim"}
        async with world.http.post(f"{world.base}/api/register-call", json=who) as got:
            call = await got.json()
            assert got.status == 201
        assert call["transport"] == "realtime"
        assert call["callUrl"] == f"wss://viva.example/v1/realtime?call_id={call['callId']}"
        assert call["accessToken"] not in call["callUrl"]
        (row,) = await world.rows("SELECT call_id, transport FROM mock_interview_responses")
        assert row == {"call_id": call["callId"], "transport": "realtime"}
        async with world.http.post(
            f"{world.base}/api/register-call", json=who | {"interviewer_id": "nobody"}
        ) as got:
            assert got.status == 404

    hold(dsn, act, voice=FakeVoice(), public_url="https://viva.example")


def test_two_sockets_at_once_make_one_call(dsn: str) -> None:
    async def act(world: World) -> None:
        call = await register(world.http, world.base)
        bearer = {"Authorization": f"Bearer {call.token}"}
        one, two = await asyncio.gather(
            world.http.ws_connect(call.url, headers=bearer), world.http.ws_connect(call.url, headers=bearer)
        )
        assert isinstance(one, aiohttp.ClientWebSocketResponse)
        clients = [RealtimeClient(one), RealtimeClient(two)]
        for client in clients:
            await client.send("viva.end")
        closes = [await client.closed() for client in clients]
        assert 1000 in closes
        await world.gone(call.call_id)

    hold(dsn, act, voice=FakeVoice())

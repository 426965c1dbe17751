"""The spoken candidate on a socket: against the real server with scripted ears, and against wrong servers."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from audio.ears import InterruptionConfirmed, InterruptionSuspected
from audio.pcm import AudioMs
from server.simulate.candidate import Candidate, Refused, register, simulate_candidate
from server.simulate.candidate_line import CallOver, CandidateLine, Unanswered
from server.simulate.candidate_script import Act, Step
from server.simulate.candidate_sound import cough, silence
from tests.fakes.realtime import ANSWER, FakeVoice, utterance
from tests.fakes.world import World, hold

BEEP = cough(0.1)


class Beeping:
    """A candidate's voice without a synthesiser."""

    async def say(self, text: str) -> bytes:
        return BEEP

    async def mumble(self, seconds: float) -> bytes:
        return silence(seconds)


def on_the_line(dsn: str, act: Callable[[CandidateLine, FakeVoice], Awaitable[None]], **more: Any) -> None:
    voice = FakeVoice(**{"word_ms": 20, "paced": True} | more)

    async def work(world: World) -> None:
        call = await register(world.base)
        async with CandidateLine(call.url, call.token, speed=4.0) as line:
            await act(line, voice)
        assert line.check.violations == []
        await world.gone(call.call_id)

    hold(dsn, work, voice=voice)


def test_it_listens_answers_and_hears_the_next_question(dsn: str) -> None:
    async def act(line: CandidateLine, voice: FakeVoice) -> None:
        one = Candidate(line, Beeping())  # type: ignore[arg-type]
        await line.my_turn()
        first = line.asked
        answering = asyncio.create_task(one.hold([Step(Act.SPEAK, ANSWER)]))
        await line.until(lambda: line.measured.said_ms > 0)
        await voice.ears[0].hears(utterance(ANSWER))
        assert await answering == "steps over"
        assert [(turn.said, turn.heard) for turn in one.turns] == [(ANSWER, [ANSWER])]
        assert line.asked != first
        assert len(line.measured.reply) == 1
        assert BEEP in bytes(voice.ears[0].fed)

    on_the_line(dsn, act)


def test_talking_over_it_is_measured_and_what_is_cut_is_not_played(dsn: str) -> None:
    async def act(line: CandidateLine, voice: FakeVoice) -> None:
        assert await line.sounds(0.2)
        line.talk_over(BEEP)
        await line.until(lambda: line.measured.said_ms > 0)
        await voice.ears[0].hears(InterruptionSuspected(AudioMs(0)))
        await line.until(lambda: len(line.measured.silenced) == 1)
        (reply,) = line.check.replies.values()
        assert reply.paused
        await voice.ears[0].hears(InterruptionConfirmed(AudioMs(300)))
        await line.until(lambda: reply.cut)
        heard_ms = line.measured.heard_ms
        await voice.ears[0].hears(utterance(ANSWER))
        await line.my_turn()
        assert line.measured.heard_ms > heard_ms
        (cut,) = [event for event in line.events if event["type"] == "conversation.item.truncated"]
        assert cut["audio_end_ms"] <= heard_ms

    on_the_line(dsn, act)


def test_a_lost_connection_is_taken_up_again(dsn: str) -> None:
    async def act(line: CandidateLine, voice: FakeVoice) -> None:
        assert await line.sounds(0.2)
        line.drop()
        await line.until(lambda: line.sockets == 2 and line.resumed is not None)
        await line.my_turn()
        assert line.resumed is not None
        assert line.resumed["complete"]

    on_the_line(dsn, act)


def test_silence_is_not_waited_out_for_ever(dsn: str) -> None:
    async def act(line: CandidateLine, voice: FakeVoice) -> None:
        await line.my_turn()
        with pytest.raises(Unanswered, match="1 s of sound"):
            await line.until(lambda: False, within_s=1.0)
        await line.type("In writing.")
        await line.my_turn()
        await line.ask("viva.end")
        with pytest.raises(CallOver, match="hung_up"):
            await line.until(lambda: False)

    on_the_line(dsn, act)


# --- servers that are not Viva, or are wrong ---------------------------------------------------------------


def against(handlers: list[web.RouteDef], act: Callable[[str], Awaitable[None]]) -> None:
    async def work() -> None:
        app = web.Application()
        app.add_routes(handlers)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            async with asyncio.timeout(30):
                await act(f"http://127.0.0.1:{runner.addresses[0][1]}")
        finally:
            await runner.cleanup()

    asyncio.run(work())


def test_what_a_server_says_against_it_is_passed_on() -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"detail": "There is no room."}, status=503)

    async def act(base: str) -> None:
        with pytest.raises(Refused, match=r"answered 503: There is no room\."):
            await register(base)

    against([web.post("/v1/candidates/mock-ai-interview", refuse)], act)


def test_a_wrong_server_is_an_exit_code_and_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    async def create(_: web.Request) -> web.Response:
        return web.json_response({"sessionId": "s1"}, status=201)

    async def call(request: web.Request) -> web.Response:
        url = str(request.url.with_scheme("ws").with_path("/v1/realtime"))
        return web.json_response({"callId": "c1", "accessToken": "t", "callUrl": url}, status=201)

    async def talk(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.send_str(json.dumps({"type": "viva.floor", "event_id": "evt_a_1", "state": "dancing"}))
        await ws.send_bytes(b"\1")
        await ws.close()
        return ws

    async def act(base: str) -> None:
        assert await simulate_candidate(base, json_out=True) == 1

    routes = [
        web.post("/v1/candidates/mock-ai-interview", create),
        web.post("/api/register-call", call),
        web.get("/v1/realtime", talk),
    ]
    against(routes, act)
    told = json.loads(capsys.readouterr().out)
    assert told["violations"] == [
        "viva.floor came before session.created",
        "viva.floor: state is wrong",
        "a binary frame has no header, or ends in half a sample",
    ]
    assert told["end_reason"] == "closed with 1000"


def test_no_server_and_a_wrong_script_are_explained(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    script = tmp_path / "script.jsonl"
    script.write_text('{"shout": "hey"}\n')
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        assert asyncio.run(simulate_candidate(url)) == 1
    assert "is the server running there?" in capsys.readouterr().out
    assert asyncio.run(simulate_candidate(url, script=script)) == 1
    assert "WRONG: line 1 of the script" in capsys.readouterr().out


def test_the_socket_is_gone_after_it(dsn: str) -> None:
    async def work(world: World) -> None:
        call = await register(world.base)
        line = CandidateLine(call.url, "wrong", speed=4.0)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await line.__aenter__()

    hold(dsn, work, voice=FakeVoice())

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import WSMsgType, WSServerHandshakeError, web

from server.simulate.main import simulate_retell
from server.simulate.retell import CallEnded, RetellSimulator, Unanswered

Event = dict[str, Any]


class Line:
    """The server's end of one socket, as a test's server sees it."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request, number: int) -> None:
        self.socket, self.request, self.number = socket, request, number
        self.events: list[Event] = []

    async def config(self, **config: bool) -> None:
        await self.send(response_type="config", config=config)

    async def send(self, **frame: Any) -> None:
        await self.socket.send_str(json.dumps(frame))

    async def respond(self, turn: int, content: str, complete: bool = True, **more: Any) -> None:
        frame = {"response_id": turn, "content": content, "content_complete": complete, **more}
        await self.send(response_type="response", **frame)

    async def next(self, kind: str) -> Event:
        """The next event of ``kind``; pings on the way are echoed, the rest is kept in ``events``."""
        async for message in self.socket:
            event: Event = json.loads(message.data)
            self.events.append(event)
            if event["interaction_type"] == kind:
                return event
            if event["interaction_type"] == "ping_pong":
                await self.send(response_type="ping_pong", timestamp=event["timestamp"])
        raise asyncio.CancelledError

    def abort(self) -> None:
        assert self.request.transport is not None
        self.request.transport.abort()


Server = Callable[[Line], Awaitable[None]]
Act = Callable[[str], Awaitable[None]]


def _with_server(server: Server, act: Act) -> None:
    async def body() -> None:
        lines: list[Line] = []

        async def handler(request: web.Request) -> web.StreamResponse:
            if request.query.get("refuse"):
                raise web.HTTPForbidden
            socket = web.WebSocketResponse(max_msg_size=0)
            await socket.prepare(request)
            line = Line(socket, request, len(lines))
            lines.append(line)
            try:
                await server(line)
                async for _ in socket:
                    pass
            except (asyncio.CancelledError, ConnectionError):
                pass
            return socket

        app = web.Application()
        app.router.add_get("/llm/{call_id}", handler)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            await act(f"ws://127.0.0.1:{runner.addresses[0][1]}/llm")
        finally:
            await runner.cleanup()

    asyncio.run(body())


async def _good(line: Line) -> None:
    await line.config(auto_reconnect=True, call_details=True)
    await line.respond(0, "Hello, I am Vera. Shall we start?" if line.number == 0 else "")
    while True:
        asked = await line.next("response_required")
        heard = asked["transcript"][-1]["content"]
        await line.respond(asked["response_id"], f"You said {heard} ", False)
        bye = heard == "bye"
        await line.respond(asked["response_id"], "and I heard it." if not bye else "Goodbye.", end_call=bye)


def test_a_good_server_is_without_violations() -> None:
    seen: list[Line] = []

    async def server(line: Line) -> None:
        seen.append(line)
        await _good(line)

    async def act(url: str) -> None:
        async with RetellSimulator(url, "call_1", metadata={"session_id": "s1"}) as sim:
            greeting = await sim.greeting()
            assert greeting.text == "Hello, I am Vera. Shall we start?"
            reply = await sim.say("yes")
            assert (reply.turn, reply.text) == (1, "You said yes and I heard it.")
            assert (len(reply.frames), reply.complete, reply.end_call) == (2, True, False)
            assert reply.first_content_s is not None
            assert await sim.ping(9_007_199_254_740_993) < 5
            reply = await sim.say("bye")
            assert reply.end_call
            assert await sim.wait_end() == "agent_hangup"
            roles = [item["role"] for item in sim.transcript.items]
            assert roles == ["agent", "user", "agent", "user", "agent"]
            assert sim.violations == []
            with pytest.raises(CallEnded, match="agent_hangup"):
                await sim.say("still there?")

    _with_server(server, act)
    kinds = [event["interaction_type"] for event in seen[0].events]
    details = next(event for event in seen[0].events if event["interaction_type"] == "call_details")
    assert details["call"]["metadata"] == {"session_id": "s1"}
    assert kinds.count("response_required") == 2
    assert [e["turntaking"] for e in seen[0].events if "turntaking" in e][:2] == ["agent_turn", "user_turn"]


def test_word_times_follow_the_speaking_rate() -> None:
    async def act(url: str) -> None:
        async with RetellSimulator(url, "c") as sim:
            await sim.greeting()
            await sim.say("one two three")
            words = sim.transcript.items[1]["words"]
            assert [word["word"] for word in words] == ["one", "two", "three"]
            assert words[2]["end"] - words[0]["start"] == pytest.approx(1.2)
            assert words[0]["start"] > sim.transcript.items[0]["words"][-1]["end"]

    _with_server(_good, act)


def test_barge_in_cuts_the_transcript_to_what_was_heard() -> None:
    async def act(url: str) -> None:
        async with RetellSimulator(url, "c") as sim:
            await sim.greeting()
            await sim.say("first")
            assert await sim.barge_in(2) == "You said"
            reply = await sim.say("wait")
            assert sim.transcript.items[2]["content"] == "You said"
            assert reply.text == "You said wait and I heard it."
            assert sim.violations == []

    _with_server(_good, act)


def test_barge_in_while_the_reply_streams() -> None:
    async def server(line: Line) -> None:
        await line.config(auto_reconnect=True)
        await line.respond(0, "Hi.")
        await line.next("response_required")
        await line.respond(1, "A long story begins here", False)
        second = await line.next("response_required")
        assert second["transcript"][-2]["content"] == "A long"
        await line.respond(2, "Yes?")

    async def act(url: str) -> None:
        async with RetellSimulator(url, "c") as sim:
            await sim.greeting()
            first = await sim.say_without_waiting("go")
            assert await sim.barge_in(2) == "A long"
            assert (await sim.say("stop")).text == "Yes?"
            assert (await sim.reply(first)).superseded
            assert sim.violations == []

    _with_server(server, act)


def test_a_stale_chunk_is_dropped_and_is_a_violation_once_the_newer_request_was_read() -> None:
    async def server(line: Line) -> None:
        await line.config(auto_reconnect=True)
        await line.respond(0, "Hi.")
        await line.next("response_required")
        await line.respond(1, "old ", False)
        await line.next("response_required")
        await line.respond(2, "new ", False)
        await line.respond(1, "stale", True)
        await line.respond(2, "words")

    async def act(url: str) -> None:
        async with RetellSimulator(url, "c") as sim:
            await sim.greeting()
            first = await sim.say_without_waiting("one")
            await sim.first_content(first)
            reply = await sim.say("two")
            assert reply.text == "new words"
            assert [frame["content"] for frame in sim.stale] == ["stale"]
            assert sim.violations == ["response 1: stale, 2 had been read"]
            assert sim.transcript.items[-1]["content"] == "new words"

    _with_server(server, act)


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        (
            '{"response_type":"response","response_id":1.0,"content":"x","content_complete":true}',
            "response_id",
        ),
        (
            '{"response_type":"response","response_id":true,"content":"x","content_complete":true}',
            "response_id",
        ),
        ('{"response_type":"response","response_id":1,"content":"x","content_complete":"true"}', "complete"),
        ('{"response_type":"response","response_id":1,"content":null,"content_complete":true}', "content"),
        ('{"response_type":"response","response_id":1,"content":"x"}', "content_complete is missing"),
        ('{"response_id":1,"content":"x","content_complete":true}', "no response_type"),
        ('{"response_type":"reply"}', "unknown"),
        ("[1]", "object"),
        ("{", "JSON"),
        (
            '{"response_type":"tool_call_invocation","tool_call_id":"1","name":"n","arguments":{}}',
            "arguments",
        ),
        ('{"response_type":"update_agent","agent_config":{"responsiveness":2}}', "responsiveness"),
        ('{"response_type":"config","config":{"auto_reconnect":1}}', "auto_reconnect"),
    ],
)
def test_wrong_types_are_violations(frame: str, complaint: str) -> None:
    async def server(line: Line) -> None:
        await line.config()
        await line.respond(0, "Hi.")
        await line.next("response_required")
        await line.socket.send_str(frame)
        await line.respond(1, "ok")

    async def act(url: str) -> None:
        async with RetellSimulator(url, "c") as sim:
            await sim.greeting()
            assert (await sim.say("x")).text == "ok"
            assert any(complaint in text for text in sim.violations)

    _with_server(server, act)


def test_optional_fields_are_judged_but_do_not_drop_the_response() -> None:
    async def server(line: Line) -> None:
        await line.respond(0, "Hi.", end_call="no", transfer_number=None, colour="red")

    async def act(url: str) -> None:
        async with RetellSimulator(url, "c") as sim:
            assert (await sim.greeting()).text == "Hi."
            assert len(sim.violations) == 3

    _with_server(server, act)


def test_a_turn_that_is_never_completed_is_a_violation_in_time() -> None:
    async def server(line: Line) -> None:
        await line.config(auto_reconnect=True)
        await line.respond(0, "Hi.")
        await line.next("response_required")
        await line.respond(1, "and then", False)
        await line.next("response_required")

    async def act(url: str) -> None:
        async with RetellSimulator(url, "c", deadline=0.2) as sim:
            await sim.greeting()
            with pytest.raises(Unanswered, match="content_complete"):
                await sim.say("x")
            assert len(sim.violations) == 1

    _with_server(server, act)


def test_order_and_identity_rules() -> None:
    async def server(line: Line) -> None:
        await line.respond(0, "Hi.")
        await line.config()
        await line.respond(0, "again")
        await line.respond(9, "nobody asked")
        await line.send(response_type="ping_pong", timestamp=5)
        await line.next("response_required")
        await line.respond(1, "ok")

    async def act(url: str) -> None:
        async with RetellSimulator(url, "c") as sim:
            await sim.greeting()
            await sim.say("x")
            assert sim.violations == [
                "config: was not the first frame on its socket",
                "response 0: goes on after content_complete",
                "response 9: was never asked for",
                "ping_pong: echoes a timestamp that is not open",
            ]

    _with_server(server, act)


def test_a_dropped_call_reconnects_and_the_tail_of_the_turn_counts() -> None:
    async def server(line: Line) -> None:
        await line.config(auto_reconnect=True)
        if line.number == 0:
            await line.respond(0, "Hi.")
            await line.next("response_required")
            await line.respond(1, "first half ", False)
        else:
            await line.respond(0, "")
            await line.respond(1, "second half")

    async def act(url: str) -> None:
        async with RetellSimulator(url, "c") as sim:
            await sim.greeting()
            turn = await sim.say_without_waiting("x")
            await sim.first_content(turn)
            sim.drop()
            await sim.reconnect()
            assert (await sim.reply(turn)).text == "first half second half"
            assert (sim.sockets, sim.violations) == (2, [])

    _with_server(server, act)


def test_a_server_that_drops_is_dialled_again_and_may_not_greet_twice() -> None:
    async def server(line: Line) -> None:
        await line.config()
        await line.respond(0, "Hi.")
        if line.number == 0:
            await line.next("response_required")
            line.abort()
        else:
            await line.respond(1, "ok")

    async def act(url: str) -> None:
        async with RetellSimulator(url, "c") as sim:
            await sim.greeting()
            assert (await sim.say("x")).text == "ok"
            assert sim.violations == ["response 0: greets a second time"]

    _with_server(server, act)


@pytest.mark.parametrize(("code", "reason"), [(1000, "agent_hangup"), (1011, "error_llm_websocket_runtime")])
def test_close_codes_end_the_call_as_at_retell(code: int, reason: str) -> None:
    async def server(line: Line) -> None:
        await line.config()
        await line.respond(0, "Hi.")
        await line.next("response_required")
        await line.socket.close(code=code)

    async def act(url: str) -> None:
        async with RetellSimulator(url, "c") as sim:
            await sim.greeting()
            with pytest.raises(CallEnded):
                await sim.say("x")
            assert sim.end_reason == reason
            assert bool(sim.violations) == (code != 1000)

    _with_server(server, act)


def test_a_binary_frame_ends_the_call() -> None:
    async def server(line: Line) -> None:
        await line.socket.send_bytes(b"{}")
        message = await line.socket.receive()
        assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED)

    async def act(url: str) -> None:
        async with RetellSimulator(url, "c") as sim:
            assert await sim.wait_end() == "error_llm_websocket_corrupt_payload"
            assert sim.violations == ["a frame was not text"]

    _with_server(server, act)


def test_reminders_interrupts_raw_frames_and_the_unheeded_goodbye() -> None:
    async def server(line: Line) -> None:
        await line.config()
        await line.respond(0, "Hi.")
        await line.next("reminder_required")
        await line.respond(1, "Are you there?")
        asked = await line.next("junk")
        assert asked["n"] == 1
        await line.next("response_required")
        await line.respond(7, "One mom", False)
        await line.send(
            response_type="agent_interrupt", interrupt_id=1, content="Time is up.", content_complete=True
        )
        await line.next("response_required")
        await line.respond(8, "Bye.", end_call=True)
        await line.next("response_required")
        await line.respond(9, "Yes, one more.")

    async def act(url: str) -> None:
        async with RetellSimulator(url, "c", hang_up=False) as sim:
            await sim.greeting()
            assert (await sim.remind()).text == "Are you there?"
            await sim.send_raw('{"interaction_type":"junk","n":1}')
            sim.next_id = 7
            assert (await sim.say("x")).superseded
            assert (await sim.say("y")).end_call
            await sim.barge_in(0)
            assert (await sim.say("one more")).text == "Yes, one more."
            assert sim.interrupts == ["Time is up."]
            assert sim.violations == []
            assert sim.transcript.items[-2]["content"] == "y one more"

    _with_server(server, act)


def test_call_ids_are_encoded_queries_kept_and_refusals_raised() -> None:
    found: list[tuple[str, str]] = []

    async def server(line: Line) -> None:
        found.append((line.request.match_info["call_id"], line.request.query_string))
        await line.respond(0, "")

    async def act(url: str) -> None:
        async with RetellSimulator(f"{url}/?tenant=x", "a b/ü?", call_details=False) as sim:
            assert (await sim.greeting()).text == ""
        with pytest.raises(WSServerHandshakeError):
            await RetellSimulator(f"{url}?refuse=1", "c").__aenter__()

    _with_server(server, act)
    assert found == [("a b/ü?", "tenant=x")]


class _Interview:
    """A server that asks eight questions, takes reverse questions and says goodbye."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, line: Line) -> None:
        await line.config(auto_reconnect=True)
        if line.number == 0:
            await line.respond(0, "Hello. Tell me about yourself.")
        else:
            await line.respond(0, "")
            await line.respond(3, "about a conflict?")
        while True:
            turn = (await line.next("response_required"))["response_id"]
            self.asked += 1
            if self.asked == 3:
                await line.respond(turn, "Can you tell me ", False)
                await line.next("none")
            elif self.asked < 8:
                await line.respond(
                    turn, f"Good. Question {self.asked}: how do you handle a deadline at work?"
                )
            else:
                await line.respond(turn, "Thank you for your time. Goodbye.", end_call=True)


@pytest.mark.parametrize("json_out", [True, False])
def test_a_whole_interview_on_the_terminal(json_out: bool, capsys: pytest.CaptureFixture[str]) -> None:
    async def act(url: str) -> None:
        code = await simulate_retell(
            url, minutes=5, interrupt=True, drop=True, interactive=False, json_out=json_out
        )
        assert code == 0

    _with_server(_Interview(), act)
    out = capsys.readouterr().out
    if json_out:
        found = json.loads(out)
        assert (found["turns"], found["end_reason"], found["sockets"]) == (8, "agent_hangup", 2)
        assert found["violations"] == []
    else:
        assert "Candidate: I am " in out
        assert "interrupts" in out
        assert "the connection drops" in out
        assert "No violations" in out


def test_violations_and_dead_servers_exit_with_one(capsys: pytest.CaptureFixture[str]) -> None:
    async def server(line: Line) -> None:
        await line.respond(0, "Hi.", end_call="yes")
        await line.socket.close()

    async def act(url: str) -> None:
        for target in (url, f"{url}?refuse=1"):
            code = await simulate_retell(
                target, minutes=1, interrupt=False, drop=False, interactive=False, json_out=False
            )
            assert code == 1

    _with_server(server, act)
    assert capsys.readouterr().out.count("WRONG") == 2


def test_a_human_can_type_the_answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = iter(["hello", "bye"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(typed))

    async def act(url: str) -> None:
        code = await simulate_retell(
            url, minutes=5, interrupt=False, drop=False, interactive=True, json_out=False
        )
        assert code == 0

    _with_server(_good, act)
    assert "Interviewer: You said hello" in capsys.readouterr().out

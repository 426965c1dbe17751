"""Sockets that come and go under a `RealtimeLine`, and how a call ends."""

from __future__ import annotations

import asyncio

import pytest

from interview.conversation import Standing
from interview.events import BargeIn, EndReason, HungUp, LineEvent
from interview.model import Question, QuestionType
from server.line import QuestionAsked
from server.realtime_line import CallInfo, RealtimeLine
from tests.fakes.line_scene import VIVA, Scene, interrupted, play
from tests.fakes.realtime import FakeSocket, FakeVoice
from tests.virtual_loop import run


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
        speaking = await interrupted(scene, VIVA)
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

"""What waits to go out on a socket, in virtual time: bounded, in order, closed whatever the client does."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from aiohttp import WSMsgType, web

from server.realtime_events import Frame
from server.realtime_ws import GOODBYE_S, MAX_WAITING, STALL_S, Outbox
from tests.virtual_loop import run


class FakeWs:
    """``reads``: set while the client reads; ``says_goodbye``: it answers a close."""

    def __init__(self, *, says_goodbye: bool = True) -> None:
        self.reads, self._says_goodbye = asyncio.Event(), says_goodbye
        self.reads.set()
        self.sent: list[tuple[bytes, WSMsgType]] = []
        self.closed: int | None = None
        self.aborted_at: float | None = None

    async def send_frame(self, data: bytes, kind: WSMsgType) -> None:
        await self.reads.wait()
        self.sent.append((data, kind))

    async def close(self, *, code: int, message: bytes) -> None:
        self.closed = code
        assert len(message) <= 123, "a close frame holds no more"
        if not self._says_goodbye:
            await asyncio.Event().wait()

    @property
    def transport(self) -> FakeWs:
        return self

    def abort(self) -> None:
        self.aborted_at = asyncio.get_running_loop().time()


def outbox(ws: FakeWs) -> Outbox:
    return Outbox(cast(web.WebSocketResponse, ws), cast(web.Request, cast(Any, ws)))


def test_frames_go_out_in_order_and_then_the_close() -> None:
    async def work() -> None:
        ws = FakeWs()
        box = outbox(ws)
        pump = asyncio.create_task(box.pump())
        box.put(Frame(b"{}"))
        box.put(Frame(b"\1", True, 1))
        await asyncio.sleep(0)
        box.put(Frame(b"last"))
        box.close(1000, "over")
        box.put(Frame(b"too late"))
        box.close(4409, "not any more")
        await pump
        assert ws.sent == [(b"{}", WSMsgType.TEXT), (b"\1", WSMsgType.BINARY), (b"last", WSMsgType.TEXT)]
        assert (ws.closed, ws.aborted_at) == (1000, None)

    run(work())


def test_sound_of_a_reply_that_was_cut_does_not_go_out() -> None:
    async def work() -> None:
        ws = FakeWs()
        box = outbox(ws)
        for number in (1, 2, 1, 2):
            box.put(Frame(b"sound %d" % number, True, number))
        box.put(Frame(b"words"))
        box.forget(1)
        box.close(1000, "")
        await box.pump()
        assert [data for data, _ in ws.sent] == [b"sound 2", b"sound 2", b"words"]

    run(work())


@pytest.mark.parametrize("says_goodbye", [True, False])
def test_a_client_that_stops_reading_is_let_go(says_goodbye: bool) -> None:
    async def work() -> None:
        ws = FakeWs(says_goodbye=says_goodbye)
        ws.reads.clear()
        box = outbox(ws)
        box.put(Frame(b"one frame that never goes out"))
        await box.pump()
        now = asyncio.get_running_loop().time()
        assert ws.closed == 4408
        assert now == pytest.approx(STALL_S + (0 if says_goodbye else GOODBYE_S))
        assert ws.aborted_at == (None if says_goodbye else now)

    run(work())


def test_no_more_waits_than_the_bound() -> None:
    async def work() -> None:
        ws = FakeWs()
        ws.reads.clear()
        box = outbox(ws)
        pump = asyncio.create_task(box.pump())
        for _ in range(MAX_WAITING // 1000 + 2):
            box.put(Frame(bytes(1000)))
            assert sum(len(frame.data) for frame in box._waiting) <= MAX_WAITING
        assert box.closing
        ws.reads.set()
        await pump
        assert ws.closed == 4408

    run(work())


def test_a_lost_socket_ends_the_pump() -> None:
    async def work() -> None:
        class Gone(FakeWs):
            async def send_frame(self, data: bytes, kind: WSMsgType) -> None:
                raise ConnectionResetError

        ws = Gone()
        box = outbox(ws)
        box.put(Frame(b"x"))
        await box.pump()
        assert ws.closed is None

    run(work())

"""Retell's own doing on the custom-LLM socket: dialling, keepalive, transcript, judging what comes in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from itertools import count
from typing import Any, Final
from urllib.parse import quote

from aiohttp import ClientError, ClientSession, ClientWebSocketResponse, ClientWSTimeout, WSMessage, WSMsgType

from server.simulate.transcript import Transcript
from server.simulate.turns import CallEnded, Turn, Unanswered
from server.simulate.wire import Frame, read_frame

DEAD_AFTER_S: Final = 5.0
MAX_RECONNECTS: Final = 4


class RetellSide:
    """The half of `RetellSimulator` that needs no caller; see there for the arguments."""

    def __init__(
        self,
        url: str,
        call_id: str,
        *,
        metadata: dict[str, Any] | None = None,
        call_details: bool = True,
        ping_interval: float = 2.0,
        deadline: float = 10.0,
        reconnects: bool = True,
        hang_up: bool = True,
        transcript: Transcript | None = None,
    ) -> None:
        base, mark, query = url.partition("?")
        self._url = f"{base.rstrip('/')}/{quote(call_id, safe='')}{mark}{query}"
        self.call_id = call_id
        self.call: Frame = {"call_type": "web_call", "call_id": call_id, "agent_id": "agent_simulated"}
        self.call |= {"call_status": "registered"} | ({} if metadata is None else {"metadata": metadata})
        self._sends_details, self._interval, self._deadline = call_details, ping_interval, deadline
        self._reconnects, self._hangs_up = reconnects, hang_up
        self.transcript = transcript if transcript is not None else Transcript()
        self.frames: list[Frame] = []
        self.violations: list[str] = []
        self.stale: list[Frame] = []
        self.config: Frame = {}
        self.next_id = 1
        self.sockets = 0
        self.end_reason: str | None = None
        self.interrupts: list[str] = []
        self.ping_rtts: list[float] = []
        self._newest = self._known = 0
        self._greeted = bool(self.transcript.items)
        self._turns: dict[int, Turn] = {}
        self._pings: dict[int, tuple[float, int, asyncio.Event]] = {}
        self._stamps = count(1_700_000_000_000)
        self._interrupt: tuple[int, str] | None = None
        self._fresh = True
        self._leaving = False
        self._ended = asyncio.Event()
        self._session: ClientSession | None = None
        self._ws: ClientWebSocketResponse | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def update(self, turntaking: str | None = None) -> None:
        """Send ``update_only`` with the transcript as it is."""
        event: Frame = {"interaction_type": "update_only", "transcript": self.transcript.wire()}
        await self.send(event | ({} if turntaking is None else {"turntaking": turntaking}))

    async def send(self, event: Frame) -> None:
        """Send one event; a socket that is already gone swallows it, as it would Retell's."""
        await self.send_raw(json.dumps(event, ensure_ascii=False, separators=(",", ":")))

    async def send_raw(self, frame: str | bytes) -> None:
        """Send a frame as it is: text or binary."""
        assert self._ws is not None, "not connected"
        try:
            await (self._ws.send_bytes(frame) if isinstance(frame, bytes) else self._ws.send_str(frame))
        except (ClientError, ConnectionError):
            pass

    def drop(self) -> None:
        """Abort the TCP connection (1006 for both); nothing reconnects until `reconnect`."""
        self._leaving = True
        connection = self._ws._response.connection if self._ws is not None else None
        if connection is not None and connection.transport is not None:
            connection.transport.abort()

    async def _connect(self) -> None:
        assert self._session is not None, "use `async with`"
        async with asyncio.timeout(self._deadline):
            self._ws = await self._session.ws_connect(
                self._url, autoclose=False, max_msg_size=0, timeout=ClientWSTimeout(ws_close=2.0)
            )
        self.sockets += 1
        self._leaving, self._fresh, self.config = False, True, {}
        self._pings.clear()
        self._turns[0] = Turn(0, self._now())
        self._spawn(self._read(self._ws, self.sockets))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    async def _wait(self, event: asyncio.Event, what: str) -> None:
        try:
            async with asyncio.timeout(self._deadline):
                await event.wait()
        except TimeoutError:
            self.violations.append(f"{what} did not come within {self._deadline:g} s")
            raise Unanswered(self.violations[-1]) from None

    async def _ask(self, kind: str) -> int:
        if self.end_reason is not None:
            raise CallEnded(self.end_reason)
        was_open = [t for t in self._turns.values() if t.id > 0 and not t.over.is_set()]
        for older in was_open:
            older.supersede()
        turn = Turn(self.next_id, self._now())
        self._turns[turn.id] = turn
        self._newest, self.next_id = turn.id, turn.id + 1
        transcript = self.transcript.wire()
        await self.send({"interaction_type": kind, "response_id": turn.id, "transcript": transcript})
        if was_open and self.config.get("auto_reconnect"):
            # Its echo proves that the server has read the request: what is in flight before it is forgiven.
            await self._ping(None)
        return turn.id

    async def _ping(self, timestamp: int | None) -> tuple[int, asyncio.Event]:
        stamp, came = next(self._stamps) if timestamp is None else timestamp, asyncio.Event()
        self._pings[stamp] = (self._now(), self._newest, came)
        await self.send({"interaction_type": "ping_pong", "timestamp": stamp})
        return stamp, came

    async def _keep_alive(self, ws: ClientWebSocketResponse) -> None:
        while ws is self._ws and self.end_reason is None and not ws.closed:
            if any(self._now() - sent > DEAD_AFTER_S for sent, _, _ in self._pings.values()):
                self.violations.append(f"ping_pong: no echo within {DEAD_AFTER_S:g} s")
                self.drop()
                self._leaving = False  # Retell closes a dead socket and dials again
                return
            await self._ping(None)
            await asyncio.sleep(self._interval)

    async def _read(self, ws: ClientWebSocketResponse, socket: int) -> None:
        code = 1006
        while True:
            message = await ws.receive()
            if message.type is WSMsgType.CLOSE:
                code = message.data or 1005
                await ws.close()
                break
            if message.type in (WSMsgType.CLOSED, WSMsgType.CLOSING, WSMsgType.ERROR):
                break
            if socket == self.sockets and self.end_reason is None:
                await self._take(message, ws)
        if socket == self.sockets and not self._leaving and self.end_reason is None:
            await self._closed(code)

    async def _closed(self, code: int) -> None:
        if code == 1000:
            self._end("agent_hangup")
        elif code != 1006:
            self.violations.append(f"the server closed the socket with {code}, which ends the call in error")
            self._end(f"error_llm_websocket_{'open' if code == 1005 else 'runtime'}")
        elif self._reconnects and self.sockets <= MAX_RECONNECTS:
            try:
                await self._connect()
            except (ClientError, OSError, TimeoutError):
                self.violations.append("a reconnect was not accepted")
                self._end("error_llm_websocket_lost_connection")
        elif self._reconnects:
            self._end("error_llm_websocket_runtime")

    def _end(self, reason: str) -> None:
        self.end_reason = self.end_reason or reason
        self._ended.set()
        for turn in self._turns.values():
            turn.begun.set()
            turn.over.set()
        for _, _, came in self._pings.values():
            came.set()

    async def _take(self, message: WSMessage, ws: ClientWebSocketResponse) -> None:
        frame, wrong = read_frame(message)
        self.violations += wrong
        if message.type is WSMsgType.BINARY:
            self._end("error_llm_websocket_corrupt_payload")
            await ws.close(code=1007)
        if frame is None:
            return
        self.frames.append(frame)
        fresh, self._fresh = self._fresh, False
        match frame["response_type"]:
            case "config":
                if not fresh:
                    self.violations.append("config: was not the first frame on its socket")
                self.config = frame["config"]
                if self.config.get("auto_reconnect"):
                    self._spawn(self._keep_alive(ws))
                if self.config.get("call_details") and self._sends_details:
                    await self.send({"interaction_type": "call_details", "call": self.call})
            case "ping_pong":
                self._take_pong(frame["timestamp"])
            case "response":
                await self._take_response(frame)
            case "agent_interrupt":
                await self._take_interrupt(frame)
            case _:
                pass  # bookkeeping: tool calls, update_agent, metadata

    def _take_pong(self, stamp: int) -> None:
        if stamp not in self._pings:
            self.violations.append("ping_pong: echoes a timestamp that is not open")
            return
        sent, newest, came = self._pings.pop(stamp)
        self.ping_rtts.append(self._now() - sent)
        self._known = max(self._known, newest)
        came.set()

    async def _take_response(self, frame: Frame) -> None:
        turn = self._turns.get(frame["response_id"])
        if turn is None:
            self.violations.append(f"response {frame['response_id']}: was never asked for")
            return
        if turn.complete:
            self.violations.append(f"response {turn.id}: goes on after content_complete")
            return
        # Id 0 opens every socket; behind a conversation it must be empty, which is checked below.
        if turn.id < self._newest and (turn.id > 0 or self.sockets == 1):
            self.stale.append(frame)
            if turn.id < self._known:
                self.violations.append(f"response {turn.id}: stale, {self._known} had been read")
            return
        self._known = max(self._known, turn.id)
        turn.frames.append(frame)
        turn.text += frame["content"]
        turn.end_call = turn.end_call or frame.get("end_call", False) is True
        if turn.text.strip() and turn.first_at is None and not turn.superseded:
            turn.first_at = self._now()
            turn.begun.set()
            if turn.id == 0 and self._greeted:
                self.violations.append("response 0: greets a second time")
            await self.update("agent_turn")
        if frame["content_complete"]:
            turn.complete = True
            await self._spoken(turn)

    async def _spoken(self, turn: Turn) -> None:
        if turn.text.strip() and not (turn.cut or turn.superseded):
            self.transcript.speak("agent", turn.text)
            self._greeted = True
            await self.update()
        hang_up = turn.end_call and self._hangs_up and not (turn.cut or turn.superseded)
        turn.begun.set()
        turn.over.set()
        if hang_up:
            self._end("agent_hangup")
            if self._ws is not None:
                await self._ws.close(code=1000)

    async def _take_interrupt(self, frame: Frame) -> None:
        mine = frame["interrupt_id"]
        before = self._interrupt[1] if self._interrupt is not None and self._interrupt[0] == mine else ""
        self._interrupt = (mine, before + frame["content"])
        open_turn = self._turns.get(self._newest)
        if open_turn is not None and not open_turn.complete:
            open_turn.supersede()
        if frame["content_complete"]:
            text, self._interrupt = self._interrupt[1], None
            self.interrupts.append(text)
            self.transcript.speak("agent", text)
            await self.update()

"""A candidate's headset and network: plays what comes, sends what is said, 20 ms at a time.

One tick of the sound card is 20 ms both ways. It is paced by the clock; while it is the candidate's turn it
may run faster, as far as the server takes sound ahead of time. All measures are in milliseconds of sound.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final

import aiohttp

from audio.pcm import EAR_RATE, WIDTH, ms_of
from server.simulate.candidate_sound import TwoEars
from server.simulate.candidate_wire import Event, Reply, WireCheck

FRAME_MS: Final = 20
FRAME: Final = EAR_RATE * FRAME_MS // 1000 * WIDTH
REPORT_TICKS: Final = 10
FLUSH_TICKS: Final = 250
AHEAD_S: Final = 8.0
"""How far sound may be sent ahead of time; the server takes ten seconds."""
LATE_S: Final = 5.0
"""A machine that stood still for longer than this does not make up for all of it."""
BACK_S: Final = 30.0
"""A lost call is tried to be taken up again for so long."""
AGAIN_S: Final = 0.25
REACTION_TICKS: Final = 15
"""Nobody speaks sooner than this after the other has fallen silent."""
_QUIET: Final = bytes(FRAME)
_GONE: Final = (1000, 4401, 4404, 4409)


class CallOver(Exception):
    """The call has ended; ``reason`` is the server's word for it, or how the connection ended."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unanswered(Exception):
    """Nothing came back in time."""


@dataclass(slots=True)
class Played:
    """How much of a reply has sounded. ``gap_ms``: silence in the middle of it, for want of sound."""

    waiting: bytearray = field(default_factory=bytearray)
    ms: float = 0.0
    gap_ms: int = 0
    told_done: bool = False


@dataclass(slots=True)
class Measured:
    """Milliseconds of sound: from the last of an answer to the first of the reply, from talking over the
    interviewer to its silence, and to the reply's end by the server's word. ``gaps``: see `Played`."""

    reply: list[int] = field(default_factory=list)
    silenced: list[int] = field(default_factory=list)
    gap_ms: int = 0
    heard_ms: int = 0
    said_ms: int = 0


class CandidateLine:
    """One call. ``async with CandidateLine(...) as line``; leaving the block hangs up.

    ``url`` may be changed before a reconnect. ``speed``: see the module. ``out`` is not closed here.
    ``hear``: told each event, after the line has acted on it.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        speed: float = 1.0,
        out: TwoEars | None = None,
        hear: Callable[[Event], None] = lambda _: None,
        reconnects: bool = True,
    ) -> None:
        self.url, self._token, self._speed, self._out, self._hear = url, token, speed, out, hear
        self._reconnects = reconnects
        self.check = WireCheck(EAR_RATE)
        self.measured = Measured()
        self.events: list[Event] = []
        self.floor = ""
        self.asked = ""
        self.ended: str | None = None
        self.sockets = 0
        self.resumed: Event | None = None
        self._resume_token = ""
        self._ws: aiohttp.ClientWebSocketResponse | None = None
        self._session: aiohttp.ClientSession | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._changed = asyncio.Event()
        self._listens_since = 0
        self._say: deque[bytes] = deque()
        self._played: dict[str, Played] = {}
        self._heard_whole = self._heard_before = 0
        self._sounding: Reply | None = None
        self._ticks = self._sent = 0
        self._began = 0.0
        self._spoke_at: int | None = None
        self._over_at: int | None = None
        self._kept: list[tuple[bytes, bytes]] = []

    async def __aenter__(self) -> CandidateLine:
        self._session = aiohttp.ClientSession()
        try:
            await self._connect()
        except BaseException:
            await self._session.close()
            raise
        self._task = asyncio.create_task(self._run(), name="candidate")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        if self._task is not None:
            if self._ws is not None and not self._ws.closed and self.ended is None:
                with suppress(ConnectionError):
                    await self._send("viva.end")
                await asyncio.wait((self._task,), timeout=5.0)
            self._task.cancel()
            await asyncio.wait((self._task,))
        if self._session is not None:
            await self._session.close()
        await self._write_out()

    @property
    def seconds(self) -> int:
        """Of sound, since the call began."""
        return self._ticks * FRAME_MS // 1000

    # --- what a candidate does ---------------------------------------------------------------------

    def say(self, pcm: bytes) -> None:
        """Put sound into the microphone, after what is in it."""
        pcm += bytes(-len(pcm) % FRAME)
        self._say.extend(pcm[at : at + FRAME] for at in range(0, len(pcm), FRAME))

    def check_open(self) -> None:
        """Raises CallOver."""
        if self.ended is not None:
            raise CallOver(self.ended)

    async def silent(self) -> None:
        """Wait until all of it was said."""
        await self.until(lambda: not self._say)
        self._heard_before = self._heard_whole

    async def my_turn(self, within_s: float = 90.0) -> None:
        """Wait until the interviewer has said something more, all of it has sounded, and it listens."""
        await self.until(lambda: self._heard_whole > self._heard_before and self._listens(), within_s)

    async def sounds(self, seconds: float, within_s: float = 90.0) -> bool:
        """Wait until so much of one reply has sounded while more follows; False if it is our turn before."""

        def far() -> bool:
            reply = self._sounding
            return (
                reply is not None and not reply.cut and self._played[reply.response_id].ms >= seconds * 1000
            )

        await self.until(
            lambda: far() or (self._heard_whole > self._heard_before and self._listens()), within_s
        )
        return far()

    def talk_over(self, pcm: bytes) -> None:
        """Say it while the interviewer sounds, and measure how long it goes on."""
        self._over_at = self._ticks
        self.say(pcm)

    async def type(self, text: str) -> None:
        self._heard_before = self._heard_whole
        await self._send("viva.text_answer", text=text)

    async def ask(self, kind: str, **fields: Any) -> None:
        """Send any message."""
        await self._send(kind, **fields)

    def drop(self) -> None:
        """Pull the cable."""
        response = None if self._ws is None else self._ws._response
        if response is not None and response.connection is not None:
            transport = response.connection.transport
            if transport is not None:
                transport.abort()

    async def until(self, holds: Callable[[], bool], within_s: float = 90.0) -> None:
        """Wait for something to be so. Raises CallOver, and Unanswered after ``within_s`` of sound."""
        until = self._ticks + within_s * 1000 / FRAME_MS
        while not holds():
            if self._task is not None and self._task.done():
                if not self._task.cancelled() and (error := self._task.exception()) is not None:
                    raise error
                raise CallOver(self.ended or "closed")
            if self._ticks > until:
                raise Unanswered(f"nothing came for {within_s:g} s of sound")
            self._changed.clear()
            await self._changed.wait()

    def _listens(self) -> bool:
        return self._ticks - self._listens_since >= REACTION_TICKS

    # --- the network -------------------------------------------------------------------------------

    async def _connect(self) -> None:
        assert self._session is not None
        again = bool(self._resume_token)
        self.check.new_socket()
        self._ws = await self._session.ws_connect(
            self.url,
            headers={"Authorization": f"Bearer {self._token}"},
            max_msg_size=0,
            autoclose=True,
            compress=0,
        )
        self.sockets += 1
        self._began, self._sent = asyncio.get_running_loop().time(), 0
        wish = {"type": "realtime", "viva": {"binary_audio": True, "rate": EAR_RATE, "playback": True}}
        if again:  # a server that was restarted does not know what was agreed on
            where = {"token": self._resume_token, "last_event": self.check.last_event}
            await self._send("viva.resume", **where, session=wish)
            return
        await self._send("session.update", session=wish)
        if self._speed > 1.0:
            await self._send("viva.speed", value=min(self._speed, 1.3))

    async def _send(self, kind: str, **fields: Any) -> None:
        if self._ws is not None and not self._ws.closed:
            with suppress(ConnectionError):
                await self._ws.send_str(json.dumps({"type": kind} | fields))

    async def _run(self) -> None:
        card = asyncio.create_task(self._tick(), name="sound card")
        card.add_done_callback(lambda _: self._changed.set())
        try:
            while True:
                code = await self._read(card)
                if self._closing or self.ended is not None or code in _GONE or not self._reconnects:
                    break
                await self._reconnect()
            if self.ended is None:
                self.ended = "hung up" if self._closing else f"closed with {code}"
        finally:
            card.cancel()
            await asyncio.wait((card,))
            asyncio.get_running_loop().call_soon(self._changed.set)
        if not card.cancelled():
            card.result()

    async def _reconnect(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + BACK_S
        while True:
            try:
                await self._connect()
            except (aiohttp.ClientError, OSError) as error:
                if loop.time() > until:
                    raise CallOver(f"cannot connect again: {type(error).__name__}") from None
                await asyncio.sleep(AGAIN_S)
            else:
                return

    async def _read(self, card: asyncio.Task[None]) -> int:
        """The close code; 1006 for a connection that was lost."""
        assert self._ws is not None
        async for message in self._ws:
            if card.done():
                return 1006
            if message.type is aiohttp.WSMsgType.TEXT:
                if (event := self.check.event(message.data)) is not None:
                    await self._take(event)
            elif message.type is aiohttp.WSMsgType.BINARY:
                sound = self.check.sound(message.data, self._played_ms)
                if sound is not None:
                    self._of(sound.reply).waiting += sound.pcm
            self._changed.set()
        return self._ws.close_code or 1006

    async def _take(self, event: Event) -> None:
        self.events.append(event)
        match event["type"]:
            case "viva.session":
                self._resume_token = event["resume_token"]
            case "viva.floor":
                self.floor = event["state"]
            case "viva.question" if event["text"]:
                self.asked = event["text"]
            case "viva.ended":
                self.ended = event["reason"]
            case "viva.resumed":
                self.resumed = event
            case "viva.pause":
                self._silenced()
                await self._report(self.check.reply_of(response=event["response_id"]))
            case "conversation.item.truncated":
                self._drop_reply(self.check.reply_of(item=event["item_id"]))
            case "response.done":
                reply = self.check.reply_of(response=event["response"]["id"])
                if reply is not None and reply.cut:
                    self._drop_reply(reply)
                elif reply is not None:
                    self.asked = reply.words or self.asked
            case _:
                pass
        self._hear(event)

    # --- the sound card ------------------------------------------------------------------------------

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += FRAME_MS / 1000 / self._pace(loop.time())
            late = loop.time() - due
            if late > LATE_S:
                due += late
            await asyncio.sleep(max(0.0, -late))
            said, sounded = self._say.popleft() if self._say else _QUIET, await self._play()
            self._ticks += 1
            if self.floor != "listening" or self._sounding is not None or self._say:
                self._listens_since = self._ticks
            if said is not _QUIET:
                self._spoke_at = self._ticks
                self.measured.said_ms += FRAME_MS
            await self._speak(said)
            if self._out is not None:
                self._kept.append((said, sounded))
                if len(self._kept) >= FLUSH_TICKS:
                    await self._write_out()
            self._changed.set()

    def _pace(self, now: float) -> float:
        ahead_s = self._sent * FRAME_MS / 1000 - (now - self._began)
        mine = self._sounding is None and self.floor != "speaking"
        return self._speed if mine and ahead_s < AHEAD_S else 1.0

    async def _speak(self, frame: bytes) -> None:
        if self._ws is not None and not self._ws.closed:
            with suppress(ConnectionError):
                await self._ws.send_bytes(frame)
            self._sent += 1

    def _of(self, reply: Reply) -> Played:
        return self._played.setdefault(reply.response_id, Played())

    def _played_ms(self, reply: Reply) -> float:
        return self._of(reply).ms

    async def _play(self) -> bytes:
        """20 ms of what is to sound now, and the reports that go with it."""
        for response_id, played in self._played.items():
            reply = self.check.replies.get(response_id)
            if reply is None or reply.cut or played.told_done:
                continue
            if reply.paused:
                return _QUIET
            if not played.waiting and not reply.all_sent:
                played.gap_ms += FRAME_MS if self._sounding is reply else 0
                self.measured.gap_ms += FRAME_MS if self._sounding is reply else 0
                return _QUIET
            return await self._sound(reply, played)
        return _QUIET

    async def _sound(self, reply: Reply, played: Played) -> bytes:
        piece = bytes(played.waiting[:FRAME])
        del played.waiting[:FRAME]
        if self._sounding is not reply:
            self._sounding = reply
            if self._spoke_at is not None and self._over_at is None:
                self.measured.reply.append((self._ticks + 1 - self._spoke_at) * FRAME_MS)
            self._spoke_at = None
        played.ms += ms_of(piece, EAR_RATE)
        self.measured.heard_ms += FRAME_MS if piece else 0
        if reply.all_sent and not played.waiting:
            played.told_done = True
            self._sounding = None
            self._heard_whole += 1
            await self._report(reply)
        elif self._ticks % REPORT_TICKS == 0:
            await self._report(reply)
        return piece + bytes(FRAME - len(piece))

    async def _report(self, reply: Reply | None) -> None:
        if reply is not None:
            played = self._of(reply)
            where = {"response_id": reply.response_id, "played_ms": int(played.ms)}
            await self._send("viva.playback", **where, done=played.told_done)

    def _silenced(self) -> None:
        if self._over_at is not None:
            self.measured.silenced.append((self._ticks - self._over_at) * FRAME_MS)
            self._over_at = None

    def _drop_reply(self, reply: Reply | None) -> None:
        if reply is None:
            return
        self._silenced()
        self._of(reply).waiting.clear()
        if self._sounding is reply:
            self._sounding = None
        self._heard_before = self._heard_whole

    async def _write_out(self) -> None:
        if self._out is not None and self._kept:
            said = b"".join(piece for piece, _ in self._kept)
            sounded = b"".join(piece for _, piece in self._kept)
            self._kept.clear()
            await asyncio.to_thread(self._out.write, said, sounded)

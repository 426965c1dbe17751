"""Ears and a mouth that follow a script, and a realtime client for cases in which every frame counts."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from audio.ears import EarEvent, UtteranceEnded
from audio.pcm import AudioMs, bytes_of
from audio.pieces import Spoke
from audio.tts import TtsError, WordTime
from interview.delivery import SpokenWord
from interview.events import Clause, TurnId
from server.callbook import Found
from server.realtime_events import Frame as SentFrame
from server.realtime_turns import Voice

Frame = dict[str, Any]
ANSWER = "I rewrote the import so that it ran in four minutes instead of forty"


def utterance(text: str, start_ms: int = 1000, end_ms: int = 3000) -> UtteranceEnded:
    words = text.split()
    step = (end_ms - start_ms) / 1000 / max(len(words), 1)
    times = tuple(
        SpokenWord(word, start_ms / 1000 + n * step, start_ms / 1000 + (n + 1) * step)
        for n, word in enumerate(words)
    )
    return UtteranceEnded(text, times, AudioMs(start_ms), AudioMs(end_ms))


class ScriptedEars:
    """Reports what the test says, in order."""

    def __init__(self, language: str, rate: int) -> None:
        self.language, self.rate = language, rate
        self.fed = bytearray()
        self.agent: str | None = None
        self.patience_s: float | None = None
        self.speaks = False
        self._events: asyncio.Queue[EarEvent] = asyncio.Queue()

    @property
    def position_ms(self) -> int:
        return len(self.fed) * 1000 // (2 * self.rate)

    def feed(self, pcm: bytes) -> None:
        self.fed += pcm

    def agent_speaking(self, text: str | None) -> None:
        self.agent = text

    def set_patience(self, seconds: float) -> None:
        self.patience_s = seconds

    def end_utterance(self) -> bool:
        return self.speaks

    async def run(self, emit: Callable[[EarEvent], Awaitable[None]]) -> None:
        while True:
            event = await self._events.get()
            await emit(event)
            self._events.task_done()

    async def hears(self, *events: EarEvent) -> None:
        """Returns once the line has dealt with them."""
        for event in events:
            self._events.put_nowait(event)
        await self._events.join()


class ScriptedMouth:
    """Speaks each word in ``word_ms``, paced when asked; ``breaks_at`` words the voice fails."""

    def __init__(
        self,
        rate: int,
        send: Callable[[Spoke], Awaitable[None]],
        *,
        word_ms: int = 10,
        paced: bool = False,
        breaks_at: int | None = None,
    ) -> None:
        self.rate, self.send, self._word_ms, self._paced = rate, send, word_ms, paced
        self._breaks_at = breaks_at
        self.speed = self.lead_s = 1.0
        self.spoken: list[str] = []
        self._go: dict[int, asyncio.Event] = {}

    async def speak(self, turn: TurnId, clauses: AsyncGenerator[Clause, None]) -> None:
        at_ms, said = 0, 0
        async with aclosing(clauses):
            async for clause in clauses:
                text = f" {clause.text}" if at_ms else clause.text
                words = clause.text.split()
                for n, word in enumerate(words, start=1):
                    if said == self._breaks_at:
                        raise TtsError("scripted", "it broke")
                    if (gate := self._go.get(turn)) is not None:
                        await gate.wait()
                    sound = b"\1\0" * (bytes_of(self._word_ms, self.rate) // 2)
                    times, over = (WordTime(word, at_ms),), n == len(words)
                    await self.send(Spoke(turn, at_ms, sound, text, times, over=over))
                    at_ms, said, text = at_ms + self._word_ms, said + 1, ""
                    if self._paced:
                        await asyncio.sleep(self._word_ms / 1000)
                self.spoken.append(clause.text)
        await self.send(Spoke(turn, at_ms, b"", last=True))

    def hold(self, turn: TurnId) -> None:
        self._go[turn] = asyncio.Event()

    def release(self, turn: TurnId) -> None:
        if (gate := self._go.pop(turn, None)) is not None:
            gate.set()


@dataclass
class FakeVoice:
    """Makes the parts of every call, and keeps them for the test."""

    word_ms: int = 10
    paced: bool = False
    breaks_at: int | None = None
    ears: list[ScriptedEars] = field(default_factory=list)
    mouths: list[ScriptedMouth] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)

    async def __call__(self, found: Found) -> Voice:
        self.found.append(found)
        return self.voice()

    def voice(self) -> Voice:
        return Voice(self._make_ears, self._make_mouth)

    def _make_ears(self, language: str, rate: int) -> ScriptedEars:
        self.ears.append(ScriptedEars(language, rate))
        return self.ears[-1]

    def _make_mouth(self, rate: int, send: Callable[[Spoke], Awaitable[None]]) -> ScriptedMouth:
        more: dict[str, Any] = {"word_ms": self.word_ms, "paced": self.paced, "breaks_at": self.breaks_at}
        self.mouths.append(ScriptedMouth(rate, send, **more))
        return self.mouths[-1]


class FakeSocket:
    """A socket of the line that keeps what was put; ``sound`` holds the binary frames."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.sound: list[SentFrame] = []
        self.forgotten: list[int] = []
        self.closed: tuple[int, str] | None = None

    def put(self, frame: SentFrame) -> None:
        if frame.binary:
            self.sound.append(frame)
        else:
            self.events.append(json.loads(frame.data))

    def forget(self, reply: int) -> None:
        self.forgotten.append(reply)

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]


@dataclass
class RealtimeClient:
    """A socket that does nothing by itself."""

    ws: aiohttp.ClientWebSocketResponse
    seen: list[Frame] = field(default_factory=list)
    sound: list[tuple[int, int, bytes]] = field(default_factory=list)

    async def send(self, kind: str, **fields: Any) -> None:
        await self.ws.send_str(json.dumps({"type": kind} | fields))

    async def update(self, viva: Frame | None = None, **session: Any) -> Frame:
        """Send `session.update`; the `session.updated` that answers it."""
        more = {} if viva is None else {"viva": viva}
        await self.send("session.update", session={"type": "realtime"} | session | more)
        return await self.until("session.updated")

    async def next(self) -> Frame:
        """The next event; binary frames on the way are kept in ``sound``."""
        while True:
            message = await self.ws.receive()
            if message.type is aiohttp.WSMsgType.BINARY:
                number, at_ms = struct.unpack_from("<II", message.data)
                self.sound.append((number, at_ms, message.data[8:]))
                continue
            assert message.type is aiohttp.WSMsgType.TEXT, message
            event: Frame = json.loads(message.data)
            self.seen.append(event)
            return event

    async def until(self, kind: str, **fields: Any) -> Frame:
        """The next event of this type and with these fields."""
        while True:
            event = await self.next()
            if event["type"] == kind and fields.items() <= event.items():
                return event

    async def listening(self) -> Frame:
        return await self.until("viva.floor", state="listening")

    async def pong(self, at: int) -> list[Frame]:
        """All events up to the answer to a ping: what the server had to say before it read it."""
        start = len(self.seen)
        await self.send("viva.ping", at=at)
        await self.until("viva.pong", at=at)
        return self.seen[start:-1]

    async def closed(self) -> int | None:
        """Read to the end; the close code."""
        while True:
            message = await self.ws.receive()
            if message.type is aiohttp.WSMsgType.CLOSE:
                return int(message.data)
            if message.type in (
                aiohttp.WSMsgType.CLOSED,
                aiohttp.WSMsgType.CLOSING,
                aiohttp.WSMsgType.ERROR,
            ):
                return self.ws.close_code
            if message.type is aiohttp.WSMsgType.TEXT:
                self.seen.append(json.loads(message.data))

    def abort(self) -> None:
        """Pull the cable."""
        connection = self.ws._response.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()


@dataclass(frozen=True, slots=True)
class Registered:
    call_id: str
    token: str
    url: str


async def register(http: aiohttp.ClientSession, base: str, **wishes: Any) -> Registered:
    """Create an interview and register a call on our own line."""
    made = {"role": "Backend Developer", "duration": 30} | wishes
    async with http.post(f"{base}/v1/candidates/mock-ai-interview", json=made) as got:
        session_id = (await got.json())["sessionId"]
    who = {"session_id": session_id, "email": "kim@example.org", "name": "Kim", "transport": "realtime"}
    async with http.post(f"{base}/api/register-call", json=who) as got:
        call = await got.json()
        assert got.status == 201, call
    return Registered(call["callId"], call["accessToken"], call["callUrl"])


@asynccontextmanager
async def joined(
    http: aiohttp.ClientSession, call: Registered, *, browser: bool = False
) -> AsyncIterator[RealtimeClient]:
    """Connect, like a browser (subprotocols) or like an SDK (header)."""
    more: dict[str, Any] = (
        {"protocols": ("realtime", f"openai-insecure-api-key.{call.token}")}
        if browser
        else {"headers": {"Authorization": f"Bearer {call.token}"}}
    )
    async with http.ws_connect(call.url, max_msg_size=0, **more) as ws:
        client = RealtimeClient(ws)
        created = await client.next()
        assert created["type"] == "session.created"
        yield client

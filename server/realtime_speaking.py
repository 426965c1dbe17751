"""The interviewer's side of the realtime line: replies become sound, and sound becomes what was heard.

A reply's sound carries the number of the reply. The mouth and the playout know replies by that number, since
one turn may be spoken to twice: a reply that failed, then the apology.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Final, Protocol

import structlog

from audio.mouth import LEAD_S, SHORT_LEAD_S
from audio.pcm import ms_of
from audio.pieces import Spoke
from audio.playout import Playout
from audio.tts import TtsError
from interview.events import Clause, TurnId
from interview.personas import PERSONAS
from server.line import Clauses
from server.realtime_events import Frame
from server.realtime_messages import Playback as Report
from server.realtime_playback import Playback
from server.realtime_protocol import RealtimeProtocol

log = structlog.get_logger("viva.realtime")

KEPT_REPLIES: Final = 32
"""Replies that may still be cut by a client that says late how far it has played."""
VOICELESS: Final = "The interviewer's voice has failed; please read the captions. The interview goes on."

AHEAD: Final = 16
"""Clauses that may wait for the mouth; then their making waits."""
STOP_S: Final = 2.0

Tell = Callable[[list[Frame]], None]
Given = asyncio.Queue[Clause | Exception | None]


class MouthPort(Protocol):
    speed: float
    lead_s: float

    async def speak(self, turn: TurnId, clauses: AsyncGenerator[Clause, None]) -> None: ...

    def hold(self, turn: TurnId) -> None: ...

    def release(self, turn: TurnId) -> None: ...


class Listener(Protocol):
    """Who must know when the interviewer sounds."""

    def thinking(self) -> None:
        """A reply is being made."""
        ...

    def sounding(self, text: str, pcm: bytes, starts_in_s: float | None) -> None:
        """It sounds: its words so far, and what is heard in ``starts_in_s``; None: right behind the last."""
        ...

    def paused(self) -> None:
        """The client stops its playback, to go on where it was, or to be made `silent`."""
        ...

    def resumed(self) -> None:
        """It goes on."""
        ...

    def silent(self) -> None:
        """It fell silent, or was made to."""
        ...

    async def sounded(self, turn: TurnId) -> None:
        """The last sound of ``turn`` was played."""
        ...


class Speaking:
    """``tell`` hands frames to the client, ``forget`` drops the sound of a reply that still waits there.

    ``live`` is set while there is a client to send to.
    """

    def __init__(
        self,
        protocol: RealtimeProtocol,
        tell: Tell,
        forget: Callable[[int], None],
        live: asyncio.Event,
        listener: Listener,
    ) -> None:
        self._protocol, self._events, self._playout = protocol, protocol.events, Playout()
        self._tell, self._forget, self._live, self._listener = tell, forget, live, listener
        self._begun, self._changed = asyncio.Event(), asyncio.Event()
        self._mouth: MouthPort | None = None
        self._reply: Playback | None = None
        self._replies: dict[int, Playback] = {}
        self._stopped = self._newest = TurnId(-1)
        self._persona: str | None = None

    def begin(self, mouth: MouthPort) -> None:
        """The output format is settled."""
        self._mouth = mouth
        mouth.speed = self._protocol.session.speed
        self._begun.set()

    @property
    def under_way(self) -> Playback | None:
        """The reply that is being made, or sounds, or has not all been played."""
        return None if self._reply is None or self._reply.over else self._reply

    @property
    def spoke_before(self) -> bool:
        return self._reply is not None

    def speed(self, value: float) -> None:
        self._protocol.session.speed = value
        if self._mouth is not None:
            self._mouth.speed = value

    # --- replies -------------------------------------------------------------------------------------

    async def speak(self, turn: TurnId, clauses: Clauses) -> None:
        await self._begun.wait()
        if self._stale(turn):
            return
        assert self._mouth is not None
        self._mouth.lead_s = LEAD_S if self._protocol.session.extensions else SHORT_LEAD_S
        reply = self._begin_reply(turn)
        given: Given = asyncio.Queue(AHEAD)
        handed: list[str] = []
        status, reader = "failed", None
        try:
            # What is ready goes to the voice at once; a busy loop makes every task that begins wait its turn.
            if await _read_one(clauses, given):
                # A reader of its own: a voice that fails must not take the words down with it.
                reader = asyncio.create_task(_read(clauses, given), name="reply reader")
            await self._mouth.speak(TurnId(reply.out.number), self._handed(given, handed))
            status = "completed"
        except TtsError as trouble:
            log.warning("the voice failed", adapter=trouble.adapter, why=trouble.why)
            await self._show_instead(reply, given, handed)
            status = "completed"
        except asyncio.CancelledError:
            status = "cancelled"
            raise
        finally:
            if reader is not None:
                reader.cancel()
                await asyncio.wait((reader,), timeout=STOP_S)
            reply.complete, reply.failed = True, status == "failed"
            self._tell(self._events.end_reply(reply.out, status))
            self._changed.set()

    def stop(self, turn: TurnId) -> None:
        """Nothing more is said to ``turn`` or to one before it."""
        self._stopped = max(self._stopped, turn)
        if (reply := self.under_way) is not None and reply.turn <= turn:
            self.cut(reply)

    def newer(self, turn: TurnId) -> None:
        """The candidate has gone on to ``turn``: what answers an earlier one is stale."""
        self._newest = max(self._newest, turn)

    def _stale(self, turn: TurnId) -> bool:
        return turn <= self._stopped or turn < self._newest

    def _begin_reply(self, turn: TurnId) -> Playback:
        out, frames = self._events.begin_reply()
        last = self._reply
        reply = Playback(out, turn, last if last is not None and last.turn == turn else None)
        self._reply = self._replies[out.number] = reply
        if len(self._replies) > KEPT_REPLIES:
            del self._replies[next(iter(self._replies))]
        self._tell(frames)
        self._listener.thinking()
        return reply

    async def _handed(self, given: Given, handed: list[str]) -> AsyncGenerator[Clause, None]:
        """The clauses as the mouth takes them; what ends them ends whoever takes them after it, too."""
        while isinstance(clause := await given.get(), Clause):
            self.show_persona(clause.persona)
            handed.append(clause.text)
            yield clause
        given.put_nowait(clause)  # a voice that fails has often read on to the end
        if clause is not None:
            raise clause

    async def _show_instead(self, reply: Playback, given: Given, handed: list[str]) -> None:
        """The rest of the reply as words alone: an interview without its voice is better than none."""
        reply.read = True
        self._tell(self._events.viva("notice", code="voice_failed", text=VOICELESS))
        whole, shown = " ".join(handed), reply.out.transcript
        rest = whole[len(shown) :] if whole.startswith(shown) else f" {' '.join(handed[-1:])}"
        self._tell(self._events.words(reply.out, rest))
        async with aclosing(self._handed(given, handed)) as clauses:
            async for clause in clauses:
                space = " " if reply.out.transcript else ""
                self._tell(self._events.words(reply.out, f"{space}{clause.text}"))

    async def send(self, spoke: Spoke) -> None:
        """A piece of the reply, from the mouth. Whether it is stale is asked right before it goes out."""
        await self._live.wait()
        reply = self.under_way
        if reply is None or reply.out.number != spoke.turn:
            return
        self._tell(self._events.words(reply.out, spoke.text_delta))
        ms = ms_of(spoke.pcm, self._protocol.session.output.rate)
        self._playout.queued(spoke.turn, spoke.at_ms, ms, spoke.text_delta, spoke.words, over=spoke.over)
        if spoke.pcm:
            starts_in_s = reply.sent(asyncio.get_running_loop().time(), ms)
            self._listener.sounding(reply.out.transcript, spoke.pcm, starts_in_s)
            self._tell([self._events.sound(reply.out, spoke.at_ms, spoke.pcm)])

    # --- playback ------------------------------------------------------------------------------------

    def report(self, report: Report) -> None:
        """The client says how far it has played; more than was sent is not believed."""
        reply = next((r for r in self._replies.values() if r.out.response_id == report.response_id), None)
        if reply is None or reply.cut:
            return
        ms = reply.out.sent_ms if report.done and reply.complete else report.played_ms
        reply.reported(asyncio.get_running_loop().time(), ms)
        self._playout.played(TurnId(reply.out.number), reply.reported_ms)
        self._changed.set()

    def of_item(self, item_id: str) -> Playback | None:
        return next((r for r in self._replies.values() if r.out.item_id == item_id), None)

    def played_ms(self, reply: Playback) -> int:
        now = asyncio.get_running_loop().time()
        return reply.played_ms(now, reports=self._protocol.session.playback)

    def heard(self, reply: Playback) -> str:
        """What was heard of the reply's turn."""
        before = "" if reply.previous is None else self.heard(reply.previous)
        heard = reply.out.transcript if reply.read else self._playout.heard(TurnId(reply.out.number))
        return f"{before} {heard.strip()}".strip()

    def where(self) -> dict[str, Any]:
        """The reply under way, for a client that comes back."""
        if (reply := self.under_way) is None:
            return {"response_id": None, "number": None, "sent_ms": None, "played_ms": None}
        return {
            "response_id": reply.out.response_id,
            "number": reply.out.number,
            "sent_ms": int(reply.out.sent_ms),
            "played_ms": self.played_ms(reply),
        }

    def cut(self, reply: Playback, reason: str = "turn_detected", ms: int | None = None) -> None:
        """No more of this reply. ``ms``: it was heard up to there, by the client's word."""
        reply.over = reply.cut = True
        self._forget(reply.out.number)
        frames = self._trim(reply, self.played_ms(reply) if ms is None else ms) if reply.sounding else []
        self._tell(frames + self._events.end_reply(reply.out, "cancelled", reason))
        self._listener.silent()
        self._changed.set()

    def trim(self, reply: Playback, ms: int) -> None:
        """The client's word, after the reply was over, that it was heard only up to ``ms``."""
        self._tell(self._trim(reply, ms))

    def _trim(self, reply: Playback, ms: int) -> list[Frame]:
        ms = int(min(ms, reply.out.sent_ms))
        self._playout.cut(TurnId(reply.out.number), ms)
        return self._events.truncated(reply.out, ms, self._playout.heard(TurnId(reply.out.number)))

    def hold(self) -> None:
        """Stop sounding, or do not begin to, until it is known what the candidate's sound was."""
        reply = self.under_way
        if reply is None or reply.held_at is not None or self._mouth is None:
            return
        pauses = self._protocol.session.extensions
        reply.hold(asyncio.get_running_loop().time(), pauses=pauses)
        self._mouth.hold(TurnId(reply.out.number))
        if reply.sounding:
            self._tell(self._events.viva("pause", response_id=reply.out.response_id))
            if pauses:
                self._listener.paused()
        self._changed.set()

    def release(self) -> None:
        reply = self.under_way
        if reply is None or reply.held_at is None or self._mouth is None:
            return
        reply.release(asyncio.get_running_loop().time())
        self._mouth.release(TurnId(reply.out.number))
        if reply.sounding:
            self._tell(self._events.viva("resume_audio", response_id=reply.out.response_id))
            self._listener.resumed()
        self._changed.set()

    async def watch(self) -> None:
        """Until cancelled: says when a reply has sounded, and ends a pause that nobody ends."""
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            reply = self.under_way
            due = None if reply is None else self._due(reply)
            if reply is not None and due is not None and due <= loop.time():
                if reply.held_at is not None:
                    self.release()
                else:
                    await self._over(reply)
                continue
            try:
                async with asyncio.timeout_at(due):
                    await self._changed.wait()
            except TimeoutError:
                pass

    def _due(self, reply: Playback) -> float | None:
        """When the pause of a held reply ends, or else when the reply counts as heard."""
        if reply.held_at is not None:
            return reply.goes_on_at()
        return reply.over_at(reports=self._protocol.session.playback)

    async def _over(self, reply: Playback) -> None:
        reply.over = True
        self._playout.played(TurnId(reply.out.number), int(reply.out.sent_ms))
        self._listener.silent()
        await self._listener.sounded(reply.turn)

    # --- who speaks ----------------------------------------------------------------------------------

    def persona(self) -> list[Frame]:
        """Who speaks now, for the client."""
        persona = PERSONAS.get(self._persona or "")
        if persona is None:
            return []
        return self._events.viva("persona", id=persona.id, name=persona.name, title=persona.title)

    def show_persona(self, persona: str) -> None:
        if persona != self._persona:
            self._persona = persona
            self._tell(self.persona())


async def _read(clauses: Clauses, given: Given) -> None:
    """Their owner closes ``clauses``."""
    while await _read_one(clauses, given):
        pass


async def _read_one(clauses: Clauses, given: Given) -> bool:
    """False when nothing more comes."""
    try:
        clause = await anext(clauses, None)
    except Exception as trouble:  # raised where the clauses are taken, after what came before it
        await given.put(trouble)
        return False
    await given.put(clause)
    return clause is not None

"""Our own voice line as a `Line`: one call over as many WebSockets as it takes.

A socket that is lost leaves the call parked: the next one within the grace time goes on where it stopped.
`Turns` decides whose turn it is; this keeps the sockets, the requests of the client and the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import structlog

from interview.conversation import Standing
from interview.events import EndReason, HungUp, TurnId
from server import realtime_messages as sent
from server.line import AnswerSaved, AnswerScored, Clauses, CoachCue, Note, Post, QuestionAsked
from server.realtime_events import Frame
from server.realtime_messages import Refused
from server.realtime_protocol import Cut, Done, RealtimeProtocol, Request, Sound, Stop, Typed, WantReply
from server.realtime_session import Update
from server.realtime_turns import Turns, Voice

log = structlog.get_logger("viva.realtime")

GRACE_S: Final = 30.0
"""A dropped call may come back within this."""
FIRST_MESSAGE_S: Final = 1.0
"""A client that sets nothing is greeted after this."""

RESTARTS: Final = "the server restarts; connect again"
_FINAL: Final = (
    EndReason.FINISHED,
    EndReason.HUNG_UP,
    EndReason.PROVIDER_FAILED,
    EndReason.TIME_LIMIT,
)


class Socket(Protocol):
    """What the line needs of a WebSocket. Nothing waits and nothing raises; a lost one takes frames too."""

    def put(self, frame: Frame) -> None: ...

    def forget(self, reply: int) -> None:
        """Drop the sound of ``reply`` that has not gone out yet."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Close once everything that waits has gone out."""
        ...


@dataclass(frozen=True, slots=True)
class CallInfo:
    """What the line tells its client. ``resume_token`` makes a new one each time."""

    call_id: str
    resume_token: Callable[[], str]
    language: str = "en"
    scorecard_url: str | None = None
    recording: bool = False
    engines: dict[str, str] = field(default_factory=dict)


class RealtimeLine:
    """Sockets come and go through `attach` and `lost`; frames of the present one go into `receive`."""

    def __init__(
        self,
        info: CallInfo,
        voice: Voice,
        *,
        last_turn: TurnId = TurnId(-1),  # noqa: B008
        protocol: RealtimeProtocol | None = None,
        grace_s: float = GRACE_S,
    ) -> None:
        self.protocol = protocol or RealtimeProtocol()
        self._info, self._grace_s, self._events = info, grace_s, self.protocol.events
        self._live = asyncio.Event()
        self._turns = Turns(self.protocol, voice, last_turn, self._tell, self._forget, self._live)
        self._socket: Socket | None = None
        self._first: asyncio.TimerHandle | None = None
        self._introduced = False
        self._asked: QuestionAsked | None = None
        self._asked_at = 0.0
        self._changed = asyncio.Event()
        self._ready = asyncio.Event()
        self._over: EndReason | None = None

    # --- sockets ---------------------------------------------------------------------------------

    def attach(self, socket: Socket) -> None:
        """The newest socket wins: the one before is closed and ignored from here on."""
        if self._over is not None:  # whoever is still connected is to hear how it ended
            again = self._over is EndReason.RESTART
            socket.close(*((1012, RESTARTS) if again else (4404, "the call is over")))
            return
        before, self._socket = self._socket, socket
        self._park()
        if before is not None:
            before.close(4409, "another connection has taken this call over")
        socket.put(self.protocol.connected())
        self._first = asyncio.get_running_loop().call_later(FIRST_MESSAGE_S, self._go_live)
        self._changed.set()

    def lost(self, socket: Socket) -> None:
        """``socket`` broke. Unless another has taken its place, the grace time begins."""
        if socket is self._socket:
            self._socket = None
            self._park()
            self._changed.set()

    def hung_up(self, socket: Socket) -> None:
        """The client closed ``socket`` in good order: the call is over."""
        if socket is self._socket:
            self._finish(EndReason.HUNG_UP)

    def abandon(self) -> None:
        """The call died of a bug: let the client come back and find what was stored."""
        self._finish(EndReason.RESTART)
        self._ready.set()
        self._part(1011, "a fault of ours; connect again")

    def leave(self, reason: EndReason) -> None:
        self._finish(reason)

    async def receive(self, socket: Socket, frame: str | bytes) -> None:
        """Take one frame of ``socket``. Waits while the call cannot take more."""
        if socket is not self._socket:
            return
        received = self.protocol.receive(frame, asyncio.get_running_loop().time())
        for answer in received.frames:
            socket.put(answer)
        if received.close is not None:
            socket.close(*received.close)
            self.lost(socket)
        elif received.request is not None:
            if not isinstance(received.request, Sound):
                await self._ready.wait()
            try:
                await self._do(received.request)
            except Refused as why:
                socket.put(self._events.error(why))

    async def _do(self, request: Request) -> None:
        if self._over is not None:
            return
        turns = self._turns
        match request:
            case Sound(pcm):
                turns.feed(pcm)
            case sent.Playback():
                turns.speaking.report(request)
            case Update():
                self._updated(request)
            case sent.Resume():
                self._resume(request)
            case Typed():
                await turns.typed(request)
            case Cut():
                await turns.cut(request)
            case Stop():
                await turns.cancel(request)
            case Done():
                turns.done(request)
            case WantReply(event_id):
                turns.want_reply(event_id)
            case sent.Mute():
                turns.mute(request.on)
            case sent.Typing():
                turns.typing()
            case sent.Speed():
                turns.speaking.speed(request.value)
            case sent.Patience():
                turns.patience(request.seconds)
            case sent.End():
                self._finish(EndReason.HUNG_UP)
            case sent.Hello():
                pass  # it has said so before

    def _updated(self, update: Update) -> None:
        if update.patience_s is not None or update.default_patience:
            self._turns.patience(update.patience_s or 0.0)
        if update.speed is not None:
            self._turns.speaking.speed(update.speed)
        self._go_live()
        self._introduce()

    def _resume(self, resume: sent.Resume) -> None:
        if self._socket is None:
            return
        for frame in self._events.resumed(resume.last_event, **self._turns.speaking.where()):
            self._socket.put(frame)
        self._go_live()
        self._introduce()

    def _go_live(self) -> None:
        """From here on the client is sent what happens; the first time, the call begins."""
        if self._first is not None:
            self._first.cancel()
            self._first = None
        if self._socket is None or self._live.is_set():
            return
        self._turns.begin(self._info.language)
        self._events.follow()
        self._live.set()

    def _introduce(self) -> None:
        """Tell a client that has turned the extensions on where it has come to; once for each socket."""
        if self._introduced or not self.protocol.session.extensions:
            return
        self._introduced = True
        told = {
            "call_id": self._info.call_id,
            "resume_token": self._info.resume_token(),
            "recording": self._info.recording,
            "engines": self._info.engines,
        }
        self._tell(
            [
                *self._events.viva("session", keep=False, **told),
                *self._events.viva("floor", keep=False, state=self._turns.floor),
                *self._question(),
                *self._turns.speaking.persona(),
            ]
        )

    def _park(self) -> None:
        self._live.clear()
        self._introduced = False
        if self._first is not None:
            self._first.cancel()
            self._first = None

    def _tell(self, frames: list[Frame]) -> None:
        """While nobody is there, events wait in the protocol to be replayed."""
        if self._socket is not None and self._live.is_set():
            for frame in frames:
                self._socket.put(frame)

    def _forget(self, reply: int) -> None:
        if self._socket is not None:
            self._socket.forget(reply)

    # --- Line ------------------------------------------------------------------------------------

    async def run(self, post: Post) -> None:
        self._turns.post = post
        self._ready.set()
        async with asyncio.TaskGroup() as group:
            turns = group.create_task(self._turns.run(), name=f"turns {self._info.call_id}")
            while self._over is None:
                self._changed.clear()
                try:
                    async with asyncio.timeout(None if self._socket else self._grace_s):
                        await self._changed.wait()
                except TimeoutError:
                    self._finish(EndReason.LINE_LOST)
            turns.cancel()
        if self._over in (EndReason.HUNG_UP, EndReason.LINE_LOST):
            await self._turns.left()
        await post(HungUp(self._over))

    async def speak(self, turn: TurnId, clauses: Clauses, ends: Callable[[], bool]) -> None:
        # The goodbye needs no mark of its own here: the call ends once it was heard.
        await self._turns.speaking.speak(turn, clauses)

    async def stop(self, turn: TurnId) -> None:
        self._turns.speaking.stop(turn)

    def show(self, note: Note) -> None:
        match note:
            case QuestionAsked():
                self._asked, self._asked_at = note, asyncio.get_running_loop().time()
                self._tell(self._question())
            case AnswerSaved(turn, question_id):
                self._tell(self._events.viva("answer.saved", turn=turn, question_id=question_id))
            case CoachCue(text):
                self._tell(self._events.viva("coach", text=text))
            case AnswerScored(question_id, overall):
                self._tell(self._events.viva("score", question_id=question_id, overall=overall))

    async def close(self, reason: EndReason) -> None:
        self._finish(reason)
        if reason in _FINAL:
            told: dict[str, Any] = {"reason": reason.value, "scorecard_url": self._info.scorecard_url}
            if self._socket is not None:
                for frame in self._events.viva("ended", keep=False, **told):
                    self._socket.put(frame)
            self._part(1000, "the call is over")
        elif reason is EndReason.REPLACED:
            self._part(4409, "another connection has taken this call over")
        else:
            self._part(1012, RESTARTS)

    # --- telling and ending ------------------------------------------------------------------------

    def _question(self) -> list[Frame]:
        if self._asked is None or (question := self._asked.standing.question) is None:
            return []
        standing = self._asked.standing
        return [
            *self._events.viva(
                "question",
                id=question.id,
                text=question.text,
                index=standing.index + 1,
                total=standing.total,
                block=question.block,
                follow_up_to=question.parent_id,
                time_limit_s=question.time_limit_s,
            ),
            *self._time(standing),
        ]

    def _time(self, standing: Standing) -> list[Frame]:
        """The interview's time as it is now; not kept, since told again later it would be wrong."""
        since = asyncio.get_running_loop().time() - self._asked_at
        elapsed, left = int(standing.spent_s + since), int(max(0.0, standing.left_s - since))
        return self._events.viva("time", keep=False, elapsed_s=elapsed, left_s=left)

    def _part(self, code: int, reason: str) -> None:
        socket, self._socket = self._socket, None
        self._park()
        if socket is not None:
            socket.close(code, reason)

    def _finish(self, reason: EndReason) -> None:
        if self._over is None:
            self._over = reason
        self._changed.set()

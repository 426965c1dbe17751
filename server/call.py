"""`LiveCall`: the one turn loop, for every line.

Its main loop is the only writer of the call's state, so there are no locks. It waits for its inbox, for
bounded cancels and for short sends; never for the database and never for a model. A scribe stores what
changed at its own pace. Nobody else cancels a reply.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

import structlog

from agents import lines
from agents.interviewer import InterviewerAgent, Reply, probes_allowed
from interview.conversation import Changes, Conversation
from interview.events import (
    CancelReply,
    Command,
    EndCall,
    EndReason,
    Event,
    HungUp,
    Opened,
    Reconcile,
    Record,
    ReplyDone,
    ReplyFailed,
    ReplyStarted,
    SayCanned,
    Speaker,
    StartReply,
    StopPlayback,
    TurnEnded,
    TurnId,
)
from interview.floor import FloorMachine
from interview.flow import Directive, Settled, Step
from server.line import Line
from storage.ports import Fenced, StorageError

INBOX: Final = 256
"""Events that may wait; a line that posts more is held up, which its far side feels as back-pressure."""
CANCEL_S: Final = 2.0
"""A cancelled reply must be gone within this; else it is logged and left behind."""
REASK_S: Final = 2.0
"""After a restart the far side may ask its open question again; after this we answer it unasked."""
RETRY_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Pauses between tries to store; the last one repeats while the call lives."""
FLUSH_S: Final = 10.0
"""How long the end of a call waits for the last write."""

Save = Callable[[Changes], Awaitable[None]]
log = structlog.get_logger("viva.call")


@dataclass(slots=True)
class TurnTimings:
    """Loop times of one turn, in seconds: due, first clause out, all out."""

    turn: TurnId
    due: float
    first: float | None = None
    done: float | None = None


@dataclass(slots=True)
class _ReplyInHand:
    turn: TurnId
    timings: TurnTimings
    sent: list[str] = field(default_factory=list)
    goodbye: bool = False
    task: asyncio.Task[None] | None = None


class LiveCall:
    """One live conversation. ``run`` returns why it ended; the caller then closes the books."""

    def __init__(
        self,
        call_id: str,
        line: Line,
        conversation: Conversation,
        interviewer: InterviewerAgent,
        save: Save,
        on_turn: Callable[[TurnTimings], None] = lambda _: None,
    ) -> None:
        self.call_id, self.line, self.conversation = call_id, line, conversation
        self._interviewer, self._save, self._on_turn = interviewer, save, on_turn
        self._floor = FloorMachine()
        self._inbox: asyncio.Queue[Event] = asyncio.Queue(INBOX)
        self._reply: _ReplyInHand | None = None
        self._ended: EndReason | None = None
        self._to_store = asyncio.Event()
        self._began = self._spent_before = 0.0
        self._log = log.bind(call_id=call_id)

    async def post(self, event: Event) -> None:
        await self._inbox.put(event)

    async def run(self) -> EndReason:
        """Until the call ends. Raises only what is a bug; what is stored then still stands."""
        self._began = asyncio.get_running_loop().time()
        self._spent_before = self.conversation.progress.spent_s
        scribe: asyncio.Task[None] | None = None
        open_turn: asyncio.Task[None] | None = None
        try:
            async with asyncio.TaskGroup() as group:
                hearing = group.create_task(self.line.run(self.post), name=f"line {self.call_id}")
                scribe = group.create_task(self._scribe(), name=f"scribe {self.call_id}")
                open_turn = group.create_task(self._open(), name=f"open {self.call_id}")
                while self._ended is None:
                    event = await self._inbox.get()
                    for command in self._floor.handle(event):
                        await self._apply(command, group)
                await self._cancel_reply()
                await self.line.close(self._ended)
                for task in (hearing, open_turn, scribe):
                    await self._cancel(task)
        finally:
            await self._flush()
        assert self._ended is not None
        return self._ended

    async def _open(self) -> None:
        """Begin, or go on where another call or process left off."""
        conversation = self.conversation
        if not conversation.greeted:
            await self.post(Opened())
            return
        pending = conversation.unanswered()
        before = TurnId(conversation.last_turn - 1) if pending else conversation.last_turn
        await self.post(Opened(greeted=True, turn=max(before, TurnId(0))))
        if pending:
            await asyncio.sleep(REASK_S)
            await self.post(TurnEnded(pending.turn, pending.text))

    # --- commands --------------------------------------------------------------------------------

    async def _apply(self, command: Command, group: asyncio.TaskGroup) -> None:
        match command:
            case StartReply():
                self._start(command, group)
            case CancelReply():
                await self._cancel_reply()
            case StopPlayback(turn):
                await self.line.stop(turn)
            case Record(turn, speaker, text):
                self.conversation.record(turn, speaker, text)
                self._to_store.set()
            case Reconcile(utterances):
                self.conversation.reconcile(utterances)
                if self.conversation.dirty:
                    self._to_store.set()
            case SayCanned(turn, key):
                await self._say_canned(turn, key)
            case EndCall(reason):
                self._ended = reason

    def _start(self, command: StartReply, group: asyncio.TaskGroup) -> None:
        now = asyncio.get_running_loop().time()
        self.conversation.spend(self._spent_before + now - self._began)
        hand = _ReplyInHand(command.turn, TurnTimings(command.turn, now))
        self._reply = hand
        hand.task = group.create_task(self._answer(hand, command), name=f"reply {self.call_id}")

    async def _answer(self, hand: _ReplyInHand, command: StartReply) -> None:
        """The reply task: decides nothing but what words to hand over, and reports how it went."""
        conversation = self.conversation
        left = conversation.wishes.duration_s - conversation.progress.spent_s
        allowed = probes_allowed(conversation.wishes.sliders)
        directive = conversation.decide(command.because, command.text, left, allowed)
        request = Reply(
            directive,
            conversation.wishes,
            conversation.said,
            conversation.name,
            conversation.nudges,
            conversation.persona,
        )
        try:
            async with aclosing(self._clauses(hand, directive, request)) as clauses:
                await self.line.speak(hand.turn, clauses, lambda: hand.goodbye)
        except (ConnectionError, TimeoutError) as trouble:
            await self.post(ReplyFailed(hand.turn, type(trouble).__name__, " ".join(hand.sent)))
            return
        except Exception:
            self._log.exception("reply failed", turn=hand.turn)
            await self.post(ReplyFailed(hand.turn, "error", " ".join(hand.sent)))
            return
        if not hand.sent:
            await self.post(ReplyFailed(hand.turn, "empty"))
            return
        hand.timings.done = asyncio.get_running_loop().time()
        self._on_turn(hand.timings)
        await self.post(ReplyDone(hand.turn, " ".join(hand.sent), hand.goodbye))

    async def _clauses(
        self, hand: _ReplyInHand, directive: Directive, request: Reply
    ) -> AsyncGenerator[str, None]:
        """The agent's clauses; the move is committed with the first one that is handed over."""
        settled: Settled | None = None
        async with aclosing(self._interviewer.reply(request)) as parts:
            async for part in parts:
                if isinstance(part, Settled):
                    settled = part
                    continue
                if not hand.sent:
                    assert settled is not None
                    self._commit(hand, directive, settled)
                    await self.post(ReplyStarted(hand.turn))
                hand.sent.append(part)
                yield part

    def _commit(self, hand: _ReplyInHand, directive: Directive, settled: Settled) -> None:
        # The reply in hand is the only one that lives, and this runs between two of the main loop's steps.
        hand.timings.first = asyncio.get_running_loop().time()
        hand.goodbye = settled.step is Step.CLOSE
        self.conversation.begin_reply(hand.turn, directive, settled)
        self._to_store.set()

    async def _say_canned(self, turn: TurnId, key: str) -> None:
        text = lines.CANNED[key]

        async def once() -> AsyncGenerator[str, None]:
            yield text

        before = " ".join(self._reply.sent) if self._reply and self._reply.turn == turn else ""
        try:
            async with aclosing(once()) as clauses:
                await self.line.speak(turn, clauses, lambda: key == "giving_up")
        except (ConnectionError, TimeoutError):
            return
        self.conversation.record(turn, Speaker.INTERVIEWER, f"{before} {text}".strip())
        self._to_store.set()

    async def _cancel_reply(self) -> None:
        hand, self._reply = self._reply, None
        if hand is None or hand.task is None or hand.task.done():
            if hand is not None and hand.timings.done is None and hand.sent:
                self.conversation.cancel_reply(hand.turn, " ".join(hand.sent))
            return
        await self._cancel(hand.task)
        self.conversation.cancel_reply(hand.turn, " ".join(hand.sent))
        self._to_store.set()

    async def _cancel(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.wait((task,), timeout=CANCEL_S)
        if not task.done():
            self._log.error("task would not stop", task=task.get_name())

    # --- storing ---------------------------------------------------------------------------------

    async def _scribe(self) -> None:
        """Stores what changed, again and again until it is stored; the call never waits for it."""
        tries = 0
        while True:
            await self._to_store.wait()
            self._to_store.clear()
            try:
                await self._store()
                tries = 0
            except Fenced:
                self._log.warning("call was taken over by another owner")
                await self.post(HungUp(EndReason.REPLACED))
                return
            except StorageError as trouble:
                self._log.warning("could not store, will try again", why=str(trouble), tries=tries)
                await asyncio.sleep(RETRY_S[min(tries, len(RETRY_S) - 1)])
                tries += 1
                self._to_store.set()

    async def _store(self) -> None:
        if not self.conversation.dirty:
            return
        changes = self.conversation.take_changes()
        try:
            await self._save(changes)
        except BaseException:
            self.conversation.put_back(changes)
            raise

    async def _flush(self) -> None:
        if self._ended is EndReason.REPLACED:
            return
        try:
            async with asyncio.timeout(FLUSH_S):
                await self._store()
        except (StorageError, TimeoutError) as trouble:
            self._log.error("the end of the call was not stored", why=str(trouble) or "too slow")

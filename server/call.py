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
    Clause,
    Command,
    EndCall,
    EndReason,
    Event,
    HungUp,
    Opened,
    PrepareReply,
    Prompting,
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
from interview.floor import Floor, FloorMachine
from interview.flow import Directive, Settled, Step
from interview.model import Mode, Question, QuestionType
from server.line import AnswerSaved, CoachCue, Line, QuestionAsked
from storage.ports import Fenced, StorageError

INBOX: Final = 256
"""Events that may wait; a line that posts more is held up, which its far side feels as back-pressure."""
CANCEL_S: Final = 2.0
"""A cancelled reply must be gone within this; else it is logged and left behind."""
REASK_S: Final = 2.0
"""After a restart the far side may ask its open question again; after this we answer it unasked."""
SETTLE_S: Final = 0.02
"""A write waits this long for what changes with it, and lets the first words of a reply go before."""
RETRY_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Pauses between tries to store; the last one repeats while the call lives."""
FLUSH_S: Final = 10.0
"""How long the end of a call waits for the last write."""
PREPARED: Final = 16
"""Clauses of a reply that may lie ready before it is due; then its making waits."""
PARTING_S: Final = 15.0
"""How long the end of a call waits for its last fixed line to be spoken."""
CUE_S: Final = 8.0
"""A coach that takes longer has nothing to add any more."""

Save = Callable[[Changes], Awaitable[None]]
Cue = Callable[[Question, str], Awaitable[str]]
"""The coach's hint on an answer to a question; "" for none. Never raises for a model's sake."""


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
    making: asyncio.Task[None] | None = None
    """Makes the clauses, when that began before the reply was due."""


@dataclass(slots=True)
class _Prepared:
    """A reply that is being made before it is due: nothing of it is spoken, nothing is committed."""

    text: str
    directive: Directive
    parts: asyncio.Queue[Settled | Clause | Exception | None]
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
        cue: Cue | None = None,
    ) -> None:
        """``cue`` is asked after each answer in study mode, and never in exam mode."""
        self.call_id, self.line, self.conversation = call_id, line, conversation
        self._interviewer, self._save, self._on_turn = interviewer, save, on_turn
        self._cue = cue if conversation.wishes.mode is Mode.STUDY else None
        self._cueing: asyncio.Task[None] | None = None
        self._prepared: _Prepared | None = None
        self._floor = FloorMachine()
        self._inbox: asyncio.Queue[Event] = asyncio.Queue(INBOX)
        self._reply: _ReplyInHand | None = None
        self._ended: EndReason | None = None
        self._goes_on = conversation.greeted
        self._to_store = asyncio.Event()
        self._began = self._spent_before = 0.0
        self._log = structlog.get_logger("viva.call", call_id=call_id)  # bound when used

    async def post(self, event: Event) -> None:
        await self._inbox.put(event)

    async def run(self) -> EndReason:
        """Until the call ends. Raises only what is a bug; what is stored then still stands."""
        self._began = asyncio.get_running_loop().time()
        self._spent_before = self.conversation.progress.spent_s
        scribe: asyncio.Task[None] | None = None
        open_turn: asyncio.Task[None] | None = None
        if not self.conversation.greeted:
            self._inbox.put_nowait(Opened())
        try:
            async with asyncio.TaskGroup() as group:
                hearing = group.create_task(self.line.run(self.post), name=f"line {self.call_id}")
                scribe = group.create_task(self._scribe(), name=f"scribe {self.call_id}")
                if self.conversation.greeted:
                    open_turn = group.create_task(self._go_on(), name=f"open {self.call_id}")
                while self._ended is None:
                    event = await self._inbox.get()
                    for command in self._floor.handle(event):
                        await self._apply(command, group)
                await self._cancel_reply()
                await self._drop_prepared()
                await self.line.close(self._ended)
                for task in (hearing, open_turn, scribe, self._cueing):
                    await self._cancel(task)
        finally:
            await self._flush()
        assert self._ended is not None
        return self._ended

    async def _go_on(self) -> None:
        """Go on where another call or process left off."""
        conversation = self.conversation
        pending = conversation.unanswered()
        before = TurnId(conversation.last_turn - 1) if pending else conversation.last_turn
        await self.post(Opened(greeted=True, turn=max(before, TurnId(0))))
        self._show_question()
        if pending:
            await asyncio.sleep(REASK_S)
            await self.post(TurnEnded(pending.turn, pending.text))

    # --- commands --------------------------------------------------------------------------------

    async def _apply(self, command: Command, group: asyncio.TaskGroup) -> None:
        match command:
            case StartReply():
                self._look_back()
                await self._start(command, group)
            case PrepareReply(text):
                await self._prepare(text, group)
            case CancelReply():
                await self._cancel_reply()
            case StopPlayback(turn):
                await self.line.stop(turn)
            case Record(turn, _, text, cut=True):
                self.conversation.cut(turn, text)
                self._to_store.set()
            case Record(turn, speaker, text, spoken):
                if speaker is Speaker.CANDIDATE:
                    self._look_back()
                self.conversation.record(turn, speaker, text, spoken)
                self._to_store.set()
                question = self.conversation.question
                if speaker is Speaker.INTERVIEWER and question and question.type is QuestionType.FOLLOW_UP:
                    self._show_question()  # now its words are known
            case Reconcile(utterances):
                self.conversation.reconcile(utterances)
                if self.conversation.dirty:
                    self._to_store.set()
            case SayCanned(turn, key):
                self._say_canned(turn, key, group)
            case EndCall(reason):
                if reason is EndReason.PROVIDER_FAILED and self._reply and self._reply.task:
                    await asyncio.wait((self._reply.task,), timeout=PARTING_S)
                self._ended = reason

    def _look_back(self) -> None:
        """Before the first turn since a restart: a reply of then may have reached nobody."""
        if self._goes_on:
            self._goes_on = False
            self.conversation.look_back()

    async def _start(self, command: StartReply, group: asyncio.TaskGroup) -> None:
        now = self._spend()
        hand = _ReplyInHand(command.turn, TurnTimings(command.turn, now))
        if self._cue is not None and command.because is Prompting.ANSWER:
            await self._ask_coach(command.text, group)
        prepared, self._prepared = self._prepared, None
        if prepared and (command.because is not Prompting.ANSWER or prepared.text != command.text):
            await self._cancel(prepared.task)
            prepared = None
        hand.making = prepared.task if prepared else None
        self._reply = hand
        hand.task = group.create_task(self._answer(hand, command, prepared), name=f"reply {self.call_id}")

    def _spend(self) -> float:
        """Book the time used so far; the loop's time now."""
        now = asyncio.get_running_loop().time()
        self.conversation.spend(self._spent_before + now - self._began)
        return now

    def _show_question(self) -> None:
        self._spend()
        self.line.show(QuestionAsked(self.conversation.standing))

    def _request(self, because: Prompting, text: str) -> tuple[Directive, Reply]:
        conversation = self.conversation
        left = conversation.wishes.duration_s - conversation.progress.spent_s
        allowed = probes_allowed(conversation.wishes.sliders)
        directive = conversation.decide(because, text, left, allowed)
        return directive, Reply(
            directive,
            conversation.wishes,
            conversation.said,
            conversation.name,
            conversation.nudges,
            conversation.persona,
        )

    # --- replies made ahead ------------------------------------------------------------------------

    async def _prepare(self, text: str, group: asyncio.TaskGroup) -> None:
        """Begin the reply to what are probably the last words. At most one is being made."""
        if self._prepared is not None and self._prepared.text == text:
            return
        await self._drop_prepared()
        self._spend()
        try:
            directive, request = self._request(Prompting.ANSWER, text)
        except Exception:  # it will be met again, and answered for, when the reply is due
            self._log.exception("reply could not be prepared")
            return
        if not directive.free:
            return  # fixed words come at once anyway
        prepared = _Prepared(text, directive, asyncio.Queue(PREPARED))
        prepared.task = group.create_task(self._make(prepared, request), name=f"prepare {self.call_id}")
        self._prepared = prepared

    async def _make(self, prepared: _Prepared, request: Reply) -> None:
        try:
            async with aclosing(self._interviewer.reply(request)) as parts:
                async for part in parts:
                    await prepared.parts.put(part)
        except Exception as trouble:  # whoever takes the reply up hears of it
            await prepared.parts.put(trouble)
            return
        await prepared.parts.put(None)

    async def _drop_prepared(self) -> None:
        prepared, self._prepared = self._prepared, None
        await self._cancel(prepared.task if prepared else None)

    # --- the reply in hand -------------------------------------------------------------------------

    async def _answer(self, hand: _ReplyInHand, command: StartReply, prepared: _Prepared | None) -> None:
        """The reply task: decides nothing but what words to hand over, and reports how it went."""
        try:
            if prepared is not None:
                directive, parts = prepared.directive, _taken_up(prepared)
            else:
                directive, request = self._request(command.because, command.text)
                parts = self._interviewer.reply(request)
            async with aclosing(self._clauses(hand, directive, parts)) as clauses:
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
        self, hand: _ReplyInHand, directive: Directive, source: AsyncGenerator[Settled | Clause, None]
    ) -> AsyncGenerator[Clause, None]:
        """The agent's clauses; the move is committed with the first one that is handed over."""
        settled: Settled | None = None
        async with aclosing(source) as parts:
            async for part in parts:
                if isinstance(part, Settled):
                    settled = part
                    continue
                if not hand.sent:
                    assert settled is not None
                    self._commit(hand, directive, settled)
                    await self.post(ReplyStarted(hand.turn))
                hand.sent.append(part.text)
                yield part

    def _commit(self, hand: _ReplyInHand, directive: Directive, settled: Settled) -> None:
        # The reply in hand is the only one that lives, and this runs between two of the main loop's steps.
        hand.timings.first = asyncio.get_running_loop().time()
        hand.goodbye = settled.step is Step.CLOSE
        self.conversation.begin_reply(hand.turn, directive, settled)
        self._to_store.set()
        if settled.asked is not None:
            self._show_question()

    def _say_canned(self, turn: TurnId, key: str, group: asyncio.TaskGroup) -> None:
        """Speak a fixed line after whatever of the reply got out; it can be cut off like any reply."""
        before = self._reply.sent if self._reply and self._reply.turn == turn else []
        now = asyncio.get_running_loop().time()
        hand = _ReplyInHand(turn, TurnTimings(turn, now), list(before))
        hand.task = group.create_task(self._canned(hand, key), name=f"line {key} {self.call_id}")
        self._reply = hand

    async def _canned(self, hand: _ReplyInHand, key: str) -> None:
        persona = self.conversation.persona or self.conversation.questions[0].persona

        async def once() -> AsyncGenerator[Clause, None]:
            hand.sent.append(lines.CANNED[key])
            yield Clause(lines.CANNED[key], persona)

        try:
            async with aclosing(once()) as clauses:
                await self.line.speak(hand.turn, clauses, lambda: key == "giving_up")
        except (ConnectionError, TimeoutError):
            self._log.warning("fixed line was not spoken", line=key)
        except Exception:
            self._log.exception("fixed line was not spoken", line=key)
        hand.timings.done = asyncio.get_running_loop().time()
        self.conversation.record(hand.turn, Speaker.INTERVIEWER, " ".join(hand.sent))
        self._to_store.set()

    async def _cancel_reply(self) -> None:
        hand, self._reply = self._reply, None
        await self._cancel(hand.making if hand else None)
        if hand is None:
            return
        if hand.task is not None and not hand.task.done():
            await self._cancel(hand.task)
        elif self._floor.state is Floor.CLOSED:
            return
        # One that is over may still not have been heard.
        self.conversation.cancel_reply(hand.turn, " ".join(hand.sent))
        if self.conversation.dirty:
            self._to_store.set()

    async def _ask_coach(self, answer: str, group: asyncio.TaskGroup) -> None:
        question = self.conversation.question
        if question is not None:
            await self._cancel(self._cueing)
            self._cueing = group.create_task(self._hint(question, answer), name=f"coach {self.call_id}")

    async def _hint(self, question: Question, answer: str) -> None:
        assert self._cue is not None
        try:
            async with asyncio.timeout(CUE_S):
                text = await self._cue(question, answer)
        except TimeoutError:
            return
        if text:
            self.line.show(CoachCue(text))

    async def _cancel(self, task: asyncio.Task[None] | None) -> None:
        if task is None or task.done():
            return
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
            await asyncio.sleep(SETTLE_S)
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
        for answer in changes.answers:
            self.line.show(AnswerSaved(answer.turn, answer.question_id))

    async def _flush(self) -> None:
        if self._ended is EndReason.REPLACED:
            return
        try:
            async with asyncio.timeout(FLUSH_S):
                await self._store()
        except (StorageError, TimeoutError) as trouble:
            self._log.error("the end of the call was not stored", why=str(trouble) or "too slow")


async def _taken_up(prepared: _Prepared) -> AsyncGenerator[Settled | Clause, None]:
    """What was made ahead, and the rest as it comes."""
    while (part := await prepared.parts.get()) is not None:
        if isinstance(part, Exception):
            raise part
        yield part

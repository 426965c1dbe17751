"""Opens and closes the books of a call: who is calling, where they stood, and how it ended."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

import structlog

from agents.interviewer import InterviewerAgent
from audio.endpointing import KEPT_PAUSES, pauses_between
from interview.conversation import Answer, Changes, Conversation, Made, Said
from interview.events import EndReason, Speaker, TurnId
from interview.flow import Progress, Stage
from interview.model import SessionStatus
from interview.threads import Given, finished, root_of
from server.call import Cue, LiveCall
from server.expected import ExpectedCalls, Ownership
from server.interviews import MockInterviewService, ResponseService
from server.leasing import keeping
from server.line import AnswerScored, ManagedLine
from server.logs import safe_call_id
from server.metrics import Metrics
from server.registry import CallRegistry
from storage.ports import (
    CallChanges,
    CallStore,
    Closed,
    Duplicate,
    Fenced,
    Leases,
    NotFound,
    OpenCall,
    StorageError,
    StoredAnswer,
    StoredResponse,
    StoredSession,
    StoredUtterance,
)

GUEST: Final = "guest"
"""Whose interviews those of unregistered calls are, where people sign in."""
log = structlog.get_logger("viva.calls")


@dataclass(frozen=True, slots=True)
class Found:
    """A call that may begin or go on, and what its line must know. How to start it is the book's business.

    ``open_turn``: the newest request that has no reply on record; it may be answered unasked.
    ``last_turn``: turn ids up to it are taken; -1 before the first. ``start`` takes what is to live as
    long as the call beside it, such as its recording. ``pauses_ms``: how the candidate has paused so far.
    """

    start: Callable[[ManagedLine, AbstractAsyncContextManager[None]], None]
    conversation: Conversation
    response: StoredResponse
    stored: StoredSession
    open_turn: TurnId | None = None
    pauses_ms: tuple[int, ...] = ()

    @property
    def greeted(self) -> bool:
        return self.conversation.greeted

    @property
    def last_turn(self) -> TurnId:
        return self.conversation.last_turn


@dataclass(slots=True)
class CallBook:
    """The calls that can be held.

    ``cue`` is the coach's hint for study mode. ``shows_scores``: whether a candidate who wished for it hears
    of a score while the call goes on (the flag ``realtime_scoring``). ``host``: whose interview
    an unregistered call gets.
    """

    calls: CallStore
    interviews: MockInterviewService
    responses: ResponseService
    interviewer: InterviewerAgent
    registry: CallRegistry
    metrics: Metrics
    clock: Callable[[], datetime]
    unknown_calls: str
    leases: Leases
    owner: str
    expected: ExpectedCalls
    cue: Cue | None = None
    shows_scores: bool = False
    host: str = GUEST
    _want_scores: dict[str, ManagedLine] = field(default_factory=dict)

    def scored(self, call_id: str, question_id: str, overall: int | None) -> None:
        """An answer was scored, on whatever server; shown if its call is live here and wants to know."""
        if (line := self._want_scores.get(call_id)) is not None:
            line.show(AnswerScored(question_id, overall))

    async def find_realtime(self, call_id: str) -> Found | None:
        """A call that was registered for our own line; None when there is none, or it is over."""
        try:
            response = await self.responses.by_call(call_id)
            if response.transport != "realtime":
                return None
            opened = await self.calls.open_call(call_id)
        except (Closed, NotFound):
            return None
        return self._found(call_id, restore(opened), opened)

    async def find_retell(self, call_id: str, details: dict[str, Any] | None) -> Found | None:
        """The call behind ``call_id``. None: ask again with its details, or it is refused.

        One that was registered here a moment ago is found without asking the database.
        """
        opened = self.expected.take(call_id)
        if opened is None:
            try:
                opened = await self.calls.open_call(call_id)
            except Closed:
                return None
            except NotFound:
                if details is None or not await self._register(call_id, details):
                    return None
                opened = await self.calls.open_call(call_id)
        conversation = restore(opened)
        if details and details.get("call_status") == "ongoing" and not conversation.greeted:
            # A call in full flow that we know nothing of: our state is lost, theirs is not.
            conversation.skip_greeting()
        return self._found(call_id, conversation, opened)

    def _found(self, call_id: str, conversation: Conversation, opened: OpenCall) -> Found:
        pending = conversation.unanswered()
        return Found(
            start=lambda line, beside: self._start(call_id, line, conversation, opened, beside),
            conversation=conversation,
            response=opened.response,
            stored=opened.stored,
            open_turn=pending.turn if pending else None,
            pauses_ms=_Pauses(opened.response).newest,
        )

    async def _register(self, call_id: str, details: dict[str, Any]) -> bool:
        """A row for a call that nobody registered; False when that is not wanted."""
        metadata = _mapping(details.get("metadata"))
        variables = _mapping(details.get("retell_llm_dynamic_variables"))
        name = str(variables.get("name", ""))[:200]
        session_id = metadata.get("session_id")
        if isinstance(session_id, str) and session_id:
            try:
                stored = await self.interviews.get_session(session_id, None)
            except NotFound:
                log.warning("call names an unknown session", call_id=safe_call_id(call_id))
                return False
        elif self.unknown_calls == "refuse":
            return False
        else:
            role = str(variables.get("role") or metadata.get("role") or "generalist")
            stored = await self.interviews.create_generic(self.host, re.sub(r"\s+", " ", role).strip())
        try:
            await self.responses.create_response(stored.session.id, call_id, "", name, "retell")
        except Duplicate:
            log.info("call was registered meanwhile", call_id=safe_call_id(call_id))
        return True

    def _start(
        self,
        call_id: str,
        line: ManagedLine,
        conversation: Conversation,
        opened: OpenCall,
        beside: AbstractAsyncContextManager[None],
    ) -> None:
        self.registry.start(call_id, line, self._hold(call_id, line, conversation, opened, beside))

    async def _hold(
        self,
        call_id: str,
        line: ManagedLine,
        conversation: Conversation,
        opened: OpenCall,
        beside: AbstractAsyncContextManager[None],
    ) -> None:
        """Own the call from here to its end: lease, turn loop, closing of the books."""
        leave = partial(line.leave, EndReason.REPLACED)
        async with keeping(self.leases, f"call:{call_id}", self.owner, leave), beside:
            if self.shows_scores and opened.stored.metadata.get("realtimeScoring"):
                self._want_scores[call_id] = line
            try:
                await self._converse(call_id, line, conversation, opened)
            finally:
                if self._want_scores.get(call_id) is line:
                    del self._want_scores[call_id]

    async def _converse(
        self, call_id: str, line: ManagedLine, conversation: Conversation, opened: OpenCall
    ) -> None:
        finished_threads, pauses = _Finished(conversation), _Pauses(opened.response)
        owned, sound = Ownership(self.calls, opened), _sound_of(opened.response)

        async def save(changes: Changes) -> None:
            fresh = finished_threads.fresh(changes)
            pauses.take(changes.answers)
            stored = _stored(changes, sound, pauses.newest)
            await self.calls.save_call(call_id, await owned.fence(), replace(stored, finished=fresh))
            finished_threads.queued(fresh, changes)

        call = LiveCall(call_id, line, conversation, self.interviewer, save, self.metrics.turn, self.cue)
        reason = await call.run()
        self.metrics.calls_ended.labels(reason.value).inc()
        log.info("call ended", call_id=safe_call_id(call_id), reason=reason.value)
        if reason is EndReason.REPLACED:
            return
        finished = conversation.progress.stage is Stage.DONE
        status = SessionStatus.COMPLETED if finished else SessionStatus.INTERRUPTED
        try:
            await self.calls.end_call(
                call_id, await owned.fence(), status=status.value, reason=reason.value, at=self.clock()
            )
        except Fenced:
            log.info("another owner has the call", call_id=safe_call_id(call_id))
        except StorageError as trouble:
            log.error("the call's end was not stored", call_id=safe_call_id(call_id), why=str(trouble))


def restore(opened: OpenCall) -> Conversation:
    """The conversation as it was last stored."""
    session = opened.stored.session
    said = [
        Said(TurnId(u.turn), u.speaker, u.text, u.persona, u.question_id)
        for u in sorted(opened.utterances, key=lambda u: (u.turn, u.speaker != "candidate"))
    ]
    progress = Progress.from_data(opened.response.progress)
    return Conversation(
        session.wishes,
        session.questions,
        name=opened.response.name,
        progress=progress,
        said=said,
        follow_ups=opened.follow_ups,
        newest=Made.from_data((opened.response.progress or {}).get("newest")),
    )


class _Finished:
    """The threads that a call has finished, each to be scored once per wording.

    Only those are looked at whose words have changed, or which the flow has left behind meanwhile: a long
    call costs no more than a short one.
    """

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._planned = frozenset(question.id for question in conversation.questions)
        self._queued: set[tuple[str, str]] = set()
        self._left_behind = 0

    def fresh(self, changes: Changes) -> list[tuple[str, str]]:
        """(question id, digest) of what is to be queued with ``changes``."""
        conversation, planned = self._conversation, self._planned
        touched = {root_of(answer.question_id, planned) for answer in changes.answers}
        if any(speaker is Speaker.CANDIDATE for _, speaker in changes.removed):
            touched = set(planned)
        else:
            passed = conversation.questions[self._left_behind : self._behind(changes)]
            touched |= {question.id for question in passed}
        answers = [
            Given(said.turn, said.question_id, said.text)
            for said in (conversation.said if touched else ())
            if said.speaker is Speaker.CANDIDATE
            and said.question_id
            and root_of(said.question_id, planned) in touched
        ]
        found = finished(conversation.questions, changes.progress, answers)
        return [thread for thread in found if thread not in self._queued]

    def queued(self, fresh: Iterable[tuple[str, str]], changes: Changes) -> None:
        """``changes`` were stored, and ``fresh`` with them."""
        self._queued.update(fresh)
        self._left_behind = self._behind(changes)

    def _behind(self, changes: Changes) -> int:
        progress = changes.progress
        done = progress.stage is Stage.DONE
        return len(self._conversation.questions) if done else max(progress.index, 0)


class _Pauses:
    """How the candidate pauses, kept with the progress: whoever takes the call up is as patient as before."""

    def __init__(self, response: StoredResponse) -> None:
        kept = (response.progress or {}).get("pauses")
        self._known = list(kept) if isinstance(kept, list) else []
        self._fresh: dict[int, list[int]] = {}

    @property
    def newest(self) -> tuple[int, ...]:
        """Milliseconds, oldest first."""
        pauses = [*self._known, *(pause for answer in self._fresh.values() for pause in answer)]
        return tuple(pauses[-KEPT_PAUSES:])

    def take(self, answers: Iterable[Answer]) -> None:
        for answer in answers:
            if answer.spoken is not None:
                self._fresh[answer.turn] = pauses_between(answer.spoken.words)


def _stored(changes: Changes, sound: str | None, pauses_ms: tuple[int, ...]) -> CallChanges:
    return CallChanges(
        progress=changes.progress.as_data()
        | {"newest": changes.newest.as_data() if changes.newest else None}
        | ({"pauses": list(pauses_ms)} if pauses_ms else {}),
        utterances=[
            StoredUtterance(s.turn, s.speaker, s.text, s.persona, s.question_id) for s in changes.said
        ],
        answers=[_answer(answer, sound) for answer in changes.answers],
        follow_ups=changes.follow_ups,
        removed=[(int(turn), speaker) for turn, speaker in changes.removed],
    )


def _sound_of(response: StoredResponse) -> str | None:
    """Where the call's recording is played from, when there is one."""
    granted = (response.consent or {}).get("granted", {})
    if response.transport != "realtime" or not granted.get("record_audio"):
        return None
    return f"/v1/calls/{response.call_id}/audio"


def _answer(answer: Answer, sound: str | None) -> StoredAnswer:
    spoken = answer.spoken
    if spoken is None:
        return StoredAnswer(answer.turn, answer.question_id, answer.text)
    return StoredAnswer(
        answer.turn,
        answer.question_id,
        answer.text,
        start_ms=round(spoken.start_s * 1000),
        duration_ms=round((spoken.end_s - spoken.start_s) * 1000),
        words=[asdict(word) for word in spoken.words],
        delivery=spoken.report.as_data() if spoken.report else None,
        audio_uri=sound and f"{sound}?start={spoken.start_s:.3f}&end={spoken.end_s:.3f}&track=candidate",
    )


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}

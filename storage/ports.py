"""What the server asks of storage. Two implementations of each port pass one contract suite.

    StorageError
    ├── NotFound        no such row (or not this owner's: the two are not told apart)
    ├── Duplicate       the row is there already (an e-mail that has responded, a used idempotency key)
    ├── Stale           the aggregate changed since it was read; read again and decide again
    ├── Fenced          a newer owner holds this call; the writer must stop
    ├── Closed          the interview was cancelled, or this call is over
    ├── StorageDown     the database cannot be reached; the text says what to check
    ├── DataDirInUse    another Viva server works on this data folder
    └── MigrationRefused  the database's schema and this version's migration files do not fit

Instants are timezone-aware UTC. Error texts never hold names, e-mails or what anyone said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

from interview.evaluation import Evaluation, Feedback
from interview.events import Speaker
from interview.model import InterviewSession, Question, Sliders


class StorageError(Exception):
    """Base of all storage failures."""


class NotFound(StorageError):
    """No such row for this owner."""


class Duplicate(StorageError):
    """A unique rule refused the row."""


class Stale(StorageError):
    """The version that the writer read is no longer the stored one."""


class Fenced(StorageError):
    """The writer's fencing token is older than the stored one."""


class Closed(StorageError):
    """The interview was cancelled, or this call is over."""


class StorageDown(StorageError):
    """The store cannot be reached or did not answer in time."""


class DataDirInUse(StorageError):
    """Another Viva server works on this data folder; the text says what to do."""


class MigrationRefused(StorageError):
    """Schema and migration files do not fit; nothing was changed. The text says what to do."""


@dataclass(frozen=True, slots=True)
class AgentInterviewer:
    """A row of ``agent_interviewers``: who can be asked to hold the interview."""

    id: str
    name: str
    description: str
    sliders: Sliders
    voice: str
    retell_agent_id: str | None = None
    image: str | None = None


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A row of ``mock_interview_sessions`` with its questions in order."""

    session: InterviewSession
    link_id: str
    slug: str
    name: str
    interviewer_id: str
    created_at: datetime
    metadata: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A row of ``mock_interview_responses``: one candidate's run through a session.

    ``status`` is a `SessionStatus` value of this run. ``progress`` is the flow's state as JSON data.
    ``consent`` is what the candidate agreed to: ``{version, locale, granted: {kind: bool}}``; each kind goes
    into the ledger ``consents`` with the row. ``link_number``: what a guest's link must carry.
    """

    id: str
    session_id: str
    call_id: str
    transport: str
    email: str
    name: str
    created_at: datetime
    status: str = "created"
    is_ended: bool = False
    is_analysed: bool = False
    analytics: dict[str, Any] | None = None
    progress: dict[str, Any] | None = None
    end_reason: str | None = None
    ended_at: datetime | None = None
    consent: dict[str, Any] | None = None
    link_number: int = 0


@dataclass(frozen=True, slots=True)
class StoredUtterance:
    """A row of ``mock_interview_utterances``; unique per (call, turn, speaker), later text overwrites."""

    turn: int
    speaker: Speaker
    text: str
    persona: str | None = None
    question_id: str | None = None


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """A row of ``mock_interview_answers``; unique per (call, turn).

    ``start_ms`` and ``duration_ms`` are on the call's audio clock, ``words`` too (`SpokenWord` as JSON data);
    ``delivery`` is a `DeliveryReport` as data. All None where the line did not hear the answer itself.
    """

    turn: int
    question_id: str
    text: str
    start_ms: int | None = None
    duration_ms: int | None = None
    words: list[dict[str, Any]] | None = None
    delivery: dict[str, Any] | None = None
    audio_uri: str | None = None


UNOPENED: Final = 0
"""The fence of a call that nobody has opened yet."""


@dataclass(frozen=True, slots=True)
class OpenCall:
    """All that is needed to go on with a call on any replica. ``fence`` is the caller's new token.

    ``follow_ups`` came up earlier on this very call; planned questions are in ``stored``.
    """

    stored: StoredSession
    response: StoredResponse
    utterances: tuple[StoredUtterance, ...]
    fence: int
    follow_ups: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True)
class CallChanges:
    """What happened on a call since the last save; written in one transaction.

    ``follow_ups`` are questions that came up live; they are stored with their parent's id.
    ``removed`` are (turn, speaker) pairs that turned out never to have been heard; a pair that is in
    ``utterances`` too is kept. ``finished`` are the threads that are complete, as (question id, digest of
    the words): each pair is scored once, however often it is named.
    """

    progress: dict[str, Any]
    utterances: Sequence[StoredUtterance] = ()
    answers: Sequence[StoredAnswer] = ()
    follow_ups: Sequence[Question] = ()
    removed: Sequence[tuple[int, Speaker]] = ()
    finished: Sequence[tuple[str, str]] = ()


class JobState(StrEnum):
    """``failed`` is the dead letter: it stays there until somebody retries it."""

    QUEUED = "queued"
    RUNNING = "running"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class NewJob:
    """Work to be done later, for certain. Of jobs with one ``key`` only one waits or runs at a time."""

    kind: str
    payload: Mapping[str, str]
    key: str
    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as ``viva jobs`` shows it. ``attempts``: tries before this one; ``why``: its last trouble."""

    id: int
    kind: str
    state: JobState
    key: str
    payload: dict[str, str]
    attempts: int
    created_at: datetime
    due_at: datetime
    why: str = ""


@dataclass(frozen=True, slots=True)
class StoredEvaluation:
    """What is in force for one thread. An empty ``digest``: no judge could be reached.

    ``reviews`` counts how often a dispute or a person has changed it.
    """

    question_id: str
    digest: str
    evaluation: Evaluation
    reviews: int = 0


@dataclass(frozen=True, slots=True)
class StoredFeedback:
    question_id: str
    digest: str
    feedback: Feedback


@dataclass(frozen=True, slots=True)
class CallRecord:
    """All that is stored about one call, for the work that comes after it.

    ``details`` is the provider's record of the call, ``analysis_digest`` what the analysis saw,
    ``recording`` what was fetched of the provider's recording, once it is in the object store.
    """

    stored: StoredSession
    response: StoredResponse
    follow_ups: tuple[Question, ...]
    utterances: tuple[StoredUtterance, ...]
    answers: tuple[StoredAnswer, ...]
    evaluations: Mapping[str, StoredEvaluation]
    feedback: Mapping[str, StoredFeedback]
    details: dict[str, Any] | None = None
    analysis_digest: str | None = None
    recording: dict[str, Any] | None = None


class SessionRepository(Protocol):
    """Sessions, interviewers and responses, as the REST side sees them."""

    async def interviewers(self) -> list[AgentInterviewer]: ...

    async def interviewer(self, interviewer_id: str) -> AgentInterviewer: ...

    async def put_interviewer(self, interviewer: AgentInterviewer) -> None: ...

    async def add_session(self, stored: StoredSession) -> StoredSession:
        """Store a new session; with a known (candidate, idempotency key) return the first one."""
        ...

    async def save_session(self, session: InterviewSession) -> None:
        """Write status and, while created, the questions. Raises Stale unless stored version + 1."""
        ...

    async def find_session(self, key: str, candidate_id: str | None = None) -> StoredSession:
        """By id, slug or link id; with ``candidate_id`` only that owner's."""
        ...

    async def sessions_of(
        self, candidate_id: str, *, status: str | None = None, limit: int = 20, before: datetime | None = None
    ) -> list[StoredSession]:
        """Newest first, without questions."""
        ...

    async def responses_of(self, session_id: str) -> list[StoredResponse]: ...

    async def response_by_call(self, call_id: str) -> StoredResponse: ...

    async def emails_of(self, session_id: str) -> set[str]:
        """Lower-case e-mails that have a completed response in this session."""
        ...

    async def add_response(self, response: StoredResponse) -> StoredResponse:
        """The response as it is stored.

        Raises Duplicate for a call id in use, or an e-mail that has completed this session.
        """
        ...

    async def answers_of(self, call_id: str) -> list[StoredAnswer]: ...

    async def utterances_of(self, call_id: str) -> list[StoredUtterance]: ...

    async def follow_ups_of(self, call_id: str) -> list[Question]:
        """The questions that came up live on this call, oldest first."""
        ...


class CallStore(Protocol):
    """What a live call writes. Every write carries the fencing token that `open_call` gave."""

    async def open_call(self, call_id: str, *, first: bool = False) -> OpenCall:
        """Load a call and become its owner: the stored fence is raised above all before it, and returned.

        ``first``: only if nobody has opened it before, else Fenced, also where it would be Closed.

        It may return before that is safe from a crash of the database: the next write makes it so, and a
        fence that was lost is not given out again. The run becomes ``in_progress`` and the session starts,
        where it can. Raises NotFound for a call nobody registered, Closed when the session was cancelled or
        this call is over.
        """
        ...

    async def save_call(self, call_id: str, fence: int, changes: CallChanges) -> None:
        """Write all of ``changes`` or nothing. Raises Fenced when a newer owner has opened the call.

        Writing the same changes again leaves the same rows (a retry after a lost answer is safe).
        The scoring of ``changes.finished`` is queued in the same transaction.
        """
        ...

    async def end_call(self, call_id: str, fence: int, *, status: str, reason: str, at: datetime) -> None:
        """Close the run with a `SessionStatus` value and move the session along with it.

        ``status`` is completed, cancelled, abandoned or interrupted; ``is_ended`` becomes true for all
        but the last. A run that is ended already stays as it is. Raises Fenced like `save_call`.
        The analysis of the call is queued in the same transaction.
        """
        ...


@dataclass(frozen=True, slots=True)
class Lease:
    """Ownership of ``key`` until it is not renewed. ``token`` grows with every new owner."""

    key: str
    token: int
    owner: str


class Leases(Protocol):
    """Short ownership with fencing tokens, across replicas."""

    async def take(self, key: str, owner: str, ttl_s: float, *, steal: bool = False) -> Lease | None:
        """The lease, or None when another owner holds it and ``steal`` is false."""
        ...

    async def renew(self, lease: Lease, ttl_s: float) -> bool:
        """False when it has run out or was taken over."""
        ...

    async def release(self, lease: Lease) -> None:
        """Give it up, if it is still ours."""
        ...

    async def count(self, prefix: str) -> int:
        """How many live leases begin with ``prefix``."""
        ...

    async def aclose(self) -> None: ...


class Rates(Protocol):
    """How often things were asked for, in sliding windows."""

    async def take(self, key: str, times: int, window_s: float) -> float:
        """Count one request and return 0; where there were ``times`` in the last ``window_s`` seconds, count
        nothing and return after how many seconds there is room again. Raises StorageDown.
        """
        ...

    async def aclose(self) -> None: ...

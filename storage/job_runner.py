"""Runs jobs: picks them with PGQueuer, retries with growing pauses, keeps what will not work.

A handler must be safe to run twice on one job: a job whose worker died is given out again after
``heartbeat_s``, and only the handler's own transaction can tell whether it was done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import asyncpg

from storage.job_deliveries import Deliveries
from storage.jobs import preload_queue, read_payload
from storage.ports import StorageDown
from storage.wire import guard

PAUSES_S: Final = (2.0, 10.0, 60.0, 300.0, 900.0)
"""Pauses before the second, third … try; after the last try the job is kept as failed."""
HEARTBEAT_S: Final = 30.0
"""A job whose worker has not been heard of for so long is given to another."""
POLL_S: Final = 3.0
"""New jobs announce themselves; one that was put back for another try does not, and is found by looking."""
CONCURRENCY: Final = 4
DEATHS: Final = 5
"""A job that was in hand when so many workers died is kept as failed, and given to no further one."""
JOB_S: Final = 180.0
"""A handler that takes longer is stopped, and tried again."""
CLOSE_S: Final = 5.0
"""How long the queue's connections may take to close; then they are cut."""
STOP_S: Final = 10.0
"""How long a job may go on when the worker is asked to stop; then it is put back."""


class TryAgain(Exception):
    """A handler's wish to run again in ``after_s`` seconds, where the usual pause would be wrong.

    The text is stored and shown by ``viva jobs``: nothing private may be in it.
    """

    def __init__(self, why: str, after_s: float) -> None:
        super().__init__(why)
        self.after_s = after_s


class GaveUp(Exception):
    """What is stored with a job that failed for good."""


class Deadly(Exception):
    """Every worker that takes this job dies of it."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job in hand. ``last``: there will be no further try."""

    id: int
    kind: str
    payload: Mapping[str, str]
    attempts: int
    last: bool


Handler = Callable[[Job], Awaitable[None]]
OnTrouble = Callable[[Job, str], None]
Tick = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class JobRunner:
    """One worker. ``run`` until ``stop``; it raises StorageDown when the database goes away.

    ``explain`` words an exception for the job's record; it must hold nothing private. ``tick`` is called
    once a minute, by one of all the workers. ``instead`` has what is to be done, by kind, for a job that is
    kept as failed because workers die of it; it is called in place of the handler, and once.
    """

    dsn: str
    handlers: Mapping[str, Handler]
    explain: Callable[[Exception], str] = lambda error: type(error).__name__
    on_trouble: OnTrouble = lambda job, why: None
    tick: Tick | None = None
    instead: Mapping[str, Handler] = field(default_factory=dict)
    concurrency: int = CONCURRENCY
    heartbeat_s: float = HEARTBEAT_S
    poll_s: float = POLL_S
    pauses_s: tuple[float, ...] = PAUSES_S
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _running: set[asyncio.Task[Any]] = field(default_factory=set)

    def stop(self) -> None:
        """Take no further job. Jobs in hand may end within ``STOP_S``, else they are put back."""
        self._stopping.set()

    async def run(self) -> None:
        await asyncio.to_thread(preload_queue)
        # Without Viva's JSON codec: PGQueuer reads and writes jsonb as text. One connection listens.
        # A crash of the database may take back what the queue noted last, which costs a repeat: nobody
        # waits for the disk here, and live calls find it free.
        with guard():
            pool = await asyncpg.create_pool(
                self.dsn,
                min_size=1,
                max_size=3,
                timeout=5,
                command_timeout=30,
                server_settings={"synchronous_commit": "off"},
            )
        try:
            await self._work(pool)
        finally:
            await _close(pool, CLOSE_S if not self._running else 0.0)

    async def _work(self, pool: Any) -> None:
        queue = await asyncio.to_thread(self._queue, pool)
        work = asyncio.create_task(
            queue.run(
                dequeue_timeout=timedelta(seconds=self.poll_s),
                batch_size=max(1, self.concurrency // 2),
                max_concurrent_tasks=max(2, self.concurrency),
                heartbeat_timeout=timedelta(seconds=self.heartbeat_s),
                log_aggregation_interval=timedelta(0),
                shutdown_on_listener_failure=True,
            ),
            name="jobs",
        )
        stopping = asyncio.create_task(self._stopping.wait(), name="jobs stop")
        try:
            await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            queue.shutdown.set()
            await self._leave(work)
        if not self._stopping.is_set():
            _outcome(work)

    async def _leave(self, work: asyncio.Task[None]) -> None:
        """Let jobs in hand end; put back those that do not."""
        await asyncio.wait({work}, timeout=STOP_S)
        for task in tuple(self._running):
            task.cancel()
        if not work.done():
            await asyncio.wait({work}, timeout=STOP_S)
            work.cancel()
            await asyncio.wait({work}, timeout=STOP_S)

    def _queue(self, pool: Any) -> Any:
        from pgqueuer import PgQueuer

        queue, deliveries = PgQueuer.from_asyncpg_pool(pool), Deliveries(pool)
        for kind, handler in self.handlers.items():
            entry = self._entry(kind, handler, deliveries)
            queue.entrypoint(kind, on_failure="hold", accepts_context=False)(entry)
        if self.tick is not None:
            tick = self.tick

            async def minute(_: Any) -> None:
                await tick()

            queue.schedule("minute", "* * * * *", accepts_context=False)(minute)
        return queue

    def _entry(self, kind: str, handler: Handler, deliveries: Deliveries) -> Callable[[Any], Awaitable[None]]:
        from pgqueuer.errors import RetryRequested

        async def entry(raw: Any) -> None:
            last = raw.attempts >= len(self.pauses_s)
            job = Job(raw.id, kind, read_payload(raw.payload), raw.attempts, last)
            task = asyncio.current_task()
            assert task is not None
            self._running.add(task)
            try:
                async with deliveries.begun(job.id) as died:
                    await self._do(job, handler, died)
                return
            except asyncio.CancelledError:
                # The library would take a cancelled job for one that is not wanted any more.
                pause, why = 0.0, "the worker was stopped"
                last = False
            except TryAgain as wish:
                pause, why = wish.after_s, str(wish)
            except Deadly as verdict:
                pause, why, last = 0.0, str(verdict), True
            except Exception as error:
                pause, why = self.pauses_s[min(raw.attempts, len(self.pauses_s) - 1)], self.explain(error)
            finally:
                self._running.discard(task)
            # Out here, the first exception is gone: its text may hold what must not be stored.
            self.on_trouble(job, why)
            if last:
                raise GaveUp(why)
            raise RetryRequested(delay=timedelta(seconds=pause), reason=why)

        return entry

    async def _do(self, job: Job, handler: Handler, died: int) -> None:
        """Run the handler, unless ``died`` workers are enough."""
        if died < DEATHS:
            async with asyncio.timeout(JOB_S):
                await handler(job)
            return
        # Beyond the limit, not even what is done instead has come to an end.
        if died == DEATHS and job.kind in self.instead:
            async with asyncio.timeout(JOB_S):
                await self.instead[job.kind](job)
        raise Deadly(
            f"{DEATHS} workers died while they were at this job: look into their logs, then run it again "
            f"with viva jobs retry {job.id}"
        )


async def _close(pool: Any, within_s: float) -> None:
    """Close it, or cut it: the library may have left a connection open, and the worker has to begin anew."""
    try:
        async with asyncio.timeout(within_s):
            await pool.close()
    except TimeoutError:
        pool.terminate()


def _outcome(work: asyncio.Task[None]) -> None:
    error = work.exception() if work.done() and not work.cancelled() else None
    if error is not None:
        raise StorageDown(f"the job queue cannot be read ({type(error).__name__})") from error

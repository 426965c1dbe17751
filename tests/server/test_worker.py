"""The worker with the real judge, coach and analyst by rule; as a process of its own too; `viva jobs`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

from agents.coach import CoachAgent
from agents.evaluator import EvaluatorAgent
from agents.llm_offline import OfflineLLM
from interview.rubric import Dimension, parse_rubrics
from server import worker as worker_module
from server.__main__ import main
from server.aftermath import Aftermath
from server.settings import Settings
from server.worker import Worker, build_aftermath, working
from storage.job_runner import JobRunner
from storage.jobs import analyse_job, score_job
from storage.ports import StorageDown
from storage.question_files import read_rubric_file
from storage.wire import Pool
from tests.fakes.aftermath import NOON, SAID, After, afterwards

pytestmark = pytest.mark.postgres

ROOT = Path(__file__).parents[2]
GUARD_S = 40.0
RUBRICS = parse_rubrics(read_rubric_file())


def by_rule(pool: Pool) -> Aftermath:
    llm = OfflineLLM()
    return build_aftermath(pool, llm, EvaluatorAgent(llm, RUBRICS), CoachAgent(llm), None, lambda: NOON)


async def until(after: After, sql: str, wanted: Any) -> None:
    """Wait for the queue's notices, without a clock, until ``sql`` gives ``wanted``."""
    told = asyncio.Event()
    async with after.pool.acquire() as connection:
        await connection.add_listener("ch_pgqueuer", wake := lambda *_: told.set())
        try:
            while await connection.fetchval(sql) != wanted:
                await told.wait()
                told.clear()
        finally:
            await connection.remove_listener("ch_pgqueuer", wake)


def bounded(dsn: str, act: Callable[[After], Awaitable[None]]) -> None:
    async def work(after: After) -> None:
        async with asyncio.timeout(GUARD_S):
            await act(after)

    afterwards(dsn, work)


def address(dsn: str) -> str:
    """The DSN with its socket folder as the host, the way a person writes it."""
    start, _, folder = dsn.partition("?host=")
    return start.replace("@/", f"@{quote(unquote(folder), safe='')}/")


EMPTY = "SELECT count(*) FROM pgqueuer"


def test_a_call_is_scored_coached_and_analysed_by_rule(dsn: str) -> None:
    async def act(after: After) -> None:
        async with working(dsn, by_rule):
            await after.register()
            fence = await after.answer("call1", {"q1": SAID["q1"]}, finished=["q1"])
            await until(after, "SELECT count(*) FROM mock_interview_feedback", 1)
            await after.answer("call1", SAID, fence=fence)
            await after.end("call1", fence)
            await until(after, EMPTY, 0)
        record = await after.aftermath.runs.record("call1")
        assert record.response.is_analysed
        assert set(record.evaluations) == set(record.feedback) == {"q1", "q2", "q3"}
        quotes = 0
        for key, stored in record.evaluations.items():
            evaluation = stored.evaluation
            assert [verdict.dimension for verdict in evaluation.verdicts] == list(Dimension)
            assert evaluation.provenance["models"] == ["offline:rules"]
            for found in (q for verdict in evaluation.verdicts for q in verdict.quotes):
                assert SAID[key][found.start : found.end] == found.text
                quotes += 1
        assert quotes
        revisions = await after.rows("SELECT DISTINCT revisions FROM mock_interview_evaluations")
        assert revisions == [{"revisions": 1}]
        assert record.response.analytics is not None
        assert record.response.analytics["source"]["model"] == "offline:rules"

    bounded(dsn, act)


def test_the_queue_is_opened_again_when_the_database_comes_back(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "PAUSES_S", (0.0,))
    falls = [StorageDown("away"), StorageDown("still away")]
    run = JobRunner.run

    async def fall_first(self: JobRunner) -> None:
        if falls:
            raise falls.pop()
        await run(self)

    monkeypatch.setattr(JobRunner, "run", fall_first)

    async def act(after: After) -> None:
        await after.held()
        async with working(dsn, by_rule):
            await until(after, EMPTY, 0)
        assert falls == []

    bounded(dsn, act)


def test_a_worker_that_waits_for_the_database_stops_at_once(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fell = asyncio.Event()

    async def fall(self: JobRunner) -> None:
        fell.set()
        raise StorageDown("away")

    monkeypatch.setattr(JobRunner, "run", fall)
    monkeypatch.setattr(worker_module, "PAUSES_S", (3600.0,))

    async def act(after: After) -> None:
        worker = Worker(dsn, after.aftermath)
        task = asyncio.create_task(worker.run())
        await fell.wait()
        worker.stop()
        await task

    bounded(dsn, act)


@pytest.mark.process
def test_a_worker_process_works_and_stops_when_told(dsn: str, tmp_path: Path) -> None:
    async def act(after: After) -> None:
        await after.held()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("VIVA_")}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "server", "worker"),
            cwd=tmp_path,
            env=environment | {"VIVA_DATABASE_URL": address(dsn), "PYTHONPATH": str(ROOT)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"viva: worker ready\n"
            await until(after, EMPTY, 0)
            process.send_signal(signal.SIGTERM)
            _, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0
        assert (await after.aftermath.runs.record("call1")).response.is_analysed
        for private in (*SAID.values(), "Zoe"):
            assert private not in errors.decode()

    bounded(dsn, act)


def test_an_embedded_database_has_its_worker_in_the_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VIVA_DATABASE_URL", raising=False)
    assert main(["worker"]) == 1
    assert "set VIVA_DATABASE_URL" in capsys.readouterr().err
    assert Settings().database_url is None


# --- viva jobs -------------------------------------------------------------------------------------


def test_the_queue_is_shown_and_failed_jobs_are_run_again(
    dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIVA_DATABASE_URL", address(dsn))

    def viva(*arguments: str) -> Any:
        assert main(["jobs", *arguments]) == 0
        return capsys.readouterr().out

    assert viva() == "no jobs\n"
    assert json.loads(viva("--json")) == {"counts": {}, "jobs": []}

    async def fill(after: After) -> None:
        await after.jobs.add(score_job("c", "q1", "d"), score_job("c", "q2", "d"), analyse_job("c", "x"))
        await after.pool.execute("UPDATE pgqueuer SET status = 'failed' WHERE dedupe_key LIKE 'score:%'")

    afterwards(dsn, fill)
    shown = viva("list")
    assert "score-answer: 2 failed" in shown
    assert "analyse-call: 1 queued" in shown
    failed = json.loads(viva("list", "--failed", "--json"))["jobs"]
    assert [job["key"] for job in failed] == ["score:c:q1:d", "score:c:q2:d"]
    one = json.loads(viva("show", str(failed[0]["id"]), "--json"))
    assert (one["state"], one["payload"]["question_id"]) == ("failed", "q1")
    assert viva("retry", str(failed[0]["id"])) == "1 queued again\n"
    assert json.loads(viva("retry", "--json")) == {"queued": [failed[1]["id"]]}
    assert viva("retry") == "nothing to run again\n"
    assert main(["jobs", "show", "999999"]) == 1
    assert "no such job" in capsys.readouterr().err

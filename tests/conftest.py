"""What holds for every test: no task left behind, no blocked loop, property tests that repeat exactly."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import settings

pytest_plugins = ["tests.fakes.services"]

OURS = ["interview", "agents", "audio", "storage", "server"]

settings.register_profile("repeatable", derandomize=True, deadline=None, database=None, max_examples=200)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def no_task_left_behind(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test that ends its loop while tasks of it are pending fails."""
    left: list[str] = []
    close = asyncio.Runner.close

    def look_and_close(runner: asyncio.Runner) -> None:
        try:
            left.extend(task.get_name() for task in asyncio.all_tasks(runner.get_loop()))
        except RuntimeError:  # closed before
            pass
        close(runner)

    monkeypatch.setattr(asyncio.Runner, "close", look_and_close)
    yield
    assert not left, f"tasks left behind: {', '.join(left)}"


@pytest.fixture(autouse=True, scope="session")
def no_blocked_loop() -> Iterator[None]:
    """A blocking call of our own code on an event loop fails the test."""
    with blockbuster_ctx(scanned_modules=OURS) as guard:
        # Drivers and SDKs look at files whenever they connect; that takes microseconds.
        guard.functions["os.stat"].deactivate()
        for function in guard.functions.values():
            function.can_block_in("<frozen importlib._bootstrap>", {"_find_and_load"})
            # asyncpg looks for certificates in the home directory when a connection is made.
            function.can_block_in("asyncpg/connect_utils.py", {"_parse_connect_dsn_and_args"})
            # redis-py looks its own version up when a connection is made.
            function.can_block_in("importlib/metadata/__init__.py", {"version"})
        yield


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """With ``RUN_EVERY_TEST`` set, a test that could not run is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == 0 and os.environ.get("RUN_EVERY_TEST") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name every test that could not run here, and what it lacks."""
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    terminalreporter.section("could not run here")
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        terminalreporter.line(f"{report.nodeid}: {reason.removeprefix('Skipped: ')}")

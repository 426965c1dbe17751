from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from storage.embedded import EmbeddedPostgres
from storage.ports import DataDirInUse, StorageDown
from storage.wire import connect

pytestmark = [pytest.mark.postgres, pytest.mark.process]

ROOT = Path(__file__).parents[2]

HOLDER = """
import asyncio, sys
from storage.embedded import EmbeddedPostgres
from storage.wire import connect

async def main():
    async with EmbeddedPostgres(sys.argv[1]) as dsn:
        connection = await connect(dsn)
        await connection.execute("CREATE TABLE kept (word text)")
        await connection.execute("INSERT INTO kept VALUES ('safe')")
        print("stored", flush=True)
        sys.stdin.read()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder for the module, of a path too long for a socket: making a cluster takes seconds."""
    folder = tmp_path_factory.mktemp("embedded") / ("a folder with spaces and Umlaut ü " + "x" * 60)
    server = EmbeddedPostgres(folder)
    server.start()
    server.stop()
    return folder


async def ask(dsn: str, sql: str) -> object:
    connection = await connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def postmaster_pid(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])


def test_data_survives_the_death_of_the_server(data_dir: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data_dir)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "stored\n"
        with pytest.raises(DataDirInUse, match="VIVA_DATA_DIR"):
            EmbeddedPostgres(data_dir).start()
        orphan = postmaster_pid(data_dir)
        holder.kill()
    os.kill(orphan, 0)  # it did outlive its server

    async def again() -> object:
        async with EmbeddedPostgres(data_dir) as dsn:
            assert postmaster_pid(data_dir) != orphan
            return await ask(dsn, "SELECT word FROM kept")

    assert asyncio.run(again()) == "safe"


def test_a_second_server_in_the_same_process_is_refused_and_the_first_goes_on(data_dir: Path) -> None:
    async def work() -> None:
        async with EmbeddedPostgres(data_dir) as dsn:
            with pytest.raises(DataDirInUse):
                await EmbeddedPostgres(data_dir).__aenter__()
            assert await ask(dsn, "SELECT 1") == 1
        async with EmbeddedPostgres(data_dir) as dsn:
            assert await ask(dsn, "SELECT 2") == 2

    asyncio.run(work())


def test_a_pid_file_whose_number_went_to_another_process_does_no_harm(data_dir: Path) -> None:
    pid_file = data_dir / "postgres" / "postmaster.pid"
    with subprocess.Popen(["sleep", "60"]) as bystander:
        owner = pid_file.parent.stat()
        pid_file.write_text(f"{bystander.pid}\n{pid_file.parent}\n0\n5432\n\n\n0 0\nready\n")
        os.chown(pid_file, owner.st_uid, owner.st_gid)
        server = EmbeddedPostgres(data_dir)
        dsn = server.start()
        try:
            assert asyncio.run(ask(dsn, "SELECT 1")) == 1
            assert bystander.poll() is None
        finally:
            server.stop()
            bystander.kill()


def test_a_restart_is_quick_and_leaves_the_loop_free(data_dir: Path) -> None:
    async def work() -> float:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0)
                ticks += 1

        ticking = asyncio.create_task(tick())
        began = time.monotonic()
        async with EmbeddedPostgres(data_dir):
            pass
        took = time.monotonic() - began
        ticking.cancel()
        assert ticks > 100
        return took

    assert asyncio.run(work()) < 10


def test_a_start_that_is_cancelled_leaves_nothing_running(data_dir: Path) -> None:
    began = threading.Event()

    class Announced(EmbeddedPostgres):
        def start(self) -> str:
            began.set()
            return super().start()

    async def work() -> None:
        starting = asyncio.create_task(Announced(data_dir).__aenter__())
        await asyncio.to_thread(began.wait)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert not (data_dir / "postgres" / "postmaster.pid").exists()

    asyncio.run(work())


def test_a_start_that_fails_says_why_and_gives_the_folder_free(data_dir: Path) -> None:
    with pytest.raises(StorageDown, match=r"no_such_setting.*postgres\.log.*VIVA_DATABASE_URL"):
        EmbeddedPostgres(data_dir, settings={"no_such_setting": "1"}).start()
    server = EmbeddedPostgres(data_dir)
    server.start()
    server.stop()


def test_a_folder_with_a_comma_gets_its_socket_elsewhere(data_dir: Path, tmp_path: Path) -> None:
    moved = data_dir.rename(tmp_path / "a, b")
    server = EmbeddedPostgres(moved)
    try:
        assert asyncio.run(ask(server.start(), "SELECT 1")) == 1
    finally:
        server.stop()
        moved.rename(data_dir)


def test_data_of_another_major_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(StorageDown, match="made by PostgreSQL 9"):
        EmbeddedPostgres(tmp_path).start()

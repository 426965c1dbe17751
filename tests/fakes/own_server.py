"""A ``viva serve`` in a process of its own, as an operator would start it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
START_S: Final = 45.0
STOP_S: Final = 30.0


def command(data_dir: Path, *words: str, **settings: str) -> tuple[list[str], dict[str, str]]:
    """What to run, and the environment: nothing of the caller's settings gets through."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    env = kept | {"PYTHONPATH": str(ROOT), "VIVA_DATA_DIR": str(data_dir), "VIVA_PORT": "0"} | settings
    return [sys.executable, "-m", "server", *words], env


async def run(data_dir: Path, *words: str, **settings: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command that ends by itself."""
    argv, env = command(data_dir, *words, **settings)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*argv, env=env, cwd=data_dir, stdout=pipe, stderr=pipe)
    try:
        async with asyncio.timeout(START_S):
            out, err = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    return process.returncode or 0, out.decode(), err.decode()


@dataclass
class OwnServer:
    """A server that has said that it is ready."""

    process: asyncio.subprocess.Process
    url: str
    data_dir: Path

    @property
    def socket(self) -> str:
        return f"{self.url.replace('http', 'ws', 1)}/llm-websocket"

    async def kill(self) -> None:
        """``kill -9``: nothing of it gets to say goodbye."""
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_S):
            return await self.process.wait()


@asynccontextmanager
async def own_server(data_dir: Path, **settings: str) -> AsyncIterator[OwnServer]:
    """Start it; it is gone afterwards, and its PostgreSQL with it, whatever happened."""
    argv, env = command(data_dir, "serve", **settings)
    log = (data_dir.parent / "server.log").open("ab")
    try:
        process = await asyncio.create_subprocess_exec(
            *argv, env=env, cwd=data_dir, stdout=asyncio.subprocess.PIPE, stderr=log
        )
    finally:
        log.close()
    try:
        assert process.stdout is not None
        async with asyncio.timeout(START_S):
            line = (await process.stdout.readline()).decode()
        assert line.startswith("viva: ready on http://"), (data_dir.parent / "server.log").read_text()
        yield OwnServer(process, line.split()[-1], data_dir)
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(STOP_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()

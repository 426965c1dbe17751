"""`@openai/agents` under Node, installed once for each lock file into a folder of its own."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent.parent / "js"
INSTALL_S = 240.0


@pytest.fixture(scope="session")
def node_client() -> Path:
    """The folder with the client and its packages; skips, by name, where they cannot be had."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("@openai/agents over WebSocket was not tried: Node and npm are not installed")
    lock = (HERE / "package-lock.json").read_bytes()
    home = Path(tempfile.gettempdir()) / f"viva-tests-js-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not (home / "installed").exists():
        home.mkdir(exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, home / name)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        try:
            made = subprocess.run(command, cwd=home, capture_output=True, timeout=INSTALL_S, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip("@openai/agents over WebSocket was not tried: npm did not finish installing it")
        if made.returncode != 0:
            pytest.skip("@openai/agents over WebSocket was not tried: npm could not install it (offline?)")
        (home / "installed").touch()
    shutil.copy(HERE / "client.mjs", home / "client.mjs")
    return home


@dataclass
class NodeClient:
    process: asyncio.subprocess.Process
    seen: list[dict[str, Any]] = field(default_factory=list)

    async def until(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The next line of this kind and with these fields."""
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            told: dict[str, Any] = json.loads(line)
            self.seen.append(told)
            if told["kind"] == kind and fields.items() <= told.items():
                return told
        raise AssertionError(f"the client ended before it told of {kind}: {self.seen[-5:]}")

    async def do(self, **wanted: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(wanted).encode() + b"\n")
        await self.process.stdin.drain()


@asynccontextmanager
async def running(home: Path, url: str, token: str) -> AsyncIterator[NodeClient]:
    process = await asyncio.create_subprocess_exec(
        "node",
        "client.mjs",
        url,
        token,
        cwd=home,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**22,
    )
    try:
        yield NodeClient(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()

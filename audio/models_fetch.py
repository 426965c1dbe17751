"""The process that fetches a model: one job as JSON in the arguments, lines of JSON on standard output.

    {"event": "progress", "done": BYTES, "total": BYTES}
    {"event": "done"}
    {"event": "error", "text": ...}

Speaks the API of the Hugging Face hub. Files are fetched beside their place, resumed by range, checked for
size and checksum, and moved into place together. Ends when its standard input ends.
"""

from __future__ import annotations

import errno
import fcntl
import fnmatch
import hashlib
import json
import os
import shutil
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import quote, urlsplit

import msgspec

from audio.models import MANIFEST, OPTIONAL

ATTEMPTS: Final = 4
_CHUNK: Final = 1 << 18
_SPARE: Final = 64 << 20
_MAX_LISTING: Final = 4 << 20


class Trouble(Exception):
    """It cannot be fetched; the text says what to do."""


class Job(msgspec.Struct):
    base: str
    repo: str
    files: list[str]
    folder: str
    read_s: float
    pause_s: float


class _Lfs(msgspec.Struct):
    oid: str


class File(msgspec.Struct):
    """An entry of the hub's listing. ``oid`` is git's; large files have a SHA-256 in ``lfs``."""

    type: str
    path: str
    oid: str
    size: int
    lfs: _Lfs | None = None

    @property
    def part(self) -> str:
        # Named by content: a new version never goes on where an older one ended.
        return f"{self.path}.{self.oid[:16]}.part"


class _Revision(msgspec.Struct):
    sha: str


def main() -> None:
    threading.Thread(target=_leave_with_owner, daemon=True).start()
    job = msgspec.json.decode(sys.argv[1], type=Job)
    try:
        fetch(job)
    except Trouble as trouble:
        _say(event="error", text=str(trouble))
    except OSError as trouble:
        _say(event="error", text=f"cannot write to {job.folder} ({trouble.strerror}): set VIVA_DATA_DIR")
    else:
        _say(event="done")


def fetch(job: Job) -> None:
    folder = Path(job.folder)
    parts = folder.with_name(f"{folder.name}.part")
    parts.mkdir(parents=True, exist_ok=True)
    with open(folder.with_name(f"{folder.name}.lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Trouble("it is being fetched already: wait for that to end") from None
        revision = _listing(job, f"revision/{quote('main')}", _Revision).sha
        files = _chosen(job, _listing(job, f"tree/{quote(revision)}", list[File]))
        total = sum(file.size for file in files)
        _check_room(parts, files, total)
        before = 0
        for file in files:
            _get(job, revision, file, parts, before, total)
            before += file.size
        _settle(job, revision, files, parts, folder)


def _listing(job: Job, what: str, kind: Any) -> Any:
    url = f"{job.base}/api/models/{quote(job.repo)}/{what}"
    try:
        with _open(job, url) as answer:
            return msgspec.json.decode(answer.read(_MAX_LISTING), type=kind)
    except msgspec.MsgspecError:
        raise Trouble(f"{_host(job)} does not answer like a model hub: check VIVA_MODELS_URL") from None
    except (OSError, HTTPException) as error:
        raise Trouble(_unreachable(job, error)) from None


def _chosen(job: Job, listed: list[File]) -> list[File]:
    chosen: dict[str, File] = {}
    for pattern in job.files:
        found = [f for f in listed if f.type == "file" and fnmatch.fnmatchcase(f.path, pattern)]
        chosen |= {f.path: f for f in found if os.path.basename(f.path) == f.path}
        if not found and pattern not in OPTIONAL:
            raise Trouble(f"{_host(job)} has no file {pattern} in {job.repo}: check VIVA_MODELS_URL")
    return sorted(chosen.values(), key=lambda file: file.size)


def _check_room(parts: Path, files: list[File], total: int) -> None:
    here = sum(_size(parts / file.part) + _size(parts / file.path) for file in files)
    free = shutil.disk_usage(parts).free
    if total - here + _SPARE > free:
        raise Trouble(
            f"it needs {(total - here) >> 20} MB and {free >> 20} MB are free at {parts.parent}: "
            "make room, or set VIVA_DATA_DIR to another disk"
        )


def _get(job: Job, revision: str, file: File, parts: Path, before: int, total: int) -> None:
    """Have ``file`` whole and checked in ``parts``; an attempt that brought something is not counted."""
    if _size(parts / file.path) == file.size and _fits(parts / file.path, file):
        _say(event="progress", done=before + file.size, total=total)
        return
    url = f"{job.base}/{quote(job.repo)}/resolve/{quote(revision)}/{quote(file.path)}"
    part, attempt = parts / file.part, 0
    while (have := _size(part)) < file.size or not part.exists():
        try:
            for done in _stream(job, url, part, have, file.size):
                _say(event="progress", done=before + done, total=total)
            why: Exception = EOFError("the connection ended early")
        except (OSError, HTTPException) as error:
            if (
                isinstance(error, urllib.error.HTTPError)
                and error.code not in (408, 429)
                and error.code < 500
            ):
                raise Trouble(_unreachable(job, error)) from None
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            why = error
        if _size(part) >= file.size:
            break
        attempt = 0 if _size(part) > have else attempt + 1
        if attempt >= ATTEMPTS:
            raise Trouble(f"{_unreachable(job, why)}; what is here is kept for the next attempt")
        time.sleep(job.pause_s * attempt)
    if not _fits(part, file):
        part.unlink()
        raise Trouble(f"{file.path} arrived damaged (its checksum is wrong) and was thrown away: try again")
    part.rename(parts / file.path)


def _stream(job: Job, url: str, part: Path, have: int, size: int) -> Iterator[int]:
    """Append to ``part`` what it lacks; yields the bytes that are there."""
    with _open(job, url, have) as answer:
        if have and answer.status != 206:  # the server knows no ranges, so it begins again
            have = 0
        with open(part, "r+b" if have else "wb") as out:
            out.seek(have)
            while chunk := answer.read(_CHUNK):
                have += len(chunk)
                if have > size:
                    out.truncate(0)
                    raise Trouble(f"{_host(job)} sends more of {part.name} than it listed: try again")
                out.write(chunk)
                yield have


def _settle(job: Job, revision: str, files: list[File], parts: Path, folder: Path) -> None:
    known = {
        file.path: {
            "size": file.size,
            "sha256" if file.lfs else "git": file.lfs.oid if file.lfs else file.oid,
        }
        for file in files
    }
    for left in parts.iterdir():
        if left.name not in known:
            left.unlink()
    manifest = {"repo": job.repo, "revision": revision, "files": known}
    (parts / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    if folder.exists():  # an earlier one that is not whole
        shutil.rmtree(folder)
    parts.rename(folder)


def _open(job: Job, url: str, have: int = 0) -> Any:
    headers = {"User-Agent": "viva"} | ({"Range": f"bytes={have}-"} if have else {})
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=job.read_s)


def _fits(path: Path, file: File) -> bool:
    if file.lfs is not None:
        digest, wanted = hashlib.sha256(), file.lfs.oid
    else:
        digest, wanted = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False), file.oid
    with open(path, "rb") as source:
        _feed(source, digest)
    return digest.hexdigest() == wanted


def _feed(source: IO[bytes], digest: Any) -> None:
    while chunk := source.read(1 << 20):
        digest.update(chunk)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _host(job: Job) -> str:
    return urlsplit(job.base).hostname or "the hub"


def _unreachable(job: Job, error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        why = f"answers with status {error.code}"
    elif isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError):
        why = f"accepts the connection and is silent for {job.read_s:g} s"
    else:
        why = f"cannot be reached ({type(getattr(error, 'reason', None) or error).__name__})"
    return (
        f"{_host(job)} {why}: check the network and proxy, set VIVA_MODELS_URL to a mirror, "
        f"or copy the files of {job.repo} into {job.folder} yourself"
    )


def _say(**message: Any) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _leave_with_owner() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()

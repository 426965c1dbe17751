"""PostgreSQL refuses to run as root. As root, it runs as a lesser user that exists already."""

from __future__ import annotations

import logging
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storage.ports import StorageDown

_log = logging.getLogger(__name__)

_CANDIDATES: Final = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class OsUser:
    uid: int
    gid: int


def choose_user(pgdata: Path) -> OsUser | None:
    """Whom to run PostgreSQL as: None is "as we are"; as root the owner of the data, else a lesser user."""
    if os.geteuid() != 0:
        return None
    if pgdata.exists() and (info := pgdata.stat()).st_uid != 0:
        return OsUser(info.st_uid, info.st_gid)
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return OsUser(entry.pw_uid, entry.pw_gid)
    raise StorageDown(
        "PostgreSQL does not run as root and there is no user postgres or nobody: "
        "start Viva as an ordinary user, or set VIVA_DATABASE_URL"
    )


def let_through(path: Path) -> None:
    """Let other users pass (not read) the folders above ``path``. Only needed as root."""
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            _log.warning(
                "letting other users pass through %s, so that PostgreSQL can reach its files", folder
            )
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def private_folder(folder: Path, user: OsUser | None) -> None:
    """Make ``folder`` for its owner only. Raises StorageDown when somebody else made it before us."""
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        info = folder.lstat()
        mine = {os.geteuid()} | ({user.uid} if user is not None else set())
        if not stat.S_ISDIR(info.st_mode) or info.st_uid not in mine:
            raise StorageDown(f"{folder} belongs to somebody else: remove it and start again") from None
        folder.chmod(0o700)
    if user is not None:
        os.chown(folder, user.uid, user.gid)

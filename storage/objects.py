"""Files of the product (recordings, later documents) in a folder or an S3 bucket, behind one small port.

StorageError
├── NotFound      no such object
└── StorageDown   the store cannot be reached or did not answer in time
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Protocol

from storage.ports import NotFound, StorageDown

TIMEOUT: Final = timedelta(seconds=20)
_KEY: Final = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")


@dataclass(frozen=True, slots=True)
class StoredObject:
    key: str
    size: int


class ObjectStore(Protocol):
    """Whole files by key (``recordings/CALL/000000000.wav``). Keys are letters, digits, ``._-`` and ``/``."""

    async def put(self, key: str, file: Path | bytes) -> None:
        """Store ``file`` under ``key``, over what was there; visible only once it is whole."""
        ...

    async def read(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        """Bytes ``start`` up to ``end`` (exclusive; None: to the end); fewer when the object ends before.

        Raises NotFound.
        """
        ...

    async def list(self, prefix: str) -> list[StoredObject]:
        """All objects below ``prefix`` (a folder), by key."""
        ...

    async def delete_all(self, prefix: str) -> int:
        """Delete all objects below ``prefix``; how many there were."""
        ...


class Obstore:
    """`ObjectStore` on the library of that name: one code path for folders and S3."""

    def __init__(self, store: Any) -> None:
        self._store = store

    async def put(self, key: str, file: Path | bytes) -> None:
        import obstore

        with _told():
            await obstore.put_async(self._store, _checked(key), file)

    async def read(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        import obstore

        with _told():
            size = (await obstore.head_async(self._store, _checked(key)))["size"]
            stop = size if end is None else min(end, size)
            if start >= stop:
                return b""
            return bytes(await obstore.get_range_async(self._store, key, start=start, end=stop))

    async def list(self, prefix: str) -> list[StoredObject]:
        import obstore

        found: list[StoredObject] = []
        with _told():
            async for batch in obstore.list(self._store, _checked(prefix)):
                found += [StoredObject(meta["path"], meta["size"]) for meta in batch]
        return sorted(found, key=lambda one: one.key)

    async def delete_all(self, prefix: str) -> int:
        import obstore

        found = await self.list(prefix)
        with _told():
            if found:
                await obstore.delete_async(self._store, [one.key for one in found])
        return len(found)


def open_objects(address: str, endpoint: str | None = None) -> Obstore:
    """The store of a ``VIVA_OBJECT_STORE`` address: ``file:FOLDER`` or ``s3://bucket/prefix``.

    S3 credentials and region come from the usual AWS variables; ``endpoint`` names a compatible server.
    Blocks (it makes the folder and loads the library): call it off the event loop.
    """
    from obstore.store import LocalStore, S3Store

    if address.startswith("file:"):
        folder = Path(address.removeprefix("file:"))
        folder.mkdir(parents=True, exist_ok=True)
        return Obstore(LocalStore(folder))
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    options: dict[str, Any] = {
        "client_options": {"timeout": TIMEOUT, "connect_timeout": timedelta(seconds=5)}
    }
    if endpoint is not None:
        options["endpoint"] = endpoint
        options["virtual_hosted_style_request"] = False
        options["client_options"]["allow_http"] = endpoint.startswith("http://")
    return Obstore(S3Store(bucket, prefix=prefix or None, retry_config={"max_retries": 2}, **options))


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key) or ".." in key:
        raise ValueError("an object key is made of letters, digits, '.', '_', '-' and '/'")
    return key


@contextmanager
def _told() -> Iterator[None]:
    """The library's errors as ours, without the address it was talking to."""
    from obstore.exceptions import BaseError, NotFoundError

    try:
        yield
    except (NotFoundError, FileNotFoundError):
        raise NotFound("no such object") from None
    except (BaseError, OSError) as trouble:
        raise StorageDown(
            f"The object store failed ({type(trouble).__name__}): check VIVA_OBJECT_STORE."
        ) from None

"""The connection to PostgreSQL: pool, JSON codec and the translation of its errors into `ports`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs, urlsplit

import asyncpg
import msgspec

from storage.ports import Duplicate, NotFound, Stale, StorageDown

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)

ACQUIRE_S: Final = 5.0
_CONNECT_S: Final = 5.0
_COMMAND_S: Final = 10.0
_JSONB_VERSION: Final = b"\x01"

_UNREACHABLE: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InsufficientResourcesError,
    asyncpg.QueryCanceledError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    OSError,
    TimeoutError,
)


@contextmanager
def guard() -> Iterator[None]:
    """Turn what asyncpg raises into the errors of `ports`. PostgreSQL's details hold values: left out."""
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        raise Duplicate(f"taken already: {error.constraint_name}") from None
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound(f"no such row to point to: {error.constraint_name}") from None
    except (
        asyncpg.UndefinedTableError,
        asyncpg.UndefinedColumnError,
        asyncpg.UndefinedFunctionError,
    ) as error:
        raise StorageDown(
            "the database is of an older version than this server: run `viva migrate`"
        ) from error
    except asyncpg.CharacterNotInRepertoireError:
        raise NotFound("no row can have such a key: it holds a NUL") from None
    except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError) as error:
        raise Stale("the row is being changed by someone else") from error
    except _UNREACHABLE as error:
        raise StorageDown(f"PostgreSQL did not answer ({type(error).__name__}): is it running?") from error
    except asyncpg.InterfaceError as error:
        if isinstance(error, ValueError):  # DataError and its kin: a value of ours that does not fit
            raise
        raise StorageDown("the connection to PostgreSQL is closed") from error


def encode_json(value: Any) -> bytes:
    """JSON that PostgreSQL takes: NUL and lone surrogates, which it refuses, are left out."""
    try:
        data = msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_scrub(msgspec.to_builtins(value)))
    return msgspec.json.encode(_scrub(msgspec.to_builtins(value))) if b"\\u0000" in data else data


def clean(text: str) -> str:
    """``text`` without what PostgreSQL refuses: NUL and lone surrogates."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()


def _scrub(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {_scrub(key): _scrub(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_scrub(item) for item in value]
    return value


async def set_codecs(connection: Connection) -> None:
    """Let ``jsonb`` values come and go as plain JSON data."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: _JSONB_VERSION + encode_json(value),
        decoder=lambda data: msgspec.json.decode(data[1:]),
        format="binary",
    )


async def connect(dsn: str) -> asyncpg.Connection[asyncpg.Record]:
    """One connection of its own, for work outside the pool. Raises StorageDown."""
    with _reaching(dsn):
        return await asyncpg.connect(dsn, timeout=_CONNECT_S, command_timeout=_COMMAND_S)


async def open_pool(dsn: str, *, min_size: int = 1, max_size: int = 10) -> Pool:
    """A pool of connections with the JSON codec; close it with ``await pool.close()``.

    Raises:
        StorageDown: the database cannot be reached; the text names it, without the password.
    """
    with _reaching(dsn):
        return await asyncpg.create_pool(
            dsn,
            min_size=min_size,
            max_size=max_size,
            timeout=_CONNECT_S,
            command_timeout=_COMMAND_S,
            init=set_codecs,
            reset=_only_if_open,
        )


@asynccontextmanager
async def acquired(pool: Pool) -> AsyncIterator[Connection]:
    """A connection of ``pool``, within `ACQUIRE_S`; the pool's own time limit would cost a task each time."""
    async with asyncio.timeout(ACQUIRE_S):
        connection = await pool.acquire()
    try:
        yield connection
    finally:
        await pool.release(connection)


async def _only_if_open(connection: Connection) -> None:
    """No work here leaves state on a connection, so the round trip of a full reset is spared."""
    if connection.is_in_transaction():
        await connection.reset()


@contextmanager
def _reaching(dsn: str) -> Iterator[None]:
    try:
        yield
    except _UNREACHABLE as error:
        raise StorageDown(
            f"cannot reach PostgreSQL at {_place(dsn)} ({type(error).__name__}): "
            "check that it runs and that VIVA_DATABASE_URL is right"
        ) from error


def _place(dsn: str) -> str:
    parts = urlsplit(dsn)
    host = parts.hostname or parse_qs(parts.query).get("host", ["localhost"])[0]
    return f"{host}:{parts.port or 5432}{parts.path}"

"""The connection to PostgreSQL: pool, JSON codec and the translation of its errors into `ports`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import msgspec

from storage.ports import Duplicate, NotFound, StorageDown

Pool = asyncpg.Pool[Any] if False else asyncpg.Pool

"""What the tests of server processes share."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.embedded import EmbeddedPostgres


@pytest.fixture
def data_dir() -> Iterator[Path]:
    # A short path, and not in pytest's own folder: PostgreSQL runs as another user when root starts it.
    with tempfile.TemporaryDirectory(prefix="viva-process-") as folder:
        data = Path(folder) / "var"
        data.mkdir()
        yield data
        if (data / "postgres" / "postmaster.pid").exists():
            left = EmbeddedPostgres(data)  # of a server that was killed: the next start ends it
            left.start()
            left.stop()

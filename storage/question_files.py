"""Reads the question bank and the rubrics that ship with the package."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import msgspec


def read_bank_files() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The shared part of the bank and one mapping per role, in the order of the file names."""
    data = files("interview").joinpath("data")
    roles = sorted(data.joinpath("roles").iterdir(), key=lambda entry: entry.name)
    return (
        _mapping(data.joinpath("shared.json").read_bytes()),
        [_mapping(entry.read_bytes()) for entry in roles if entry.name.endswith(".json")],
    )


def read_rubric_file() -> dict[str, Any]:
    """The scoring rubrics."""
    return _mapping(files("interview").joinpath("data", "rubrics.json").read_bytes())


def _mapping(data: bytes) -> dict[str, Any]:
    return msgspec.json.decode(data, type=dict[str, Any])

"""docs/checklist.md names tests that exist, and leaves nothing out."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINE = re.compile(r"- \*\*S(\d+)\*\* (.+)")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@cache
def known_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def test_every_item_is_there_once_with_a_test_or_what_is_missing() -> None:
    lines = [
        found for line in (ROOT / "docs/checklist.md").read_text().splitlines() if (found := LINE.match(line))
    ]
    assert [int(found[1]) for found in lines] == list(range(1, 215))
    for found in lines:
        assert TEST.search(found[2]) or "*Not yet: " in found[2], f"S{found[1]} has neither"


def test_every_test_it_names_exists() -> None:
    named = TEST.findall((ROOT / "docs/checklist.md").read_text())
    assert len(named) > 200
    missing = [f"{path}::{name}" for path, name in named if name not in known_in(path)]
    assert not missing

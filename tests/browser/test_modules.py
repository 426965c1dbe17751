"""The page's own logic, without a page: run by Node's test runner."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def test_modules() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the page's modules are tried in the browser only")
    files = sorted(str(path) for path in (HERE / "unit").glob("*.test.mjs"))
    got = subprocess.run(
        [node, "--test", "--test-reporter=tap", *files], capture_output=True, text=True, check=False
    )
    assert got.returncode == 0, got.stdout + got.stderr
    ran = re.search(r"^# pass (\d+)$", got.stdout, re.MULTILINE)
    assert ran is not None
    assert int(ran[1]) > 50

"""``viva models`` as a person types it."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from pathlib import Path

import pytest

from audio.models import CATALOGUE, DEFAULT_WHISPER, model_named
from server.__main__ import main
from server.models_cli import ProgressBar
from tests.fakes.hub import Hub
from tests.fakes.vendors import run

BASE = model_named(DEFAULT_WHISPER)
FILES = dict.fromkeys(("model.bin", "config.json", "tokenizer.json", "vocabulary.txt"), b"x" * 3000000)
ROOT = Path(__file__).parents[2]


async def viva(data_dir: Path, base: str, *words: str) -> tuple[int, str, str]:
    """Run ``viva words`` as a process; its exit code, output and errors."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server", *words),
        cwd=ROOT,
        env={**os.environ, "VIVA_DATA_DIR": str(data_dir), "VIVA_MODELS_URL": base},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    return process.returncode or 0, out.decode(), errors.decode()


@pytest.mark.process
def test_pull_then_list(tmp_path: Path) -> None:
    async def go() -> None:
        async with Hub(BASE.repo, FILES).serve() as base:
            code, out, errors = await viva(tmp_path, base, "models", "pull", BASE.name)
            assert (code, out) == (0, f"viva: {BASE.name} is in {tmp_path / 'models' / BASE.name}\n")
            assert "100% 11 of 11 MB" in errors
            assert "Traceback" not in errors
            code, out, _ = await viva(tmp_path, base, "models", "list", "--json")
            assert code == 0
            assert [row["name"] for row in json.loads(out) if row["here"]] == [BASE.name]
            code, out, errors = await viva(tmp_path, base, "models", "pull", BASE.name, "--json")
            assert json.loads(out)["here"] is True

    run(go())


@pytest.mark.process
def test_what_goes_wrong_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    async def go() -> None:
        code, out, errors = await viva(tmp_path, "http://127.0.0.1:9", "models", "pull", BASE.name)
        assert (code, out) == (1, "")
        assert errors.startswith(
            "viva: whisper-base.en: 127.0.0.1 cannot be reached (ConnectionRefusedError)"
        )
        assert errors.count("\n") == 1

    run(go())


def test_the_list_names_every_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["models", "list"]) == 0
    out = capsys.readouterr().out
    assert all(model.name in out for model in CATALOGUE)
    assert "viva models pull NAME" in out


def test_a_name_that_is_none_says_where_to_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["models", "pull", "whisper-gigantic", "--json"]) == 1
    shown = capsys.readouterr()
    assert "viva models list" in shown.err
    assert json.loads(shown.out)["here"] is False


def test_the_bar_fills_on_a_terminal_and_is_short_in_a_log() -> None:
    total = 100 << 20
    terminal, log = io.StringIO(), io.StringIO()
    for out, is_terminal in ((terminal, True), (log, False)):
        bar = ProgressBar(out, "m", is_terminal=is_terminal)
        for percent in range(101):
            bar.show(percent << 20, total)
        bar.end()
        bar.end()
    last = terminal.getvalue().split("\r")[-1]
    assert last == f"m [{'#' * 30}] 100% 100 of 100 MB \n"
    assert log.getvalue().count("\n") == 11

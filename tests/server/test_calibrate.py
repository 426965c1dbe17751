"""``viva calibrate``: rows in, predictions and agreement out; errors name the line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from agents.llm import Completion, LlmUnavailable, Prompt
from agents.llm_offline import OfflineLLM
from server.__main__ import main
from server.calibrate import AT_ONCE, CalibrationError, judge_rows, read_file, read_rows, read_rubrics, render

STRONG = (
    "Last spring our night shift mixed up the same two bins. I put photos on the labels, trained two "
    "pickers, and counted for a week. As a result mispicks fell from 30 to 9, because nobody had to read "
    "in the dark."
)


def row(id_: str, answer: str, human: object = None, **more: object) -> str:
    data = {"id": id_, "question": "Tell me about a process you improved.", "answer": answer, **more}
    return json.dumps({**data, "human": human} if human is not None else data)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "set.jsonl"
    lines = [
        row("s", STRONG, {"overall": 85, "depth": 80}, competency="initiative"),
        "",
        row(
            "w",
            "I always try to improve things, that is very important to me.",
            {"overall": 20},
            competency=["a"],
        ),
        row("e", "", {"overall": None}),
        row("u", STRONG, note="not rated"),
    ]
    path.write_text("\ufeff" + "\r\n".join(lines), "utf-8")
    return path


def test_json_holds_predictions_in_order_and_agreement(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    monkeypatch.delenv("VIVA_LLM", raising=False)
    assert main(["calibrate", str(file), "--json", "--samples", "2"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert [p["id"] for p in found["predictions"]] == ["s", "w", "e", "u"]
    strong, weak, empty, unrated = found["predictions"]
    assert strong["overall"] > weak["overall"]
    assert empty["overall"] is None
    assert empty["flags"] == ["no_answer"]
    assert strong["confidence"] in ("low", "medium", "high")
    assert unrated["overall"] == strong["overall"]
    figures = found["agreement"]
    assert figures["n"] == 2
    assert figures["order_accuracy"] == 1.0
    assert set(figures) >= {"qwk", "spearman", "mae", "order_accuracy", "n", "test_retest"}
    assert figures["test_retest"]["samples"] == 2
    assert figures["test_retest"]["max_spread"] == 0
    assert "judged 4 of 4" in err


def test_the_table_names_rows_and_figures(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    monkeypatch.delenv("VIVA_LLM", raising=False)
    assert main(["calibrate", str(file)]) == 0
    out = capsys.readouterr().out
    assert "judge: offline:rules" in out
    assert "order accuracy: 1 of 1 pairs" in out
    assert "not enough rows" in out
    assert "no_answer" in out


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["{"], "line 1: "),
        ([row("a", "x"), "", "[1]"], "line 3: "),
        ([row("a", "x"), '{"id": "b", "question": "q"}'], "line 2: Object missing required field `answer`"),
        ([row("a", "x", {"overall": 140})], "line 1: "),
        ([row("a", "x"), row("a", "y")], "line 2: the id 'a' occurs twice"),
        ([row("a", "x", seconds=-1)], "line 1: "),
        (["", " "], "no rows"),
    ],
)
def test_a_bad_line_is_named(lines: list[str], told: str) -> None:
    with pytest.raises(CalibrationError) as caught:
        read_rows(lines)
    assert told in str(caught.value)


def test_a_bad_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", str(tmp_path / "none.jsonl")]) == 1
    assert "cannot read" in capsys.readouterr().err
    latin = tmp_path / "latin.jsonl"
    latin.write_bytes(row("a", "x").encode() + b"\n\xe9\n")
    with pytest.raises(CalibrationError, match="line 2: not UTF-8"):
        read_file(latin)


@pytest.mark.parametrize("samples", ["0", "16", "x"])
def test_samples_out_of_range_are_wrong_usage(samples: str, file: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["calibrate", str(file), "--samples", samples])
    assert caught.value.code == 2


class Down:
    """A model that is down for answers with a certain word, and counts who asks at the same time."""

    model = "fake:down"

    def __init__(self) -> None:
        self.offline = OfflineLLM()
        self.live = self.most = 0

    async def complete(self, prompt: Prompt) -> Completion:
        self.live += 1
        self.most = max(self.most, self.live)
        await asyncio.sleep(0)
        self.live -= 1
        if "marked" in str(prompt.facts["answer"]):
            raise LlmUnavailable("fake", "no connection")
        return await self.offline.complete(prompt)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str, None]:
        yield (await self.complete(prompt)).text

    async def aclose(self) -> None:
        """Nothing to close."""


def test_a_row_whose_judge_fails_costs_no_other() -> None:
    rows = read_rows([row(str(n), STRONG + (" marked" if n == 3 else "")) for n in range(12)])
    model, rubrics = Down(), read_rubrics()
    report = asyncio.run(judge_rows(model, rubrics, rows, samples=1))
    failed = [each.id for each, found in report.rows if "judge_failed" in found.flags]
    assert failed == ["3"]
    assert sum(found.overall is not None for _, found in report.rows) == 11
    assert 1 < model.most <= AT_ONCE
    assert "judge_failed" in render(report)

"""``python -m bench.sentences [--write]``: fit the rules by which the offline judge tells kinds of sentences.

Ridge-regularised logistic regression on vectors of sentences. Filler: what a padded answer of the development
set has and the answer it was made from has not, against the sentences of all other answers; cross-validated
with the batches of the set kept apart. Elsewhere: the sentences of ``bench/elsewhere.txt`` against those of
good answers; cross-validated by tenths. ``--write`` puts each direction, and the limit that `FALSE_ALARMS` of
the other sentences lie above in cross-validation, into ``agents/data/sentences.json``.
"""

from __future__ import annotations

import argparse
import json
from importlib.resources import files
from pathlib import Path

import numpy as np

from agents.offline_reading import expected_of, read
from agents.sentence_model import vectors
from bench.relevance import Matrix, Row

FALSE_ALARMS = 0.02
RIDGE = 0.3


def sentences_of(row: Row) -> list[str]:
    parts = read(row["answer"], expected_of("", (), ())).parts
    return [part.nameless for part in parts if len(part.nameless.split()) > 2]


def gathered(rows: list[Row]) -> tuple[list[str], list[bool], list[str]]:
    """Sentences, whether each is filler, and the batch it comes from."""
    by_id = {row["id"]: row for row in rows}
    found: list[tuple[str, bool, str]] = []
    for row in rows:
        batch = row["id"].partition("-")[0]
        if row["group"] in ("strong", "medium", "off_topic"):
            found += [(sentence, False, batch) for sentence in sentences_of(row)]
        elif row["group"] == "padded" and row.get("base") in by_id:
            plain = set(sentences_of(by_id[row["base"]]))
            found += [(sentence, True, batch) for sentence in sentences_of(row) if sentence not in plain]
    texts, filler, batches = zip(*found, strict=True)
    return list(texts), list(filler), list(batches)


def fitted(table: Matrix, filler: Matrix) -> Matrix:
    wide = np.c_[table, np.ones(len(table))]
    weight = np.where(filler > 0, 0.5 * (1 - filler).sum() / filler.sum(), 1.0)
    ridge = np.diag([RIDGE] * table.shape[1] + [1e-6])
    points = np.zeros(wide.shape[1])
    for _ in range(30):
        likely = 1 / (1 + np.exp(-wide @ points))
        slope = wide.T @ (weight * (likely - filler)) + ridge @ points
        curve = (wide * (weight * likely * (1 - likely))[:, None]).T @ wide + ridge
        points -= np.linalg.solve(curve, slope)
    return points


def fit(name: str, texts: list[str], wanted: list[bool], batches: list[str]) -> dict[str, object]:
    """Prints what cross-validation finds, and gives the rule as it is stored."""
    table, positive = vectors(texts).astype(np.float64), np.array(wanted, np.float64)
    batch = np.array(batches)
    blind = np.zeros(len(texts))
    for each in sorted(set(batches)):
        points = fitted(table[batch != each], positive[batch != each])
        blind[batch == each] = table[batch == each] @ points[:-1] + points[-1]
    other = blind[positive == 0]
    print(f"{name}: {int(positive.sum())} sentences, {len(other)} others")
    for share in (0.005, 0.01, 0.02, 0.03, 0.05):
        limit = float(np.quantile(other, 1 - share))
        print(f"  others taken for it {share:.1%}: found {(blind[positive > 0] > limit).mean():.0%}")
    points = fitted(table, positive)
    limit = float(np.quantile(other, 1 - FALSE_ALARMS) - points[-1])
    return {"limit": round(limit, 4), "direction": [round(float(each), 4) for each in points[:-1]]}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sentences")
    parser.add_argument("--write", action="store_true", help="write agents/data/sentences.json")
    write: bool = parser.parse_args().write
    text = (files("interview") / "data" / "calibration" / "development.jsonl").read_text("utf-8")
    rows: list[Row] = [json.loads(line) for line in text.splitlines()]
    texts, filler, batches = gathered(rows)
    good = [each for row in rows if row["group"] in ("strong", "medium") for each in sentences_of(row)]
    away = Path(__file__).with_name("elsewhere.txt").read_text("utf-8").splitlines()
    tenths = [str(index % 10) for index in range(len(away) + len(good))]
    data = {
        "filler": fit("filler", texts, filler, batches),
        "elsewhere": fit("elsewhere", away + good, [True] * len(away) + [False] * len(good), tenths),
    }
    if write:
        path = Path(__file__).parents[1] / "agents" / "data" / "sentences.json"
        path.write_text(json.dumps(data) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""``python -m bench.sentences [--write]``: fit the rules by which the offline judge tells kinds of sentences.

Ridge-regularised logistic regression on vectors of sentences, cross-validated with batches kept apart.
Filler: the lines of ``bench/filler.txt``, and what a padded answer has and the answer it was made from has
not, against the sentences of all other answers. Elsewhere: ``bench/elsewhere.txt`` against good answers.
Nonsense: ``bench/nonsense.txt`` against all answers. ``--write`` puts each direction and its limit, which a
small share of the others lies above in cross-validation, into ``agents/data/sentences.json``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from agents.offline_reading import expected_of, read
from agents.sentence_model import vectors
from bench.relevance import LEARNT, Matrix, Row, rows

FALSE_ALARMS = 0.02
NONSENSE_ALARMS = 0.002
"""Of all answers: to be called gibberish is the worst that can happen to one."""
FOLDS = 6
RIDGE = 0.3


def sentences_of(row: Row) -> list[str]:
    parts = read(row["answer"], expected_of("", (), ())).parts
    return [part.nameless for part in parts if len(part.nameless.split()) > 2]


def gathered(found_rows: list[Row]) -> tuple[list[str], list[bool], list[str]]:
    """Sentences, whether each is filler, and the batch it comes from."""
    by_id = {row["id"]: row for row in found_rows}
    found: list[tuple[str, bool, str]] = []
    for row in found_rows:
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


def cross_validated(texts: list[str], wanted: list[bool], batches: list[str]) -> Matrix:
    """How far each text is of the kind by a rule that was fitted without its batch."""
    table, positive, batch = (
        vectors(texts).astype(np.float64),
        np.array(wanted, np.float64),
        np.array(batches),
    )
    blind = np.zeros(len(texts))
    for each in sorted(set(batches)):
        points = fitted(table[batch != each], positive[batch != each])
        blind[batch == each] = table[batch == each] @ points[:-1] + points[-1]
    return blind


def fit(name: str, texts: list[str], wanted: list[bool], batches: list[str]) -> dict[str, object]:
    """Prints what cross-validation finds, and gives the rule as it is stored."""
    positive = np.array(wanted)
    blind = cross_validated(texts, wanted, batches)
    other = blind[~positive]
    print(f"{name}: {int(positive.sum())} sentences, {len(other)} others")
    for share in (0.005, 0.01, 0.02, 0.03, 0.05):
        limit = float(np.quantile(other, 1 - share))
        print(f"  others taken for it {share:.1%}: found {(blind[positive] > limit).mean():.0%}")
    return rule(texts, wanted, float(np.quantile(other, 1 - FALSE_ALARMS)))


def fit_nonsense(nonsense: list[str], answers: list[Row]) -> dict[str, object]:
    """As `fit`, but for whole answers: the limit is what nearly every answer stays below on average."""
    spoken = [(text, answer) for answer in answers for text in sentences_of(answer)]
    texts = [*nonsense, *(text for text, _ in spoken)]
    wanted = [True] * len(nonsense) + [False] * len(spoken)
    batches = [str(index % FOLDS) for index in range(len(nonsense))]
    batch = {answer["id"]: answer["id"].partition("-")[0] for answer in answers}
    letters = sorted(set(batch.values()))
    batches += [str(letters.index(batch[answer["id"]]) % FOLDS) for _, answer in spoken]
    blind = cross_validated(texts, wanted, batches)
    sums: dict[str, list[float]] = {}
    for (text, answer), points in zip(spoken, blind[len(nonsense) :], strict=True):
        total = sums.setdefault(answer["id"], [0.0, 0.0])
        total[0] += points * len(text.split())
        total[1] += len(text.split())
    means = np.array([points / words for points, words in sums.values()])
    limit = float(np.quantile(means, 1 - NONSENSE_ALARMS))
    print(f"nonsense: {len(nonsense)} sentences, {len(means)} answers, limit {limit:.2f}")
    print(
        f"  sentences above it: {(blind[: len(nonsense)] > limit).mean():.0%}, "
        f"answers: {(means > limit).sum()}"
    )
    return rule(texts, wanted, limit)


def rule(texts: list[str], wanted: list[bool], limit: float) -> dict[str, object]:
    points = fitted(vectors(texts).astype(np.float64), np.array(wanted, np.float64))
    return {
        "limit": round(limit - float(points[-1]), 4),
        "direction": [round(float(each), 4) for each in points[:-1]],
    }


def lines(name: str) -> list[str]:
    return Path(__file__).with_name(f"{name}.txt").read_text("utf-8").splitlines()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sentences")
    parser.add_argument("--write", action="store_true", help="write agents/data/sentences.json")
    write: bool = parser.parse_args().write
    learnt = [row for name in LEARNT for row in rows(name)]
    texts, filler, batches = gathered(learnt)
    more = lines("filler")
    texts, filler = [*texts, *more], [*filler, *[True] * len(more)]
    batches += [f"line {index % FOLDS}" for index in range(len(more))]
    good = [each for row in learnt if row["group"] in ("strong", "medium") for each in sentences_of(row)]
    away = lines("elsewhere")
    tenths = [str(index % 10) for index in range(len(away) + len(good))]
    answers = [row for row in learnt if row["group"] in ("strong", "medium", "weak", "off_topic")]
    data = {
        "filler": fit("filler", texts, filler, batches),
        "elsewhere": fit("elsewhere", away + good, [True] * len(away) + [False] * len(good), tenths),
        "nonsense": fit_nonsense(lines("nonsense"), answers),
    }
    if write:
        path = Path(__file__).parents[1] / "agents" / "data" / "sentences.json"
        path.write_text(json.dumps(data) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

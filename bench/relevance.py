"""``python -m bench.relevance [--write]``: fit the signs by which the offline judge tells other subjects.

Logistic regression with a ridge, on the development set: answers beside their own question,
answers off topic, and good answers beside questions that they were not given for. Cross-validated with
questions kept apart: no question, and none that means nearly the same, is in both halves, nor is an answer
to it. Prints what share of the answers off topic is found at what share of good answers taken for such;
``--write`` puts the points, and the limit that `FALSE_ALARMS` of the good answers fall below in
cross-validation, into ``agents/data/relevance.json``.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agents.offline_closeness import closeness
from agents.offline_judge import kind_of
from agents.offline_reading import expected_of, read
from agents.offline_relevance import Kind, narrowed, signs
from agents.offline_sentences import filler
from agents.sentence_model import vectors

Matrix = npt.NDArray[np.float64]
FALSE_ALARMS: Final = 0.005
"""Of the good answers, in cross-validation. A wrong "off topic" is worse for a person than a missed one."""
RIDGE: Final = 15.0
FOLDS: Final = 8
ALIKE: Final = 0.6
"""Questions whose cosine is above stay together in cross-validation."""
UNLIKE: Final = 0.45
"""Only beside questions that are less alike than that is a good answer taken to be off topic."""
OTHERS: Final = 9
"""Other questions of the same kind, and as many of any kind, that each good answer is set beside."""
WEIGHTS: Final = {"strong": 1.0, "medium": 1.0, "weak": 0.7, "off_topic": 3.0, "beside": 0.12}
GOOD: Final = ("strong", "medium")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pair:
    """An answer beside a question. ``group``: the row's, or "beside" for a question that is not its own."""

    question: str
    row: Row
    group: str


LEARNT: Final = ("development", "plain", "substance")
HELD: Final = ("held_out", "plain_held_out", "substance_held_out")


def rows(name: str) -> list[Row]:
    """A calibration set, whole."""
    text = (files("interview") / "data" / "calibration" / f"{name}.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def spoken(names: Sequence[str]) -> list[Row]:
    """The rows that answer something, beside their question or another."""
    wanted = (*GOOD, "weak", "off_topic")
    return [row for name in names for row in rows(name) if row["group"] in wanted]


def pairs(found: Sequence[Row]) -> list[Pair]:
    competency = {row["question"]: row["competency"] for row in found}
    asked = sorted(competency)
    vector = dict(zip(asked, vectors(asked), strict=True))
    kind = {question: kind_of(question, "behavioral") for question in asked}
    made: list[Pair] = []
    for row in found:
        own = row["question"]
        made.append(Pair(own, row, row["group"]))
        if row["group"] not in GOOD:
            continue
        others = [q for q in asked if vector[q] @ vector[own] < UNLIKE and competency[q] != competency[own]]
        same = [question for question in others if kind[question] is kind[own]]
        chosen = random.Random(row["id"])
        picked = {
            *chosen.sample(same, min(OTHERS, len(same))),
            *chosen.sample(others, min(OTHERS, len(others))),
        }
        made += [
            Pair(question, {**row, "competency": competency[question]}, "beside")
            for question in sorted(picked)
        ]
    return made


def signs_of(pair: Pair) -> dict[str, float]:
    kind = kind_of(pair.question, "behavioral")
    expected = narrowed(expected_of(pair.question, [pair.row["competency"]], ()), kind)
    holding = read(
        pair.row["answer"], expected, kind is Kind.REASONS, kind in (Kind.STORY, Kind.REASONS), filler
    )
    return signs(pair.question, holding, expected, kind) | closeness(pair.question, holding).signs()


def fitted(table: Matrix, wanted: Matrix, weight: Matrix) -> tuple[Matrix, float]:
    """Points of each sign and those before any sign; the ridge is on signs of equal spread."""
    mean, spread = table.mean(axis=0), table.std(axis=0) + 1e-9
    wide = np.c_[(table - mean) / spread, np.ones(len(table))]
    ridge = np.diag([RIDGE] * table.shape[1] + [1e-6])
    points = np.zeros(wide.shape[1])
    for _ in range(40):
        likely = 1 / (1 + np.exp(-wide @ points))
        slope = wide.T @ (weight * (likely - wanted)) + ridge @ points
        curve = (wide * (weight * likely * (1 - likely))[:, None]).T @ wide + ridge
        step = np.linalg.solve(curve, slope)
        points -= step
        if np.abs(step).max() < 1e-8:
            break
    each = points[:-1] / spread
    return each, float(points[-1] - each @ mean)


def folds(made: Sequence[Pair]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """For each pair the fold of its question, and that of the question its answer was given to."""
    asked = sorted({pair.question for pair in made})
    vector = vectors(asked)
    group = {question: index for index, question in enumerate(asked)}
    for one, other in zip(*np.nonzero(vector @ vector.T > ALIKE), strict=True):
        old, new = group[asked[one]], group[asked[other]]
        group = {question: new if number == old else number for question, number in group.items()}
    numbers = sorted(set(group.values()))
    random.Random(1).shuffle(numbers)
    fold = {question: numbers.index(number) % FOLDS for question, number in group.items()}
    return (
        np.array([fold[pair.question] for pair in made]),
        np.array([fold[pair.row["question"]] for pair in made]),
    )


def cross_validated(made: Sequence[Pair], table: Matrix, wanted: Matrix, weight: Matrix) -> Matrix:
    asked, given = folds(made)
    beside = np.array([pair.group == "beside" for pair in made])
    points = np.zeros(len(made))
    for fold in range(FOLDS):
        test = asked == fold
        train = ~test & ~(beside & (given == fold))
        each, start = fitted(table[train], wanted[train], weight[train])
        points[test] = table[test] @ each + start
    return points


def shares(name: str, points: Matrix, groups: Sequence[str]) -> None:
    of = np.array(groups)
    good, medium, off = (points[np.isin(of, wanted)] for wanted in (GOOD, ["medium"], ["off_topic"]))
    beside = points[of == "beside"]
    order = float((good[:, None] > off[None]).mean())
    print(f"{name}: {len(good)} good, {len(off)} off topic; a good one above one off topic: {order:.3f}")
    for share in (0.0, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05):
        limit = float(np.quantile(good, share))
        print(
            f"  good ones taken for off topic {share:.1%} (medium {(medium < limit).mean():.1%}): "
            f"off topic found {(off < limit).mean():.0%}"
            + (f", beside other questions {(beside < limit).mean():.0%}" if len(beside) else "")
            + f", limit {limit:.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.relevance")
    parser.add_argument("--write", action="store_true", help="write agents/data/relevance.json")
    write: bool = parser.parse_args().write
    made = pairs(spoken(("development",)))
    found = [signs_of(pair) for pair in made]
    names = list(found[0])
    table = np.array([[each[name] for name in names] for each in found])
    wanted = np.array([float(pair.group in (*GOOD, "weak")) for pair in made])
    weight = np.array([WEIGHTS[pair.group] for pair in made])
    blind = cross_validated(made, table, wanted, weight)
    groups = [pair.group for pair in made]
    shares("development, in cross-validation", blind, groups)
    each, start = fitted(table, wanted, weight)
    limit = float(np.quantile(blind[np.isin(np.array(groups), GOOD)], FALSE_ALARMS))
    held = [Pair(row["question"], row, row["group"]) for row in spoken(HELD)]
    kept = np.array([[signs_of(pair)[name] for name in names] for pair in held])
    shares("held out", kept @ each + start, [pair.group for pair in held])
    data = {
        "start": round(start, 3),
        "off_topic": round(limit, 3),
        "signs": {name: round(float(value), 3) for name, value in zip(names, each, strict=True)},
    }
    print(json.dumps(data, indent=1))
    if write:
        path = Path(__file__).parents[1] / "agents" / "data" / "relevance.json"
        path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

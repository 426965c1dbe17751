"""``python -m bench.merit [--write]``: fit the points by which the offline judge tells strong from weak.

Ridge regression on what strong, medium and weak answers are aimed at, over the evidence they hold and how
they are told; no kind of evidence may cost points. Cross-validated with the batches of the sets kept apart,
one author each. Prints, for each batch, the share of pairs of its answers in the right order; ``--write``
puts the points into ``agents/data/merit.json``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from agents.offline_judge import kind_of
from agents.offline_points import EVIDENCE, KNOWLEDGE, evidence, telling
from agents.offline_reading import expected_of, read
from agents.offline_relevance import Kind, narrowed
from agents.offline_sentences import filler
from bench.relevance import HELD, LEARNT, Matrix, Row, rows

LADDER: Final = ("weak", "medium", "strong")
RIDGE: Final = 60.0
SUBSTANCE: Final = 1.5
"""What an answer weighs whose length says nothing, beside others whose length says much."""


@dataclass(frozen=True, slots=True)
class Signs:
    """Of many answers, in columns by ``names``."""

    names: tuple[str, ...]
    table: Matrix

    def of(self, chosen: Matrix) -> Signs:
        return Signs(self.names, self.table[chosen])


def graded(name: str) -> list[Row]:
    return [row for row in rows(name) if row["group"] in LADDER]


def signs_of(answers: Sequence[Row]) -> Signs:
    named: list[dict[str, float]] = []
    for row in answers:
        kind = kind_of(row["question"], "behavioral")
        expected = narrowed(expected_of(row["question"], [row["competency"]], ()), kind)
        personal = kind in (Kind.STORY, Kind.REASONS)
        holding = read(row["answer"], expected, kind is Kind.REASONS, personal, filler)
        named.append(evidence(holding, expected, kind) | telling(holding, expected))
    names = tuple(named[0])
    return Signs(names, np.array([[each[name] for name in names] for each in named]))


@dataclass(frozen=True, slots=True)
class Fitted:
    start: float
    points: Matrix

    def of(self, signs: Signs) -> Matrix:
        total: Matrix = self.start + signs.table @ self.points
        return total


def fitted(signs: Signs, aim: Matrix, weight: Matrix) -> Fitted:
    """Evidence that would cost points gets none, and the rest is fitted again without it."""
    mean, spread = np.average(signs.table, axis=0, weights=weight), signs.table.std(axis=0) + 1e-9
    even = (signs.table - mean) / spread
    middle = float(np.average(aim, weights=weight))
    evident = {each.name for each in EVIDENCE.values()} | {KNOWLEDGE}
    least_zero = np.array([name in evident for name in signs.names])
    used = np.ones(len(signs.names), bool)
    while True:
        part = even[:, used]
        curve = (part * weight[:, None]).T @ part + RIDGE * np.eye(part.shape[1])
        points = np.zeros(len(signs.names))
        points[used] = np.linalg.solve(curve, part.T @ (weight * (aim - middle)))
        wrong = least_zero & (points < 0)
        if not wrong.any():
            break
        used &= ~wrong
    each = points / spread
    return Fitted(middle - float(each @ mean), each)


def in_order(points: Matrix, grade: Matrix) -> float:
    """The share of pairs of different grades with the higher grade above."""
    above = grade[:, None] > grade[None, :]
    return float((points[:, None] > points[None, :])[above].mean())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.merit")
    parser.add_argument("--write", action="store_true", help="write agents/data/merit.json")
    write: bool = parser.parse_args().write
    sets = {name: graded(name) for name in LEARNT}
    learnt = [row for found in sets.values() for row in found]
    signs = signs_of(learnt)
    aim = np.array([float(row["human"]["overall"]) for row in learnt])
    grade = np.array([float(LADDER.index(row["group"])) for row in learnt])
    of = np.array([name for name in sets for _ in sets[name]])
    weight = np.where(of == "substance", SUBSTANCE, 1.0)
    batch = np.array([row["id"].partition("-")[0] for row in learnt])
    blind = np.zeros(len(learnt))
    for each in sorted(set(batch)):
        test = batch == each
        blind[test] = fitted(signs.of(~test), aim[~test], weight[~test]).of(signs.of(test))
        print(f"{each}: {int(test.sum())} answers, in order {in_order(blind[test], grade[test]):.3f}")
    for name in sets:
        chosen = of == name
        off = np.abs(blind - aim)[chosen].mean()
        print(f"{name}: in order {in_order(blind[chosen], grade[chosen]):.3f}, off by {off:.1f} points")
    final = fitted(signs, aim, weight)
    for name in HELD:
        held = graded(name)
        found, wanted = (
            final.of(signs_of(held)),
            np.array([float(LADDER.index(row["group"])) for row in held]),
        )
        print(f"{name}: {len(held)} answers, in order {in_order(found, wanted):.3f}")
    usual = np.average(signs.table, axis=0, weights=weight)
    data = {
        "start": round(final.start, 2),
        "signs": dict(zip(signs.names, (round(float(each), 2) for each in final.points), strict=True)),
        "usual": dict(zip(signs.names, (round(float(each), 3) for each in usual), strict=True)),
    }
    spreads = dict(zip(signs.names, signs.table.std(axis=0), strict=True))
    effect = {
        name: float(points * spreads[name]) for name, points in zip(signs.names, final.points, strict=True)
    }
    for name in sorted(effect, key=lambda name: -abs(effect[name])):
        print(f"  {effect[name]:6.2f} points for its spread: {name}")
    if write:
        path = Path(__file__).parents[1] / "agents" / "data" / "merit.json"
        path.write_text(json.dumps(data) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Rubrics as shipped, their rules, and what a score may claim."""

import copy
import json
from importlib.resources import files
from typing import Any

import pytest

from interview.errors import InvalidBank
from interview.rubric import (
    LEVEL_POINTS,
    Dimension,
    InvalidScore,
    Score,
    Scorecard,
    level_of,
    parse_rubrics,
    points,
)

RAW: dict[str, Any] = json.loads((files("interview") / "data" / "rubrics.json").read_text("utf-8"))
RUBRICS = parse_rubrics(RAW)


def test_every_dimension_has_five_described_levels() -> None:
    assert list(RUBRICS) == list(Dimension)
    for rubric in RUBRICS.values():
        assert [anchor.level for anchor in rubric.anchors] == [1, 2, 3, 4, 5]
        assert all(len(anchor.text.split()) >= 8 for anchor in rubric.anchors)
        assert rubric.anchor(3) is rubric.anchors[2]
        assert rubric.version == RAW["version"]


def test_levels_and_points_match() -> None:
    assert [points(level) for level in range(1, 6)] == sorted(LEVEL_POINTS.values())
    assert all(level_of(points(level)) == level for level in LEVEL_POINTS)
    assert [level_of(value) for value in (0, 20, 42, 43, 100)] == [1, 1, 2, 3, 5]


@pytest.mark.parametrize("level", [0, 6, -1])
def test_unknown_level_is_refused(level: int) -> None:
    with pytest.raises(InvalidScore):
        points(level)
    with pytest.raises(InvalidScore):
        RUBRICS[Dimension.CONTENT].anchor(level)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"dimension": "charm"}, "dimension must be one of"),
        ({"dimension": "depth"}, "exactly once"),
        ({"weight": 0}, "weight must be above 0"),
        ({"weight": 0.5}, "add up to 1"),
        ({"asks": " "}, "asks must be"),
        ({"anchors": None}, "anchors must be a list"),
        ({"anchors": []}, "five different"),
        ({"anchors": [{"level": 2, "label": "x", "text": "y"}]}, "in order"),
        ({"anchors": [{"level": 1, "label": "x"}]}, "level 1: text"),
        ({"anchors": [{"level": n, "label": "x", "text": "same"} for n in range(1, 6)]}, "five different"),
    ],
)
def test_a_bad_rubric_is_refused_by_rule(change: dict[str, object], rule: str) -> None:
    raw = copy.deepcopy(RAW)
    raw["rubrics"][0].update(change)
    with pytest.raises(InvalidBank, match=rule):
        parse_rubrics(raw)


def test_a_missing_rubric_is_refused() -> None:
    with pytest.raises(InvalidBank, match="exactly once"):
        parse_rubrics({**RAW, "rubrics": RAW["rubrics"][1:]})
    with pytest.raises(InvalidBank, match="version"):
        parse_rubrics({"rubrics": RAW["rubrics"]})


@pytest.mark.parametrize("value", [-0.1, 100.1, float("nan"), float("inf")])
def test_score_out_of_range_is_refused(value: float) -> None:
    with pytest.raises(InvalidScore, match="0 to 100"):
        Score(Dimension.CONTENT, value, quote="I measured it")


@pytest.mark.parametrize("dimension", list(Dimension))
def test_a_value_needs_a_quote_except_for_timing(dimension: Dimension) -> None:
    if dimension is Dimension.TIMING:
        assert Score(dimension, 55).value == 55
        return
    with pytest.raises(InvalidScore, match="quote"):
        Score(dimension, 55, quote="  ")
    assert Score(dimension, 55, quote="we tried both").value == 55


def test_no_value_needs_a_reason() -> None:
    with pytest.raises(InvalidScore, match="reason"):
        Score(Dimension.DEPTH, None)
    assert Score(Dimension.DEPTH, None, reason="the answer was too short").value is None


def test_total_is_weighted_over_what_was_scored() -> None:
    card = Scorecard(
        "q2",
        (
            Score(Dimension.CONTENT, 78, quote="a"),
            Score(Dimension.DEPTH, 30, quote="b"),
            Score(Dimension.LANGUAGE, None, reason="too short"),
        ),
    )
    assert card.total(RUBRICS) == pytest.approx((0.35 * 78 + 0.25 * 30) / 0.6, abs=0.05)
    assert card.value(Dimension.LANGUAGE) is None
    assert card.value(Dimension.TIMING) is None


def test_silence_has_no_total() -> None:
    assert Scorecard("q2", ()).total(RUBRICS) is None
    assert Scorecard("q2", (Score(Dimension.TIMING, 95),)).total(RUBRICS) is None


def test_a_dimension_is_scored_once() -> None:
    with pytest.raises(InvalidScore, match="once"):
        Scorecard("q2", (Score(Dimension.TIMING, 10), Score(Dimension.TIMING, 95)))

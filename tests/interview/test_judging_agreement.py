"""Agreement figures on sets small enough to check by hand."""

from __future__ import annotations

import pytest

from interview.judging_agreement import agreement, quadratic_kappa, retest, spearman


def test_a_judge_like_people_agrees_fully() -> None:
    found = agreement([(10, 10), (55, 55), (95, 95), (30, 30)])
    assert (found.n, found.qwk, found.spearman, found.mae, found.order_accuracy) == (4, 1.0, 1.0, 0, 1.0)
    assert found.order_pairs == 6


def test_a_judge_against_people_disagrees_fully() -> None:
    found = agreement([(95, 10), (55, 55), (10, 95)])
    assert (found.qwk, found.spearman, found.order_accuracy) == (-1.0, -1.0, 0.0)


def test_a_constant_judge_has_no_agreement_beyond_chance() -> None:
    found = agreement([(55, 10), (55, 55), (55, 95), (55, 30)])
    assert found.spearman is None
    assert found.qwk == pytest.approx(0, abs=0.15)
    assert found.order_accuracy == 0.0


def test_kappa_by_hand() -> None:
    # Levels (1,1), (1,3), (3,3): observed 4, chance (1*1*2*... ) = (2*2 + 1*1) * 4 / 3.
    assert quadratic_kappa([(10, 10), (10, 55), (55, 55)]) == pytest.approx(
        1 - 4 / (4 * (2 * 2 + 1 * 1) / 3), abs=1e-4
    )


def test_ranks_share_their_place() -> None:
    assert spearman([(1, 1), (2, 2), (2, 3), (3, 4)]) == pytest.approx(0.9487, abs=1e-4)


def test_close_labels_have_no_order_and_few_rows_no_figures() -> None:
    assert agreement([(50, 50), (40, 55)]).order_accuracy is None
    empty = agreement([])
    assert (empty.n, empty.qwk, empty.spearman, empty.mae, empty.order_accuracy) == (
        0,
        None,
        None,
        None,
        None,
    )


def test_retest_spread() -> None:
    found = retest(3, [(50, 52, 51), (40, 40, 40), (7,)])
    assert (found.answers, found.mean_spread, found.max_spread, found.identical) == (2, 1.0, 2, 0.5)
    assert retest(1, [(5,)]).mean_spread is None

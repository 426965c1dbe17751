"""The circuit breaker, with time as data."""

from __future__ import annotations

import pytest

from agents.chain import Breaker, BreakerState


def admitted(breaker: Breaker, now: float) -> int:
    ticket = breaker.admit(now)
    assert ticket is not None
    return ticket


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker(failures=2, open_for_s=10)
    breaker.failed(admitted(breaker, at), at)
    breaker.failed(admitted(breaker, at), at)
    return breaker


def test_breaker_opens_after_failures_in_a_row_only() -> None:
    breaker = Breaker(failures=2, open_for_s=10)
    breaker.failed(admitted(breaker, 0), 0)
    breaker.succeeded(admitted(breaker, 1))
    breaker.failed(admitted(breaker, 2), 2)
    assert breaker.state(2) is BreakerState.CLOSED
    breaker.failed(admitted(breaker, 3), 3)
    assert breaker.state(3) is BreakerState.OPEN
    assert breaker.admit(12.9) is None
    assert breaker.state(13) is BreakerState.HALF_OPEN


def test_half_open_lets_one_probe_in_and_success_closes() -> None:
    breaker = opened()
    probe = admitted(breaker, 10)
    assert breaker.admit(10) is None
    breaker.succeeded(probe)
    assert breaker.state(10) is BreakerState.CLOSED
    assert breaker.admit(10) is not None


def test_a_failed_probe_opens_again_and_an_abandoned_one_makes_room() -> None:
    breaker = opened()
    breaker.abandoned(admitted(breaker, 10))
    breaker.failed(admitted(breaker, 11), 11)
    assert breaker.state(20.9) is BreakerState.OPEN
    assert breaker.state(21) is BreakerState.HALF_OPEN


def test_tickets_from_before_count_no_more() -> None:
    breaker = Breaker(failures=1, open_for_s=10)
    early = admitted(breaker, 0)
    breaker.failed(admitted(breaker, 1), 1)
    breaker.succeeded(early)
    assert breaker.state(1) is BreakerState.OPEN
    admitted(breaker, 11)
    breaker.abandoned(early)
    assert breaker.admit(11) is None
    breaker.failed(early, 11)
    assert breaker.state(11) is BreakerState.HALF_OPEN


@pytest.mark.parametrize(("asked", "held"), [(5.0, 5.0), (1e6, 300.0)])
def test_a_provider_that_says_how_long_is_held_at_once(asked: float, held: float) -> None:
    breaker = Breaker(failures=9)
    breaker.failed(admitted(breaker, 0), 0, asked)
    assert breaker.state(held - 0.1) is BreakerState.OPEN
    assert breaker.state(held) is BreakerState.HALF_OPEN


def test_breaker_wants_at_least_one_failure() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Breaker(failures=0)

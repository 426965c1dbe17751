from __future__ import annotations

import pytest

from server import limits
from server.limits import RateLimit
from server.problems import Problem


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def refused(limit: RateLimit, key: str) -> str:
    with pytest.raises(Problem) as caught:
        limit.take(key)
    assert caught.value.status == 429
    return caught.value.headers["Retry-After"]


def test_a_window_slides() -> None:
    clock = Clock()
    limit = RateLimit(2, 60.0, clock)
    limit.take("ada")
    clock.now += 30
    limit.take("ada")
    assert refused(limit, "ada") == "30"
    limit.take("bob")
    clock.now += 29.5
    assert refused(limit, "ada") == "1"
    clock.now += 0.5
    limit.take("ada")
    assert refused(limit, "ada") == "30"


def test_who_was_longest_away_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_PEOPLE", 2)
    limit = RateLimit(1, 60.0, Clock())
    for key in ("ada", "bob", "cyd"):
        limit.take(key)
    refused(limit, "cyd")
    limit.take("ada")

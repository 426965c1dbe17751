"""What the server counts, for Prometheus. One registry per app, so that tests do not share numbers."""

from __future__ import annotations

import sys
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from server.call import TurnTimings

_SECONDS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 0.9, 1.5, 3.0, 8.0)


class Metrics:
    def __init__(self, live_calls: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        gauge = Gauge("viva_live_calls", "Calls that are live in this process", registry=self.registry)
        gauge.set_function(lambda: float(live_calls()))
        blocks = Gauge(
            "viva_python_blocks",
            "Blocks of memory in use by Python; flat over time when nothing leaks",
            registry=self.registry,
        )
        blocks.set_function(lambda: float(sys.getallocatedblocks()))
        self._first = Histogram(
            "viva_turn_first_clause_seconds",
            "From the end of the candidate's turn to the first clause handed over",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._done = Histogram(
            "viva_turn_reply_seconds",
            "From the end of the candidate's turn to the end of the reply",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.calls_ended = Counter(
            "viva_calls_ended", "Calls that ended, by reason", ["reason"], registry=self.registry
        )
        self._lag = Histogram(
            "viva_loop_lag_seconds",
            "How late the event loop came to a timer",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.llm_trouble = Counter(
            "viva_llm_trouble", "Model requests that failed, by kind", ["kind"], registry=self.registry
        )

    def lag(self, late_s: float) -> None:
        self._lag.observe(late_s)

    def turn(self, timings: TurnTimings) -> None:
        if timings.first is not None:
            self._first.observe(timings.first - timings.due)
        if timings.done is not None:
            self._done.observe(timings.done - timings.due)

"""Several models behind one port: the first that answers gives the whole answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from enum import Enum

from agents.llm import (
    LLM,
    Completion,
    LlmEmpty,
    LlmError,
    LlmRateLimited,
    LlmRefused,
    LlmUnavailable,
    Prompt,
)

_NAME = "chain"
_MAX_HOLD_S = 300.0


class BreakerState(Enum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Circuit breaker, sans I/O: seconds come in as ``now``, on any clock that never goes back.

        CLOSED     failure, the n-th in a row, or one that says how long to wait  → OPEN
        OPEN       its time is over                                               → HALF_OPEN
        HALF_OPEN  one request at a time may try: success                         → CLOSED
                                                  failure                         → OPEN

    ``admit`` gives a ticket, to be handed back once with ``succeeded``, ``failed`` or ``abandoned``. A
    ticket from before the circuit opened, or before the present probe, no longer counts.
    """

    def __init__(self, failures: int = 3, open_for_s: float = 30.0) -> None:
        if failures < 1:
            raise ValueError("failures must be at least 1")
        self._limit, self._open_for_s = failures, open_for_s
        self._failures = 0
        self._open_until: float | None = None
        self._probing = False
        self._ticket = 0

    def state(self, now: float) -> BreakerState:
        if self._open_until is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self._open_until else BreakerState.HALF_OPEN

    def admit(self, now: float) -> int | None:
        """A ticket if a request may be sent now, else ``None``. In HALF_OPEN only one: the probe."""
        state = self.state(now)
        if state is BreakerState.CLOSED:
            return self._ticket
        if state is BreakerState.OPEN or self._probing:
            return None
        self._probing = True
        self._ticket += 1
        return self._ticket

    def succeeded(self, ticket: int) -> None:
        if ticket == self._ticket:
            self._failures, self._open_until, self._probing = 0, None, False

    def failed(self, ticket: int, now: float, hold_s: float | None = None) -> None:
        """A failure; ``hold_s`` is how long the provider asked us to stay away, if it did."""
        if ticket != self._ticket:
            return
        self._failures += 1
        if hold_s is None and not self._probing and self._failures < self._limit:
            return
        self._open_until = now + (self._open_for_s if hold_s is None else min(hold_s, _MAX_HOLD_S))
        self._probing = False
        self._ticket += 1

    def abandoned(self, ticket: int) -> None:
        """The caller gave up: says nothing about the adapter, but lets another probe in."""
        if ticket == self._ticket:
            self._probing = False


class Chain:
    """``LLM`` over ``llms``, tried in order for each request.

    Another adapter is tried only while nothing was yielded, so a caller never hears two beginnings; a
    stream that dies later raises. Each adapter has ``first_delta_s`` until its first word, and all of
    them together ``budget_s``; a whole answer has ``complete_s`` per adapter (``None``: the adapters' own
    limits). An adapter whose circuit is open is passed over. ``on_fallback(adapter, reason)`` is told of
    each adapter passed over while there was another to try. When all fail, the last ``LlmError`` is raised.
    """

    def __init__(
        self,
        llms: Sequence[LLM],
        clock: Callable[[], float],
        *,
        first_delta_s: float,
        budget_s: float | None = None,
        complete_s: float | None = None,
        failures: int = 3,
        open_for_s: float = 30.0,
        on_fallback: Callable[[str, str], None] = lambda adapter, reason: None,
    ) -> None:
        if not llms:
            raise ValueError("a chain needs at least one model")
        self._links = [(llm, Breaker(failures, open_for_s)) for llm in llms]
        self._clock = clock
        self._first_delta_s, self._budget_s, self._complete_s = first_delta_s, budget_s, complete_s
        self._on_fallback = on_fallback

    @property
    def model(self) -> str:
        return f"{_NAME}:{'>'.join(llm.model for llm, _ in self._links)}"

    def states(self) -> dict[str, BreakerState]:
        """Each model's circuit now, for health pages and metrics."""
        now = self._clock()
        return {llm.model: breaker.state(now) for llm, breaker in self._links}

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str, None]:
        started = self._clock()
        for number, (llm, breaker) in enumerate(self._links):
            spoke = False
            try:
                limit_s = self._left(llm, started)
                with self._judged(llm, breaker) as heard:
                    async with aclosing(llm.stream(prompt)) as pieces:
                        first = await _first(llm, pieces, limit_s)
                        spoke = True
                        heard()
                        yield first
                        async for piece in pieces:
                            yield piece
                return
            except LlmError as error:
                if spoke or self._is_last(number):
                    raise
                self._on_fallback(llm.model, error.why)

    async def complete(self, prompt: Prompt) -> Completion:
        for number, (llm, breaker) in enumerate(self._links):
            try:
                with self._judged(llm, breaker):
                    return await _whole(llm, prompt, self._complete_s)
            except LlmError as error:
                if self._is_last(number):
                    raise
                self._on_fallback(llm.model, error.why)
        raise AssertionError("a chain has at least one link, and the last returns or raises")

    async def aclose(self) -> None:
        """Close every adapter, even when one fails to; then raise the first failure."""
        results = await asyncio.gather(*(llm.aclose() for llm, _ in self._links), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    def _is_last(self, number: int) -> bool:
        return number + 1 == len(self._links)

    def _left(self, llm: LLM, started: float) -> float:
        if self._budget_s is None:
            return self._first_delta_s
        left = self._budget_s - (self._clock() - started)
        if left <= 0:
            raise LlmUnavailable(llm.model, "no time left for another model")
        return min(self._first_delta_s, left)

    @contextmanager
    def _judged(self, llm: LLM, breaker: Breaker) -> Iterator[Callable[[], None]]:
        """Admit one request and tell ``breaker`` how it went. Call what it yields at the first word."""
        heard = False

        def hear() -> None:
            nonlocal heard
            heard = True

        ticket = breaker.admit(self._clock())
        if ticket is None:
            raise LlmUnavailable(llm.model, "circuit open")
        try:
            yield hear
        except LlmRefused:
            # It answered: a blocked prompt of one caller must not close the model for all others.
            breaker.succeeded(ticket)
            raise
        except LlmError as error:
            hold_s = error.retry_after if isinstance(error, LlmRateLimited) else None
            breaker.failed(ticket, self._clock(), hold_s)
            raise
        except BaseException:
            # Cut off by the caller. One that was speaking has shown that it works.
            if heard:
                breaker.succeeded(ticket)
            else:
                breaker.abandoned(ticket)
            raise
        breaker.succeeded(ticket)


async def _first(llm: LLM, pieces: AsyncGenerator[str, None], limit_s: float) -> str:
    try:
        async with asyncio.timeout(limit_s):
            return await anext(pieces)
    except TimeoutError:
        raise LlmUnavailable(llm.model, f"no first word in {limit_s:.3g} s") from None
    except StopAsyncIteration:
        raise LlmEmpty(llm.model, "the stream ended without a word") from None


async def _whole(llm: LLM, prompt: Prompt, limit_s: float | None) -> Completion:
    try:
        async with asyncio.timeout(limit_s):
            return await llm.complete(prompt)
    except TimeoutError:
        raise LlmUnavailable(llm.model, f"no answer in {limit_s} s") from None

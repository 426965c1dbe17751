"""The chain over scripted models, without a wire or a clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

import pytest

from agents.chain import BreakerState, Chain
from agents.llm import (
    Completion,
    LlmEmpty,
    LlmError,
    LlmMalformed,
    LlmRateLimited,
    LlmRefused,
    LlmUnavailable,
    Prompt,
)
from tests.fakes.vendors import run

PROMPT = Prompt("t", "s", ())
DOWN = LlmUnavailable("x", "down")


@dataclass
class Scripted:
    """Says its pieces; an error is raised where it stands, ``None`` hangs until cancelled."""

    name: str
    script: tuple[str | LlmError | None, ...]
    calls: int = 0
    closed: int = 0
    hanging: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def model(self) -> str:
        return f"{self.name}:m"

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str, None]:
        self.calls += 1
        try:
            for step in self.script:
                if step is None:
                    self.hanging.set()
                    await asyncio.Event().wait()
                elif isinstance(step, LlmError):
                    raise step
                else:
                    yield step
        finally:
            self.closed += 1

    async def complete(self, prompt: Prompt) -> Completion:
        async with aclosing(self.stream(prompt)) as pieces:
            return Completion("".join([piece async for piece in pieces]), self.model)

    async def aclose(self) -> None:
        if self.name == "stuck":
            raise DOWN
        self.closed += 100


@dataclass
class Rig:
    chain: Chain
    fallbacks: list[tuple[str, str]]
    clock: list[float]

    async def drain(self) -> list[str]:
        async with aclosing(self.chain.stream(PROMPT)) as pieces:
            return [piece async for piece in pieces]


def rig(
    *llms: Scripted,
    first_delta_s: float = 20.0,
    budget_s: float | None = None,
    complete_s: float | None = None,
) -> Rig:
    clock, fallbacks = [0.0], list[tuple[str, str]]()
    chain = Chain(
        llms,
        lambda: clock[0],
        first_delta_s=first_delta_s,
        budget_s=budget_s,
        complete_s=complete_s,
        failures=2,
        open_for_s=10,
        on_fallback=lambda adapter, reason: fallbacks.append((adapter, reason)),
    )
    return Rig(chain, fallbacks, clock)


@pytest.mark.parametrize(
    "error",
    [DOWN, LlmRateLimited("x", "r"), LlmRefused("x", "r"), LlmMalformed("x", "r"), LlmEmpty("x", "r")],
)
def test_falls_back_on_every_kind_of_failure(error: LlmError) -> None:
    async def go() -> None:
        r = rig(Scripted("a", (error,)), Scripted("b", ("yes",)))
        assert await r.drain() == ["yes"]
        assert (await r.chain.complete(PROMPT)).model == "b:m"
        assert r.fallbacks[0] == ("a:m", error.why)

    run(go())


def test_never_falls_back_after_the_first_word() -> None:
    async def go() -> None:
        a, b = Scripted("a", ("Hel", DOWN)), Scripted("b", ("yes",))
        r = rig(a, b)
        async with aclosing(r.chain.stream(PROMPT)) as pieces:
            assert await anext(pieces) == "Hel"
            with pytest.raises(LlmUnavailable):
                await anext(pieces)
        assert (b.calls, r.fallbacks) == (0, [])
        with pytest.raises(LlmUnavailable):
            await r.drain()
        assert r.chain.states()["a:m"] is BreakerState.OPEN  # dying half-way counts as failure

    run(go())


def test_raises_the_last_error_when_all_fail() -> None:
    async def go() -> None:
        r = rig(Scripted("a", (DOWN,)), Scripted("b", (LlmRefused("b", "no"),)))
        with pytest.raises(LlmRefused):
            await r.drain()
        with pytest.raises(LlmRefused):
            await r.chain.complete(PROMPT)
        assert len(r.fallbacks) == 2

    run(go())


def test_an_open_circuit_is_passed_over_until_a_probe_succeeds() -> None:
    async def go() -> None:
        a, b = Scripted("a", (DOWN,)), Scripted("b", ("yes",))
        r = rig(a, b)
        for _ in range(4):
            await r.drain()
        assert a.calls == 2
        assert r.fallbacks[-1] == ("a:m", "circuit open")
        r.clock[0], a.script = 10.0, ("back",)
        async with aclosing(r.chain.stream(PROMPT)) as probe:
            assert await anext(probe) == "back"
            assert await r.drain() == ["yes"]  # the probe is still out
        assert await r.drain() == ["back"]

    run(go())


def test_all_circuits_open_fails_without_asking() -> None:
    async def go() -> None:
        a = Scripted("a", (LlmRateLimited("a", "slow down", 5.0),))
        r = rig(a)
        with pytest.raises(LlmRateLimited):
            await r.drain()
        with pytest.raises(LlmUnavailable, match="circuit open"):
            await r.drain()
        assert a.calls == 1

    run(go())


def test_refusals_do_not_open_the_circuit() -> None:
    async def go() -> None:
        a = Scripted("a", (LlmRefused("a", "blocked"),))
        r = rig(a, Scripted("b", ("yes",)))
        for _ in range(5):
            await r.drain()
        assert a.calls == 5

    run(go())


def test_a_silent_adapter_is_closed_at_its_deadline() -> None:
    async def go() -> None:
        a = Scripted("a", (None,))
        r = rig(a, Scripted("b", ("yes",)), first_delta_s=0.01, complete_s=0.01)
        assert await r.drain() == ["yes"]
        assert a.closed == 1
        assert (await r.chain.complete(PROMPT)).text == "yes"
        assert a.closed == 2
        assert "no first word" in r.fallbacks[0][1]

    run(go())


def test_a_stream_without_a_word_is_empty_even_if_the_adapter_forgot() -> None:
    async def go() -> None:
        with pytest.raises(LlmEmpty):
            await rig(Scripted("a", ())).drain()

    run(go())


def test_the_budget_is_shared_by_all() -> None:
    async def go() -> None:
        b = Scripted("b", ("yes",))
        r = rig(Scripted("a", (DOWN,)), b, budget_s=3.0)

        def late(adapter: str, reason: str) -> None:
            r.clock[0] += 3.0

        r.chain._on_fallback = late
        with pytest.raises(LlmUnavailable, match="no time left"):
            await r.drain()
        assert b.calls == 0

    run(go())


def test_cancelling_before_a_word_closes_the_adapter_and_blames_nobody() -> None:
    async def go() -> None:
        a = Scripted("a", (None,))
        r = rig(a)
        for round_ in (1, 2, 3):
            a.hanging.clear()
            task = asyncio.create_task(r.drain())
            await a.hanging.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert a.closed == round_
        assert r.chain.states() == {"a:m": BreakerState.CLOSED}

    run(go())


def test_closing_the_chains_stream_closes_the_adapters() -> None:
    async def go() -> None:
        a = Scripted("a", ("one", "two"))
        r = rig(a)
        async with aclosing(r.chain.stream(PROMPT)) as pieces:
            await anext(pieces)
        assert a.closed == 1

    run(go())


def test_closes_every_adapter_and_names_itself() -> None:
    async def go() -> None:
        a, b = Scripted("stuck", ()), Scripted("b", ())
        chain = rig(a, b).chain
        assert chain.model == "chain:stuck:m>b:m"
        with pytest.raises(LlmUnavailable):
            await chain.aclose()
        assert b.closed == 100

    run(go())


def test_a_chain_of_nothing_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least one"):
        rig()

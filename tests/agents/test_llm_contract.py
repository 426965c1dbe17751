"""What every adapter must do, with or without a wire. A new adapter joins by one entry in ``LLMS``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager

import pytest

from agents.llm import LLM
from tests.fakes.vendor_cases import PROMPT, WAYS, Case, drain
from tests.fakes.vendors import Say, run

# Opens an adapter that is ready to answer PROMPT.
Opener = Callable[[], AbstractAsyncContextManager[LLM]]


def _opener(case: Case) -> Opener:
    @asynccontextmanager
    async def opened() -> AsyncIterator[LLM]:
        async with case.open(Say()) as (llm, _):
            yield llm

    return opened


LLMS: list[tuple[str, Opener]] = [(str(case), _opener(case)) for case in WAYS]
every_llm = pytest.mark.parametrize("opener", [o for _, o in LLMS], ids=[n for n, _ in LLMS])


@every_llm
def test_streams_non_empty_pieces_and_answers_whole(opener: Opener) -> None:
    async def go() -> None:
        async with opener() as llm:
            pieces, error = await drain(llm)
            assert error is None
            assert all(pieces)
            assert "".join(pieces).strip()
            whole = await llm.complete(PROMPT)
            assert whole.text.strip()
            assert whole.model == llm.model
            assert ":" in llm.model

    run(go())


@every_llm
def test_a_stream_may_be_closed_early_or_unstarted(opener: Opener) -> None:
    async def go() -> None:
        async with opener() as llm:
            async with aclosing(llm.stream(PROMPT)) as stream:
                assert await anext(stream)
            await llm.stream(PROMPT).aclose()
            assert (await drain(llm))[1] is None

    run(go())

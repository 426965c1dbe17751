"""The contract of speech recognition on every adapter, against its fake or the engine itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from audio.stt_pocketsphinx import PocketsphinxSTT
from audio.stt_switch import SwitchingSTT
from audio.stt_whisper import WhisperSTT
from tests.audio.local_engines import lasting, spoken
from tests.audio.stt_contract import CHECKS, Check, hear, run_check
from tests.fakes.stt_cases import CASES, NOISE, Case
from tests.fakes.tiny_whisper import make_tiny_whisper
from tests.fakes.vendors import run

every_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)


@every_check
@pytest.mark.parametrize("case", CASES, ids=str)
def test_vendors(case: Case, check: Check) -> None:
    async def go() -> None:
        async with case.open() as (stt, _):
            await run_check(check, stt, NOISE)
            await run_check(check, SwitchingSTT(stt), NOISE)

    run(go())


@pytest.fixture(scope="module")
def sphinx() -> Iterator[tuple[asyncio.Runner, PocketsphinxSTT]]:
    stt = PocketsphinxSTT()
    with lasting(stt) as runner:
        yield runner, stt


@every_check
def test_pocketsphinx(sphinx: tuple[asyncio.Runner, PocketsphinxSTT], check: Check) -> None:
    runner, stt = sphinx
    runner.run(run_check(check, stt, spoken("hello world")))


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, WhisperSTT]]:
    stt = WhisperSTT(make_tiny_whisper(tmp_path_factory.mktemp("whisper")), device="cpu")
    with lasting(stt) as runner:
        yield runner, stt


@every_check
def test_whisper(whisper: tuple[asyncio.Runner, WhisperSTT], check: Check) -> None:
    runner, stt = whisper
    runner.run(run_check(check, stt, NOISE))
    assert stt.note.endswith("on the processor")


def test_whisper_gives_every_word_a_time_and_a_confidence(
    whisper: tuple[asyncio.Runner, WhisperSTT],
) -> None:
    runner, stt = whisper
    heard, _ = runner.run(hear(stt, NOISE))
    assert len(heard.words) > 1
    assert all(word.confidence is not None for word in heard.words)
    assert heard.confidence is not None

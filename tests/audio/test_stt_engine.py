"""Engine processes that die, hang, refuse and outlive nobody."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from audio.stt import SttError, SttMissing, SttRefused, SttUnavailable
from audio.stt_engine import Engine, EnginePool
from audio.stt_pocketsphinx import PocketsphinxSTT
from audio.stt_whisper import WhisperSTT, missing_files
from tests.audio.stt_contract import ignore
from tests.fakes.tiny_whisper import make_tiny_whisper
from tests.fakes.vendors import run

LONG_S = 20.0


async def hear(engine: Engine) -> str:
    return (await engine.ask("hear", b"12345678", limit_s=LONG_S)).text


async def hear_briefly(engine: Engine) -> str:
    return (await engine.ask("hear", b"", limit_s=0.2)).text


@asynccontextmanager
async def pool_of(
    folder: Path, lives: str, *, size: int = 1, start_s: float = LONG_S, waiting: int = 4
) -> AsyncIterator[EnginePool]:
    script = folder / "lives"
    script.write_text(lives, encoding="utf-8")
    pool = EnginePool(
        "puppet",
        "tests.fakes.stt_puppet",
        {"lives": str(script)},
        size=size,
        start_s=start_s,
        waiting=waiting,
    )
    try:
        yield pool
    finally:
        pids = pool.pids
        await pool.aclose()
        await pool.aclose()
        for pid in pids:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)


def test_one_death_is_mended_and_nobody_notices(tmp_path: Path) -> None:
    async def go() -> None:
        async with pool_of(tmp_path, "dies works") as pool:
            await pool.warm()
            (first,) = pool.pids
            assert await pool.run(hear) == "8 bytes"
            assert pool.note == "works"
            (second,) = pool.pids
            assert first != second
            assert await pool.run(hear) == "8 bytes"
            assert pool.pids == (second,)

    run(go())


def test_a_process_killed_between_segments_is_replaced(tmp_path: Path) -> None:
    async def go() -> None:
        async with pool_of(tmp_path, "works") as pool:
            assert await pool.run(hear) == "8 bytes"
            os.kill(pool.pids[0], signal.SIGKILL)
            assert await pool.run(hear) == "8 bytes"

    run(go())


@pytest.mark.parametrize("lives", ["dies", "garbage", "dies-loading"])
def test_two_deaths_are_unavailable_and_then_it_rests(tmp_path: Path, lives: str) -> None:
    async def go() -> None:
        async with pool_of(tmp_path, lives) as pool:
            with pytest.raises(SttUnavailable, match="twice"):
                await pool.run(hear)
            assert pool.pids == ()
            with pytest.raises(SttUnavailable, match="keeps dying"):
                await pool.run(hear)

    run(go())


def test_a_hang_ends_at_the_limit_and_the_next_is_heard(tmp_path: Path) -> None:
    async def go() -> None:
        async with pool_of(tmp_path, "hangs works") as pool:
            await pool.warm()
            with pytest.raises(SttUnavailable, match=r"within 0\.2 s"):
                await pool.run(hear_briefly)
            assert pool.pids == ()
            assert await pool.run(hear) == "8 bytes"

    run(go())


def test_a_hang_while_loading_ends_too(tmp_path: Path) -> None:
    async def go() -> None:
        async with pool_of(tmp_path, "hangs-loading", start_s=0.3) as pool:
            with pytest.raises(SttUnavailable):
                await pool.warm()
            assert pool.pids == ()

    run(go())


@pytest.mark.parametrize(
    ("lives", "expected"), [("missing", SttMissing), ("refuses", SttRefused), ("fails", SttUnavailable)]
)
def test_the_engine_says_why_not(tmp_path: Path, lives: str, expected: type[SttError]) -> None:
    async def go() -> None:
        async with pool_of(tmp_path, lives) as pool:
            with pytest.raises(SttError) as caught:
                await pool.run(hear)
            assert type(caught.value) is expected
            assert "PRIVATE" not in str(caught.value)

    run(go())


def test_a_cancelled_request_is_not_the_answer_to_the_next(tmp_path: Path) -> None:
    async def late(engine: Engine) -> str:
        return (await engine.ask("hear", b"1" * 1000, limit_s=LONG_S)).text

    async def go() -> None:
        async with pool_of(tmp_path, "works") as pool:
            await pool.warm()
            task = asyncio.create_task(pool.run(late))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await pool.run(hear) == "8 bytes"

    run(go())


def test_no_more_than_its_size_run_and_a_long_queue_is_refused(tmp_path: Path) -> None:
    async def go() -> None:
        async with pool_of(tmp_path, "hangs", size=2, waiting=3) as pool:
            tasks = [asyncio.create_task(pool.run(hear)) for _ in range(6)]
            done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            assert len(done) == 1
            assert isinstance(done.pop().exception(), SttUnavailable)
            assert len(pool.pids) <= 2
            for task in waiting:
                task.cancel()
            await asyncio.wait(waiting)

    run(go())


def test_a_load_outlives_its_asker_and_is_not_done_twice(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")

    async def go() -> None:
        async with pool_of(tmp_path, "waits-loading dies-loading") as pool:
            task = asyncio.create_task(pool.warm())
            gate = await asyncio.to_thread(os.open, tmp_path / "gate", os.O_WRONLY)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            os.close(gate)
            assert await pool.run(hear) == "8 bytes"
            assert len(pool.pids) == 1

    run(go())


@pytest.mark.parametrize("steps", range(1, 8))
def test_a_start_may_be_given_up_at_any_moment(tmp_path: Path, steps: int) -> None:
    async def go() -> None:
        async with pool_of(tmp_path, "works") as pool:
            task = asyncio.create_task(pool.warm())
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await pool.run(hear) == "8 bytes"

    run(go())


def test_closing_while_loading_leaves_nothing(tmp_path: Path) -> None:
    async def go() -> None:
        async with pool_of(tmp_path, "hangs-loading") as pool:
            task = asyncio.create_task(pool.warm())
            while not pool.pids:  # noqa: ASYNC110 - no event tells that a process has started
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    run(go())


@pytest.mark.process
def test_an_engine_dies_with_its_killed_owner(tmp_path: Path) -> None:
    (tmp_path / "lives").write_text("hangs", encoding="utf-8")
    owner = textwrap.dedent(
        """
        import asyncio, sys
        from audio.stt_engine import EnginePool

        async def main():
            pool = EnginePool("puppet", "tests.fakes.stt_puppet", {"lives": sys.argv[1]}, size=1)
            await pool.warm()
            print(pool.pids[0], flush=True)
            await pool.run(lambda engine: engine.ask("hear", b"", limit_s=1e6))

        asyncio.run(main())
        """
    )
    command = [sys.executable, "-c", owner, str(tmp_path / "lives")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        handle = os.pidfd_open(int(process.stdout.readline()))
        try:
            process.kill()
            process.wait()
            assert select.select([handle], [], [], LONG_S)[0], "the engine outlived its owner"
        finally:
            os.close(handle)


def test_whisper_without_a_model_says_how_to_get_one(tmp_path: Path) -> None:
    async def go() -> None:
        stt = WhisperSTT(tmp_path)
        with pytest.raises(SttMissing, match=r"model\.bin.*viva models pull whisper-base\.en.*VIVA_WHISPER"):
            await stt.open("en", ignore)
        await stt.aclose()

    run(go())


def test_a_damaged_model_is_missing_and_not_a_crash(tmp_path: Path) -> None:
    make_tiny_whisper(tmp_path)
    assert missing_files(tmp_path) == ()
    (tmp_path / "model.bin").write_bytes((tmp_path / "model.bin").read_bytes()[:1000])

    async def go() -> None:
        stt = WhisperSTT(tmp_path, device="cpu")
        with pytest.raises(SttMissing, match="cannot be loaded"):
            await stt.open("en", ignore)
        await stt.aclose()

    run(go())


def test_an_english_model_refuses_another_language(tmp_path: Path) -> None:
    make_tiny_whisper(tmp_path)

    async def go() -> None:
        stt = WhisperSTT(tmp_path, device="cpu")
        stream = await stt.open("de-DE", ignore)
        await stream.push(b"\0\1" * 16000)
        with pytest.raises(SttRefused, match="English only"):
            await stream.commit()
        await stt.aclose()

    run(go())


def test_pocketsphinx_refuses_another_language() -> None:
    async def go() -> None:
        stt = PocketsphinxSTT()
        with pytest.raises(SttRefused, match="English only"):
            await stt.open("de", ignore)
        await stt.aclose()

    run(go())

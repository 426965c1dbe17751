"""What every recogniser must do, whatever is behind it: each check takes an STT and a piece of speech."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import audio
from audio.pcm import EAR_RATE, ms_of
from audio.stt import STT, Heard, SttError

FRAME = 640
"""Bytes of 20 ms, as they come from a microphone."""

Check = Callable[[STT, bytes], Awaitable[None]]


def ignore(text: str) -> None:
    """Captions that nobody reads."""


async def hear(stt: STT, pcm: bytes) -> tuple[Heard, list[str]]:
    """One segment, pushed as a microphone gives it."""
    partials: list[str] = []
    stream = await stt.open("en", partials.append)
    try:
        for at in range(0, len(pcm), FRAME):
            await stream.push(pcm[at : at + FRAME])
        return await stream.commit(), partials
    finally:
        await stream.aclose()


async def a_segment_becomes_words_on_its_own_clock(stt: STT, pcm: bytes) -> None:
    heard, partials = await hear(stt, pcm)
    assert heard.text == heard.text.strip() != ""
    assert all(partials)
    assert heard.confidence is None or 0 <= heard.confidence <= 1
    before = 0.0
    for word in heard.words:
        assert word.text == word.text.strip() != ""
        assert before <= word.start_s <= word.end_s <= ms_of(pcm, EAR_RATE) / 1000 + 0.05
        assert word.confidence is None or 0 <= word.confidence <= 1
        before = word.start_s


async def an_empty_segment_is_no_speech(stt: STT, pcm: bytes) -> None:
    stream = await stt.open("en", ignore)
    assert await stream.commit() == Heard("")
    await stream.discard()
    assert await stream.commit() == Heard("")
    await stream.aclose()


async def segments_follow_each_other(stt: STT, pcm: bytes) -> None:
    alone, _ = await hear(stt, pcm)
    stream = await stt.open("en-US", ignore)
    for _ in range(2):
        await stream.push(pcm)
        assert (await stream.commit()).text == alone.text
    await stream.aclose()


async def a_discarded_segment_is_forgotten(stt: STT, pcm: bytes) -> None:
    alone, _ = await hear(stt, pcm)
    stream = await stt.open("en", ignore)
    await stream.push(pcm)
    await stream.discard()
    assert await stream.commit() == Heard("")
    await stream.push(pcm)
    assert (await stream.commit()).text == alone.text
    await stream.aclose()


async def a_cancelled_commit_leaves_the_stream_usable(stt: STT, pcm: bytes) -> None:
    alone, _ = await hear(stt, pcm)
    stream = await stt.open("en", ignore)
    await stream.push(pcm)
    task = asyncio.create_task(stream.commit())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await stream.push(pcm)
    assert (await stream.commit()).text == alone.text
    await stream.aclose()


async def streams_do_not_mix(stt: STT, pcm: bytes) -> None:
    alone, _ = await hear(stt, pcm)
    both = await asyncio.gather(hear(stt, pcm), hear(stt, pcm), hear(stt, pcm))
    assert [heard.text for heard, _ in both] == [alone.text] * 3


async def closing_twice_ends_all_work(stt: STT, pcm: bytes) -> None:
    stream = await stt.open("en", ignore)
    await stream.push(pcm)
    await stream.aclose()
    await stream.aclose()
    with pytest.raises(SttError):
        await stream.push(pcm)
    with pytest.raises(SttError):
        await stream.commit()


CHECKS: tuple[Check, ...] = (
    a_segment_becomes_words_on_its_own_clock,
    an_empty_segment_is_no_speech,
    segments_follow_each_other,
    a_discarded_segment_is_forgotten,
    a_cancelled_commit_leaves_the_stream_usable,
    streams_do_not_mix,
    closing_twice_ends_all_work,
)


async def run_check(check: Check, stt: STT, pcm: bytes) -> None:
    """Run ``check``; no task of ours may be left, though the engine lives on."""
    assert stt.name
    assert stt.note
    await check(stt, pcm)
    assert not [task for task in asyncio.all_tasks() if _is_ours(task)]


def _is_ours(task: asyncio.Task[object]) -> bool:
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and Path(code.co_filename).parent == Path(audio.__file__).parent

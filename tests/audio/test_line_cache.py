"""What is kept of fixed lines, and what never is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from audio.line_cache import LONGEST, Kept, Line, LineCache
from audio.tts import WordTime

KEPT = Kept(16_000, (WordTime("Thänk", 0), WordTime("you.", 210)), bytes(range(256)) * 40)
LINE = Line("espeak", "female_1", 1.0, "Thänk you.")


def cache_in(folder: Path | None, memory_bytes: int = 1 << 20) -> LineCache:
    return LineCache(folder, admits=lambda text: "Sam" not in text, memory_bytes=memory_bytes)


def test_a_line_outlives_the_process(tmp_path: Path) -> None:
    async def go() -> None:
        await cache_in(tmp_path / "lines").put(LINE, KEPT)
        other = cache_in(tmp_path / "lines")
        assert await other.get(LINE, 16_000) == KEPT
        assert await other.get(LINE, 24_000) is None
        assert "Th" not in "".join(path.name for path in (tmp_path / "lines").iterdir())

    asyncio.run(go())


@pytest.mark.parametrize(
    "other",
    [
        Line("flite", "female_1", 1.0, "Thänk you."),
        Line("espeak", "male_1", 1.0, "Thänk you."),
        Line("espeak", "female_1", 1.1, "Thänk you."),
        Line("espeak", "female_1", 1.0, "Thank you."),
    ],
    ids=["engine", "voice", "speed", "text"],
)
def test_another_line_is_another_sound(other: Line) -> None:
    async def go() -> None:
        cache = cache_in(None)
        await cache.put(LINE, KEPT)
        assert await cache.get(other, 16_000) is None

    asyncio.run(go())


def test_what_is_not_admitted_is_kept_nowhere(tmp_path: Path) -> None:
    async def go() -> None:
        cache, line = cache_in(tmp_path), Line("espeak", "female_1", 1.0, "Hello Sam.")
        await cache.put(line, KEPT)
        await cache.put(LINE, Kept(16_000, (), b"\x00\x00" * LONGEST))
        assert await cache.get(line, 16_000) is None

    asyncio.run(go())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["cut", "emptied", "garbled", "a folder"])
def test_a_damaged_file_is_no_line(tmp_path: Path, damage: str) -> None:
    async def go() -> None:
        await cache_in(tmp_path).put(LINE, KEPT)
        path = tmp_path / LINE.key()
        whole = path.read_bytes()
        match damage:
            case "cut":
                path.write_bytes(whole[:-10])
            case "emptied":
                path.write_bytes(b"")
            case "garbled":
                path.write_bytes(b"\xff\xfe{" + whole[3:])
            case _:
                path.unlink()
                path.mkdir()
        assert await cache_in(tmp_path).get(LINE, 16_000) is None

    asyncio.run(go())


def test_a_disk_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    async def go() -> None:
        (tmp_path / "file").write_text("in the way")
        cache = cache_in(tmp_path / "file")
        await cache.put(LINE, KEPT)
        assert await cache.get(LINE, 16_000) == KEPT

    asyncio.run(go())


def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    async def go() -> None:
        cache = cache_in(None, memory_bytes=3 * len(KEPT.pcm))
        lines = [Line("e", "v", 1.0, f"Line {n}.") for n in range(4)]
        for line in lines[:3]:
            await cache.put(line, KEPT)
        assert await cache.get(lines[0], 16_000)  # used again: it is not the oldest any more
        await cache.put(lines[3], KEPT)
        here = [await cache.get(line, 16_000) is not None for line in lines]
        assert here == [True, False, True, True]

    asyncio.run(go())

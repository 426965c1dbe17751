"""Recordings: while they grow, after a kill, in the store, and by the stretch."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio.pcm import EAR_RATE
from audio.recording import CANDIDATE, INTERVIEWER
from server.recordings import MAX_WAITING_MS, WRITE_S, Recorder, Recordings
from storage.objects import open_objects
from storage.ports import NotFound
from tests import virtual_loop


def pcm(value: int, ms: int) -> bytes:
    return np.full(ms * EAR_RATE // 1000, value, "<i2").tobytes()


def hold(tmp_path: Path, act: Callable[[Recordings], Awaitable[None]]) -> None:
    async def work() -> None:
        store = await asyncio.to_thread(open_objects, f"file:{tmp_path}/objects")
        await act(Recordings(tmp_path / "recordings", store))

    asyncio.run(work())


def played(wav: bytes) -> list[list[int]]:
    data, rate = soundfile.read(io.BytesIO(wav), dtype="int16", always_2d=True)
    assert rate == EAR_RATE
    return [[int(v) for v in row] for row in data]


def test_a_recording_ends_in_the_store_and_plays_by_the_stretch(tmp_path: Path) -> None:
    async def act(recordings: Recordings) -> None:
        recorder = await recordings.open("call_1")
        recorder.heard(pcm(1, 1000))
        recorder.sounded(pcm(9, 500), 200)
        recorder.heard(pcm(2, 1000))
        await recordings.close(recorder)
        assert not list((tmp_path / "recordings").rglob("*.wav"))
        assert played(await recordings.stretch("call_1", 990, 1010, CANDIDATE)) == [[1]] * 160 + [[2]] * 160
        assert played(await recordings.stretch("call_1", 690, 710, INTERVIEWER)) == [[9]] * 160 + [[0]] * 160
        assert len(played(await recordings.stretch("call_1", 0, 10**9, None))) == 2 * EAR_RATE

    hold(tmp_path, act)


def test_a_live_recording_plays_and_a_killed_one_is_recovered(tmp_path: Path) -> None:
    async def act(recordings: Recordings) -> None:
        recorder = await recordings.open("call_1")
        recorder.heard(pcm(1, 3000))
        await recorder._write()
        recorder.heard(pcm(2, 500))  # never written: the server is killed here
        assert len(played(await recordings.stretch("call_1", 0, 5000, CANDIDATE))) == 3 * EAR_RATE
        assert len(played(recorder.file.read_bytes())) == 3 * EAR_RATE

        again = Recordings(recordings.folder, recordings.store)
        assert await again.recover() == 1
        assert await again.recover() == 0
        more = await again.open("call_1")
        assert more.tracks.base_ms == 3000
        more.heard(pcm(5, 1000))
        await again.close(more)
        across = played(await again.stretch("call_1", 2900, 3100, CANDIDATE))
        assert across == [[1]] * 1600 + [[5]] * 1600

    hold(tmp_path, act)


def test_what_lives_is_not_recovered_from_under_its_call(tmp_path: Path) -> None:
    async def act(recordings: Recordings) -> None:
        recorder = await recordings.open("call_1")
        recorder.heard(pcm(1, 100))
        await recorder._write()
        assert await recordings.recover() == 0
        await recordings.close(recorder)
        assert await recordings.recover() == 0

    hold(tmp_path, act)


def test_deleting_leaves_nothing(tmp_path: Path) -> None:
    async def act(recordings: Recordings) -> None:
        recorder = await recordings.open("call_1")
        recorder.heard(pcm(1, 100))
        await recordings.close(recorder)
        assert await recordings.delete("call_1") == 1
        assert await recordings.delete("call_1") == 0
        with pytest.raises(NotFound):
            await recordings.stretch("call_1", 0, 100, None)
        files = await asyncio.to_thread(lambda: [path for path in tmp_path.rglob("*") if path.is_file()])
        assert files == []

    hold(tmp_path, act)


@pytest.mark.parametrize(("call_id", "start"), [("call_1", 5000), ("unknown", 0), ("../call_1", 0), ("", 0)])
def test_nothing_is_played_where_nothing_was_recorded(tmp_path: Path, call_id: str, start: int) -> None:
    async def act(recordings: Recordings) -> None:
        recorder = await recordings.open("call_1")
        recorder.heard(pcm(1, 100))
        await recordings.close(recorder)
        with pytest.raises(NotFound):
            await recordings.stretch(call_id, start, start + 100, None)

    hold(tmp_path, act)


def test_a_disk_that_refuses_ends_the_recording_only(tmp_path: Path) -> None:
    async def act(recordings: Recordings) -> None:
        recorder = await recordings.open("call_1")
        await asyncio.to_thread((tmp_path / "recordings").write_text, "not a folder")
        recorder.heard(pcm(1, 100))
        await recordings.close(recorder)
        assert recorder.stopped
        recorder.heard(pcm(1, 100))
        assert recorder.tracks.take() == b""

    hold(tmp_path, act)


def test_a_disk_that_hangs_does_not_eat_the_memory(tmp_path: Path) -> None:
    async def act(recordings: Recordings) -> None:
        recorder = await recordings.open("call_1")
        for _ in range(MAX_WAITING_MS // 1000 + 5):
            recorder.heard(pcm(1, 1000))
        assert (recorder.stopped, recorder.tracks.waiting_ms) == (True, 0)

    hold(tmp_path, act)


def test_it_is_written_every_other_second(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    written: list[tuple[float, int]] = []

    async def at_once(work: Callable[[bytes], None], data: bytes) -> None:
        written.append((asyncio.get_running_loop().time(), len(data)))

    monkeypatch.setattr(asyncio, "to_thread", at_once)

    async def act() -> None:
        from audio.recording import TwoTracks

        recorder = Recorder("call_1", tmp_path / "0.wav", TwoTracks())
        task = asyncio.create_task(recorder.run())
        for _ in range(100):
            recorder.heard(pcm(1, 100))
            await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.wait((task,))

    virtual_loop.run(act())
    assert len(written) in (4, 5)
    assert [round(at / WRITE_S, 1) for at, _ in written] == [1.0, 2.0, 3.0, 4.0, 5.0][: len(written)]

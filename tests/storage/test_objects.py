"""The object store's contract, on a folder and on a bucket behind S3's wire format."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from storage.objects import Obstore, open_objects
from storage.ports import NotFound, StorageDown
from tests.fakes.s3 import FakeS3

Act = Callable[[Obstore], Awaitable[None]]
Hold = Callable[[Act], None]


@pytest.fixture(params=["folder", "bucket"])
def hold(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hold:
    """Runs an act against a fresh store of each kind."""

    async def in_folder(act: Act) -> None:
        await act(await asyncio.to_thread(open_objects, f"file:{tmp_path}/objects"))

    async def in_bucket(act: Act) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        async with TestServer(FakeS3().app()) as server:
            endpoint = f"http://127.0.0.1:{server.port}"
            await act(await asyncio.to_thread(open_objects, "s3://viva/some/prefix", endpoint))

    run = in_folder if request.param == "folder" else in_bucket
    return lambda act: asyncio.run(run(act))


def test_what_was_put_is_read_whole_and_in_parts(hold: Hold, tmp_path: Path) -> None:
    async def act(store: Obstore) -> None:
        await store.put("recordings/call_1/0.wav", b"0123456789")
        file = tmp_path / "more.wav"
        file.write_bytes(b"abc")
        await store.put("recordings/call_1/1.wav", file)
        assert await store.read("recordings/call_1/0.wav") == b"0123456789"
        assert await store.read("recordings/call_1/0.wav", 2, 5) == b"234"
        assert await store.read("recordings/call_1/0.wav", 8, 99) == b"89"
        assert await store.read("recordings/call_1/0.wav", 10, 12) == b""
        assert await store.read("recordings/call_1/1.wav") == b"abc"

    hold(act)


def test_the_newest_put_wins(hold: Hold) -> None:
    async def act(store: Obstore) -> None:
        await store.put("a", b"old")
        await store.put("a", b"newer")
        assert await store.read("a") == b"newer"

    hold(act)


def test_a_listing_holds_one_folder_by_key_and_deleting_empties_it(hold: Hold) -> None:
    async def act(store: Obstore) -> None:
        for key in ("recordings/call_1/b", "recordings/call_1/a", "recordings/call_10/a"):
            await store.put(key, b"xy")
        found = await store.list("recordings/call_1")
        assert [(one.key, one.size) for one in found] == [
            ("recordings/call_1/a", 2),
            ("recordings/call_1/b", 2),
        ]
        assert await store.delete_all("recordings/call_1") == 2
        assert await store.delete_all("recordings/call_1") == 0
        assert [one.key for one in await store.list("recordings")] == ["recordings/call_10/a"]

    hold(act)


def test_what_is_not_there_is_not_found(hold: Hold) -> None:
    async def act(store: Obstore) -> None:
        with pytest.raises(NotFound):
            await store.read("nothing/here")
        assert await store.list("nothing") == []

    hold(act)


@pytest.mark.parametrize("key", ["", "/a", "a//b", "../a", "a/../b", "a b", "ä"])
def test_a_key_that_could_leave_the_store_is_refused(hold: Hold, key: str) -> None:
    async def act(store: Obstore) -> None:
        with pytest.raises(ValueError, match="object key"):
            await store.put(key, b"x")

    hold(act)


def test_a_store_that_fails_says_which_setting_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    bucket = FakeS3()
    bucket.broken = True

    async def act() -> None:
        async with TestServer(bucket.app()) as server:
            store = await asyncio.to_thread(open_objects, "s3://viva", f"http://127.0.0.1:{server.port}")
            with pytest.raises(StorageDown, match="VIVA_OBJECT_STORE") as caught:
                await store.put("a", b"x")
            assert str(server.port) not in str(caught.value)

    asyncio.run(act())

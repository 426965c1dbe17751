"""Fetching models from a hub that works, stumbles, lies or is silent."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
from pathlib import Path

import pytest

from audio.models import (
    CATALOGUE,
    DEFAULT_WHISPER,
    MANIFEST,
    ModelError,
    folder_of,
    is_here,
    model_named,
    pull,
    whisper_here,
)
from tests.fakes.hub import REVISION, Hub, silent_hub
from tests.fakes.vendors import run

BASE = model_named(DEFAULT_WHISPER)
BIN = random.Random(3).randbytes(3_000_000)
FILES = {
    "model.bin": BIN,
    "config.json": b"{}",
    "tokenizer.json": b'{"a": 1}',
    "vocabulary.txt": b"a\nb\n",
    "README.md": b"# not needed",
    ".gitattributes": b"",
}


def hub(**how: object) -> Hub:
    return Hub(BASE.repo, dict(FILES), **how)  # type: ignore[arg-type]


def check_whole(folder: Path) -> None:
    here = {path.name: path.read_bytes() for path in folder.iterdir()}
    manifest = json.loads(here.pop(MANIFEST))
    assert here == {name: data for name, data in FILES.items() if name not in ("README.md", ".gitattributes")}
    assert (manifest["repo"], manifest["revision"]) == (BASE.repo, REVISION)
    assert set(manifest["files"]) == set(here)
    assert sorted(p.name for p in folder.parent.iterdir()) == [f"{BASE.name}", f"{BASE.name}.lock"]


async def failing(base: str, data_dir: Path, read_s: float = 10.0) -> str:
    with pytest.raises(ModelError) as caught:
        await pull(BASE, data_dir, base=base, read_s=read_s, pause_s=0.0)
    assert not folder_of(data_dir, BASE).exists()
    return str(caught.value)


def test_a_model_is_fetched_once_checked_and_complete(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    source = hub()

    async def go() -> None:
        async with source.serve() as base:
            folder = await pull(
                BASE, tmp_path, base=base, on_progress=lambda done, total: seen.append((done, total))
            )
            check_whole(folder)
        assert await pull(BASE, tmp_path, base="http://127.0.0.1:9") == folder

    run(go())
    assert is_here(tmp_path, BASE)
    assert whisper_here(tmp_path) == folder_of(tmp_path, BASE)
    total = sum(len(FILES[name]) for name in FILES if name not in ("README.md", ".gitattributes"))
    assert seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert len(seen) > 5
    assert source.asked == [("model.bin", None)]


def test_a_broken_connection_is_resumed_where_it_ended(tmp_path: Path) -> None:
    async def go() -> list[tuple[str, str | None]]:
        source = hub(troubles=["die:1000000", "die:500000"])
        async with source.serve() as base:
            check_whole(await pull(BASE, tmp_path, base=base, pause_s=0.0))
        return source.asked

    asked = run(go())
    begins = [int((wanted or "bytes=0-")[6:-1]) for _, wanted in asked]
    assert len(begins) == 3
    assert 0 == begins[0] < begins[1] <= 1_000_000 < begins[2] <= 1_500_000


def test_a_later_pull_goes_on_where_an_ended_one_was(tmp_path: Path) -> None:
    async def go() -> None:
        source = hub(troubles=["stall:2000000"])
        async with source.serve() as base:
            some_here = asyncio.Event()

            def look(done: int, total: int) -> None:
                if done > 1_000_000:
                    some_here.set()

            first = asyncio.create_task(pull(BASE, tmp_path, base=base, on_progress=look))
            await some_here.wait()
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            assert not is_here(tmp_path, BASE)
            check_whole(await pull(BASE, tmp_path, base=base))
        assert source.asked[0] == ("model.bin", None)
        assert int((source.asked[1][1] or "")[6:-1]) > 900_000

    run(go())


def test_a_server_without_ranges_begins_again(tmp_path: Path) -> None:
    async def go() -> None:
        async with hub(troubles=["die:1000000"], knows_ranges=False).serve() as base:
            check_whole(await pull(BASE, tmp_path, base=base, pause_s=0.0))

    run(go())


def test_busy_answers_are_tried_again_and_stalls_are_left(tmp_path: Path) -> None:
    async def go() -> None:
        source = hub(troubles=["status:503", "stall:700000", "status:429"])
        async with source.serve() as base:
            check_whole(await pull(BASE, tmp_path, base=base, read_s=1.0, pause_s=0.0))
        assert source.troubles == []

    run(go())


def test_attempts_that_bring_nothing_end(tmp_path: Path) -> None:
    async def go() -> None:
        source = hub(troubles=["status:503"] * 20)
        async with source.serve() as base:
            text = await failing(base, tmp_path)
        assert "status 503" in text
        assert "kept for the next attempt" in text
        assert len(source.asked) == 4

    run(go())


def test_an_attempt_that_brings_something_is_not_counted(tmp_path: Path) -> None:
    async def go() -> None:
        source = hub(troubles=["die:300000"] * 8)
        async with source.serve() as base:
            check_whole(await pull(BASE, tmp_path, base=base, pause_s=0.0))
        assert len(source.asked) == 9

    run(go())


def test_a_damaged_file_is_thrown_away(tmp_path: Path) -> None:
    async def go() -> None:
        source = hub(damaged=True)
        async with source.serve() as base:
            assert "checksum" in await failing(base, tmp_path)
            source.damaged = False
            check_whole(await pull(BASE, tmp_path, base=base))

    run(go())


def test_a_small_file_is_checked_too(tmp_path: Path) -> None:
    async def go() -> None:
        source = hub()
        source.files["config.json"] = b"[]"
        listed, source.large = source._entry("config.json", b"{}"), frozenset({"model.bin"})
        source._entry = lambda path, data, real=source._entry: (  # type: ignore[method-assign,misc]
            listed if path == "config.json" else real(path, data)
        )
        async with source.serve() as base:
            assert "config.json arrived damaged" in await failing(base, tmp_path)

    run(go())


@pytest.mark.parametrize(
    ("missing", "text"), [("tokenizer.json", "has no file tokenizer.json"), ("vocabulary.txt", "vocabulary")]
)
def test_a_hub_that_lacks_a_file_is_said_so(tmp_path: Path, missing: str, text: str) -> None:
    async def go() -> None:
        source = hub()
        del source.files[missing]
        async with source.serve() as base:
            assert text in await failing(base, tmp_path)

    run(go())


def test_what_is_no_hub_is_said_so(tmp_path: Path) -> None:
    async def go() -> None:
        async with Hub("some/other", {}).serve() as base:
            assert "answers with status 404" in await failing(base, tmp_path)
        text = await failing("http://127.0.0.1:9", tmp_path)
        for advice in ("cannot be reached", "VIVA_MODELS_URL", "copy the files", str(tmp_path)):
            assert advice in text

    run(go())


def test_a_silent_hub_is_left_after_its_read_limit(tmp_path: Path) -> None:
    async def go() -> None:
        async with silent_hub() as base:
            assert "silent for 0.5 s" in await failing(base, tmp_path, read_s=0.5)

    run(go())


def test_the_deadline_holds_whatever_the_process_does(tmp_path: Path) -> None:
    async def go() -> None:
        async with silent_hub() as base:
            with pytest.raises(ModelError, match=r"not fetched within 0\.3 s.*viva models pull"):
                await pull(BASE, tmp_path, base=base, deadline_s=0.3, read_s=600.0)

    run(go())


def test_two_pulls_of_one_model_do_not_meet(tmp_path: Path) -> None:
    async def go() -> None:
        source = hub(troubles=["stall:1000"])
        async with source.serve() as base:
            first = asyncio.create_task(pull(BASE, tmp_path, base=base))
            await source.stalled.wait()
            assert "being fetched already" in await failing(base, tmp_path)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first

    run(go())


def test_a_folder_that_cannot_be_written_says_which(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file", encoding="utf-8")

    async def go() -> None:
        async with hub().serve() as base:
            text = await failing(base, tmp_path)
            assert str(tmp_path) in text
            assert "VIVA_DATA_DIR" in text

    run(go())


def test_files_copied_by_hand_count_and_short_ones_do_not(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, BASE)
    folder.mkdir(parents=True)
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (folder / name).write_bytes(FILES[name])
    assert not is_here(tmp_path, BASE)
    (folder / "vocabulary.json").write_bytes(b"[]")
    assert is_here(tmp_path, BASE)
    (folder / MANIFEST).write_text('{"files": {"model.bin": {"size": 7}}}', encoding="utf-8")
    assert not is_here(tmp_path, BASE)
    (folder / MANIFEST).write_text("[]", encoding="utf-8")
    assert not is_here(tmp_path, BASE)


def test_the_best_of_several_is_taken(tmp_path: Path) -> None:
    for name in ("whisper-tiny.en", "whisper-small.en"):
        folder = folder_of(tmp_path, model_named(name))
        folder.mkdir(parents=True)
        for file in ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt"):
            (folder / file).write_bytes(b"x")
    assert whisper_here(tmp_path) == folder_of(tmp_path, model_named("whisper-small.en"))
    shutil.rmtree(tmp_path / "models" / "whisper-small.en")
    assert whisper_here(tmp_path) == folder_of(tmp_path, model_named("whisper-tiny.en"))
    shutil.rmtree(tmp_path / "models")
    assert whisper_here(tmp_path) is None


def test_names_are_unique_and_an_unknown_one_says_where_to_look() -> None:
    assert len({model.name for model in CATALOGUE}) == len(CATALOGUE)
    with pytest.raises(ModelError, match="viva models list"):
        model_named("whisper-gigantic")


def test_the_fake_hub_speaks_to_the_real_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    from huggingface_hub import HfApi, hf_hub_download

    def by_client(base: str) -> None:
        api = HfApi(endpoint=base, token=False)
        assert api.model_info(BASE.repo, revision="main").sha == REVISION
        listed = {entry.path: entry for entry in api.list_repo_tree(BASE.repo, revision=REVISION)}
        assert set(FILES) < set(listed)
        for name in ("model.bin", "config.json"):
            path = hf_hub_download(
                BASE.repo, name, revision=REVISION, endpoint=base, local_dir=tmp_path, token=False
            )
            assert Path(path).read_bytes() == FILES[name]

    async def go() -> None:
        async with hub().serve() as base:
            await asyncio.to_thread(by_client, base)

    run(go())
    assert os.path.exists(tmp_path / "model.bin")

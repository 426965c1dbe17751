"""Which recogniser the settings come to, and the model that arrives while the server runs."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from audio.models import DEFAULT_WHISPER, folder_of, model_named
from audio.stt import SttMissing
from audio.stt_moonshine import MoonshineSTT
from server.doctor import examine
from server.settings import Settings, SettingsError
from server.stt_providers import SttChoice, build_stt, choose_stt, pull_in_background, warm_up
from tests.audio.local_engines import spoken
from tests.audio.stt_contract import hear
from tests.fakes.hub import Hub, silent_hub
from tests.fakes.stt_cases import NOISE
from tests.fakes.stt_vendors import KEY, FakeAzureStt, FakeElevenLabsStt, FakeOpenAiStt
from tests.fakes.tiny_whisper import make_tiny_whisper
from tests.fakes.vendors import run

BASE = model_named(DEFAULT_WHISPER)


@pytest.mark.parametrize(
    ("given", "name", "why"),
    [
        ({}, "moonshine", "viva models pull whisper-base.en"),
        ({"stt": "whisper"}, "moonshine", "viva models pull"),
        ({"stt": "moonshine"}, "moonshine", "VIVA_STT names it"),
        ({"stt": "pocketsphinx"}, "pocketsphinx", "VIVA_STT names it"),
        (
            {"elevenlabs_api_key": "k", "azure_speech_key": "k", "azure_speech_region": "r"},
            "elevenlabs",
            "key",
        ),
        ({"azure_speech_key": "k", "azure_speech_region": "r", "openai_api_key": "k"}, "azure", "key"),
        ({"azure_speech_key": "k"}, "moonshine", "pull"),
        ({"openai_api_key": "k"}, "openai", "key"),
        ({"openai_api_key": "k", "openai_base_url": "http://ollama/v1"}, "moonshine", "pull"),
        ({"openai_stt_base_url": "http://gpu/v1"}, "openai", "key"),
        ({"elevenlabs_api_key": "k", "stt": "openai", "openai_api_key": "k"}, "openai", "VIVA_STT names it"),
        ({"elevenlabs_api_key": "k", "stt": "whisper"}, "moonshine", "viva models pull"),
    ],
)
def test_without_a_model(tmp_path: Path, given: dict[str, Any], name: str, why: str) -> None:
    choice = choose_stt(Settings(data_dir=tmp_path, **given))
    assert choice.name == name
    assert why in choice.why
    assert choice.note in choice.line()
    assert (choice.fetch is not None) == ("pull" in why)


def test_without_a_recogniser_of_its_own_the_demo_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.stt_providers.moonshine_installed", lambda: False)
    choice = choose_stt(Settings(data_dir=tmp_path))
    assert (choice.name, choice.fetch) == ("pocketsphinx", BASE)
    assert "viva models pull whisper-base.en" in choice.why


@pytest.mark.parametrize("stt", ["auto", "whisper"])
def test_a_model_that_is_here_is_used_before_any_vendor(tmp_path: Path, stt: str) -> None:
    folder = make_tiny_whisper(folder_of(tmp_path, BASE))
    choice = choose_stt(Settings(data_dir=tmp_path, stt=stt, elevenlabs_api_key="k"))
    assert (choice.name, choice.folder, choice.fetch) == ("whisper", folder, None)
    mine = make_tiny_whisper(tmp_path / "mine")
    choice = choose_stt(Settings(data_dir=tmp_path, stt=stt, whisper_model=mine))
    assert (choice.name, choice.folder) == ("whisper", mine)


def test_a_folder_that_is_no_model_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"VIVA_WHISPER_MODEL .* lacks model\.bin, .*models pull`\.$"):
        choose_stt(Settings(whisper_model=tmp_path))


def test_the_doctor_says_which_and_why(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    (found,) = [f for f in run(examine(settings)) if f.part == "stt"]
    assert found.ok
    assert found.says == choose_stt(settings).line()
    (found,) = [f for f in run(examine(replace(settings, whisper_model=tmp_path))) if f.part == "stt"]
    assert not found.ok
    assert "VIVA_WHISPER_MODEL" in found.says


def test_without_the_engine_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_tiny_whisper(folder_of(tmp_path, BASE))
    monkeypatch.setattr("server.stt_providers.find_spec", lambda name: None)
    assert choose_stt(Settings(data_dir=tmp_path)).fetch is None
    monkeypatch.setattr("server.stt_providers.moonshine_installed", lambda: False)
    choice = choose_stt(Settings(data_dir=tmp_path))
    assert choice.name == "pocketsphinx"
    assert "viva[whisper]" in choice.why
    assert choice.fetch is None


@pytest.mark.parametrize(
    ("fake", "settings", "base"),
    [
        (FakeOpenAiStt, Settings(stt="openai", openai_api_key=KEY), "openai_base_url"),
        (
            FakeOpenAiStt,
            Settings(stt="openai", openai_api_key="other", openai_stt_api_key=KEY),
            "openai_stt_base_url",
        ),
        (FakeElevenLabsStt, Settings(stt="elevenlabs", elevenlabs_api_key=KEY), "elevenlabs_base_url"),
        (FakeAzureStt, Settings(stt="azure", azure_speech_key=KEY), "azure_speech_base_url"),
    ],
)
def test_each_vendor_is_reached_with_its_key(fake: Any, settings: Settings, base: str) -> None:
    async def go() -> None:
        async with fake().serve() as url, aiohttp.ClientSession() as session:
            path = "/v1" if "openai" in base else ""
            stt, choice = await build_stt(replace(settings, **{base: url + path}), session)
            assert choice.name == stt.name == settings.stt
            assert choice.note == stt.note
            assert (await hear(stt, NOISE))[0].text == "Hello world"
            await stt.aclose()

    run(go())


def hub_of(folder: Path) -> Hub:
    return Hub(BASE.repo, {path.name: path.read_bytes() for path in make_tiny_whisper(folder).iterdir()})


def test_a_model_that_arrives_is_heard_by_the_next_call(tmp_path: Path) -> None:
    settings, hub = Settings(data_dir=tmp_path / "var"), hub_of(tmp_path / "hub")
    speech = spoken("hello world")

    async def go() -> SttChoice:
        async with hub.serve() as url, aiohttp.ClientSession() as session:
            stt, choice = await build_stt(settings, session)
            assert stt.name == "moonshine"
            call = await stt.open("en", lambda text: None)
            with capture_logs() as logs:
                later = await pull_in_background(replace(settings, models_url=url), stt, choice)
            assert [entry["log_level"] for entry in logs] == ["info", "info"]
            assert stt.name == "whisper"
            heard, _ = await hear(stt, NOISE)
            assert heard.words
            await call.push(speech)
            assert plain((await call.commit()).text) == "hello world"
            await call.aclose()
            await stt.aclose()
            return later

    later = run(go())
    assert (later.name, later.why) == ("whisper", "its model was fetched")
    assert choose_stt(settings).name == "whisper"


@pytest.mark.parametrize("kind", ["nobody", "silent", "damaged", "broken model"])
def test_a_model_that_does_not_arrive_is_one_clear_line(tmp_path: Path, kind: str) -> None:
    settings = Settings(data_dir=tmp_path / "var")
    hub = hub_of(tmp_path / "hub")
    if kind == "damaged":
        hub.damaged = True
    if kind == "broken model":
        hub.files["model.bin"] = hub.files["model.bin"][:1000]

    async def go(url: str) -> None:
        async with aiohttp.ClientSession() as session:
            stt, choice = await build_stt(settings, session)
            with capture_logs() as logs:
                later = await pull_in_background(
                    replace(settings, models_url=url),
                    stt,
                    choice,
                    deadline_s=0.3 if kind == "silent" else 60.0,
                )
            assert later is choice
            assert stt.name == "moonshine"
            (line,) = [entry for entry in logs if entry["log_level"] == "warning"]
            assert line["stt"] == "moonshine"
            assert line["why"]
            await stt.aclose()

    async def with_hub() -> None:
        if kind == "nobody":
            await go("http://127.0.0.1:9")
        elif kind == "silent":
            async with silent_hub() as url:
                await go(url)
        else:
            async with hub.serve() as url:
                await go(url)

    run(with_hub())


def plain(text: str) -> str:
    return text.lower().replace(",", "").strip(".!?")


@pytest.mark.parametrize("next_best", ["moonshine", "pocketsphinx"])
def test_whisper_that_does_not_start_gives_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, next_best: str
) -> None:
    model = make_tiny_whisper(tmp_path / "mine")
    speech = spoken("hello world")
    if next_best == "pocketsphinx":
        monkeypatch.setattr("server.stt_providers.moonshine_installed", lambda: False)

    async def go() -> list[SttChoice]:
        async with aiohttp.ClientSession() as session:
            stt, choice = await build_stt(Settings(whisper_model=model), session)
            assert await warm_up(stt, choice) is choice
            await stt.aclose()
            os.truncate(model / "model.bin", 1000)
            stt, choice = await build_stt(Settings(whisper_model=model), session)
            later = await warm_up(stt, choice)
            assert stt.name == later.name
            assert plain((await hear(stt, speech))[0].text) == "hello world"
            await stt.aclose()
            return [choice, later]

    choice, later = run(go())
    assert (choice.name, later.name) == ("whisper", next_best)
    assert "whisper does not start" in later.why
    assert "cannot be loaded" in later.why


def test_moonshine_that_does_not_start_gives_way_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def refused(self: MoonshineSTT, language: str, on_partial: object) -> None:
        raise SttMissing("moonshine", "the model cannot be loaded (OSError)")

    monkeypatch.setattr(MoonshineSTT, "open", refused)

    async def go() -> SttChoice:
        async with aiohttp.ClientSession() as session:
            stt, choice = await build_stt(Settings(data_dir=tmp_path), session)
            later = await warm_up(stt, choice)
            assert stt.name == "pocketsphinx"
            await stt.aclose()
            return later

    later = run(go())
    assert (later.name, later.fetch) == ("pocketsphinx", BASE)
    assert later.why == "moonshine does not start: the model cannot be loaded (OSError)"


def test_nothing_is_fetched_where_nothing_is_wanted(tmp_path: Path) -> None:
    async def go() -> None:
        async with aiohttp.ClientSession() as session:
            for settings in (
                Settings(data_dir=tmp_path, models_pull=False, models_url="http://127.0.0.1:9"),
                Settings(data_dir=tmp_path, stt="pocketsphinx", models_url="http://127.0.0.1:9"),
            ):
                stt, choice = await build_stt(settings, session)
                with capture_logs() as logs:
                    assert await pull_in_background(settings, stt, choice) is choice
                assert logs == []
                await stt.aclose()

    run(go())
    assert list(tmp_path.iterdir()) == []


def test_a_background_pull_can_be_cancelled(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "var")
    hub = hub_of(tmp_path / "hub")
    hub.troubles = ["stall:10"]

    async def go() -> None:
        async with hub.serve() as url, aiohttp.ClientSession() as session:
            stt, choice = await build_stt(settings, session)
            task = asyncio.create_task(pull_in_background(replace(settings, models_url=url), stt, choice))
            await hub.stalled.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await stt.aclose()

    run(go())

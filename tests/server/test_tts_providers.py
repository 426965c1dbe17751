"""Which voice ``VIVA_TTS`` comes to, and why."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from audio import models
from server import tts_providers
from server.settings import Settings
from server.tts_providers import TtsChoice, build_line_cache, build_tts, fixed_lines

HERE = {"flite": True, "espeak": True, "kokoro": True}
KEYS = {"elevenlabs_api_key": "k", "azure_speech_key": "k", "azure_speech_region": "r"}


def choose(monkeypatch: pytest.MonkeyPatch, here: dict[str, bool], **values: Any) -> TtsChoice:
    monkeypatch.setattr(tts_providers, "flite_here", lambda: here.get("flite", False))
    monkeypatch.setattr(tts_providers, "espeak_here", lambda: here.get("espeak", False))
    monkeypatch.setattr(tts_providers, "kokoro_installed", lambda: here.get("kokoro", False))

    async def go() -> TtsChoice:
        async with aiohttp.ClientSession() as session:
            chain, choice = await build_tts(Settings(**values), session)
            await chain.aclose()
            assert chain.name == choice.name
            return choice

    return asyncio.run(go())


def pulled(data_dir: Path) -> Path:
    folder = models.folder_of(data_dir, models.model_named("kokoro"))
    folder.mkdir(parents=True)
    files = {}
    for name in ("kokoro-v1.0.onnx", "voices-v1.0.bin"):
        (folder / name).write_bytes(b"xyz")
        files[name] = {"size": 3}
    (folder / models.MANIFEST).write_text(json.dumps({"files": files}))
    return data_dir


def test_auto_takes_the_best_that_is_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    both = dict(KEYS)
    assert choose(monkeypatch, HERE, **both).name == "elevenlabs"
    del both["elevenlabs_api_key"]
    assert choose(monkeypatch, HERE, **both).name == "azure"
    assert choose(monkeypatch, HERE, data_dir=pulled(tmp_path)).name == "kokoro"
    choice = choose(monkeypatch, HERE, data_dir=tmp_path / "empty")
    assert (choice.name, choice.others) == ("flite", ("espeak",))
    choice = choose(monkeypatch, {"espeak": True})
    assert choice.name == "espeak"
    assert "viva models pull kokoro" in choice.line()


def test_a_named_one_comes_first_and_the_local_ones_stand_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    choice = choose(monkeypatch, HERE, tts="azure", **KEYS)
    assert (choice.name, choice.others) == ("azure", ("flite", "espeak"))
    assert choice.why == "VIVA_TTS names it"
    choice = choose(monkeypatch, HERE, tts="espeak", **KEYS)
    assert (choice.name, choice.others) == ("espeak", ("flite",))


def test_a_named_one_that_is_not_here_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    choice = choose(monkeypatch, HERE, tts="kokoro", data_dir=tmp_path)
    assert choice.name == "flite"
    assert "VIVA_TTS names kokoro" in choice.why
    assert "viva models pull kokoro" in choice.why


def test_no_voice_at_all_is_no_reason_not_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    choice = choose(monkeypatch, {})
    assert choice.name == "none"
    assert "viva[espeak]" in choice.line()


def test_only_what_is_the_same_for_everyone_is_kept(tmp_path: Path) -> None:
    fixed = fixed_lines(["Tell me about a conflict. What did you do?"])
    for text in ("Thank you.", "Take your time.", "Tell me when you are ready.", "What did you do?"):
        assert fixed(text)
    for text in ("Thank you for your time, Sam.", "You mentioned a conflict.", "Hello Sam,", ""):
        assert not fixed(text)
    assert build_line_cache(Settings(data_dir=tmp_path)).admits("Understood.")

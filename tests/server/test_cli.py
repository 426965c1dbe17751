"""``viva serve`` refuses bad settings with one sentence; commands say what they want."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.__main__ import main

WRONG = [
    ({"VIVA_PORT": "eighty"}, "VIVA_PORT", "write a port number"),
    ({"VIVA_PORT": "70000"}, "VIVA_PORT", "65535"),
    ({"VIVA_LLM": "gpt"}, "VIVA_LLM", "write a comma list"),
    ({"VIVA_LLM": "gemini"}, "GEMINI_API_KEY", "gemini"),
    ({"VIVA_LLM": "mistral,offline"}, "MISTRAL_API_KEY", "mistral"),
    ({"VIVA_FLAGS": "avatar=maybe"}, "VIVA_FLAGS", "avatar=on"),
    ({"VIVA_DATABASE_URL": "mysql://x/y"}, "VIVA_DATABASE_URL", "postgresql://"),
    ({"VIVA_REDIS_URL": "http://x"}, "VIVA_REDIS_URL", "redis://"),
    ({"VIVA_AUTH": "none"}, "VIVA_AUTH", "write one of"),
    ({"VIVA_DRAIN_S": "soon"}, "VIVA_DRAIN_S", "number of seconds"),
    ({"VIVA_PROT": "8080"}, "VIVA_PROT", "VIVA_PORT"),
    ({"VIVA_HOST": "0.0.0.0"}, "VIVA_AUTH", "VIVA_HOST"),
]


@pytest.mark.parametrize(("given", "variable", "advice"), WRONG, ids=[next(iter(w[0])) for w in WRONG])
def test_bad_settings_are_refused_with_one_sentence(
    given: dict[str, str],
    variable: str,
    advice: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("GEMINI_API_KEY", "MISTRAL_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert main(["serve"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("viva: ")
    assert said.err.count("\n") == 1
    assert variable in said.err
    assert advice in said.err


def test_a_database_that_is_not_there_is_one_sentence_without_the_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIVA_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("VIVA_DATABASE_URL", "postgresql://viva:s3cr3tpw@127.0.0.1:1/viva")
    monkeypatch.setattr("server.logs.configure_logging", lambda *_: None)
    assert main(["serve"]) == 1
    said = capsys.readouterr().err
    assert "127.0.0.1:1/viva" in said
    assert "VIVA_DATABASE_URL" in said
    assert "s3cr3tpw" not in said


def test_wrong_usage_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["dance"])
    assert stopped.value.code == 2
    assert "serve" in capsys.readouterr().err

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from server.settings import VARIABLES, Settings, SettingsError, ensure_secret, load_settings, public_url


def test_nothing_given_means_the_documented_defaults() -> None:
    settings = load_settings({}, None)
    assert settings == Settings()
    assert (settings.host, settings.port, settings.llm) == ("127.0.0.1", 8080, ("offline",))
    assert settings.gemini_model == "gemini-2.5-flash-lite"
    assert settings.retell_unknown_calls == "generic"
    assert settings.drain_s == 20.0
    assert settings.object_store == "file:var/objects"


def test_the_environment_wins_over_the_file_and_empty_is_unset(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "VIVA_PORT=9000\nVIVA_HOST=localhost\nVIVA_STT=whisper\nUNRELATED=$HOME\n", encoding="utf-8"
    )
    settings = load_settings({"VIVA_PORT": "0", "VIVA_STT": "", "VIVA_TTS": " "}, file)
    assert (settings.port, settings.host) == (0, "localhost")
    assert (settings.stt, settings.tts) == ("auto", "auto")
    assert load_settings({}, tmp_path / "absent") == Settings()


def test_every_kind_of_value_is_read(tmp_path: Path) -> None:
    settings = load_settings(
        {
            "VIVA_DATA_DIR": str(tmp_path),
            "VIVA_LLM": "gemini, Mistral,offline,gemini",
            "GEMINI_API_KEY": "g",
            "MISTRAL_API_KEY": "m",
            "VIVA_FLAGS": "audio_scoring, avatar=on,group_rooms=off",
            "VIVA_DRAIN_S": "2.5",
            "VIVA_PUBLIC_URL": "https://viva.example.org/",
            "VIVA_DATABASE_URL": "postgresql://u:p4ssw0rd@db/viva",
            "VIVA_REDIS_URL": "redis://:r3d1s@cache:6379/0",
            "VIVA_RETELL_WS_SECRET": "abc-123",
            "VIVA_RETELL_UNKNOWN_CALLS": "refuse",
            "VIVA_RETELL_AGENT_ID": "agent_1",
            "RETELL_BASE_URL": "http://127.0.0.1:9",
        },
        None,
    )
    assert settings.llm == ("gemini", "mistral", "offline")
    assert settings.flags == {"audio_scoring", "avatar"}
    assert (settings.drain_s, settings.public_url) == (2.5, "https://viva.example.org")
    assert settings.object_store == f"file:{tmp_path / 'objects'}"
    assert settings.retell_agent_id == "agent_1"
    assert {"p4ssw0rd", "r3d1s", "abc-123", "g", "m"} == set(settings.secret_values())
    for hidden in ("p4ssw0rd", "r3d1s", "abc-123"):
        assert hidden not in repr(settings)


@pytest.mark.parametrize(
    ("environ", "variable", "advice"),
    [
        ({"VIVA_PORT": "80a"}, "VIVA_PORT", "65535"),
        ({"VIVA_PORT": "70000"}, "VIVA_PORT", "65535"),
        ({"VIVA_PORT": "-1"}, "VIVA_PORT", "65535"),
        ({"VIVA_LLM": "gemini,gpt"}, "VIVA_LLM", "comma list"),
        ({"VIVA_LLM": "gemini"}, "VIVA_LLM", "GEMINI_API_KEY"),
        ({"VIVA_LLM": "vertex"}, "VIVA_LLM", "VERTEX_PROJECT"),
        ({"VIVA_LLM": "vertex", "VERTEX_PROJECT": "p"}, "VIVA_LLM", "VERTEX_LOCATION"),
        ({"VIVA_LLM": "offline,mistral"}, "VIVA_LLM", "MISTRAL_API_KEY"),
        ({"VIVA_LLM": "openai"}, "VIVA_LLM", "OPENAI_API_KEY"),
        ({"VIVA_STT": "azure"}, "VIVA_STT", "AZURE_SPEECH_KEY"),
        ({"VIVA_STT": "ears"}, "VIVA_STT", "pocketsphinx"),
        ({"VIVA_STT": "openai"}, "VIVA_STT", "VIVA_OPENAI_STT_BASE_URL"),
        ({"VIVA_MODELS_URL": "mirror.example.org"}, "VIVA_MODELS_URL", "https://"),
        ({"VIVA_MODELS_PULL": "maybe"}, "VIVA_MODELS_PULL", "off"),
        ({"VIVA_OPENAI_STT_BASE_URL": "ftp://x"}, "VIVA_OPENAI_STT_BASE_URL", "https://"),
        ({"VIVA_TTS": "elevenlabs"}, "VIVA_TTS", "ELEVENLABS_API_KEY"),
        ({"VIVA_DATABASE_URL": "mysql://u:hunter22@h/x"}, "VIVA_DATABASE_URL", "postgresql://"),
        ({"VIVA_DATABASE_URL": "postgresql://h:port/x"}, "VIVA_DATABASE_URL", "postgresql://"),
        ({"VIVA_REDIS_URL": "cache:6379"}, "VIVA_REDIS_URL", "redis://"),
        ({"VIVA_OBJECT_STORE": "s3:/bucket"}, "VIVA_OBJECT_STORE", "s3://"),
        ({"VIVA_PUBLIC_URL": "viva.example.org"}, "VIVA_PUBLIC_URL", "https://"),
        ({"RETELL_BASE_URL": "ftp://x"}, "RETELL_BASE_URL", "https://"),
        ({"VIVA_HOST": "0.0.0.0"}, "VIVA_AUTH", "127.0.0.1"),
        ({"VIVA_HOST": "viva.example.org"}, "VIVA_AUTH", "127.0.0.1"),
        ({"VIVA_AUTH": "basic"}, "VIVA_AUTH", "oidc"),
        ({"VIVA_AUTH": "oidc"}, "VIVA_AUTH", "VIVA_JWT_SECRET"),
        (
            {"VIVA_AUTH": "oidc", "VIVA_OIDC_ISSUER": "https://id.example.org"},
            "VIVA_AUTH",
            "VIVA_OIDC_AUDIENCE",
        ),
        ({"VIVA_JWT_SECRET": "hunter22"}, "VIVA_JWT_SECRET", "32"),
        ({"VIVA_SECRET": "hunter22"}, "VIVA_SECRET", "32"),
        ({"VIVA_FLAGS": "audio_scorin"}, "VIVA_FLAGS", "audio_scoring"),
        ({"VIVA_FLAGS": "avatar=maybe"}, "VIVA_FLAGS", "avatar=off"),
        ({"VIVA_DRAIN_S": "soon"}, "VIVA_DRAIN_S", "20"),
        ({"VIVA_RETELL_WS_SECRET": "a/b hunter22"}, "VIVA_RETELL_WS_SECRET", "letters"),
        ({"VIVA_RETELL_UNKNOWN_CALLS": "ask"}, "VIVA_RETELL_UNKNOWN_CALLS", "generic"),
        ({"VIVA_DATABSE_URL": "hunter22"}, "VIVA_DATABSE_URL", "VIVA_DATABASE_URL"),
        ({"VIVA_QQQQQQQQQQ": ""}, "VIVA_QQQQQQQQQQ", "remove"),
    ],
)
def test_a_bad_value_is_one_sentence_that_helps(environ: dict[str, str], variable: str, advice: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ, None)
    text = str(caught.value)
    assert text.startswith(variable)
    assert advice in text
    assert text.endswith(".")
    assert "\n" not in text
    assert "hunter22" not in text


def test_speech_models_have_a_folder_a_mirror_and_a_switch() -> None:
    assert (Settings().whisper_model, Settings().models_url, Settings().models_pull) == (None, None, True)
    settings = load_settings(
        {
            "VIVA_WHISPER_MODEL": "models/mine",
            "VIVA_MODELS_URL": "http://127.0.0.1:9/hub/",
            "VIVA_MODELS_PULL": "off",
            "VIVA_STT": "openai",
            "VIVA_OPENAI_STT_BASE_URL": "http://gpu:8000/v1",
            "VIVA_OPENAI_STT_MODEL": "Systran/faster-whisper-small.en",
            "VIVA_OPENAI_STT_API_KEY": "k3y",
        },
        None,
    )
    assert settings.whisper_model == Path("models/mine")
    assert (settings.models_url, settings.models_pull) == ("http://127.0.0.1:9/hub", False)
    assert settings.secret_values() == ("k3y",)
    assert "k3y" not in repr(settings)
    assert settings.openai_stt_base_url == "http://gpu:8000/v1"
    assert settings.openai_stt_model == "Systran/faster-whisper-small.en"


def test_signed_tokens_open_the_server_to_others() -> None:
    given = {"VIVA_HOST": "0.0.0.0", "VIVA_AUTH": "oidc", "VIVA_JWT_SECRET": "s" * 32}
    assert load_settings(given, None).auth == "oidc"
    settings = load_settings(given | {"VIVA_OIDC_ISSUER": "https://id.example.org"}, None)
    assert settings.oidc_issuer == "https://id.example.org"
    issuer = {"VIVA_OIDC_ISSUER": "https://id.example.org/", "VIVA_OIDC_AUDIENCE": "viva"}
    settings = load_settings({"VIVA_AUTH": "oidc"} | issuer, None)
    assert (settings.jwt_secret, settings.oidc_audience) == (None, "viva")


def test_the_public_url_follows_the_bound_port() -> None:
    assert public_url(Settings(), 5123) == "http://127.0.0.1:5123"
    assert public_url(Settings(host="::1"), 1) == "http://[::1]:1"
    assert public_url(Settings(host="0.0.0.0"), 1) == "http://127.0.0.1:1"
    assert public_url(Settings(public_url="https://v"), 1) == "https://v"


def test_the_secret_is_made_once_and_only_the_owner_can_read_it(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "var")
    first = ensure_secret(settings)
    assert first.secret is not None
    assert len(first.secret) >= 32
    assert ensure_secret(settings).secret == first.secret
    files = list((tmp_path / "var").iterdir())
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600]
    assert first.secret not in repr(first)
    given = Settings(secret="x" * 40)
    assert ensure_secret(given) is given


def test_a_secret_that_cannot_be_kept_or_trusted_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("short", encoding="ascii")
    with pytest.raises(SettingsError, match="too short"):
        ensure_secret(Settings(data_dir=tmp_path))
    with pytest.raises(SettingsError, match="VIVA_DATA_DIR"):
        ensure_secret(Settings(data_dir=tmp_path / "secret" / "below"))


def test_every_field_has_exactly_one_variable() -> None:
    assert sorted(VARIABLES.values()) == sorted(Settings.__dataclass_fields__)


def test_a_database_behind_a_socket_of_the_file_system_is_an_address() -> None:
    url = "postgresql://viva@/viva?host=/run/postgresql"
    assert load_settings({"VIVA_DATABASE_URL": url}, None).database_url == url


def test_the_documents_name_every_setting_and_no_other() -> None:
    root = Path(__file__).parents[2]
    told = (root / "docs/settings.md").read_text(encoding="utf-8")
    assert [name for name in VARIABLES if f"`{name}`" not in told] == []
    for page in (root / "README.md", *root.glob("docs/*.md")):
        named = set(re.findall(r"\bVIVA_[A-Z0-9_]*[A-Z0-9]\b", page.read_text(encoding="utf-8")))
        assert named <= set(VARIABLES), page.name

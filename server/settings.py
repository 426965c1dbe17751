"""Settings: the only place that reads the environment and `.env`.

`load_settings` is pure: it reads the mapping and the file it is given and nothing else. Every refusal is a
`SettingsError` of one sentence that names the variable and says what to write; it never repeats a secret.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qs, urlsplit

from dotenv import dotenv_values

LLMS: Final = ("gemini", "vertex", "mistral", "openai", "offline")
STTS: Final = ("auto", "whisper", "moonshine", "pocketsphinx", "azure", "elevenlabs", "openai")
TTSS: Final = ("auto", "elevenlabs", "azure", "kokoro", "espeak", "flite")
FLAGS: Final = (
    "audio_scoring",
    "realtime_scoring",
    "avatar",
    "group_rooms",
    "leaderboards",
    "elasticsearch",
)
ON_BY_DEFAULT: Final = frozenset({"audio_scoring"})
RESERVED_FLAGS: Final = frozenset({"avatar", "group_rooms", "leaderboards", "elasticsearch"})
"""Names that are taken, with nothing behind them yet."""
_SECRET_FILE: Final = "secret"
_MIN_SECRET: Final = 32


class SettingsError(Exception):
    """A setting cannot be used; the text is one sentence with the variable and what to write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be configured. Secrets and addresses that may hold one stay out of the repr."""

    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str | None = None
    data_dir: Path = Path("var")
    database_url: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)
    object_store: str = "file:var/objects"
    s3_endpoint: str | None = None
    llm: tuple[str, ...] = ("offline",)
    gemini_api_key: str | None = field(default=None, repr=False)
    gemini_model: str = "gemini-2.5-flash-lite"
    gemini_base_url: str | None = None
    vertex_project: str | None = None
    vertex_location: str | None = None
    mistral_api_key: str | None = field(default=None, repr=False)
    mistral_base_url: str | None = None
    openai_api_key: str | None = field(default=None, repr=False)
    openai_base_url: str | None = None
    openai_model: str | None = None
    stt: str = "auto"
    tts: str = "auto"
    whisper_model: Path | None = None
    models_url: str | None = None
    models_pull: bool = True
    openai_stt_model: str | None = None
    openai_stt_base_url: str | None = None
    openai_stt_api_key: str | None = field(default=None, repr=False)
    elevenlabs_api_key: str | None = field(default=None, repr=False)
    elevenlabs_base_url: str | None = None
    azure_speech_key: str | None = field(default=None, repr=False)
    azure_speech_region: str | None = None
    azure_speech_base_url: str | None = None
    retell_api_key: str | None = field(default=None, repr=False)
    retell_base_url: str | None = None
    retell_agent_id: str | None = None
    retell_ws_secret: str | None = field(default=None, repr=False)
    retell_unknown_calls: str = "generic"
    auth: str = "local"
    oidc_issuer: str | None = None
    oidc_audience: str | None = None
    jwt_secret: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    flags: frozenset[str] = ON_BY_DEFAULT
    drain_s: float = 20.0
    max_lag_s: float = 0.5

    def secret_values(self) -> tuple[str, ...]:
        """Every secret that is set, for redaction; passwords inside URLs included."""
        found = [
            self.gemini_api_key,
            self.mistral_api_key,
            self.openai_api_key,
            self.openai_stt_api_key,
            self.elevenlabs_api_key,
            self.azure_speech_key,
            self.retell_api_key,
            self.retell_ws_secret,
            self.jwt_secret,
            self.secret,
        ]
        found += [urlsplit(url).password for url in (self.database_url, self.redis_url) if url]
        return tuple(value for value in found if value)


_NOT_OURS: Final = {
    "GEMINI_API_KEY": "gemini_api_key",
    "VERTEX_PROJECT": "vertex_project",
    "VERTEX_LOCATION": "vertex_location",
    "MISTRAL_API_KEY": "mistral_api_key",
    "OPENAI_API_KEY": "openai_api_key",
    "OPENAI_BASE_URL": "openai_base_url",
    "ELEVENLABS_API_KEY": "elevenlabs_api_key",
    "AZURE_SPEECH_KEY": "azure_speech_key",
    "AZURE_SPEECH_REGION": "azure_speech_region",
    "RETELL_API_KEY": "retell_api_key",
    "RETELL_BASE_URL": "retell_base_url",
}
VARIABLES: Final[dict[str, str]] = _NOT_OURS | {
    f"VIVA_{name.upper()}": name for name in Settings.__dataclass_fields__ if name not in _NOT_OURS.values()
}
"""Every environment variable that is read, to its field."""
_BY_FIELD: Final = {name: variable for variable, name in VARIABLES.items()}


def load_settings(environ: Mapping[str, str], dotenv: Path | None) -> Settings:
    """Settings from ``environ`` and the ``.env`` file at ``dotenv`` (absent is fine); the environment wins.

    An empty value counts as not set.

    Raises:
        SettingsError: a value cannot be used, a chosen provider lacks its key, a ``VIVA_`` name is unknown.
    """
    given: dict[str, str] = {}
    if dotenv is not None and dotenv.is_file():
        # Interpolation would read the process environment behind our back.
        given |= {k: v for k, v in dotenv_values(dotenv, interpolate=False).items() if v is not None}
    given |= environ
    _refuse_unknown(given)
    values = {
        _field: given[name].strip() for name, _field in VARIABLES.items() if given.get(name, "").strip()
    }
    settings = _build(values)
    _check_providers(settings)
    _check_auth(settings)
    return settings


def ensure_secret(settings: Settings) -> Settings:
    """``settings`` with ``secret`` filled: kept if set, else read from the data dir, else made there (0600).

    Raises:
        SettingsError: the data dir cannot be written, or the stored secret is too short.
    """
    if settings.secret is not None:
        return settings
    path = settings.data_dir / _SECRET_FILE
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _write_once(path, secrets.token_urlsafe(48))
        stored = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"VIVA_SECRET is not set and cannot be kept in VIVA_DATA_DIR ({type(error).__name__}): "
            "write a VIVA_DATA_DIR that can be written, or set VIVA_SECRET."
        ) from error
    if len(stored) < _MIN_SECRET:
        raise SettingsError(
            f"VIVA_SECRET stored in the data dir is too short: delete the file {_SECRET_FILE!r} there."
        )
    return replace(settings, secret=stored)


def public_url(settings: Settings, bound_port: int) -> str:
    """The base of links, without a trailing slash; from host and the port really bound unless configured."""
    if settings.public_url is not None:
        return settings.public_url
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    return f"http://[{host}]:{bound_port}" if ":" in host else f"http://{host}:{bound_port}"


def _write_once(path: Path, text: str) -> None:
    # Written aside and linked: two processes that start together end with one secret, never half a one.
    aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as out:
            out.write(text)
        try:
            os.link(aside, path)
        except FileExistsError:
            pass
    finally:
        aside.unlink()


def _refuse_unknown(given: Mapping[str, str]) -> None:
    for name in given:
        if name.startswith("VIVA_") and name not in VARIABLES:
            near = difflib.get_close_matches(name, VARIABLES, n=1)
            hint = f"write {near[0]} instead" if near else "remove it"
            raise SettingsError(f"{name} is not a setting of this server: {hint}.")


_NOT_TEXT: Final = (
    "port",
    "data_dir",
    "llm",
    "flags",
    "drain_s",
    "max_lag_s",
    "whisper_model",
    "models_pull",
)


def _build(values: dict[str, str]) -> Settings:
    data_dir = Path(values.get("data_dir", "var"))
    for name in ("secret", "jwt_secret"):
        if name in values and len(values[name]) < _MIN_SECRET:
            raise SettingsError(f"{_BY_FIELD[name]} is too short: write at least {_MIN_SECRET} characters.")
    if not re.fullmatch(r"[A-Za-z0-9._~-]*", values.get("retell_ws_secret", "")):
        raise SettingsError(
            "VIVA_RETELL_WS_SECRET must fit into a URL path: use letters, digits and the signs . _ ~ - only."
        )
    for name in values:
        if name.endswith("_base_url") or name in (
            "public_url",
            "oidc_issuer",
            "s3_endpoint",
            "models_url",
        ):
            values[name] = _web_url(_BY_FIELD[name], values[name])
    _scheme(values, "database_url", ("postgresql", "postgres"), "postgresql://user:password@host:5432/name")
    _scheme(values, "redis_url", ("redis", "rediss", "unix"), "redis://host:6379/0")
    texts = {k: v for k, v in values.items() if k not in _NOT_TEXT}
    texts["stt"] = _one_of(values, "stt", STTS)
    texts["tts"] = _one_of(values, "tts", TTSS)
    texts["auth"] = _one_of(values, "auth", ("local", "oidc"))
    texts["retell_unknown_calls"] = _one_of(values, "retell_unknown_calls", ("generic", "refuse"))
    texts["object_store"] = _object_store(values.get("object_store"), data_dir)
    return Settings(
        **texts,
        port=_port(values.get("port", "8080")),
        data_dir=data_dir,
        llm=_chain(values.get("llm", "offline")),
        flags=_flags(values.get("flags", "")),
        drain_s=_seconds("VIVA_DRAIN_S", values.get("drain_s", "20")),
        max_lag_s=_seconds("VIVA_MAX_LAG_S", values.get("max_lag_s", "0.5")),
        whisper_model=Path(values["whisper_model"]) if "whisper_model" in values else None,
        models_pull=_one_of(values, "models_pull", ("on", "off")) == "on",
    )


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise SettingsError(f"VIVA_PORT is {text!r}: write a port number from 0 (any free one) to 65535.")
    return int(text)


def _seconds(variable: str, text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]+)?", text):
        raise SettingsError(f"{variable} is {text!r}: write a number of seconds such as 20.")
    return float(text)


def _chain(text: str) -> tuple[str, ...]:
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in LLMS:
            raise SettingsError(f"VIVA_LLM names {name!r}: write a comma list of {', '.join(LLMS)}.")
    return tuple(dict.fromkeys(names)) or ("offline",)


def _flags(text: str) -> frozenset[str]:
    on = dict.fromkeys(ON_BY_DEFAULT, True)
    for part in filter(None, (p.strip().lower() for p in text.split(","))):
        name, _, state = part.partition("=")
        if name not in FLAGS:
            raise SettingsError(f"VIVA_FLAGS names {name!r}: write a comma list of {', '.join(FLAGS)}.")
        if state not in ("", "on", "off"):
            raise SettingsError(f"VIVA_FLAGS sets {name} to {state!r}: write {name}=on or {name}=off.")
        on[name] = state != "off"
    return frozenset(name for name, is_on in on.items() if is_on)


def _one_of(values: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = values.get(name, allowed[0]).lower()
    if value not in allowed:
        raise SettingsError(f"{_BY_FIELD[name]} is {value!r}: write one of {', '.join(allowed)}.")
    return value


def _web_url(variable: str, text: str) -> str:
    parts = _split(text)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise SettingsError(
            f"{variable} is not a web address: write it like https://host or http://host:8080."
        )
    return text.rstrip("/")


def _scheme(values: Mapping[str, str], name: str, schemes: tuple[str, ...], example: str) -> None:
    if name not in values:
        return
    parts = _split(values[name])
    # A socket of the file system has no host of its own: redis's scheme or PostgreSQL's ``?host=`` names it.
    somewhere = parts and (parts.hostname or parts.scheme == "unix" or "host" in parse_qs(parts.query))
    if parts is None or parts.scheme not in schemes or not somewhere:
        raise SettingsError(f"{_BY_FIELD[name]} is not such an address: write it like {example}.")


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        _ = parts.port  # a bad port shows only when it is asked for
    except ValueError:
        return None
    return parts


def _object_store(text: str | None, data_dir: Path) -> str:
    if text is None:
        return f"file:{data_dir / 'objects'}"
    if not re.fullmatch(r"file:.+|s3://[A-Za-z0-9][A-Za-z0-9._-]*(/.*)?", text):
        raise SettingsError("VIVA_OBJECT_STORE is not a store: write file:FOLDER or s3://bucket/prefix.")
    return text


# (setting, value that needs it, any of these fields suffices)
_NEEDS: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    ("llm", "gemini", ("gemini_api_key",)),
    ("llm", "vertex", ("vertex_project",)),
    ("llm", "vertex", ("vertex_location",)),
    ("llm", "mistral", ("mistral_api_key",)),
    ("llm", "openai", ("openai_api_key", "openai_base_url")),  # a local server may need no key
    ("stt", "azure", ("azure_speech_key",)),
    ("stt", "azure", ("azure_speech_region", "azure_speech_base_url")),
    ("stt", "elevenlabs", ("elevenlabs_api_key",)),
    ("stt", "openai", ("openai_api_key", "openai_base_url", "openai_stt_base_url")),
    ("tts", "azure", ("azure_speech_key",)),
    ("tts", "azure", ("azure_speech_region", "azure_speech_base_url")),
    ("tts", "elevenlabs", ("elevenlabs_api_key",)),
)


def _check_providers(settings: Settings) -> None:
    for name, value, fields in _NEEDS:
        chosen = getattr(settings, name)
        is_chosen = value in ((chosen,) if isinstance(chosen, str) else chosen)
        if is_chosen and not any(getattr(settings, one) for one in fields):
            wanted = " or ".join(_BY_FIELD[one] for one in fields)
            raise SettingsError(f"{_BY_FIELD[name]} names {value}: set {wanted} too, or take {value} out.")


def _check_auth(settings: Settings) -> None:
    if settings.auth == "local" and not _is_loopback(settings.host):
        raise SettingsError(
            f"VIVA_AUTH=local lets everyone in, and VIVA_HOST is {settings.host!r}: "
            "write VIVA_HOST=127.0.0.1 or VIVA_AUTH=oidc."
        )
    issuer_given = settings.oidc_issuer and settings.oidc_audience
    if settings.auth == "oidc" and not settings.jwt_secret and not issuer_given:
        raise SettingsError(
            "VIVA_AUTH=oidc needs to know whose tokens let people in: write VIVA_OIDC_ISSUER and "
            "VIVA_OIDC_AUDIENCE, or VIVA_JWT_SECRET for tokens signed with HS256."
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

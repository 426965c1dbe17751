"""The models that Viva can fetch for local speech: what there is, where it lies, and fetching it.

Fetching runs in a process of its own with a total deadline, so that a hub which accepts the connection and
never answers costs a process, not the server. Nothing is used before it is whole and its checksums fit.
"""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

HUB: Final = "https://huggingface.co"
MANIFEST: Final = "viva-model.json"
DEADLINE_S: Final = 3600.0
"""An hour: the largest model on a slow line. What was fetched by then is kept for the next attempt."""
DEFAULT_WHISPER: Final = "whisper-base.en"
OPTIONAL: Final = ("preprocessor_config.json",)
"""Files that only some of the models have."""
READ_S: Final = 10.0
"""Without a byte for this long, a connection is dead."""
PAUSE_S: Final = 1.0
"""Before a second attempt that follows one which brought nothing; the next pauses are longer."""
_ROOT: Final = Path(__file__).resolve().parent.parent
_LINE: Final = 1 << 16


class ModelError(Exception):
    """A model cannot be fetched; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Model:
    """``files`` are patterns of names in the repository ``repo`` of the hub. ``mb``: about how much it is."""

    name: str
    kind: str
    repo: str
    mb: int
    says: str
    files: tuple[str, ...]


def _whisper(size: str, mb: int, says: str) -> Model:
    files = ("model.bin", "config.json", "tokenizer.json", "vocabulary.*", "preprocessor_config.json")
    return Model(f"whisper-{size}", "stt", f"Systran/faster-whisper-{size}", mb, says, files)


CATALOGUE: Final = (
    _whisper("medium.en", 1530, "English, the most exact; wants a graphics processor"),
    _whisper("medium", 1530, "99 languages; wants a graphics processor"),
    _whisper("small.en", 486, "English, more exact; four processor cores or a graphics processor"),
    _whisper("small", 486, "99 languages; four processor cores or a graphics processor"),
    _whisper("base.en", 148, "English; good on two processor cores; the default"),
    _whisper("base", 148, "99 languages; good on two processor cores"),
    _whisper("tiny.en", 78, "English; the quickest, and the least exact"),
    _whisper("tiny", 78, "99 languages; the quickest, and the least exact"),
    Model(
        "kokoro",
        "tts",
        "fastrtc/kokoro-onnx",
        353,
        "a neural voice for the interviewer, on the processor",
        ("kokoro-v1.0.onnx", "voices-v1.0.bin"),
    ),
)
"""Best first: of several Whisper models that are here, the first is used."""


def model_named(name: str) -> Model:
    """Raises ModelError when there is none of that name."""
    for model in CATALOGUE:
        if model.name == name:
            return model
    raise ModelError(f"there is no model {name!r}: `viva models list` shows what there is")


def folder_of(data_dir: Path, model: Model) -> Path:
    """Where ``model`` lies once it is fetched."""
    return data_dir / "models" / model.name


def is_here(data_dir: Path, model: Model) -> bool:
    """Whether ``model`` is whole: as it was fetched, or as somebody copied it there. Looks at the disk."""
    folder = folder_of(data_dir, model)
    try:
        listed = (folder / MANIFEST).read_text(encoding="utf-8")
    except OSError:
        return all(any(folder.glob(pattern)) for pattern in model.files if pattern not in OPTIONAL)
    try:
        files = json.loads(listed)["files"]
        return bool(files) and all((folder / name).stat().st_size == f["size"] for name, f in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def whisper_here(data_dir: Path) -> Path | None:
    """The folder of the best Whisper model that is here. Looks at the disk."""
    for model in CATALOGUE:
        if model.kind == "stt" and is_here(data_dir, model):
            return folder_of(data_dir, model)
    return None


OnProgress = Callable[[int, int], None]
"""Told the bytes that are here and the bytes of the whole model."""


async def pull(
    model: Model,
    data_dir: Path,
    *,
    base: str | None = None,
    deadline_s: float = DEADLINE_S,
    read_s: float = READ_S,
    pause_s: float = PAUSE_S,
    on_progress: OnProgress = lambda done, total: None,
) -> Path:
    """Fetch ``model`` from the hub at ``base``, going on where an earlier attempt ended; its folder.

    Returns at once when it is here already. Cancelling ends the process.

    Raises:
        ModelError: it could not be fetched, or not within ``deadline_s``.
    """
    folder, here = await asyncio.to_thread(_look, data_dir, model)
    if here:
        return folder
    job = {
        "base": (base or HUB).rstrip("/"),
        "repo": model.repo,
        "files": model.files,
        "folder": str(folder),
        "read_s": read_s,
        "pause_s": pause_s,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "audio.models_fetch", json.dumps(job)),
        cwd=_ROOT,
        stdin=PIPE,  # never written to: its end tells the process that we are gone
        stdout=PIPE,
        stderr=DEVNULL,
        limit=_LINE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(deadline_s):
            await _follow(process, model, on_progress)
    except TimeoutError:
        raise ModelError(
            f"{model.name} was not fetched within {deadline_s:g} s; what is here is kept: "
            f"run `viva models pull {model.name}` to go on, or set VIVA_MODELS_URL to a nearer mirror"
        ) from None
    finally:
        await _end(process)
    return folder


def _look(data_dir: Path, model: Model) -> tuple[Path, bool]:
    return folder_of(data_dir.absolute(), model), is_here(data_dir, model)


async def _follow(process: Process, model: Model, on_progress: OnProgress) -> None:
    assert process.stdout is not None
    while line := await process.stdout.readline():
        said: dict[str, Any] = json.loads(line)
        match said["event"]:
            case "progress":
                on_progress(said["done"], said["total"])
            case "done":
                return
            case _:
                raise ModelError(f"{model.name}: {said['text']}")
    raise ModelError(f"{model.name}: the process that fetches it ended by itself; try again")


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    if process.stdin is not None:
        process.stdin.close()
    await asyncio.shield(process.wait())

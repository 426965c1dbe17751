"""``viva models list`` and ``viva models pull NAME``: the models for local speech, and fetching them."""

from __future__ import annotations

import json
import sys
from typing import Any, Final, TextIO

from audio.models import CATALOGUE, Model, ModelError, folder_of, is_here, model_named, pull
from server.settings import Settings

_WIDTH: Final = 30


def list_models(settings: Settings, *, json_out: bool) -> int:
    """Print what there is and what is here."""
    rows = [_row(settings, model) for model in CATALOGUE]
    if json_out:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return 0
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        here = "here" if row["here"] else "-"
        sys.stdout.write(f"{row['name']:<{width}}  {row['mb']:>5} MB  {here:<4}  {row['says']}\n")
    sys.stdout.write(f"They lie below {settings.data_dir / 'models'}; `viva models pull NAME` fetches one.\n")
    return 0


async def pull_model(settings: Settings, name: str, *, deadline_s: float, json_out: bool) -> int:
    """Fetch one with a progress bar; 0 when it is here afterwards."""
    try:
        model = model_named(name)
        with_bar = ProgressBar(sys.stderr, model.name, is_terminal=sys.stderr.isatty())
        try:
            folder = await pull(
                model,
                settings.data_dir,
                base=settings.models_url,
                deadline_s=deadline_s,
                on_progress=with_bar.show,
            )
        finally:
            with_bar.end()
    except ModelError as trouble:
        if json_out:
            sys.stdout.write(json.dumps({"name": name, "here": False, "why": str(trouble)}) + "\n")
        sys.stderr.write(f"viva: {trouble}\n")
        return 1
    if json_out:
        sys.stdout.write(json.dumps({"name": name, "here": True, "folder": str(folder)}) + "\n")
    else:
        sys.stdout.write(f"viva: {name} is in {folder}\n")
    return 0


def _row(settings: Settings, model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "kind": model.kind,
        "mb": model.mb,
        "here": is_here(settings.data_dir, model),
        "folder": str(folder_of(settings.data_dir, model)),
        "says": model.says,
    }


class ProgressBar:
    """One line that fills on a terminal; a line per tenth elsewhere, so that a log stays short."""

    def __init__(self, out: TextIO, name: str, *, is_terminal: bool) -> None:
        self._out, self._name, self._is_terminal = out, name, is_terminal
        self._tenth = -1
        self._open = False

    def show(self, done: int, total: int) -> None:
        share = done / total if total else 1.0
        amount = f"{done >> 20} of {total >> 20} MB"
        if self._is_terminal:
            filled = int(share * _WIDTH)
            bar = "#" * filled + "." * (_WIDTH - filled)
            self._out.write(f"\r{self._name} [{bar}] {share:4.0%} {amount} ")
            self._open = True
        elif int(share * 10) > self._tenth:
            self._tenth = int(share * 10)
            self._out.write(f"{self._name} {share:.0%} {amount}\n")
        self._out.flush()

    def end(self) -> None:
        if self._open:
            self._out.write("\n")
            self._open = False

"""Versioned prompt files: ``prompts/<agent>.<task>.v<N>.md``. An edit is a new file.

Placeholders are ``{name}``; filling one that is missing, or one too many, raises `PromptError`.
"""

from __future__ import annotations

import hashlib
import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


class PromptError(Exception):
    """A prompt file is missing, or its placeholders and the given values differ."""


@dataclass(frozen=True, slots=True)
class PromptFile:
    """``source`` is ``name.vN@hash``: what a stored score or question names.

    ``parts``: the text cut at its placeholders once, each stretch with the name of the one that follows it.
    """

    name: str
    version: int
    text: str
    source: str
    parts: tuple[tuple[str, str | None], ...]
    fields: frozenset[str]

    def fill(self, values: Mapping[str, object]) -> str:
        if self.fields != values.keys():
            wrong = ", ".join(sorted(self.fields ^ values.keys()))
            raise PromptError(f"{self.source}: placeholders and values differ in {wrong}")
        return "".join([text if name is None else f"{text}{values[name]}" for text, name in self.parts])


@cache
def load_prompt(name: str, version: int) -> PromptFile:
    """The prompt file; read once, since a file of a given version never changes.

    Raises:
        PromptError: there is no such file.
    """
    path = files("agents") / "prompts" / f"{name}.v{version}.md"
    if not path.is_file():
        raise PromptError(f"there is no prompt {name} version {version}")
    text = path.read_text("utf-8").strip()
    parts = tuple((before, name) for before, name, _, _ in string.Formatter().parse(text))
    fields = frozenset(name for _, name in parts if name)
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return PromptFile(name, version, text, f"{name}.v{version}@{digest}", parts, fields)


def preload_prompts() -> None:
    """Read every prompt file, so that no reply waits for a disk. Blocks; call it off the event loop."""
    for entry in (files("agents") / "prompts").iterdir():
        name, version, _ = entry.name.rsplit(".", 2)
        load_prompt(name, int(version.removeprefix("v")))

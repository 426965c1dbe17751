"""docs/benchmarks.md: what the benchmark of the Retell line writes, then a section for each of the others."""

from __future__ import annotations

from typing import Final

SECTIONS: Final = ("voice", "aftermath")


def with_section(text: str, name: str, section: str) -> str:
    """``text`` with ``section`` in the place of the one of that name, or at its end."""
    begin, end = _marks(name)
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before.rstrip()}\n\n{begin}\n{section.strip()}\n{end}\n{after.lstrip()}"


def with_sections_of(text: str, other: str) -> str:
    """``text`` with the sections that ``other`` has."""
    for name in SECTIONS:
        begin, end = _marks(name)
        _, begun, rest = other.partition(begin)
        if begun:
            text = with_section(text, name, rest.partition(end)[0])
    return text


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"

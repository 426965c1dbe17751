"""docs/benchmarks.md has two authors: the benchmark of the Retell line, then that of the voice line."""

from __future__ import annotations

from typing import Final

BEGIN: Final = "<!-- voice: begin -->"
END: Final = "<!-- voice: end -->"


def with_voice(text: str, section: str) -> str:
    """``text`` with ``section`` in the place of the one it had, or at its end."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before.rstrip()}\n\n{BEGIN}\n{section.strip()}\n{END}\n{after.lstrip()}"


def voice_of(text: str) -> str:
    """The section that `with_voice` has put there; "" when there is none."""
    _, begun, rest = text.partition(BEGIN)
    return rest.partition(END)[0].strip() if begun else ""

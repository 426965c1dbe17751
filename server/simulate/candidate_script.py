"""What a candidate does, step by step: read from a script, or made up as the interview goes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from server.simulate.candidates import answer

OVER_S: Final = 1.5
"""How much of the interviewer's sound is heard out before it is talked over."""
MUMBLE_S: Final = 2.0


class ScriptError(Exception):
    """The script cannot be played; the text names the line."""


class Act(StrEnum):
    SPEAK = "speak"
    PAUSE = "pause"
    COUGH = "cough"
    MUMBLE = "mumble"
    TYPE = "type"
    DROP = "drop"
    END = "end"


class Step(msgspec.Struct, frozen=True):
    """One thing that the candidate does.

    ``over_s``: so much of the interviewer's sound is waited for; None: until it is the candidate's turn.
    ``seconds``: how long it takes (pause, mumble). ``story``: the words are those of `candidates.answer`,
    after ``text``; they depend on what was asked by then.
    """

    act: Act
    text: str = ""
    wav: Path | None = None
    over_s: float | None = None
    seconds: float = 0.0
    story: int | None = None

    def words(self, asked: str, seed: int) -> str:
        if self.story is None:
            return self.text
        return f"{self.text} {answer(asked, self.story, seed)}".strip()


class Line(msgspec.Struct, forbid_unknown_fields=True, rename={"typed": "type"}):
    """A line of a script. ``barge_in`` goes with ``say`` or ``wav``; the others stand alone."""

    say: str | None = None
    wav: str | None = None
    barge_in: float | None = None
    pause: float | None = None
    mumble: float | None = None
    cough: float | None = None
    typed: str | None = None
    drop: float | None = None
    end: bool | None = None


def read_script(text: str, folder: Path) -> list[Step]:
    """``text``: JSON lines. WAV files are looked for in ``folder``. Raises ScriptError."""
    steps = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                steps.append(_step(msgspec.json.decode(line, type=Line), folder))
            except (msgspec.MsgspecError, ScriptError) as wrong:
                raise ScriptError(f"line {number} of the script: {wrong}") from None
    return steps


def _step(line: Line, folder: Path) -> Step:
    given = [name for name in Line.__struct_fields__ if getattr(line, name) is not None]
    if set(given) - {"barge_in"} in ({"say"}, {"wav"}):
        wav = None if line.wav is None else folder / line.wav
        return Step(Act.SPEAK, line.say or "", wav, line.barge_in)
    if len(given) != 1 or given == ["barge_in"]:
        raise ScriptError("one of say, wav, pause, mumble, cough, type, drop, end; barge_in with say or wav")
    match given[0]:
        case "pause":
            return Step(Act.PAUSE, seconds=line.pause or 0.0)
        case "mumble":
            return Step(Act.MUMBLE, seconds=line.mumble or MUMBLE_S)
        case "cough":
            return Step(Act.COUGH, over_s=line.cough)
        case "typed":
            return Step(Act.TYPE, line.typed or "")
        case "drop":
            return Step(Act.DROP, over_s=line.drop)
        case _:
            return Step(Act.END)


def steps(
    script: Sequence[Step] = (), *, barge_in: bool = False, mumble: bool = False, drop: bool = False
) -> Iterator[Step]:
    """The script, then answers of the candidate's own, without end.

    ``barge_in``: every third reply is talked over. ``mumble``: the second of every four answers is mumbled
    first. ``drop``: the connection is lost once, in the middle of the third reply.
    """
    yield from script
    for n in itertools.count(1):
        if drop and n == 3:
            yield Step(Act.DROP, over_s=OVER_S)
        if mumble and n % 4 == 2:
            yield Step(Act.MUMBLE, seconds=MUMBLE_S)
        over = barge_in and n % 3 == 0
        cut_in = "Sorry to cut in, let me add one thing to that." if over else ""
        yield Step(Act.SPEAK, cut_in, over_s=OVER_S if over else None, story=n)

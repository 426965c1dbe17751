"""What the conformance tests say on a raw socket, and how they read what comes back."""

from __future__ import annotations

from typing import Final

from agents.interviewer import Patience
from server.simulate.wire import check
from tests.fakes.world import Frame, RawSocket

STORY: Final = (
    "At Kestrel Health I owned the billing importer. It ran for two hours every night and failed each week, "
    "so I measured it, moved the parsing into batches and added an index. It now takes ten minutes."
)
DETAILS: Final[Frame] = {"call_type": "web_call", "call_id": "call_1", "call_status": "registered"}
PATIENT: Final = Patience(hold=25.0, give_up=28.0)
"""Longer than any test lasts: for models that wait at a gate."""


async def opened(raw: RawSocket) -> None:
    """The first frame of every socket."""
    assert (await raw.next())["response_type"] == "config"


async def greeted(raw: RawSocket, call: Frame | None = None) -> list[Frame]:
    """Get through the start of a call that nobody registered."""
    await opened(raw)
    await raw.send(interaction_type="call_details", call=DETAILS if call is None else call)
    return await raw.complete(0)


async def resumed(raw: RawSocket) -> None:
    """Get through the start of a socket of a call that has had its greeting."""
    await opened(raw)
    assert [(frame["content"], frame["content_complete"]) for frame in await raw.complete(0)] == [("", True)]


def spoken(frames: list[Frame]) -> str:
    """What is said; the frames of one turn are checked for their form on the way."""
    for frame in frames:
        assert check(frame) == []
    assert [frame["content_complete"] for frame in frames] == [False] * (len(frames) - 1) + [True]
    return "".join(frame["content"] for frame in frames)


def answer_for(turn: int) -> tuple[tuple[str, str], ...]:
    return (("agent", "Hello."), ("user", f"{turn}. {STORY}"))

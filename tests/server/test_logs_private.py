"""Not a word of a candidate in any log line: a whole interview with a marker in all that is private."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from agents.llm import LlmMalformed, LlmUnavailable, Prompt
from interview.conversation import Conversation
from server.logs import configure_logging
from server.settings import Settings
from tests.fakes.llm import Script, ScriptedLLM, move
from tests.fakes.retell_talk import STORY, greeted
from tests.fakes.world import World, hold

MARK = "Zwiebelfisch"
"""A word that stands in the name, the role, every answer and every reply, and nowhere else."""


@pytest.fixture(params=["machine", "terminal"])
def out(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: request.param == "terminal")
    configure_logging(Settings(), stream)
    root.setLevel(logging.DEBUG)  # at any level
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def model() -> ScriptedLLM:
    turns = iter(range(1000))

    def rule(_: Prompt) -> Script:
        scripts: list[Script] = [
            [move("advance", MARK), f"I note the {MARK}. "],
            [LlmUnavailable("scripted", "503")],
            [move("probe", MARK), f"Which {MARK} was it, and ", LlmMalformed("scripted", "cut off")],
            [move("probe", MARK), f"Which {MARK} was it? "],
        ]
        return scripts[next(turns) % 4]

    return ScriptedLLM(rule=rule)


def test_a_whole_interview_leaves_no_word_of_it_in_the_log(dsn: str, out: io.StringIO) -> None:
    async def act(world: World) -> None:
        details = {"retell_llm_dynamic_variables": {"name": f"{MARK} {MARK}", "role": MARK}}
        async with world.raw() as raw:
            await greeted(raw, details)
            for turn in range(1, 8):
                await raw.ask(turn, ("agent", "Hello."), ("user", f"{turn}. {MARK}. {STORY}"))
                await raw.complete(turn)
            await raw.ws.send_str(f'{{"interaction_type": "{MARK}')
            await raw.send(interaction_type=MARK, transcript=[{"role": "user", "content": MARK}])
            await raw.send(interaction_type="response_required", response_id=MARK, transcript=MARK)
            await raw.ws.send_bytes(MARK.encode())
            await raw.until_pong(1)
            raw.abort()

    hold(dsn, act, llm=model)
    assert "frame" in out.getvalue()
    assert MARK not in out.getvalue()


@pytest.mark.parametrize("where", ["decide", "record", "take_changes"])
def test_a_bug_is_logged_with_its_place_and_without_the_words(
    dsn: str, out: io.StringIO, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def broken(_: Conversation, *given: object, **named: object) -> Any:
        words = [MARK, given, named]
        raise RuntimeError(f"a bug {len(words)}")

    async def act(world: World) -> None:
        async with world.raw() as raw:
            await greeted(raw, {"retell_llm_dynamic_variables": {"name": MARK}})
            with monkeypatch.context() as patched:
                patched.setattr(Conversation, where, broken)
                await raw.ask(1, ("agent", "Hello."), ("user", f"{MARK}. {STORY}"))
                if where == "decide":
                    await raw.complete(1)
                else:
                    await raw.closed()
                    await world.gone()

    hold(dsn, act)
    said = out.getvalue()
    assert "a bug" in said
    assert "broken" in said, "the traceback names the place"
    assert MARK not in said

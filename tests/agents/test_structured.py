"""JSON of a type from a scripted model."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated, Any

import msgspec
import pytest

from agents.llm import Completion, LlmMalformed, Message, Prompt
from agents.structured import schema_of, structured
from tests.fakes.vendors import run


class Point(msgspec.Struct):
    name: str
    value: Annotated[int, msgspec.Meta(ge=1, le=5)]


class Card(msgspec.Struct):
    points: list[Point]
    note: str | None


class Tree(msgspec.Struct):
    children: list[Tree]


class Scripted:
    model = "fake:m"

    def __init__(self, *answers: str) -> None:
        self.answers, self.asked = list(answers), list[Prompt]()

    async def complete(self, prompt: Prompt) -> Completion:
        self.asked.append(prompt)
        return Completion(self.answers[len(self.asked) - 1], f"fake:{len(self.asked)}")

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str, None]:
        yield (await self.complete(prompt)).text

    async def aclose(self) -> None:
        """Nothing to close."""


PROMPT = Prompt("evaluator.score", "Score.", (Message("user", "Well."),))
GOOD = '{"points": [{"name": "clarity", "value": 3}], "note": null}'
CARD = Card([Point("clarity", 3)], None)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"\n {GOOD} \n",
        f"```json\n{GOOD}\n```",
        f"Here you are:\n```\n{GOOD}\n```\nDone.",
        f"```json\n{GOOD}",
    ],
)
def test_reads_bare_and_fenced_json(text: str) -> None:
    assert run(structured(Scripted(text), PROMPT, Card)) == (CARD, "fake:1")


def test_a_fence_inside_a_string_is_content() -> None:
    card = Card([], "```\nx\n```")
    text = msgspec.json.encode(card).decode()
    assert run(structured(Scripted(text), PROMPT, Card))[0] == card


@pytest.mark.parametrize(
    "bad", ['{"points": [{"name": "x", "value": 9}], "note": null}', "no json PRIVATE", "\ud800"]
)
def test_repairs_once_with_the_fault_and_not_the_answer(bad: str) -> None:
    llm = Scripted(bad, GOOD)
    assert run(structured(llm, PROMPT, Card)) == (CARD, "fake:2")
    (again,) = llm.asked[1].messages
    assert again.text.startswith("Well.\n\nYour last answer could not be used: ")
    assert bad not in again.text
    assert llm.asked[1].schema == llm.asked[0].schema


@pytest.mark.parametrize("messages", [(), (Message("user", "a"), Message("assistant", "b"))])
def test_the_repair_is_the_users_turn(messages: tuple[Message, ...]) -> None:
    llm = Scripted("?", GOOD)
    run(structured(llm, Prompt("t", "s", messages), Card))
    assert [m.role for m in llm.asked[1].messages] == [*(m.role for m in messages), "user"]


def test_twice_wrong_is_malformed_and_says_only_where() -> None:
    llm = Scripted("{}", '{"points": [{"name": "PRIVATE", "value": "PRIVATE"}], "note": null}')
    with pytest.raises(LlmMalformed) as caught:
        run(structured(llm, PROMPT, Card))
    assert str(caught.value) == "fake:2: not the JSON asked for, twice at $.points[0].value"
    assert caught.value.__context__ is None
    assert len(llm.asked) == 2


def test_the_schema_has_no_references_and_closed_objects() -> None:
    schema = schema_of(Card)
    assert "$" not in repr(schema)
    assert schema["additionalProperties"] is False
    point = schema["properties"]["points"]["items"]
    assert point["properties"]["value"] == {"type": "integer", "minimum": 1, "maximum": 5}
    assert point["additionalProperties"] is False


def test_a_given_schema_is_kept() -> None:
    mine: dict[str, Any] = {"type": "object"}
    llm = Scripted(GOOD)
    run(structured(llm, Prompt("t", "s", (), schema=mine), Card))
    assert llm.asked[0].schema is mine


def test_a_type_that_contains_itself_has_no_schema() -> None:
    with pytest.raises(ValueError, match="contains itself"):
        schema_of(Tree)

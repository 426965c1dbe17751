"""``questions/generate`` with a model that writes well, badly, or not at all: the interview is there."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from agents.llm import Completion, LlmError, LlmUnavailable, Prompt
from tests.fakes.rest import ROOT, Rest, serve

pytestmark = pytest.mark.postgres

PATH = f"{ROOT}/questions/generate"
WISHES = {"role": "Nurse", "duration": 20}


class Writer:
    """Words the plan it is given by ``word``, asked for the first time, the second, …"""

    model = "scripted:1"

    def __init__(self, *word: Callable[[list[dict[str, Any]]], str] | LlmError) -> None:
        self.script, self.asked = list(word), 0

    async def complete(self, prompt: Prompt) -> Completion:
        step = self.script[min(self.asked, len(self.script) - 1)]
        self.asked += 1
        if isinstance(step, LlmError):
            raise step
        # A repair's complaint may stand behind the plan.
        plan, _ = json.JSONDecoder().raw_decode(prompt.messages[0].text.rpartition("The plan:\n")[2])
        return Completion(step(plan), self.model)

    def stream(self, prompt: Prompt) -> AsyncGenerator[str, None]:
        raise AssertionError("nobody talks in this test")

    async def aclose(self) -> None:
        """Nothing to close."""


def well(plan: list[dict[str, Any]]) -> str:
    fields = ("id", "text", "looks_for", "angles")
    written = [{name: question[name] for name in fields} for question in plan]
    for question in written:
        question["looks_for"] = question["looks_for"] or ["a case", "own part", "a result"]
        question["angles"] = question["angles"] or ["Who helped?", "What came of it?"]
    written[1]["text"] = "How did you keep calm on your hardest shift?"
    return json.dumps({"questions": written})


def prose(_: list[dict[str, Any]]) -> str:
    return "Certainly! Here are some questions that you could ask a nurse."


def half(plan: list[dict[str, Any]]) -> str:
    return well(plan)[: len(well(plan)) // 2]


def too_few(plan: list[dict[str, Any]]) -> str:
    return well(plan[:-1])


async def questions(rest: Rest, session_id: str) -> list[dict[str, Any]]:
    shown = (await rest.get(f"{ROOT}/{session_id}")).json
    assert shown["status"] == "created"
    found: list[dict[str, Any]] = shown["questions"]
    assert 5 <= len(found) <= 15
    return found


def test_a_models_questions_are_taken_and_named_as_its_own(dsn: str) -> None:
    llm = Writer(well)

    async def act(rest: Rest) -> None:
        got = await rest.post(PATH, WISHES)
        assert (got.status, got.json["source"]) == (201, "model:scripted:1")
        kept = await questions(rest, got.json["mockInterviewSession"]["id"])
        assert kept[1]["question"] == "How did you keep calm on your hardest shift?"
        assert llm.asked == 1

    serve(dsn, act, llm=llm)


@pytest.mark.parametrize("bad", [prose, half, too_few])
def test_an_unusable_answer_is_repaired_once(dsn: str, bad: Callable[[Any], str]) -> None:
    llm = Writer(bad, well)

    async def act(rest: Rest) -> None:
        got = await rest.post(PATH, WISHES)
        assert (got.status, got.json["source"], llm.asked) == (201, "model:scripted:1", 2)

    serve(dsn, act, llm=llm)


@pytest.mark.parametrize("bad", [prose, half, too_few])
def test_twice_unusable_is_told_and_the_interview_kept(dsn: str, bad: Callable[[Any], str]) -> None:
    llm = Writer(bad)

    async def act(rest: Rest) -> None:
        got = await rest.post(PATH, WISHES)
        assert (got.problem(), llm.asked) == ((502, "llm_bad_json"), 2)
        assert "Certainly" not in got.text
        (row,) = await rest.rows("SELECT id FROM mock_interview_sessions")
        assert got.json["sessionId"] == row["id"]
        assert await questions(rest, row["id"])
        # It can be held as it is.
        body = {"session_id": row["id"], "email": "a@b.c", "name": "Ada", "transport": "realtime"}
        assert (await rest.post("/api/register-call", body)).status == 201

    serve(dsn, act, llm=llm)


def test_a_model_that_is_away_leaves_the_banks_questions(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        got = await rest.post(PATH, WISHES)
        assert (got.status, got.json["source"]) == (201, "question bank")
        assert await questions(rest, got.json["mockInterviewSession"]["id"])

    serve(dsn, act, llm=Writer(LlmUnavailable("scripted", "no connection")))

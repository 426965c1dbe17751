"""Personas take the floor: fixed lines at once; a model's scene only when it may be said, and in time."""

from __future__ import annotations

import asyncio

import pytest

from agents.llm import Completion, LlmUnavailable, Prompt
from agents.llm_offline import OfflineLLM
from agents.prompts import load_prompt, preload_prompts
from agents.scenario import MAX_WORDS, ScenarioAgent, scene_of
from interview.events import Clause
from interview.model import Block, Question, QuestionType, Scenario, Sliders, Wishes
from interview.personas import PERSONAS, persona_for
from tests import virtual_loop
from tests.fakes.talk import QUESTIONS


@pytest.fixture(autouse=True, scope="module")
def prompts() -> None:
    preload_prompts()


TECH = QUESTIONS[2]
WISHES = Wishes("backend engineer")


class Phrasing(OfflineLLM):
    """Answers every task with one text, after a while, or fails."""

    def __init__(self, text: str, after_s: float = 0.0) -> None:
        super().__init__()
        self._text, self._after_s = text, after_s
        self.prompts: list[Prompt] = []

    async def complete(self, prompt: Prompt) -> Completion:
        self.prompts.append(prompt)
        await asyncio.sleep(self._after_s)
        if not self._text:
            raise LlmUnavailable("scripted", "503")
        return Completion(self._text, "scripted:1")


def hand_over(llm: OfflineLLM, question: Question = TECH, *, met: bool = False) -> tuple[Clause, ...]:
    return virtual_loop.run(ScenarioAgent(llm).hand_over("hr", question, WISHES, met=met))


def test_the_model_may_phrase_the_scene() -> None:
    llm = Phrasing("Let us look under the hood of what you build.")
    gives, takes = hand_over(llm)
    assert gives == Clause("I will hand over to Daniel, our technical lead.", "hr")
    assert takes == Clause("Hello, Daniel here. Let us look under the hood of what you build.", "tech_lead")
    (prompt,) = llm.prompts
    assert prompt.source == load_prompt("scenario.scene", 1).source
    assert "Daniel" in prompt.system


@pytest.mark.parametrize(
    "llm",
    [
        Phrasing(""),
        Phrasing("Too late to be said.", after_s=60.0),
        Phrasing("Great answer!"),
        Phrasing("Shall we begin?"),
        Phrasing("word " * (MAX_WORDS + 1) + "."),
        Phrasing("** **"),
        OfflineLLM(),
    ],
    ids=["fails", "late", "praise", "question", "long", "markup", "offline"],
)
def test_what_may_not_be_said_or_comes_late_is_replaced(llm: OfflineLLM) -> None:
    _, takes = hand_over(llm)
    assert takes.text == f"Hello, Daniel here. {scene_of(Block.ROLE_KNOWLEDGE)}"


def test_nobody_hands_over_to_themselves() -> None:
    llm = Phrasing("Never asked.")
    assert hand_over(llm, QUESTIONS[1]) == ()
    assert llm.prompts == []


def test_every_part_has_its_scene_and_each_is_speakable() -> None:
    for block in (None, *Block):
        text = scene_of(block)
        assert 4 < len(text.split()) <= MAX_WORDS
        assert text.endswith(".")


def opening(scenario: Scenario, sliders: Sliders | None = None) -> tuple[Clause, ...]:
    host = persona_for(scenario, None)
    opener = Question("q0", "Who are you?", QuestionType.OPENER, None, host)
    wishes = Wishes("engineer", scenario=scenario, sliders=sliders or Sliders())
    return ScenarioAgent(OfflineLLM()).opening(wishes, opener, "Mara Lind")


def test_a_panel_introduces_itself_in_its_own_voices() -> None:
    clauses = opening(Scenario.PANEL)
    voices = [PERSONAS[clause.persona].voice for clause in clauses]
    assert len(set(voices)) == 3
    assert clauses[0].persona == clauses[-1].persona == persona_for(Scenario.PANEL, None)
    assert clauses[-1].text == "Who are you?"


@pytest.mark.parametrize("scenario", [Scenario.HR, Scenario.TECH_LEAD])
def test_one_alone_speaks_alone(scenario: Scenario) -> None:
    (clause,) = opening(scenario)
    assert "join" not in clause.text
    assert clause.text.endswith("Who are you?")


def test_the_opening_says_that_it_is_an_ai_and_practice() -> None:
    for scenario in Scenario:
        first = opening(scenario)[0].text
        assert "AI interviewer" in first
        assert "practice interview of about 30 minutes" in first

"""The coach: cues in study mode only, tips for what was lowest, a better version in own facts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest

from agents.coach import CoachAgent
from agents.evaluator import EvaluatorAgent
from agents.llm import Completion, LlmError, LlmMalformed, LlmUnavailable, Prompt
from agents.llm_offline import OfflineLLM
from agents.prompts import preload_prompts
from interview.evaluation import Feedback
from interview.judging import combine, not_assessed, screen
from interview.judging_facts import unsaid
from interview.model import Mode
from tests.interview.judging_cases import ANSWER, RUBRICS, case, reading

preload_prompts()  # as a server does before its loop runs

OWN = "On the night shift I put photos on the labels, and mispicks fell from 30 to 9."


class Model:
    model = "fake:coach"

    def __init__(self, *answers: str | Exception) -> None:
        self.answers, self.asked = list(answers), list[Prompt]()

    async def complete(self, prompt: Prompt) -> Completion:
        self.asked.append(prompt)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Completion(answer, self.model)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str, None]:
        yield (await self.complete(prompt)).text

    async def aclose(self) -> None:
        """Nothing to close."""


def reply(better: str = OWN, **more: Any) -> str:
    tips = [
        {"dimension": "language", "text": "Say it earlier."},
        {"dimension": "content", "text": "Name the result."},
        {"dimension": "soft_skills", "text": "Name your part."},
    ]
    actions = [{"title": "Answer again", "description": "In a minute.", "priority": "high"}]
    return msgspec.json.encode({"tips": tips, "better": better, "actions": actions, **more}).decode()


def coach(llm: Any, words: str = ANSWER, level: float = 2, names: tuple[str, ...] = ()) -> Feedback:
    given = case(words)
    found = combine(screen(given), [reading(level, " ".join(words.split()[:3]))] * 3, RUBRICS)
    return asyncio.run(CoachAgent(llm).feedback(given, found, names))


def test_tips_are_for_the_lowest_dimensions_in_their_order() -> None:
    model = Model(reply())
    found = coach(model)
    assert found.tips == ("Name the result.",)
    assert "- content: why" in model.asked[0].system
    assert "- depth: why" in model.asked[0].system
    assert "language" not in model.asked[0].system.partition("Give:")[0]
    assert found.better == OWN
    assert found.tags == ("initiative", "quality")
    assert found.actions[0].priority == "high"
    assert found.provenance["prompt"].startswith("coach.feedback.v1@")
    assert (found.provenance["model"], found.provenance["better"]) == ("fake:coach", "fake:coach")


@pytest.mark.parametrize(
    "better", ["Mispicks fell by 70 percent.", "I asked Marco, and mispicks fell from 30 to 9.", ""]
)
def test_a_better_version_with_new_facts_is_replaced_by_own_sentences(better: str) -> None:
    found = coach(Model(reply(better)))
    assert found.provenance["better"] == "rules"
    assert "Marco" not in found.better
    assert "I put photos on the labels" in found.better
    assert unsaid(found.better, ANSWER) == ()


def test_a_strong_answer_leaves_nothing_to_practise() -> None:
    assert coach(Model(reply()), level=5).tags == ()


def test_what_was_not_assessed_needs_no_model() -> None:
    model = Model()
    found = asyncio.run(CoachAgent(model).feedback(case(""), not_assessed("nothing was said")))
    assert "nothing was said" in found.tips[0]
    assert found.better == ""
    assert found.actions
    assert found.tags == ("initiative", "quality")


def test_the_coach_does_not_see_who_answered_and_gives_names_back() -> None:
    model = Model(reply("My name is [name] and I put photos on the labels."))
    found = coach(model, "My name is Zoe Quist. I put photos on the labels.", names=("Zoe Quist",))
    assert "Zoe" not in model.asked[0].system + model.asked[0].messages[0].text + repr(model.asked[0].facts)
    assert found.better == "My name is Zoe Quist and I put photos on the labels."


def test_bad_output_is_repaired_once_then_an_error() -> None:
    assert coach(Model("prose", reply())).better == OWN
    with pytest.raises(LlmMalformed):
        coach(Model("prose", "prose"))
    with pytest.raises(LlmUnavailable):
        coach(Model(LlmUnavailable("fake", "down")))


def test_a_cue_is_short_and_for_study_mode_only() -> None:
    question = case().question
    model = Model("**Say** " + "what you measured " * 20)
    agent = CoachAgent(model)
    assert asyncio.run(agent.cue(question, "We fixed it.", Mode.EXAM)) == ""
    assert asyncio.run(agent.cue(question, " (unintelligible audio)")) == ""
    assert model.asked == []
    cue = asyncio.run(agent.cue(question, "We fixed it, I am Zoe, zoe@quist.io"))
    assert len(cue.split()) == 25
    assert cue.startswith("Say what")
    assert "zoe@quist.io" not in model.asked[0].messages[0].text


def test_a_cue_that_fails_is_no_trouble_for_the_call() -> None:
    told: list[LlmError] = []
    agent = CoachAgent(Model(LlmUnavailable("fake", "down")), told.append)
    assert asyncio.run(agent.cue(case().question, "We fixed it.")) == ""
    assert len(told) == 1


def test_the_offline_coach_names_what_is_missing() -> None:
    agent = CoachAgent(OfflineLLM())

    def cue(words: str) -> str:
        return asyncio.run(agent.cue(case().question, words))

    assert "scene" in cue("We improved it.")
    assert "result" in cue(
        "When I ran the night shift, I put photos on labels because bins looked alike. "
        "I moved the bins so that nobody had to bend, and I trained two pickers."
    )


def test_the_offline_coach_puts_own_sentences_in_order_with_gaps() -> None:
    given = case(
        "I printed photos for the labels. I moved the red bins to aisle 4. I trained two pickers on it."
    )

    async def scene() -> Feedback:
        found = await EvaluatorAgent(OfflineLLM(), RUBRICS, samples=1).evaluate(given)
        return await CoachAgent(OfflineLLM()).feedback(given, found)

    feedback = asyncio.run(scene())
    assert feedback.better.startswith("Situation: [")
    assert "Action: I printed photos for the labels." in feedback.better
    assert "Result: [" in feedback.better
    assert unsaid(feedback.better, given.answer) == ()
    assert 1 <= len(feedback.tips) <= 2
    assert len(feedback.actions) == len(feedback.tips)

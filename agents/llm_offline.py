"""A language model that is none: every named task by rule, deterministic, without key or network.

It works from ``Prompt.facts`` and says what it is through its ``model`` name (``offline:rules``), which
is shown wherever its output is.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Final

import msgspec

from agents import offline_analyst, offline_coach
from agents.llm import Completion, LlmRefused, Prompt
from agents.offline_judge import judge
from interview.flow import Step
from interview.reading import has_words, salient, words_of

_PIECE_WORDS: Final = 6


class OfflineLLM:
    """Answers the interviewer's, the coach's, the evaluator's and the analyst's tasks.

    Raises:
        LlmRefused: a task it has no rules for.
    """

    model = "offline:rules"

    def __init__(self) -> None:
        self._tasks: dict[str, Callable[[Mapping[str, Any]], str]] = {
            "interviewer.reply": _interviewer,
            "coach.live": offline_coach.cue,
            "coach.feedback": offline_coach.feedback,
            "evaluator.score": judge,
            "scenario.scene": lambda facts: str(facts["scene"]),
            "analyst.summary": offline_analyst.summary,
            "analyst.insights": offline_analyst.insights,
            "analyst.communication": offline_analyst.communication,
        }

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str, None]:
        """In pieces, as a real model would give it."""
        text = self._answer(prompt)
        words = text.split(" ")
        for start in range(0, len(words), _PIECE_WORDS):
            piece = " ".join(words[start : start + _PIECE_WORDS])
            yield piece if start == 0 else f" {piece}"

    async def complete(self, prompt: Prompt) -> Completion:
        return Completion(self._answer(prompt), self.model)

    async def aclose(self) -> None:
        """Nothing to close."""

    def _answer(self, prompt: Prompt) -> str:
        rule = self._tasks.get(prompt.task)
        if rule is None:
            raise LlmRefused("offline", f"no rules for the task {prompt.task}")
        return rule(prompt.facts)


def _interviewer(facts: Mapping[str, Any]) -> str:
    answer, steps = str(facts["answer"]), [Step(step) for step in facts["moves"]]
    if steps == [Step.ANSWER_BACK]:
        return _line(Step.ANSWER_BACK, True, "") + (
            "Since this is a practice interview, I cannot speak for one company. In most teams that is "
            "worked out with your manager in the first weeks, and it is a fair thing to ask about. "
            "Is there anything else you would like to ask?"
        )
    words = len(words_of(answer))
    about = salient(answer, facts["picked"]) if has_words(answer) else ""
    if about and Step.PROBE in steps and (steps[0] is Step.PROBE or words < 25):
        angles = list(facts["angles"]) or ["What was your own part in it?"]
        angle = angles[int(facts["probes"]) % len(angles)]
        return _line(Step.PROBE, words >= 15, about) + f"You mentioned {about}. {angle}"
    forward = next(step for step in steps if step is not Step.PROBE)
    return _line(forward, words >= 15, "") + str(facts["bridge"])


def _line(step: Step, answered: bool, about: str) -> str:
    head = msgspec.json.encode({"move": step.value, "answered": answered, "about": about}).decode()
    return f"{head}\n"

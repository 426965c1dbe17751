"""A language model that is none: every named task by rule, deterministic, without key or network.

It works from ``Prompt.facts`` and says what it is through its ``model`` name (``offline:rules``), which
is shown wherever its output is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Final

from agents import offline_analyst, offline_coach, offline_interviewer
from agents.llm import Completion, LlmRefused, Prompt
from agents.offline_judge import judge
from agents.sentence_model import SentenceModelError

_PIECE_WORDS: Final = 6
TASK_SCORE: Final = "evaluator.score"


class OfflineLLM:
    """Answers the interviewer's, the coach's, the evaluator's and the analyst's tasks.

    Raises:
        LlmRefused: a task it has no rules for, or the sentence model that scoring needs is not the right one.
    """

    model = "offline:rules"

    def __init__(self) -> None:
        self._tasks: dict[str, Callable[[Mapping[str, Any]], str]] = {
            "interviewer.reply": offline_interviewer.reply,
            "coach.live": offline_coach.cue,
            "coach.feedback": offline_coach.feedback,
            TASK_SCORE: judge,
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
        if prompt.task == TASK_SCORE:
            # The sentence model computes for a tenth of a second, and reads its files at the first answer.
            return Completion(await asyncio.to_thread(self._answer, prompt), self.model)
        return Completion(self._answer(prompt), self.model)

    async def aclose(self) -> None:
        """Nothing to close."""

    def _answer(self, prompt: Prompt) -> str:
        rule = self._tasks.get(prompt.task)
        if rule is None:
            raise LlmRefused("offline", f"no rules for the task {prompt.task}")
        try:
            return rule(prompt.facts)
        except SentenceModelError as trouble:
            raise LlmRefused("offline", str(trouble)) from None

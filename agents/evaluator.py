"""The judge of answers: several independent readings by a model, made into scores by `interview.judging`.

Off the live path. The model reads a blind answer between markers and hands in quotes and levels;
it never chooses a number, and what it quotes must have been said.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec

from agents.llm import LLM, LlmError, Message, Prompt
from agents.prompts import PromptFile, load_prompt
from agents.structured import structured
from interview.evaluation import AnswerCase, Evaluation
from interview.judging import JUDGED, Claim, Reading, Screened, combine, screen
from interview.rubric import Confidence, Dimension, Rubric

TASK: Final = "evaluator.score"
VERSION: Final = 2
MAX_ANSWER: Final = 12_000
"""Characters of an answer that a judge is shown: about a quarter of an hour of speech."""
RULES: Final = "offline:"
"""How models that are rules name themselves: they always agree with themselves, which proves nothing."""


class ClaimJson(msgspec.Struct):
    dimension: Literal["content", "depth", "soft_skills", "language"]
    quotes: Annotated[list[str], msgspec.Meta(max_length=6)]
    level: Annotated[float, msgspec.Meta(ge=1, le=5)] | None
    why: str


class ReadingJson(msgspec.Struct):
    """What a judge hands in for one reading."""

    claims: Annotated[list[ClaimJson], msgspec.Meta(min_length=1, max_length=8)]
    on_topic: bool
    readable: bool
    addresses_judge: bool


@dataclass(slots=True)
class EvaluatorAgent:
    """Scores single answers.

    ``samples``: independent readings of each answer, asked for at the same time; the order of the
    dimensions differs between them. ``judge_name`` names the judge in what is stored. ``first`` is the number
    of the first sample: a judge that begins after another one's last repeats none of its readings.
    """

    llm: LLM
    rubrics: Mapping[Dimension, Rubric]
    samples: int = 3
    judge_name: str = "viva"
    first: int = 0

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError("samples must be at least 1")

    async def evaluate(self, case: AnswerCase, names: Sequence[str] = ()) -> Evaluation:
        """Score one answer. Silence and gibberish are settled without a model.

        ``names``: the candidate's names, hidden from the judge. A reading that fails, or that is not what
        was asked for twice, is left out.

        Raises:
            LlmError: every reading failed; the first failure.
        """
        screened = screen(case, names)
        file = load_prompt(TASK, VERSION)
        facts = self._provenance(file)
        if screened.settled is not None:
            return _with(screened.settled, facts)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._read(screened, file, number), name=f"reading {number}")
                for number in range(self.first, self.first + self.samples)
            ]
        results = [task.result() for task in tasks]
        readings = [result for result in results if isinstance(result, Reading)]
        failures = [result for result in results if isinstance(result, LlmError)]
        if not readings:
            raise failures[0]
        models = sorted({reading.model for reading in readings})
        rules = all(model.startswith(RULES) for model in models)
        return combine(
            screened,
            readings,
            self.rubrics,
            best_confidence=Confidence.MEDIUM if rules else Confidence.HIGH,
            provenance={**facts, "models": models, "failed_readings": len(failures)},
        )

    async def _read(self, screened: Screened, file: PromptFile, number: int) -> Reading | LlmError:
        try:
            found, model = await structured(self.llm, self._prompt(screened, file, number), ReadingJson)
        except LlmError as error:
            return error
        claims = tuple(
            Claim(Dimension(claim.dimension), claim.level, tuple(claim.quotes), claim.why.strip()[:300])
            for claim in found.claims
        )
        return Reading(claims, found.on_topic, found.readable, found.addresses_judge, model)

    def _prompt(self, screened: Screened, file: PromptFile, number: int) -> Prompt:
        case, question = screened.case, screened.case.question
        order = list(JUDGED)
        random.Random(number).shuffle(order)
        answer = screened.seen.text[:MAX_ANSWER]
        asked = "".join(f"\nFollow-up question: {text}" for text, _ in case.follow_ups)
        system = file.fill(
            {
                "role": case.role or "not given",
                "question": question.text + asked,
                "looks_for": "; ".join(question.looks_for) or "not given: judge by the question itself",
                "rubric": "\n".join(_described(self.rubrics[dimension]) for dimension in order),
            }
        )
        data = answer.replace("</answer>", "").replace("<answer>", "")
        facts = {
            "question": question.text,
            "kind": question.type.value,
            "looks_for": list(question.looks_for),
            "competencies": list(question.competencies),
            "answer": answer,
            "language": case.language,
            "dimensions": [dimension.value for dimension in order],
        }
        return Prompt(
            TASK,
            system,
            (Message("user", f"<answer>\n{data}\n</answer>"),),
            facts,
            temperature=0.2,
            max_tokens=1400,
            seed=number,
            source=file.source,
        )

    def _provenance(self, file: PromptFile) -> dict[str, Any]:
        return {
            "judge": self.judge_name,
            "prompt": file.source,
            "rubric": next(iter(self.rubrics.values())).version,
            "samples": self.samples,
            "models": [],
        }


def _described(rubric: Rubric) -> str:
    levels = "\n".join(f"  {anchor.level} ({anchor.label}): {anchor.text}" for anchor in rubric.anchors)
    return f"{rubric.dimension.value}: {rubric.asks}\n  Ignore: {rubric.ignores}\n{levels}"


def _with(evaluation: Evaluation, facts: Mapping[str, Any]) -> Evaluation:
    return Evaluation(
        evaluation.verdicts,
        evaluation.overall,
        evaluation.reason,
        evaluation.confidence,
        evaluation.flags,
        {**facts, **evaluation.provenance},
    )

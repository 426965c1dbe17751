"""Answers and readings that the tests of judging share."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from interview.evaluation import AnswerCase
from interview.judging import Claim, Reading
from interview.model import Question, QuestionType
from interview.rubric import Dimension, parse_rubrics

RUBRICS = parse_rubrics(json.loads((files("interview") / "data" / "rubrics.json").read_text("utf-8")))
ANSWER = (
    "When I ran the night shift, two pickers kept mixing up the same bins. I put photos on the labels and "
    "watched for a week. As a result mispicks fell from 30 to 9, because nobody had to read in the dark."
)


def case(answer: str = ANSWER, **more: Any) -> AnswerCase:
    question = Question(
        "q1",
        "Tell me about a process you improved.",
        QuestionType.BEHAVIORAL,
        None,
        "hr",
        competencies=("initiative", "quality"),
        time_limit_s=120,
    )
    return AnswerCase(question, answer, **more)


def reading(level: float | None, quote: str = "I put photos on the labels", **more: Any) -> Reading:
    """A reading that gives every dimension the same level and quote."""
    names = (Dimension.CONTENT, Dimension.DEPTH, Dimension.SOFT_SKILLS, Dimension.LANGUAGE)
    return Reading(tuple(Claim(name, level, (quote,), "why") for name in names), model="fake:m", **more)

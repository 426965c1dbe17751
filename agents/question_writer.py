"""The question writer: planned questions, fitted by a model to one candidate.

The plan decides how many questions there are, of which type and block, and who asks them; the model may
only reword or replace texts. What it returns is checked like the bank itself, field by field.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Final, cast

import msgspec

from agents.llm import LLM, LlmMalformed, Message, Prompt
from agents.prompts import load_prompt
from agents.structured import structured
from interview.bank import MAX_ANGLE_WORDS, MAX_WORDS
from interview.model import Question, Wishes

MODEL: Final = "model:"
"""How the origin of a written question (``Question.bank_id``) begins; the model's name follows."""
MAX_MATERIAL: Final = 8000
"""Characters of each text of the candidate's that the model is shown."""
_UNSPEAKABLE: Final = re.compile(r"[{}\[\]<>*_#`|\n\r\t\x00]")

Point = Annotated[str, msgspec.Meta(min_length=2, max_length=300)]


class WrittenQuestion(msgspec.Struct):
    id: str
    text: Annotated[str, msgspec.Meta(min_length=8, max_length=400)]
    looks_for: Annotated[list[Point], msgspec.Meta(min_length=3, max_length=5)]
    angles: Annotated[list[Point], msgspec.Meta(min_length=2, max_length=3)]

    def __post_init__(self) -> None:
        # A ValueError here becomes msgspec's ValidationError, and so the fault that the model is told.
        self.text = _spoken(self.text, MAX_WORDS, "text")
        self.angles = [_spoken(angle, MAX_ANGLE_WORDS, "angle") for angle in self.angles]
        self.looks_for = [" ".join(point.split()) for point in self.looks_for]
        if not all(self.looks_for):
            raise ValueError("looks_for must hold no empty text")


@dataclass(frozen=True, slots=True)
class QuestionWriter:
    """Asks ``llm`` once, and once more when the answer cannot be used."""

    llm: LLM

    async def write(self, wishes: Wishes, planned: Sequence[Question]) -> tuple[Question, ...]:
        """``planned`` with texts, ``looks_for`` and ``angles`` by the model.

        A question whose words stayed the same keeps its place in the bank; the others name the model.

        Raises:
            LlmMalformed: the answer did not fit, twice.
            LlmError: whatever else the model raises.
        """
        written, model = await structured(self.llm, _prompt(wishes, planned), _answer_type(planned))
        return tuple(
            _merged(question, new, model) for question, new in zip(planned, written.questions, strict=True)
        )


def written_by(question: Question) -> str:
    """``model:NAME`` for a question that a model wrote, else ""."""
    origin = question.bank_id or ""
    return origin if origin.startswith(MODEL) else ""


class _Answer(msgspec.Struct):
    questions: list[WrittenQuestion]


def _answer_type(planned: Sequence[Question]) -> type[_Answer]:
    """The answer's type for this very plan, so that a wrong set of ids is a fault worth a repair."""
    ids = [question.id for question in planned]

    def check(answer: _Answer) -> None:
        if [question.id for question in answer.questions] != ids:
            raise ValueError(f"the ids must be {', '.join(ids)}, in this order")
        texts = {question.text.lower() for question in answer.questions}
        if len(texts) != len(ids):
            raise ValueError("every question must differ from the others")

    # Made by hand: the annotations of a class could not see the number of questions.
    exactly = Annotated[list[WrittenQuestion], msgspec.Meta(min_length=len(ids), max_length=len(ids))]
    made = msgspec.defstruct(
        "Answer", [("questions", exactly)], bases=(_Answer,), namespace={"__post_init__": check}
    )
    return cast(type[_Answer], made)


def _merged(question: Question, new: WrittenQuestion, model: str) -> Question:
    return replace(
        question,
        text=new.text,
        looks_for=tuple(dict.fromkeys(new.looks_for)),
        angles=tuple(dict.fromkeys(new.angles)),
        bank_id=question.bank_id if new.text == question.text else f"{MODEL}{model}",
    )


def _spoken(text: str, words: int, what: str) -> str:
    text = text.strip()
    if not text or len(text.split()) > words:
        raise ValueError(f"a {what} must have 1 to {words} words")
    if _UNSPEAKABLE.search(text):
        raise ValueError(f"a {what} must hold no markup and no line break")
    if text.count("?") > 1 or text[-1] not in "?.":
        raise ValueError(f"a {what} must be one question and end with ? or .")
    return text


def _prompt(wishes: Wishes, planned: Sequence[Question]) -> Prompt:
    file = load_prompt("question_writer.write", 1)
    system = file.fill(
        {
            "role": _line(wishes.role),
            "difficulty": wishes.difficulty,
            "stack": _line(", ".join(wishes.stack)) or "none named",
            "focus_areas": _line(", ".join(wishes.focus_areas)) or "none named",
            "language": _line(wishes.language),
        }
    )
    plan = [
        {
            "id": q.id,
            "type": q.type,
            "block": q.block,
            "text": q.text,
            "looks_for": q.looks_for,
            "angles": q.angles,
        }
        for q in planned
    ]
    material = "\n".join(
        f"<{tag}>\n{_data(text)}\n</{tag}>"
        for tag, text in (
            ("job_description", wishes.job_description),
            ("goals", wishes.goals),
            ("wishes", wishes.custom_prompt),
        )
    )
    message = f"{material}\n\nThe plan:\n{msgspec.json.encode(plan).decode()}"
    return Prompt(
        "question_writer.write",
        system,
        (Message("user", message),),
        max_tokens=250 * len(planned) + 400,
        source=file.source,
    )


def _line(text: str) -> str:
    """One line of it: what came from a form must not open a paragraph of its own in the system text."""
    return " ".join(text.split())[:400]


def _data(text: str) -> str:
    """The candidate's text without anything that could close its marker."""
    return re.sub(r"[<>]", " ", text).strip()[:MAX_MATERIAL] or "nothing given"


__all__ = ["LlmMalformed", "QuestionWriter", "WrittenQuestion", "written_by"]

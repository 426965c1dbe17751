"""The coach: a cue beside the captions while practising, and feedback on a judged answer.

A coach never grades. What it writes as a better version holds the candidate's own facts only: code compares
its numbers and names with the answer, and a version that claims more is replaced by one made by rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec

from agents.llm import LLM, LlmError, Message, Prompt
from agents.offline_coach import restructured
from agents.prompts import load_prompt
from agents.structured import structured
from interview.evaluation import ActionItem, AnswerCase, Evaluation, Feedback, Verdict
from interview.judging import STRONG
from interview.judging_facts import unsaid
from interview.judging_quotes import Blind, blind
from interview.model import Mode, Question
from interview.reading import has_words
from interview.rubric import Dimension

FEEDBACK_VERSION: Final = 1
CUE_VERSION: Final = 1
MAX_ANSWER: Final = 12_000
MAX_CUE_WORDS: Final = 25
WEAKEST: Final = 2
"""Dimensions a feedback speaks of: more than two things nobody changes at once."""
_LABEL: Final = re.compile(r"\[(?:email|link|phone|name|school)\]")


class TipJson(msgspec.Struct):
    dimension: Literal["content", "depth", "soft_skills", "language", "timing"]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=400)]


class ActionJson(msgspec.Struct):
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    description: Annotated[str, msgspec.Meta(max_length=400)]
    priority: Literal["high", "medium", "low"]


class FeedbackJson(msgspec.Struct):
    """What a coach hands in for one answer."""

    tips: Annotated[list[TipJson], msgspec.Meta(max_length=6)]
    better: Annotated[str, msgspec.Meta(max_length=3000)]
    actions: Annotated[list[ActionJson], msgspec.Meta(max_length=6)]


@dataclass(slots=True)
class CoachAgent:
    """``on_trouble`` is told of each live cue that failed; feedback raises instead."""

    llm: LLM
    on_trouble: Callable[[LlmError], None] = lambda _: None

    async def cue(self, question: Question, answer: str, mode: Mode = Mode.STUDY) -> str:
        """One short cue for the next try, or "": in exam mode always, and when the model fails."""
        if mode is not Mode.STUDY or not has_words(answer):
            return ""
        file = load_prompt("coach.live", CUE_VERSION)
        system = file.fill(
            {
                "question": question.text,
                "looks_for": "; ".join(question.looks_for) or "not given",
            }
        )
        said = blind(answer[:MAX_ANSWER]).text
        prompt = Prompt(
            "coach.live",
            system,
            (_data(said),),
            {"question": question.text, "answer": said},
            max_tokens=80,
            source=file.source,
        )
        try:
            text = (await self.llm.complete(prompt)).text
        except LlmError as trouble:
            self.on_trouble(trouble)
            return ""
        words = text.replace("*", "").replace("#", "").split()
        return " ".join(words[:MAX_CUE_WORDS])

    async def feedback(self, case: AnswerCase, evaluation: Evaluation, names: Sequence[str] = ()) -> Feedback:
        """Tips for the lowest dimensions, a better version, what to do next, what to practise.

        ``names``: the candidate's, hidden from the coach. An answer that was not assessed gets a tip without
        a model.

        Raises:
            LlmError: the model failed, or gave no feedback of the agreed shape twice.
        """
        file = load_prompt("coach.feedback", FEEDBACK_VERSION)
        tags = _tags(case, evaluation)
        if evaluation.overall is None:
            tip = (
                f"This answer could not be assessed: {evaluation.reason}. Answer it again in your own words."
            )
            again = ActionItem(
                "Answer this question again", "Record one complete answer of a minute.", "high"
            )
            return Feedback((tip,), "", (again,), tags, {"prompt": file.source, "model": ""})
        seen = blind(case.words, names)
        weakest = _weakest(evaluation)
        system = file.fill(
            {
                "question": case.question.text,
                "looks_for": "; ".join(case.question.looks_for) or "not given",
                "weakest": "\n".join(f"- {v.dimension.value}: {v.rationale}" for v in weakest),
            }
        )
        said = seen.text[:MAX_ANSWER]
        facts = {
            "question": case.question.text,
            "kind": case.question.type.value,
            "looks_for": list(case.question.looks_for),
            "competencies": list(case.question.competencies),
            "answer": said,
            "weakest": [{"dimension": v.dimension.value, "value": v.value} for v in weakest],
        }
        prompt = Prompt("coach.feedback", system, (_data(said),), facts, max_tokens=1200, source=file.source)
        found, model = await structured(self.llm, prompt, FeedbackJson)
        better, maker = _better(found.better.strip(), facts, seen, case, model)
        order = [v.dimension.value for v in weakest]
        tips = sorted((t for t in found.tips if t.dimension in order), key=lambda t: order.index(t.dimension))
        return Feedback(
            tuple(dict.fromkeys(_shown(tip.text.strip(), seen, case) for tip in tips)),
            better,
            tuple(
                ActionItem(a.title.strip(), _shown(a.description.strip(), seen, case), a.priority)
                for a in found.actions[:3]
            ),
            tags,
            {"prompt": file.source, "model": model, "better": maker},
        )


def _data(said: str) -> Message:
    safe = said.replace("</answer>", "").replace("<answer>", "")
    return Message("user", f"<answer>\n{safe}\n</answer>")


def _weakest(evaluation: Evaluation) -> list[Verdict]:
    """The lowest dimensions, lowest first; timing only when nothing else is as low."""
    known = [verdict for verdict in evaluation.verdicts if verdict.value is not None]
    known.sort(key=lambda v: (v.value or 0, v.dimension is Dimension.TIMING))
    return known[:WEAKEST]


def _tags(case: AnswerCase, evaluation: Evaluation) -> tuple[str, ...]:
    if evaluation.overall is not None and evaluation.overall >= STRONG:
        return ()
    return tuple(dict.fromkeys(case.question.competencies))


def _better(
    text: str, facts: Mapping[str, Any], seen: Blind, case: AnswerCase, model: str
) -> tuple[str, str]:
    """The better version and who made it: the model's when it claims nothing new, else one made by rule."""
    maker = model
    if not text or unsaid(text, f"{seen.text}\n{case.question.text}"):
        text, maker = restructured(facts), "rules"
    return _shown(text, seen, case), maker if text else ""


def _shown(text: str, seen: Blind, case: AnswerCase) -> str:
    """What was hidden from the coach, put back where only one thing can be meant."""

    def put_back(match: re.Match[str]) -> str:
        hidden = {
            case.words[piece[2] : piece[3]]
            for piece in seen.pieces
            if seen.text[piece[0] : piece[1]].strip() == match.group()
        }
        return hidden.pop() if len(hidden) == 1 else match.group()

    return _LABEL.sub(put_back, text)

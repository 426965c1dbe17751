"""The interviewer's reply by rule: take up something that was said, then ask for what it leaves open.

What an answer leaves open comes first: a story without an end, or without the speaker in it. Else the
question's own follow-up angles, in their order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from agents import lines
from agents.offline_cues import OUTCOME
from interview.flow import Step
from interview.picking import salient
from interview.reading import has_words, words_of

_ANSWER_BACK: Final = (
    "Since this is a practice interview, I cannot speak for one company. In most teams that is "
    "worked out with your manager in the first weeks, and it is a fair thing to ask about. "
    "Is there anything else you would like to ask?"
)
_SHORT: Final = 25
"""Words: a shorter answer is gone into even where the time is better spent on the next question."""
_ANSWERED: Final = 15
_ALONE: Final = re.compile(r"\b(?:i|my|me|myself)\b", re.IGNORECASE)
_TOGETHER: Final = re.compile(r"\b(?:we|our|us)\b", re.IGNORECASE)


def reply(facts: Mapping[str, Any]) -> str:
    """A header line with the move, then the words; see `agents.speech.Header`."""
    answer, steps = str(facts["answer"]), [Step(step) for step in facts["moves"]]
    if steps == [Step.ANSWER_BACK]:
        return _line(Step.ANSWER_BACK, True, "") + _ANSWER_BACK
    words = len(words_of(answer))
    pick = salient(answer, facts["picked"]) if has_words(answer) else None
    if pick and Step.PROBE in steps and (steps[0] is Step.PROBE or words < _SHORT):
        taken = lines.picked_up(pick.text, answer, len(facts["picked"]))
        return _line(Step.PROBE, words >= _ANSWERED, pick.text) + f"{taken} {_question(answer, facts)}"
    forward = next(step for step in steps if step is not Step.PROBE)
    return _line(forward, words >= _ANSWERED, "") + str(facts["bridge"])


def _question(answer: str, facts: Mapping[str, Any]) -> str:
    probes, angles = int(facts["probes"]), list(facts["angles"])
    if probes == 0 and facts["asks_for_a_story"] and (missing := _left_open(answer)):
        return missing
    return str(angles[probes % len(angles)]) if angles else "What was your own part in it?"


def _left_open(answer: str) -> str:
    """The question for what a story lacks, or ""."""
    if len(_TOGETHER.findall(answer)) >= 2 and not _ALONE.search(answer):
        return "What was your own part in it?"
    if OUTCOME.search(answer) is None:
        return "What came of it in the end?"
    return ""


def _line(step: Step, answered: bool, about: str) -> str:
    head = msgspec.json.encode({"move": step.value, "answered": answered, "about": about}).decode()
    return f"{head}\n"

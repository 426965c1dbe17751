"""A person's value over a judge's: what then counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from interview.evaluation import AnswerCase, Evaluation, Quote, Verdict
from interview.judging import CAPS, not_assessed
from interview.judging_review import Override, agree, in_force
from interview.model import Block, Question, QuestionType
from interview.rubric import Confidence, Dimension, parse_rubrics
from storage.question_files import read_rubric_file

RUBRICS = parse_rubrics(read_rubric_file())
SAID = "We argued about night shifts. I listened, drew up a rota with everybody and complaints fell by half."
CASE = AnswerCase(
    Question("q2", "Tell me of a conflict.", QuestionType.BEHAVIORAL, Block.BEHAVIORAL, "hr"), SAID
)
QUOTE = Quote(SAID[:9], 0, 9)


def judged(value: int = 40, *flags: str) -> Evaluation:
    verdicts = tuple(Verdict(d, value, "", "It says so.", (QUOTE,), Confidence.MEDIUM, 7) for d in Dimension)
    return Evaluation(verdicts, value, "", Confidence.MEDIUM, flags, {"judge": "viva"})


def test_without_a_persons_value_nothing_changes() -> None:
    assert in_force(judged(), (), CASE, RUBRICS) == judged()


def test_one_dimension_changes_and_the_total_follows_by_its_weight() -> None:
    found = in_force(judged(40), (Override(Dimension.CONTENT, 90, "It was there."),), CASE, RUBRICS)
    weight = RUBRICS[Dimension.CONTENT].weight
    assert found.overall == round(40 + 50 * weight)
    content, *others = found.verdicts
    assert (content.value, content.confidence, content.spread) == (90, Confidence.HIGH, 0)
    assert content.quotes == (QUOTE,), "what the judge saw stays"
    assert [verdict.value for verdict in others] == [40] * 4
    assert found.provenance == {"judge": "viva"}


def test_the_newest_value_of_a_dimension_counts() -> None:
    first, second = Override(Dimension.DEPTH, 10, "No."), Override(Dimension.DEPTH, 80, "Yes.")
    found = in_force(judged(), (first, second), CASE, RUBRICS)
    assert found.verdicts[1].value == 80


def test_a_cap_stays_unless_a_person_has_valued_the_content() -> None:
    off = judged(40, "off_topic")
    most = CAPS["off_topic"]
    why = f"at most {most}: the answer is about something else than the question"
    off = replace(off, overall=most, reason=why)
    spoken = in_force(off, (Override(Dimension.LANGUAGE, 100, "Well said."),), CASE, RUBRICS)
    assert (spoken.overall, spoken.reason) == (most, why)
    heard = in_force(off, (Override(Dimension.CONTENT, 100, "It is on topic."),), CASE, RUBRICS)
    assert heard.overall is not None
    assert heard.overall > 40
    assert heard.reason == ""


def test_what_was_not_assessed_can_be_valued() -> None:
    blank = not_assessed("nothing was said", ("no_answer",))
    timed = in_force(blank, (Override(Dimension.TIMING, 80, "Fine."),), CASE, RUBRICS)
    assert timed.overall is None, "timing alone makes no total"
    valued = in_force(blank, (Override(Dimension.CONTENT, 60, "I heard it."),), CASE, RUBRICS)
    assert valued.overall == 60
    assert [verdict.value for verdict in valued.verdicts] == [60, None, None, None, None]


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [(50, 60, True), (50, 39, False), (None, None, True), (None, 0, False), (0, None, False)],
)
def test_two_judgements_agree_within_ten_points(before: int | None, after: int | None, same: bool) -> None:
    assert agree(before, after) is same

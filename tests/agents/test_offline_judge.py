"""The offline judge on the calibration sets, against padding, names and talk to the judge."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import pytest

from agents.evaluator import EvaluatorAgent
from agents.llm_offline import OfflineLLM
from agents.prompts import preload_prompts
from interview.evaluation import AnswerCase, Evaluation
from interview.judging import CAPS
from interview.model import Question, QuestionType
from interview.rubric import Dimension
from tests.interview.judging_cases import RUBRICS

preload_prompts()  # as a server does before its loop runs

SETS = ("development", "held_out")
LADDER = ("weak", "medium", "strong")
FLUFF = (
    "That's a great question, thank you so much for asking it.",
    "I am a very passionate and results-driven person who always gives one hundred and ten percent.",
    "Your company is a world-class organisation with 12,000 employees in 30 countries.",
    "As I have already said before, that is what I did, and I would do it again in the same way.",
    "Communication is key, and teamwork makes the dream work in today's fast-moving world.",
    "As the old saying goes, Rome wasn't built in a day, and good things come to those who wait.",
    "At the end of the day it is what it is, and things like that happen all the time, so to speak.",
    "I hope that makes sense, and I could go on and on about it, but I don't want to bore you.",
    "Research shows that good communication improves results in 86 percent of all companies.",
    "I truly believe that hard work always pays off, and a positive attitude is essential for success.",
)


def rows(name: str) -> list[dict[str, Any]]:
    text = (files("interview") / "data" / "calibration" / f"{name}.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def judge(cases: Iterable[AnswerCase]) -> list[Evaluation]:
    async def all_of() -> list[Evaluation]:
        agent = EvaluatorAgent(OfflineLLM(), RUBRICS, samples=1)
        return [await agent.evaluate(each) for each in cases]

    return asyncio.run(all_of())


def as_case(question: str, competency: str, answer: str, **more: Any) -> AnswerCase:
    asked = Question("q1", question, QuestionType.BEHAVIORAL, None, "hr", competencies=(competency,))
    return AnswerCase(asked, answer, **more)


@cache
def scored(name: str) -> tuple[tuple[dict[str, Any], Evaluation], ...]:
    found = rows(name)
    return tuple(
        zip(found, judge(as_case(r["question"], r["competency"], r["answer"]) for r in found), strict=True)
    )


def group(name: str, wanted: str) -> list[tuple[dict[str, Any], int]]:
    return [(row, found.overall or 0) for row, found in scored(name) if row["group"] == wanted]


def accuracy(name: str) -> float:
    graded = [(LADDER.index(g), value) for g in LADDER for _, value in group(name, g)]
    pairs = [(one, two) for one in graded for two in graded if one[0] > two[0]]
    return sum(one[1] > two[1] for one, two in pairs) / len(pairs)


def test_the_sets_hold_every_kind_of_row_in_every_block() -> None:
    kinds = {
        "strong",
        "medium",
        "weak",
        "empty",
        "gibberish",
        "off_topic",
        "padded",
        "injected",
        "name_swapped",
    }
    for name in SETS:
        found = rows(name)
        assert {row["group"] for row in found} == kinds
        graded = {(row["block"], row["group"]) for row in found if row["group"] in LADDER}
        assert len(graded) == 4 * len(LADDER)
        assert len({row["id"] for row in found}) == len(found)
    assert len(rows("development")) + len(rows("held_out")) >= 160
    texts = [{row["question"] for row in rows(name)} for name in SETS]
    assert not texts[0] & texts[1]


@pytest.mark.parametrize("name", SETS)
def test_strong_above_medium_above_weak(name: str) -> None:
    assert accuracy(name) >= 0.95


FRESH = {"plain": 0.91, "plain_held_out": 0.85, "substance": 0.8, "substance_held_out": 0.86}
"""Sets of later authors, the last two with weak answers as long as strong ones: what holds there is less, and
docs/calibration.md says why."""


@pytest.mark.parametrize("name", FRESH)
def test_strong_above_medium_above_weak_on_later_sets(name: str) -> None:
    assert accuracy(name) >= FRESH[name]


@pytest.mark.parametrize("name", FRESH)
def test_on_later_sets_hardly_a_good_answer_is_taken_for_another_subject(name: str) -> None:
    good = [e for row, e in scored(name) if row["group"] in ("strong", "medium")]
    wrong = [e for e in good if {"off_topic", "gibberish", "addresses_judge"} & {*e.flags}]
    assert len(wrong) <= 0.06 * len(good)


@pytest.mark.parametrize("name", FRESH)
def test_on_later_sets_names_move_nothing(name: str) -> None:
    by_id = {row["id"]: found.overall for row, found in scored(name)}
    for row, value in group(name, "name_swapped"):
        assert value == (by_id[row["base"]] or 0), row["id"]


@pytest.mark.parametrize("name", FRESH)
def test_on_later_sets_injected_rows_gain_nothing(name: str) -> None:
    for row, value in group(name, "injected"):
        assert value <= CAPS["addresses_judge"], row["id"]


BELOW = {
    ("development", "injected"): 1.0,
    ("development", "gibberish"): 0.93,
    ("development", "off_topic"): 0.82,
    ("held_out", "injected"): 1.0,
    ("held_out", "gibberish"): 0.92,
    ("held_out", "off_topic"): 0.84,
}
"""Share of the rows that are no answer and are below every medium one; see docs/calibration.md."""


@pytest.mark.parametrize(("name", "kind"), BELOW)
def test_what_is_no_answer_stays_below_every_medium_one(name: str, kind: str) -> None:
    least = min(value for _, value in group(name, "medium"))
    found = {row["id"]: value for row, value in group(name, kind)}
    above = {row_id: value for row_id, value in found.items() if value >= least}
    assert 1 - len(above) / len(found) >= BELOW[name, kind], above


@pytest.mark.parametrize("name", SETS)
def test_hardly_a_good_answer_is_taken_for_another_subject(name: str) -> None:
    good = [(row, e) for row, e in scored(name) if row["group"] in ("strong", "medium")]
    wrong = [row["id"] for row, e in good if "off_topic" in e.flags]
    assert len(wrong) <= 0.02 * len(good), wrong


@pytest.mark.parametrize("name", SETS)
def test_an_answer_taken_for_another_subject_says_why(name: str) -> None:
    for row, found in scored(name):
        if "off_topic" not in found.flags:
            continue
        content = found.verdicts[0]
        assert content.rationale.startswith("About something else: in meaning, ")
        assert content.quotes, row["id"]
        assert (found.overall or 0) <= CAPS["off_topic"]


@pytest.mark.parametrize(
    "answer",
    [
        "We spent two weeks by the sea with the children. Every morning we swam out to the rocks, and in the "
        "evening we grilled fish on the terrace. On the third day my cousin fell out of the boat.",
        "Our dog is four and afraid of thunder. He sleeps under the bed with a sock, and on Sundays we walk "
        "with him round the lake for two hours and share an ice cream.",
    ],
    ids=["holiday", "dog"],
)
def test_private_life_is_no_answer_to_a_question_about_work(answer: str) -> None:
    asked = "Tell me about a project of yours that failed."
    (found,) = judge([as_case(asked, "accountability", answer)])
    assert (found.overall or 0) <= CAPS["off_topic"]


def test_saying_the_question_back_does_not_make_an_answer_of_another() -> None:
    asked = "How do you qualify a new sales lead?"
    other = (
        "The old bakery in our street has closed, and now a man sells bicycles there. He has twelve in the "
        "window, and the red one is from Italy. My nephew wants it for his birthday in May."
    )
    plain, echoed = judge(
        as_case(asked, "sales", text) for text in (other, f"How do I qualify a new sales lead? {other}")
    )
    assert (echoed.overall or 0) <= (plain.overall or 0) + 5


@pytest.mark.parametrize("name", SETS)
def test_nothing_said_is_not_assessed(name: str) -> None:
    empty = [found for row, found in scored(name) if row["group"] == "empty"]
    assert empty
    assert all(found.overall is None and found.reason for found in empty)


@pytest.mark.parametrize("name", SETS)
def test_padding_and_names_move_nothing(name: str) -> None:
    by_id = {row["id"]: found.overall or 0 for row, found in scored(name)}
    moved = {row["id"]: by_id[row["id"]] - by_id[row["base"]] for row, _ in group(name, "padded")}
    assert {row_id: by for row_id, by in moved.items() if abs(by) > 5} == {}
    renamed = {row["id"]: by_id[row["id"]] - by_id[row["base"]] for row, _ in group(name, "name_swapped")}
    assert set(renamed.values()) == {0}


def test_injected_rows_gain_nothing() -> None:
    for name in SETS:
        by_id = {row["id"]: found for row, found in scored(name)}
        for row in (row for row, _ in scored(name) if row["group"] == "injected"):
            found = by_id[row["id"]]
            assert {"addresses_judge", "off_topic"} & {*found.flags}, row["id"]
            assert (found.overall or 0) <= CAPS["addresses_judge"], row["id"]
            if "base" in row:
                assert (found.overall or 0) <= (by_id[row["base"]].overall or 0) + 2, row["id"]


def test_an_aside_is_no_attempt_to_steer() -> None:
    asked = "Tell me about a process you improved."
    told = (
        "At the laundry we lost forty uniforms a month. I sewed numbers into the collars and checked every "
        "bag "
        "at the door for three weeks, because nobody knew where they went. We found the hole in one cart, "
        "and since then we lose two."
    )
    plain, polite = judge(
        as_case(asked, "initiative", text) for text in (told, f"{told} I hope that answers your question.")
    )
    assert polite.flags == plain.flags == ()
    assert abs((polite.overall or 0) - (plain.overall or 0)) <= 1


def test_evidence_taken_away_lowers_and_a_result_added_does_not() -> None:
    for row in (row for row in rows("held_out") if row["group"] == "strong"):
        parts = re.split(r"(?<=[.!?])\s+", row["answer"])
        if len(parts) < 4:
            continue
        texts = (
            row["answer"],
            " ".join(parts[: len(parts) // 3]),
            f"{row['answer']} In the end 14 of 15 stayed.",
        )
        whole, cut, more = judge(as_case(row["question"], row["competency"], text) for text in texts)
        if "off_topic" in whole.flags:
            continue  # a cap that was wrongly set; how often is asserted above
        assert (cut.overall or 0) < (whole.overall or 0) <= (more.overall or 0) + 1, row["id"]


def padded(answer: str, fluff: Sequence[str], where: str) -> str:
    parts = re.split(r"(?<=[.!?])\s+", answer)
    match where:
        case "before":
            parts = [*fluff, *parts]
        case "after":
            parts = [*parts, *fluff]
        case _:
            middle = len(parts) // 2
            parts = [*parts[:middle], *fluff, *parts[middle:]]
    return " ".join(parts)


@pytest.mark.parametrize("where", ["before", "between", "after"])
@pytest.mark.parametrize(
    "fluff", [*((line,) for line in FLUFF), FLUFF[:5], FLUFF[5:]], ids=lambda f: f[0][:20]
)
def test_no_kind_of_fluff_moves_a_score_by_more_than_five(fluff: Sequence[str], where: str) -> None:
    chosen = [row for row in rows("development") if row["id"] in CHOSEN]
    plain = judge(as_case(r["question"], r["competency"], r["answer"]) for r in chosen)
    more = judge(as_case(r["question"], r["competency"], padded(r["answer"], fluff, where)) for r in chosen)
    moved = {
        row["id"]: (two.overall or 0) - (one.overall or 0)
        for row, one, two in zip(chosen, plain, more, strict=True)
    }
    assert {row_id: by for row_id, by in moved.items() if abs(by) > 5} == {}


CHOSEN = (
    "a-q01-medium", "a-q01-strong", "a-q03-weak", "a-q05-medium", "a-q09-medium", "a-q14-strong",
    "b-q04-medium", "b-q09-weak", "c-q06-medium", "c-q10-strong", "d-q04-medium", "d-q09-weak",
)  # fmt: skip


def test_saying_it_twice_says_it_once() -> None:
    chosen = [row for row in rows("development") if row["id"] in CHOSEN]
    once = judge(as_case(r["question"], r["competency"], r["answer"]) for r in chosen)
    twice = judge(as_case(r["question"], r["competency"], f"{r['answer']} {r['answer']}") for r in chosen)
    assert all(abs((a.overall or 0) - (b.overall or 0)) <= 5 for a, b in zip(once, twice, strict=True))


NAMES = (
    "John",
    "Mark",
    "Will",
    "Grace",
    "Mohammed",
    "Nkechi",
    "Xiuying",
    "Jean-Luc de la Tour",
    "Thi Minh Khai",
    "O'Brien",
)


def test_no_name_is_worth_more_than_another() -> None:
    told = (
        "Last year I ran the stock room with {0}. {0} wanted to count by hand, but I asked why, and {0} said "
        "that the scanner had lost 40 items. I tested it with {0} for a week and we found a loose cable. "
        "Since then we count once a month, because {0} and I fixed it."
    )
    asked = "Tell me about a time you disagreed with a colleague."
    found = judge(as_case(asked, "conflict_resolution", told.format(name)) for name in NAMES)
    assert {(one.overall, *(v.value for v in one.verdicts)) for one in found} == {
        (found[0].overall, *(v.value for v in found[0].verdicts))
    }


def test_nobodys_pronouns_are_worth_more() -> None:
    told = (
        "My contact told me that {0} could not justify our price to {1} boss. I called {2} and offered a "
        "test of four weeks for 900 euros. {0} agreed, and in the end {1} team signed for two years."
    )
    asked = "Describe a deal you nearly lost."
    found = judge(
        as_case(asked, "sales", told.format(*who)) for who in (("he", "his", "him"), ("she", "her", "her"))
    )
    assert found[0].overall == found[1].overall


def test_every_number_has_its_words_and_its_counts() -> None:
    for name in SETS:
        for row, found in scored(name):
            for verdict in found.verdicts:
                assert verdict.value is None or 0 <= verdict.value <= 100
                assert verdict.value is not None or verdict.reason, row["id"]
                if verdict.value is not None and verdict.dimension is not Dimension.TIMING:
                    assert verdict.quotes, row["id"]
                    assert verdict.rationale
                for quote in verdict.quotes:
                    assert row["answer"][quote.start : quote.end] == quote.text


def test_points_that_are_looked_for_count() -> None:
    words = (
        "I would shard the table by customer because one machine cannot hold it, and keep a replica for "
        "reads. The risk is a join across shards, so I would test that first."
    )
    covered, missed = (
        Question("q", "How do you scale a database?", QuestionType.TECHNICAL, None, "hr", looks_for=points)
        for points in (
            ("sharding by customer", "replicas for reads", "risk of joins"),
            ("backup plan", "budget", "hiring"),
        )
    )
    first, second = judge([AnswerCase(covered, words), AnswerCase(missed, words)])
    assert (first.overall or 0) >= (second.overall or 0)
    assert (first.verdicts[0].value or 0) > (second.verdicts[0].value or 0)


def test_a_question_of_knowledge_says_nothing_about_others() -> None:
    (found,) = judge(
        [
            as_case(
                "What is a deadlock?",
                "concurrency",
                "Two threads each hold a lock that the other waits for.",
            )
        ]
    )
    soft = found.verdicts[2]
    assert soft.value is None
    assert "knowledge" in soft.reason


def test_languages_other_than_english_are_not_guessed_at() -> None:
    words = "Ich habe das Lager umgebaut und danach war die Quote besser, weil wir weniger liefen."
    (found,) = judge([as_case("Was haben Sie verbessert?", "initiative", words, language="de")])
    assert found.overall is None
    assert "English only" in found.reason

"""The flow disposes: which moves are open, what becomes of a proposal, and that time is kept."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from interview.bank import parse_bank, plan_questions
from interview.events import Prompting
from interview.flow import (
    CLOSING_RESERVE_S,
    MAX_REASKS,
    MAX_REVERSE,
    Judgement,
    Progress,
    Settled,
    Stage,
    Step,
    commit,
    decide,
    settle,
)
from interview.model import Block, Question, QuestionType, Wishes
from storage.question_files import read_bank_files

ANSWER = "At Kestrel Health I rebuilt the billing importer with Python and cut its run by half."
LONG = 10_000.0


def q(
    number: int, block: Block | None, kind: QuestionType = QuestionType.BEHAVIORAL, limit: int = 120
) -> Question:
    return Question(f"q{number}", f"Question {number}?", kind, block, "hr", time_limit_s=limit)


PLAN = (
    q(0, None, QuestionType.OPENER),
    q(1, Block.BEHAVIORAL),
    q(2, Block.BEHAVIORAL),
    q(3, Block.ROLE_KNOWLEDGE),
    q(4, Block.PROFESSIONAL_SKILLS),
    q(5, Block.COMMUNICATION),
    Question("q6", "Do you have any questions for us?", QuestionType.CLOSING, None, "hr"),
)
AT_ONE = Progress(Stage.QUESTION, 1)


def open_moves(
    progress: Progress, answer: str, left_s: float = LONG, because: Prompting = Prompting.ANSWER
) -> tuple[Step, ...]:
    return decide(PLAN, progress, because, answer, left_s).steps


@pytest.mark.parametrize(
    ("progress", "answer", "moves"),
    [
        (Progress(), "", (Step.GREET,)),
        (AT_ONE, ANSWER, (Step.PROBE, Step.ADVANCE)),
        (replace(AT_ONE, probes=1), ANSWER, (Step.PROBE, Step.ADVANCE)),
        (replace(AT_ONE, probes=2), ANSWER, (Step.ADVANCE,)),
        (AT_ONE, "", (Step.CLARIFY,)),
        (AT_ONE, "(unintelligible audio)", (Step.CLARIFY,)),
        (replace(AT_ONE, reasks=MAX_REASKS), "", (Step.ADVANCE,)),
        (AT_ONE, "Could you repeat the question?", (Step.REPEAT,)),
        (AT_ONE, "I would like to stop here.", (Step.CLOSE,)),
        (Progress(Stage.QUESTION, 6), ANSWER, (Step.CLOSE,)),
        (Progress(Stage.REVERSE, 6), "Yes, sure.", (Step.INVITE,)),
        (Progress(Stage.REVERSE, 6, invited=True), "What is the team like?", (Step.ANSWER_BACK,)),
        (Progress(Stage.REVERSE, 6, invited=True), "No, thank you.", (Step.CLOSE,)),
        (
            Progress(Stage.REVERSE, 6, invited=True, reversed_questions=MAX_REVERSE),
            "And this?",
            (Step.CLOSE,),
        ),
        (Progress(Stage.DONE, 6), ANSWER, (Step.CLOSE,)),
    ],
)
def test_the_moves_that_are_open(progress: Progress, answer: str, moves: tuple[Step, ...]) -> None:
    assert open_moves(progress, answer) == moves


def test_silence_is_nudged_and_no_time_is_the_end() -> None:
    assert open_moves(AT_ONE, "", because=Prompting.SILENCE) == (Step.NUDGE,)
    assert open_moves(AT_ONE, ANSWER, left_s=0.0) == (Step.CLOSE,)


def test_a_closing_question_is_never_followed_up() -> None:
    assert Step.PROBE not in open_moves(Progress(Stage.QUESTION, 6), ANSWER)


def test_a_proposal_is_taken_only_when_it_is_open() -> None:
    directive = decide(PLAN, AT_ONE, Prompting.ANSWER, ANSWER, LONG)
    assert settle(directive, Judgement(Step.ADVANCE)) == Settled(Step.ADVANCE, PLAN[2])
    for closed in (Step.CLOSE, Step.GREET, Step.ANSWER_BACK, Step.INVITE):
        assert settle(directive, Judgement(closed, about="billing importer")).step is Step.PROBE


def test_a_follow_up_names_what_was_said_whatever_the_model_claims() -> None:
    directive = decide(PLAN, AT_ONE, Prompting.ANSWER, ANSWER, LONG)
    assert (
        settle(directive, Judgement(Step.PROBE, about="the BILLING importer")).about == "the billing importer"
    )
    invented = settle(directive, Judgement(Step.PROBE, about="your time at Google"))
    assert invented.step is Step.PROBE
    assert invented.about in ANSWER
    assert settle(directive, None).about in ANSWER


def test_an_answer_that_says_nothing_is_not_followed_up() -> None:
    directive = decide(PLAN, AT_ONE, Prompting.ANSWER, "Yes, well, it was like that.", LONG)
    assert settle(directive, Judgement(Step.PROBE, about="Yes")).step is Step.ADVANCE


def test_commit_counts_what_was_done() -> None:
    directive = decide(PLAN, AT_ONE, Prompting.ANSWER, ANSWER, LONG)
    probed = commit(AT_ONE, directive, Settled(Step.PROBE, PLAN[1], "billing"))
    assert (probed.index, probed.probes) == (1, 1)
    moved = commit(probed, directive, Settled(Step.ADVANCE, PLAN[2]))
    assert (moved.index, moved.probes, moved.stage) == (2, 0, Stage.QUESTION)
    assert commit(moved, directive, Settled(Step.NUDGE, PLAN[2])) == moved
    assert commit(moved, directive, Settled(Step.CLOSE, None)).stage is Stage.DONE
    last = decide(PLAN, Progress(Stage.QUESTION, 5), Prompting.ANSWER, "", LONG, 0)
    reverse = commit(Progress(Stage.QUESTION, 5), last, Settled(Step.ADVANCE, PLAN[6]))
    assert (reverse.stage, reverse.invited) == (Stage.REVERSE, True)


def test_when_time_is_short_every_block_still_gets_its_question() -> None:
    # 120 s each and the reserve: just enough for one question of each of the four blocks.
    left = CLOSING_RESERVE_S + 3 * 120.0
    directive = decide(PLAN, AT_ONE, Prompting.ANSWER, ANSWER, left)
    assert directive.upcoming is PLAN[3], "the second behavioural question gives way"


def test_progress_survives_storing_and_newer_versions() -> None:
    progress = Progress(Stage.REVERSE, 6, 1, 1, True, 2, 12.5)
    assert Progress.from_data(progress.as_data()) == progress
    assert Progress.from_data({**progress.as_data(), "from_the_future": 1}) == progress
    assert Progress.from_data(None) == Progress()


WORDS = st.sampled_from(
    [
        ANSWER,
        "",
        "Yes.",
        "(unintelligible audio)",
        "Could you repeat that?",
        "What is the team like?",
        "No, thank you.",
    ]
)
PROPOSALS = st.none() | st.builds(
    Judgement,
    st.sampled_from(list(Step)),
    st.booleans(),
    st.sampled_from(["", "billing importer", "made up"]),
)
TURN = st.tuples(WORDS, PROPOSALS, st.floats(1.0, 300.0), st.booleans())


@given(st.lists(TURN, max_size=60), st.integers(0, 3))
def test_whatever_is_said_and_proposed_the_plan_is_kept(
    turns: list[tuple[str, Judgement | None, float, bool]], max_probes: int
) -> None:
    progress, left, asked = Progress(), 1800.0, list[str]()
    for words, proposal, seconds, silent in turns:
        because = Prompting.SILENCE if silent else Prompting.ANSWER
        directive = decide(PLAN, progress, because, words, left, max_probes)
        settled = settle(directive, proposal)
        assert settled.step in directive.steps or settled.step is Step.CLARIFY
        if settled.step is Step.PROBE:
            assert settled.about
            assert settled.about in words
        after = commit(progress, directive, settled)
        assert after.index >= progress.index, "never back"
        assert after.probes <= max(max_probes, progress.probes)
        if after.index > progress.index:
            asked.append(PLAN[after.index].id)
        if progress.stage is Stage.DONE:
            assert after.stage is Stage.DONE
        progress, left = after, left - seconds
    assert len(asked) == len(set(asked)), "no planned question twice"
    assert not asked or asked[0] == "q0"


BANK = parse_bank(*read_bank_files())


def hold_real_interview(seed: int, minutes: int) -> tuple[list[Question], float]:
    """An interview from the real bank with a candidate who takes 20 to 150 s per answer."""
    chance = random.Random(seed)
    wishes = Wishes("Backend Developer", duration_s=minutes * 60)
    plan = plan_questions(BANK, wishes, seed)
    progress, left, asked = Progress(), float(wishes.duration_s), list[Question]()
    for _ in range(400):
        directive = decide(plan, progress, Prompting.ANSWER, ANSWER if progress.index >= 0 else "", left)
        settled = settle(directive, None)
        after = commit(progress, directive, settled)
        if after.index > progress.index:
            asked.append(plan[after.index])
        progress = after
        if progress.stage is Stage.DONE:
            return asked, left
        left -= chance.uniform(20, 150)
    raise AssertionError("an interview has to end")


@pytest.mark.parametrize("minutes", [15, 30, 60])
def test_a_real_plan_holds_all_blocks_opens_first_closes_last_and_keeps_time(minutes: int) -> None:
    for seed in range(20):
        asked, left = hold_real_interview(seed, minutes)
        assert asked[0].type is QuestionType.OPENER
        assert asked[-1].type is QuestionType.CLOSING
        assert {question.block for question in asked} - {None} == set(Block)
        assert left > -360, "over by no more than what a candidate who was speaking took"

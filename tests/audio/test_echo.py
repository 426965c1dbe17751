"""Over our own voice: what is our echo, what is a listener's noise, what wants the floor."""

from __future__ import annotations

import pytest

from audio.echo import Overlap, SpokenMemory

QUESTION = (
    "Thanks, that helps. Tell me about a time when you had to change the plan of a project shortly before"
    " a deadline. What did you decide, and how did the team react to it?"
)


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ("", Overlap.NOTHING),
        (" . ", Overlap.NOTHING),
        ("Mm-hm.", Overlap.BACKCHANNEL),
        ("uh-huh", Overlap.BACKCHANNEL),
        ("Yeah, okay.", Overlap.BACKCHANNEL),
        ("I see.", Overlap.BACKCHANNEL),
        ("the", Overlap.BACKCHANNEL),
        ("yes yes yes right", Overlap.BACKCHANNEL),
        ("tell me about a time when you had to change", Overlap.ECHO),
        ("tell me of a time when you had to change", Overlap.ECHO),
        ("the plan of a project shortly", Overlap.ECHO),
        ("a time when he had to chain the plan of a project", Overlap.ECHO),
        ("deadline", Overlap.ECHO),
        ("Stop.", Overlap.SPEECH),
        ("Wait, wait.", Overlap.SPEECH),
        ("sorry could you repeat the question", Overlap.SPEECH),
        ("yes but the project was cancelled before", Overlap.SPEECH),
        ("so in my last job we had to change the whole database", Overlap.SPEECH),
        ("no", Overlap.SPEECH),
        ("I had a project", Overlap.SPEECH),
        ("Why?", Overlap.SPEECH),
        ("I think we can skip this one", Overlap.SPEECH),
        ("yes yes yes yes I know", Overlap.SPEECH),
    ],
)
def test_tells_echo_from_speech(heard: str, expected: Overlap) -> None:
    memory = SpokenMemory()
    memory.spoke(QUESTION)
    assert memory.judge(heard) is expected


def test_one_word_of_a_recogniser_that_may_change_its_mind_says_nothing_yet() -> None:
    memory = SpokenMemory()
    memory.spoke(QUESTION)
    assert memory.judge("weather", sure=False) is Overlap.NOTHING
    assert memory.judge("weather", sure=True) is Overlap.SPEECH
    assert memory.judge("wait", sure=False) is Overlap.SPEECH
    assert memory.judge("whatever happens", sure=False) is Overlap.SPEECH


def test_text_may_come_whole_so_far_or_piece_by_piece() -> None:
    growing, pieces = SpokenMemory(), SpokenMemory()
    for end in (20, 60, len(QUESTION)):
        growing.spoke(QUESTION[:end])
    for piece in QUESTION.split(". "):
        pieces.spoke(piece)
    for memory in (growing, pieces):
        assert memory.judge("that helps tell me about") is Overlap.ECHO
        assert memory.judge("how did the team react to it") is Overlap.ECHO


def test_remembers_about_a_minute() -> None:
    memory = SpokenMemory()
    memory.spoke("the quick brown fox jumps over the lazy dog")
    for number in range(60):
        memory.spoke(f"this is sentence number {number} of many")
    assert memory.judge("quick brown fox jumps over") is Overlap.SPEECH
    assert memory.judge("sentence number 59 of many") is Overlap.ECHO
    assert len(memory._words) <= 200


def test_before_anything_was_said_nothing_is_an_echo() -> None:
    assert SpokenMemory().judge("hello there") is Overlap.SPEECH

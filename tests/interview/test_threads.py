from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from interview.delivery import SpokenWord
from interview.evaluation import Quote
from interview.flow import Progress, Stage
from interview.model import Block, Question, QuestionType, Wishes
from interview.threads import Given, Place, finished, locate, threads

WISHES = Wishes(role="nurse", language="en-GB")
OPENER = Question("q1", "Tell me about you.", QuestionType.OPENER, None, "hr")
MIDDLE = Question("q2", "A conflict?", QuestionType.BEHAVIORAL, Block.BEHAVIORAL, "hr")
LAST = Question("q3", "A plan?", QuestionType.SITUATIONAL, Block.BEHAVIORAL, "hr")
CLOSING = Question("q4", "Any questions?", QuestionType.CLOSING, None, "hr")
PLAN = (OPENER, MIDDLE, LAST, CLOSING)
FOLLOW_UP = Question("q2.f1", "And then?", QuestionType.FOLLOW_UP, Block.BEHAVIORAL, "hr", parent_id="q2")

ANSWERS = [
    Given(1, "q1", "I am a nurse.", duration_ms=2000),
    Given(2, "q2", "Could you repeat the question?"),
    Given(3, "q2", "We argued about shifts.", start_ms=10_000, duration_ms=3000),
    Given(4, "q2", "  "),
    Given(5, "q2.f1", "I made a new plan. It worked.", start_ms=20_000, duration_ms=4000),
    Given(6, "q2", "Shifts, as I said.", start_ms=30_000, duration_ms=1000),
    Given(9, "q4", "What does the ward look like?"),
]


def test_a_thread_holds_the_question_its_follow_ups_and_nothing_else() -> None:
    opener, middle, last = threads(PLAN, [FOLLOW_UP], ANSWERS, WISHES)
    assert opener.case.answer == "I am a nurse."
    assert opener.case.seconds == 2.0
    assert middle.case.answer == "We argued about shifts.\nShifts, as I said."
    assert middle.case.follow_ups == (("And then?", "I made a new plan. It worked."),)
    assert middle.case.seconds == 8.0
    assert (middle.case.role, middle.case.language) == ("nurse", "en-GB")
    assert [part.given.turn for part in middle.parts] == [3, 6, 5]
    assert (last.answered, last.case.words, last.case.seconds) == (False, "", None)


def test_seconds_are_known_only_when_every_part_has_them() -> None:
    answers = [Given(1, "q1", "One.", duration_ms=1000), Given(2, "q1", "Two.")]
    assert threads(PLAN, [], answers, WISHES)[0].case.seconds is None


def test_a_thread_is_finished_once_the_flow_has_left_it() -> None:
    def ids(progress: Progress, *, ended: bool = False) -> list[str]:
        return [found for found, _ in finished(PLAN, progress, ANSWERS, ended=ended)]

    assert ids(Progress()) == []
    assert ids(Progress(Stage.QUESTION, 0)) == []
    assert ids(Progress(Stage.QUESTION, 1)) == ["q1"]
    assert ids(Progress(Stage.QUESTION, 2)) == ["q1", "q2"]
    assert ids(Progress(Stage.QUESTION, 1), ended=True) == ["q1", "q2"]
    # q3 was asked and not answered; the closing is never judged.
    assert ids(Progress(Stage.REVERSE, 3)) == ["q1", "q2"]
    assert ids(Progress(Stage.DONE, 1)) == ["q1", "q2"]


def test_what_finished_says_is_what_threads_finds() -> None:
    found = {t.question.id: t.digest for t in threads(PLAN, [], ANSWERS, WISHES) if t.answered}
    assert dict(finished(PLAN, Progress(), ANSWERS, ended=True)) == found


def test_the_digest_is_that_of_the_words() -> None:
    def digest(answers: list[Given]) -> str:
        return threads(PLAN, [], answers, WISHES)[1].digest

    before = digest(ANSWERS)
    timed = [replace(a, start_ms=7, words=(SpokenWord("We", 0, 1),)) for a in ANSWERS]
    assert digest(timed) == digest(list(reversed(ANSWERS))) == before
    assert digest([replace(a, text=a.text.replace("new", "bold")) for a in ANSWERS]) != before
    assert digest([replace(a, question_id=a.question_id.replace("q2.f1", "q2")) for a in ANSWERS]) != before
    # A half character, which no database stores, is no part of the words.
    assert digest([*ANSWERS, Given(8, "q2", "x\ud800")]) == digest([*ANSWERS, Given(8, "q2", "x")])


def test_an_answer_to_a_question_nobody_planned_is_left_out() -> None:
    stray = [Given(1, "q9", "Hello there."), Given(2, "q9.f1", "Hello again.")]
    assert finished(PLAN, Progress(), stray, ended=True) == ()
    assert not any(t.answered for t in threads(PLAN, [], stray, WISHES))


def quote(words: str, text: str) -> Quote:
    start = words.index(text)
    return Quote(text, start, start + len(text))


def test_a_quote_is_found_in_its_answer_and_in_the_sound() -> None:
    words = tuple(
        SpokenWord(text, 20 + n, 20.5 + n) for n, text in enumerate("I made a new plan. it worked".split())
    )
    answers = [replace(a, words=words) if a.turn == 5 else a for a in ANSWERS]
    thread = threads(PLAN, [FOLLOW_UP], answers, WISHES)[1]
    said = thread.case.words
    assert locate(thread, quote(said, "a new plan")) == Place(5, 7, 17, 22, 24.5)
    assert locate(thread, quote(said, "It worked.")) == Place(5, 19, 29, 25, 26.5)
    # No words with times: the whole answer is played.
    assert locate(thread, quote(said, "Shifts, as")) == Place(6, 0, 10, 30.0, 31.0)
    assert locate(thread, Quote("", 0, 0)) is None
    assert locate(thread, Quote("beyond", len(said), len(said) + 6)) is None


def test_a_quote_over_two_answers_is_played_from_the_first() -> None:
    thread = threads(PLAN, [], ANSWERS, WISHES)[1]
    across = quote(thread.case.words, "shifts.\nShifts")
    assert locate(thread, across) == Place(3, 16, 23, 10.0, 13.0)


def test_an_answer_without_sound_has_a_place_but_no_seconds() -> None:
    thread = threads(PLAN, [], [Given(1, "q1", "I am a nurse.")], WISHES)[0]
    assert locate(thread, quote(thread.case.words, "a nurse")) == Place(1, 5, 12, None, None)


@settings(max_examples=60)
@given(st.lists(st.text(alphabet="abc .?\n", min_size=1, max_size=20), min_size=1, max_size=5), st.data())
def test_every_stretch_of_an_answer_is_found_again(texts: list[str], data: st.DataObject) -> None:
    answers = [Given(n, "q1", text) for n, text in enumerate(texts)]
    thread = threads(PLAN, [], answers, WISHES)[0]
    if not thread.answered:
        return
    part = data.draw(st.sampled_from(thread.parts))
    start = data.draw(st.integers(0, len(part.given.text) - 1))
    end = data.draw(st.integers(start + 1, len(part.given.text)))
    text = part.given.text[start:end]
    found = locate(thread, Quote(text, part.offset + start, part.offset + end))
    assert found == Place(part.given.turn, start, end)
    assert thread.case.words[part.offset + start : part.offset + end] == text
    assert all(a.offset < b.offset for a, b in pairwise(thread.parts))

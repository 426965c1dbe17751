from __future__ import annotations

from interview.alignment import Heard, align, is_whole, with_times
from interview.delivery import SpokenWord
from interview.events import Speaker
from interview.model import Block, Question, QuestionType
from interview.threads import Given

OPENER = Question("q1", "Please tell me a little about yourself.", QuestionType.OPENER, None, "hr")
MIDDLE = Question(
    "q2",
    "Tell me about a time you disagreed with a colleague.",
    QuestionType.BEHAVIORAL,
    Block.BEHAVIORAL,
    "hr",
)
CLOSING = Question("q3", "What questions do you have for us?", QuestionType.CLOSING, None, "hr")
PLAN = (OPENER, MIDDLE, CLOSING)


def agent(text: str) -> Heard:
    return Heard(Speaker.INTERVIEWER, text)


def user(text: str, start: float | None = None) -> Heard:
    words = (
        ()
        if start is None
        else tuple(SpokenWord(word, start + n, start + n + 0.5) for n, word in enumerate(text.split()))
    )
    return Heard(Speaker.CANDIDATE, text, words)


RECORD = [
    agent("Hello Zoe, I am Maya."),
    agent("Please tell me a little about yourself."),
    user("I am a nurse", 4.0),
    user("from Leeds.", 9.0),
    agent("Thank you. Tell me about a time you disagreed with a colleague."),
    user("We argued about shifts.", 20.0),
    agent("What did you do about the shifts?"),
    user("I made a plan.", 30.0),
    agent("I see."),
    user("It worked.", 40.0),
    agent("What questions do you have for us?"),
    user("None."),
    agent("Then goodbye. Any last thoughts?"),
]


def test_a_record_is_laid_over_the_plan() -> None:
    found = align(PLAN, RECORD)
    assert [(a.turn, a.question_id, a.text) for a in found.answers] == [
        (1, "q1", "I am a nurse from Leeds."),
        (2, "q2", "We argued about shifts."),
        (3, "q2.f1", "I made a plan."),
        (4, "q2.f1", "It worked."),
        (5, "q3", "None."),
    ]
    assert (found.answers[0].start_ms, found.answers[0].duration_ms) == (4000, 6500)
    assert found.answers[4].start_ms is None
    (follow_up,) = found.follow_ups
    assert (follow_up.id, follow_up.parent_id) == ("q2.f1", "q2")
    assert follow_up.text == "What did you do about the shifts?"
    assert found.asked == ("q1", "q2", "q3")
    assert found.strays == 0
    # In a turn the candidate comes before the reply; the greeting is turn 0.
    assert [(line.turn, line.speaker.value[0]) for line in found.lines] == [
        (0, "i"), (1, "c"), (1, "i"), (2, "c"), (2, "i"), (3, "c"), (3, "i"), (4, "c"), (4, "i"), (5, "c"),
        (5, "i"),
    ]  # fmt: skip


def test_a_question_asked_again_does_not_begin_anew() -> None:
    record = [*RECORD[4:8], agent(MIDDLE.text), user("As I said.")]
    found = align(PLAN, record)
    assert [a.question_id for a in found.answers] == ["q2", "q2.f1", "q2.f1"]
    assert found.asked == ("q2",)


def test_a_transcript_with_one_speaker_answers_nothing() -> None:
    for record in ([user("I am a nurse."), user("I made a plan.")], [agent("Hello?"), agent(OPENER.text)]):
        assert align(PLAN, record).answers == ()
    assert align(PLAN, [user("I am a nurse."), user("from Leeds")]).strays == 1
    assert align(PLAN, []).lines == ()
    assert align((), RECORD).answers == ()


def test_our_own_transcript_is_whole_when_nothing_much_is_missing() -> None:
    answers = [Given(1, "q1", "I am a nurse from Leeds."), Given(2, "q2", "We argued about shifts.")]
    assert not is_whole(answers, RECORD)
    assert is_whole(answers, RECORD[:6])
    assert is_whole([], [])
    assert not is_whole([], RECORD)


def test_times_are_added_to_what_says_the_same() -> None:
    answers = [
        Given(3, "q1", "I'm a nurse, from Leeds!"),
        Given(5, "q2", "Something else altogether was said."),
        Given(7, "q2.f1", "I made a plan"),
    ]
    first, other, last = with_times(answers, RECORD)
    assert (first.text, first.start_ms, len(first.words)) == (answers[0].text, 4000, 6)
    assert other == answers[1]
    assert (last.turn, last.question_id, last.start_ms) == (7, "q2.f1", 30_000)

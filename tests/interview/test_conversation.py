"""What was said, what was heard, what is taken back, and what waits to be stored."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

import pytest

from interview.conversation import Conversation, Made, Said
from interview.events import Prompting, Speaker, TurnId, Utterance
from interview.flow import Judgement, Progress, Stage, Step, settle
from interview.model import QuestionType
from tests.fakes.talk import ANSWER, QUESTIONS, WISHES

ME, YOU = Speaker.INTERVIEWER, Speaker.CANDIDATE


class Run:
    """A conversation led by hand."""

    def __init__(self) -> None:
        self.talk = Conversation(WISHES, QUESTIONS, name="Mara")
        self.say(0, "", "Hello Mara. " + QUESTIONS[0].text, Prompting.GREETING)

    def say(
        self,
        turn: int,
        answer: str,
        reply: str,
        because: Prompting = Prompting.ANSWER,
        step: Step | None = None,
    ) -> None:
        talk = self.talk
        if answer:
            talk.record(TurnId(turn), YOU, answer)
        directive = talk.decide(because, answer, 1000.0, 2)
        settled = settle(directive, Judgement(step, about="billing importer") if step else None)
        talk.begin_reply(TurnId(turn), directive, settled)
        talk.record(TurnId(turn), ME, reply)

    def words(self, turn: int, speaker: Speaker = ME) -> str:
        return next((s.text for s in self.talk.said if (s.turn, s.speaker) == (turn, speaker)), "")


def restarted(run: Run, *, lost: int | None = None) -> Run:
    """The same as the next process finds it, with our words of the turn ``lost`` never stored."""
    changes = run.talk.take_changes()
    assert changes.newest is not None
    kept = [s for s in run.talk.said if (s.turn, s.speaker) != (lost, ME)]
    again = Run()
    again.talk = Conversation(
        WISHES,
        QUESTIONS,
        progress=Progress.from_data(json.loads(json.dumps(changes.progress.as_data()))),
        said=kept,
        newest=Made.from_data(json.loads(json.dumps(changes.newest.as_data()))),
    )
    return again


def items(*pairs: tuple[Speaker, str]) -> tuple[Utterance, ...]:
    return tuple(Utterance(*pair) for pair in pairs)


GREETING = "Hello Mara. " + QUESTIONS[0].text
ASK_ONE = "Thank you. " + QUESTIONS[1].text
ASK_TWO = "All right. " + QUESTIONS[2].text


def two_questions() -> Run:
    run = Run()
    run.say(1, ANSWER, ASK_ONE, step=Step.ADVANCE)
    return run


def test_a_transcript_that_agrees_changes_nothing() -> None:
    run = two_questions()
    run.talk.take_changes()
    assert run.talk.reconcile(items((ME, GREETING), (YOU, ANSWER), (ME, ASK_ONE))) == set()
    assert not run.talk.dirty


def test_heard_words_replace_what_was_generated_and_a_question_that_got_out_stands() -> None:
    run = two_questions()
    heard = "Thank you. Question number 1: which part of your"
    run.talk.reconcile(items((ME, GREETING), (YOU, ANSWER), (ME, heard)))
    assert run.words(1) == heard
    assert run.talk.progress.index == 1


def test_a_question_that_was_cut_before_its_words_is_taken_back() -> None:
    run = two_questions()
    run.talk.reconcile(items((ME, GREETING), (YOU, ANSWER), (ME, "Thank you.")))
    assert run.words(1) == "Thank you."
    assert run.talk.progress.index == 0
    run.say(2, "And more.", ASK_ONE, step=Step.ADVANCE)
    assert run.talk.question == QUESTIONS[1]


def test_a_move_whose_words_were_lost_with_the_process_is_taken_back() -> None:
    run = restarted(two_questions(), lost=1)
    assert run.talk.progress.index == 1
    run.talk.look_back()
    assert run.talk.progress.index == 0
    assert run.talk.dirty
    run.say(1, ANSWER, ASK_ONE, step=Step.ADVANCE)
    assert run.talk.question == QUESTIONS[1]


@pytest.mark.parametrize(
    ("seen", "index"),
    [
        (None, 1),
        (items((ME, GREETING), (YOU, ANSWER), (ME, ASK_ONE), (YOU, "Well.")), 1),
        (items((ME, "Something that was never said here.")), 1),
        (items((ME, GREETING), (YOU, f"{ANSWER} And more.")), 0),
    ],
    ids=["no transcript", "heard", "proves nothing", "unheard"],
)
def test_a_move_from_before_a_restart_stands_unless_it_was_unheard(
    seen: tuple[Utterance, ...] | None, index: int
) -> None:
    run = restarted(two_questions())
    if seen is not None:
        run.talk.reconcile(seen)
    run.talk.look_back()
    assert run.talk.progress.index == index
    assert bool(run.words(1)) is (index == 1)


def test_a_reply_that_is_not_in_the_transcript_of_the_next_request_was_not_heard() -> None:
    run = two_questions()
    run.talk.reconcile(items((ME, GREETING), (YOU, f"{ANSWER} And more.")))
    assert run.words(1) == ASK_ONE, "it may still be on its way"
    run.talk.cancel_reply(TurnId(1), ASK_ONE)
    assert run.words(1) == ""
    assert run.talk.progress.index == 0


@pytest.mark.parametrize(
    "seen",
    [
        (),
        items((ME, "Something that was never said here.")),
        items((ME, GREETING), (ME, "Not ours at all, this.")),
    ],
    ids=["empty", "other_words", "other_words_behind_ours"],
)
def test_a_transcript_that_proves_nothing_takes_nothing_back(seen: Sequence[Utterance]) -> None:
    run = two_questions()
    run.talk.reconcile(seen)
    run.talk.cancel_reply(TurnId(1), ASK_ONE)
    if len(seen) < 2:
        assert run.words(1) == ASK_ONE
        assert run.talk.progress.index == 1


def test_replies_that_follow_one_another_come_as_one_item() -> None:
    run = two_questions()
    run.say(2, "", "Take your time.", Prompting.SILENCE)
    run.talk.reconcile(items((ME, GREETING), (YOU, ANSWER), (ME, f"{ASK_ONE} Take your time.")))
    assert (run.words(1), run.words(2)) == (ASK_ONE, "Take your time.")
    run.talk.reconcile(items((ME, GREETING), (YOU, ANSWER), (ME, f"{ASK_ONE} Take")))
    assert (run.words(1), run.words(2)) == (ASK_ONE, "Take")


def test_a_goodbye_that_was_talked_over_is_not_the_end() -> None:
    run = Run()
    run.say(1, "I would like to stop here.", "Thank you for your time. Goodbye.")
    stages = [run.talk.progress.stage]
    run.talk.cancel_reply(TurnId(1), "Thank you for your time. Goodbye.")
    stages.append(run.talk.progress.stage)
    assert stages == [Stage.DONE, Stage.QUESTION]


def test_a_follow_up_is_a_question_of_its_own_and_is_repeated_as_itself() -> None:
    run = Run()
    run.say(1, ANSWER, "You mentioned the billing importer. Who helped?", step=Step.PROBE)
    question = run.talk.question
    assert question is not None
    assert (question.id, question.parent_id, question.type) == ("q0.f1", "q0", QuestionType.FOLLOW_UP)
    assert question.reason == "billing importer"
    directive = run.talk.decide(Prompting.ANSWER, "Could you repeat the question?", 1000.0, 2)
    assert directive.steps == (Step.REPEAT,)
    assert directive.current == question
    run.say(2, "Could you repeat the question?", f"Of course. {question.text}")
    run.talk.record(TurnId(3), YOU, "Two colleagues.")
    assert run.talk.unanswered() == Said(TurnId(3), YOU, "Two colleagues.", None, "q0.f1")


def test_a_follow_up_that_never_got_out_leaves_no_question_behind() -> None:
    run = Run()
    run.say(1, ANSWER, "You mentioned the billing importer. Who helped?", step=Step.PROBE)
    run.talk.cut(TurnId(1), "")
    assert run.talk.question == QUESTIONS[0]
    assert run.talk.progress.probes == 0
    assert run.talk.take_changes().follow_ups == ()


def test_a_restored_conversation_goes_on_at_the_same_follow_up() -> None:
    run = Run()
    run.say(1, ANSWER, "You mentioned the billing importer. Who helped?", step=Step.PROBE)
    changes = run.talk.take_changes()
    again = Conversation(
        WISHES, QUESTIONS, progress=changes.progress, said=run.talk.said, follow_ups=changes.follow_ups
    )
    assert again.question == run.talk.question
    assert again.greeted
    assert again.decide(Prompting.ANSWER, ANSWER, 1000.0, 2).picked == ("billing importer",)


def test_longer_words_of_a_far_side_that_repeats_replace_the_shorter() -> None:
    run = Run()
    run.talk.record(TurnId(1), YOU, "I rebuilt")
    run.talk.record(TurnId(2), YOU, "I rebuilt the importer.")
    assert [s.text for s in run.talk.said if s.speaker is YOU] == ["I rebuilt the importer."]
    assert (TurnId(1), YOU) in run.talk.take_changes().removed


def test_what_could_not_be_stored_is_dirty_again_at_its_newest() -> None:
    run = two_questions()
    changes = run.talk.take_changes()
    assert not run.talk.dirty
    run.talk.record(TurnId(1), ME, "Thank you.")
    run.talk.put_back(changes)
    newest = {(s.turn, s.speaker): s.text for s in run.talk.take_changes().said}
    assert newest[TurnId(1), ME] == "Thank you."
    assert newest[TurnId(1), YOU] == ANSWER


def test_time_spent_never_goes_back() -> None:
    run = Run()
    run.talk.spend(100.0)
    run.talk.spend(40.0)
    assert run.talk.progress.spent_s == 100.0
    run.talk.cut(TurnId(0), "")
    assert run.talk.progress == Progress(spent_s=100.0)


def test_random_calls_store_exactly_what_the_transcript_says_however_often_storing_fails() -> None:
    for seed in range(300):
        chance = random.Random(seed)
        run, rows = Run(), dict[tuple[int, Speaker], str]()
        for turn in range(1, 12):
            run.say(turn, f"{turn}. {ANSWER}", f"Reply {turn}. " + chance.choice(QUESTIONS).text)
            if chance.random() < 0.4:
                run.talk.cut(TurnId(turn), chance.choice(["", f"Reply {turn}.", f"Reply {turn}. Question"]))
            if chance.random() < 0.5:
                changes = run.talk.take_changes()
                if chance.random() < 0.5:
                    run.talk.put_back(changes)
                    continue
                for key in changes.removed:
                    rows.pop(key, None)
                rows |= {(s.turn, s.speaker): s.text for s in changes.said}
        changes = run.talk.take_changes()
        for key in changes.removed:
            rows.pop(key, None)
        rows |= {(s.turn, s.speaker): s.text for s in changes.said}
        assert rows == {(s.turn, s.speaker): s.text for s in run.talk.said}, seed
        turns = [(s.turn, s.speaker is ME) for s in run.talk.said]
        assert turns == sorted(turns)


def test_a_transcript_is_taken_the_same_however_much_of_it_was_seen_before() -> None:
    chance = random.Random(7)
    for _ in range(200):
        stepwise, seen = Conversation(WISHES, QUESTIONS), list[Utterance]()
        for turn in range(12):
            words = (
                f"{chance.choice(('One', 'Two'))} more about number {chance.randrange(3)}, and that is it."
            )
            speaker = chance.choice((Speaker.CANDIDATE, Speaker.INTERVIEWER))
            stepwise.record(TurnId(turn), speaker, words)
            at_once = Conversation(WISHES, QUESTIONS, said=stepwise.said)
            seen = seen[: len(seen) - chance.randrange(3)]
            for _ in range(chance.randrange(3)):
                who = chance.choice((Speaker.CANDIDATE, Speaker.INTERVIEWER))
                seen.append(Utterance(who, words if who is speaker else words[: chance.randrange(1, 30)]))
            stepwise._take_items(tuple(seen))
            at_once._take_items(tuple(seen))
            assert stepwise._items == at_once._items
            stepwise.reconcile(seen)
            assert stepwise.said == tuple(
                sorted(stepwise.said, key=lambda s: (s.turn, s.speaker != "candidate"))
            )

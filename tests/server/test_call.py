"""The turn loop in virtual time: a candidate who breaks in at any instant, slow lines, failing stores."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agents.interviewer import Patience
from agents.lines import APOLOGY, GIVING_UP, HOLDING
from agents.llm import LlmUnavailable
from interview.conversation import Changes, Conversation, Said
from interview.events import (
    GREETING,
    BargeIn,
    EndReason,
    HungUp,
    LineEvent,
    PlaybackDone,
    Silence,
    Speaker,
    TranscriptSeen,
    TurnEnded,
    TurnId,
    TurnLikely,
    Utterance,
)
from interview.flow import Progress, Stage
from interview.model import Mode, Wishes
from server.call import CANCEL_S, FLUSH_S, INBOX, REASK_S, RETRY_S, SETTLE_S
from server.line import AnswerSaved, CoachCue, QuestionAsked
from storage.ports import Fenced, StorageDown
from tests.fakes.llm import Script, ScriptedLLM, move
from tests.fakes.scripted_line import Step
from tests.fakes.talk import ANSWER, QUESTIONS, Held, talk

ONE, TWO, THREE = TurnId(1), TurnId(2), TurnId(3)
GONE: Step = (500.0, HungUp(EndReason.HUNG_UP))
CLAUSES = ("First I note this. ", "Then I note that. ", "And then we go on. ")


def slowly(*pauses: float) -> Script:
    """A reply whose clauses come after these pauses; the question follows by itself."""
    steps: list[Any] = [move("advance")]
    for pause, clause in zip(pauses, CLAUSES, strict=False):
        steps += [pause, clause]
    return steps


SLOW = slowly(0.1, 0.1, 0.1)
TICK = 1e-6
INSTANTS = [10.0 + n / 100 for n in range(48)]


# --- breaking in ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("takes_s", [0.0, 0.03])
@pytest.mark.parametrize("heard", [None, "", "First I note"])
def test_nothing_is_sent_after_a_barge_in_at_any_instant(takes_s: float, heard: str | None) -> None:
    for at in INSTANTS:
        held = talk(
            [(10.0, TurnEnded(ONE, ANSWER)), (at, BargeIn(heard)), (30.0, TurnEnded(TWO, ANSWER)), GONE],
            SLOW,
            takes_s=takes_s,
        )
        late = [one for one in held.line.sent if one.turn == 1 and one.at > at + TICK]
        assert late == [], at
        if held.line.stops and held.line.stops[0][1] == 1 and held.line.stops[0][0] == pytest.approx(at):
            assert held.llm.streams[0].ended is not None
            assert held.llm.streams[0].ended <= at + TICK, "the cancel came back before the stream was closed"
        assert held.llm.most_live == 1
        assert held.line.text(2), "the next turn is answered"
        if heard:
            assert held.said(1) in (heard, held.line.text(1))


def test_a_question_that_was_cut_off_is_asked_again_and_one_that_got_out_is_not() -> None:
    outcomes = set()
    for at in INSTANTS:
        held = talk(
            [(10.0, TurnEnded(ONE, ANSWER)), (at, BargeIn()), (30.0, TurnEnded(TWO, ANSWER)), GONE],
            SLOW,
            [move("advance"), "All right. "],
        )
        out = QUESTIONS[1].text in held.line.text(1)
        expected = QUESTIONS[2] if out else QUESTIONS[1]
        assert held.line.text(2).endswith(expected.text), at
        outcomes.add(out)
    assert outcomes == {True, False}


def test_a_newer_turn_at_any_instant_supersedes() -> None:
    for at in INSTANTS:
        held = talk([(10.0, TurnEnded(ONE, ANSWER)), (at, TurnEnded(TWO, ANSWER)), GONE], SLOW, SLOW)
        assert all(one.at <= at + TICK for one in held.line.sent if one.turn == 1)
        assert held.llm.most_live == 1
        assert held.line.text(2)
        first, second = held.llm.streams
        assert first.ended is not None
        assert first.ended <= second.began


def test_what_was_heard_is_what_is_stored() -> None:
    held = talk(
        [
            (10.0, TurnEnded(ONE, ANSWER)),
            (10.25, BargeIn("First I note this. Then")),
            (30.0, TurnEnded(TWO, "And I wrote tests.")),
            GONE,
        ],
        SLOW,
    )
    stored = held.stored()
    assert stored[ONE, Speaker.INTERVIEWER] == "First I note this. Then"
    assert stored[ONE, Speaker.CANDIDATE] == ANSWER
    assert stored[TWO, Speaker.CANDIDATE] == "And I wrote tests."


def test_a_transcript_without_the_reply_takes_it_back() -> None:
    greeting = "Hello Mara, I am Maya, an AI interviewer"
    unheard = TranscriptSeen((Utterance(Speaker.INTERVIEWER, greeting), Utterance(Speaker.CANDIDATE, ANSWER)))
    held = talk(
        [
            (10.0, TurnEnded(ONE, ANSWER)),
            (20.0, unheard),
            (20.0, TurnEnded(TWO, f"{ANSWER} And more.")),
            GONE,
        ],
        [move("advance"), "All right. "],
        [move("advance"), "Okay. "],
    )
    assert held.line.text(2).endswith(QUESTIONS[1].text)
    assert (ONE, Speaker.INTERVIEWER) not in held.stored()


def test_a_transcript_in_other_words_takes_nothing_back() -> None:
    other = (
        Utterance(Speaker.INTERVIEWER, "Hullo, something else altogether"),
        Utterance(Speaker.CANDIDATE, "x"),
    )
    held = talk(
        [(10.0, TurnEnded(ONE, ANSWER)), (20.0, TranscriptSeen(other)), (20.0, TurnEnded(TWO, ANSWER)), GONE],
        [move("advance"), "All right. "],
        [move("advance"), "Okay. "],
    )
    assert QUESTIONS[1].text in held.said(1)
    assert QUESTIONS[2].text in held.line.text(2)


# --- cancelling ----------------------------------------------------------------------------------------


def test_the_next_reply_waits_until_the_stream_before_is_closed() -> None:
    llm = ScriptedLLM(SLOW, SLOW)
    llm.closes_in_s = 0.7
    held = talk([(10.0, TurnEnded(ONE, ANSWER)), (10.15, TurnEnded(TWO, ANSWER)), GONE], llm=llm)
    first, second = held.llm.streams
    assert first.ended == pytest.approx(10.85)
    assert second.began == first.ended
    assert held.llm.most_live == 1


def test_a_stream_that_will_not_close_holds_nobody_up_for_long() -> None:
    llm = ScriptedLLM(SLOW, SLOW)
    llm.closes_in_s = 60.0
    held = talk([(10.0, TurnEnded(ONE, ANSWER)), (10.15, TurnEnded(TWO, ANSWER)), GONE], llm=llm, stuck=True)
    assert held.llm.streams[1].began <= 10.15 + 2 * CANCEL_S
    assert held.line.text(2)


def test_a_slow_line_is_not_read_ahead_of() -> None:
    pieces = [f"Clause number {n} is here. " for n in range(11)]
    seen: list[tuple[int, int]] = []

    def watch(held: Held) -> None:
        held.line.on_sent = lambda one: (
            seen.append((held.llm.streams[0].pieces, len([s for s in held.line.sent if s.turn == 1])))
            if one.turn == 1
            else None
        )

    held = talk([(10.0, TurnEnded(ONE, ANSWER)), GONE], [move("advance"), *pieces], takes_s=2.0, before=watch)
    assert held.line.text(1).endswith(QUESTIONS[1].text)
    assert all(pulled <= sent + 2 for pulled, sent in seen)


def test_a_line_that_posts_a_flood_is_held_up_and_nothing_is_lost() -> None:
    flood: list[Step] = [(10.0, TurnEnded(TurnId(n), f"{n}. {ANSWER}")) for n in range(1, 4 * INBOX)]
    held = talk([*flood, GONE])
    last = TurnId(4 * INBOX - 1)
    assert held.line.text(last)
    assert held.llm.most_live == 1
    spoken = {one.turn for one in held.line.sent}
    assert spoken <= {0, *range(1, last + 1)}
    assert (last, Speaker.CANDIDATE) in held.stored()


# --- failing -------------------------------------------------------------------------------------------


def test_a_late_model_is_bridged_and_then_replaced() -> None:
    held = talk([(10.0, TurnEnded(ONE, ANSWER)), GONE], [60.0, move("advance"), "Too late. "])
    times = [(one.at, one.clause.text) for one in held.line.sent if one.turn == 1]
    assert times[0] == (12.5, HOLDING)
    assert times[1][0] == 18.0
    assert "Kestrel" in times[1][1]
    assert "Too late." not in held.line.text(1)


def test_a_model_that_stops_in_the_middle_is_completed_without_it() -> None:
    held = talk([(10.0, TurnEnded(ONE, ANSWER)), GONE], [move("advance"), "I note that. ", 99.0, "Never. "])
    assert held.line.text(1) == f"I note that. {QUESTIONS[1].text}"
    assert [one.at for one in held.line.sent if one.turn == 1] == [10.0, 10.0 + Patience().stall]


def test_a_failure_of_our_own_is_apologised_for_once_and_ends_the_call_at_the_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    held = talk(
        [(10.0, TurnEnded(ONE, ANSWER)), (20.0, TurnEnded(TWO, ANSWER)), (30.0, TurnEnded(THREE, ANSWER))],
        before=lambda _: monkeypatch.setattr(Conversation, "decide", broken),
        progress=Progress(Stage.QUESTION, 0),
    )
    assert held.line.text(1) == APOLOGY
    assert held.line.text(2) == GIVING_UP
    assert held.reason is EndReason.PROVIDER_FAILED
    assert held.said(1) == APOLOGY


def test_a_line_that_breaks_in_a_reply_is_apologised_on() -> None:
    held = talk(
        [(10.0, TurnEnded(ONE, ANSWER)), GONE],
        SLOW,
        before=lambda held: held.line.broken.add(ONE),
    )
    assert held.reason is EndReason.HUNG_UP
    assert held.line.text(1) == ""


def test_the_candidate_hangs_up_at_any_instant() -> None:
    for at in INSTANTS:
        held = talk([(10.0, TurnEnded(ONE, ANSWER)), (at, HungUp(EndReason.HUNG_UP))], SLOW)
        assert held.reason is EndReason.HUNG_UP
        assert held.ended_at == pytest.approx(at)
        assert held.stored()[ONE, Speaker.CANDIDATE] == ANSWER


def test_the_goodbye_that_was_heard_ends_the_call_and_stands() -> None:
    bye = TurnEnded(ONE, "I would like to stop here.")
    held = talk([(10.0, bye), (20.0, PlaybackDone(ONE))])
    assert held.reason is EndReason.FINISHED
    assert held.conversation.progress.stage is Stage.DONE
    hung_up = talk([(10.0, bye), (20.0, HungUp(EndReason.HUNG_UP))])
    assert hung_up.conversation.progress.stage is Stage.DONE


def test_a_goodbye_that_was_talked_over_does_not_stand() -> None:
    held = talk(
        [
            (10.0, TurnEnded(ONE, "I would like to stop here.")),
            (11.0, TurnEnded(TWO, f"No, wait. {ANSWER}")),
            GONE,
        ]
    )
    assert held.conversation.progress.stage is Stage.QUESTION
    assert "Goodbye" not in held.line.text(2)


# --- storing -------------------------------------------------------------------------------------------


def failing(times: int, error: Exception) -> Any:
    tries: list[float] = []

    def make(_: Held) -> Any:
        async def save(_: Changes) -> None:
            tries.append(asyncio.get_running_loop().time())
            if len(tries) <= times:
                raise error

        return save

    make.tries = tries  # type: ignore[attr-defined]
    return make


TURNS: list[Step] = [(10.0 * n, TurnEnded(TurnId(n), f"{n}. {ANSWER}")) for n in range(1, 5)]


def test_a_store_that_is_away_delays_nothing_and_gets_everything() -> None:
    calm = talk([*TURNS, GONE])
    save = failing(8, StorageDown("away"))
    stormy = talk([*TURNS, GONE], save=save)
    assert [(one.at, one.clause.text) for one in stormy.line.sent] == [
        (one.at, one.clause.text) for one in calm.line.sent
    ]
    assert stormy.stored() == calm.stored()
    pauses = [later - sooner for sooner, later in zip(save.tries, save.tries[1:], strict=False)]
    assert pauses[:5] == pytest.approx([pause + SETTLE_S for pause in RETRY_S])
    assert pauses[5:7] == pytest.approx([RETRY_S[-1] + SETTLE_S] * 2)


def test_an_answer_is_acknowledged_only_when_it_is_stored() -> None:
    held = talk([(10.0, TurnEnded(ONE, ANSWER)), GONE], save=failing(3, StorageDown("away")))
    (note,) = [note for note in held.line.notes if isinstance(note, AnswerSaved)]
    assert note == AnswerSaved(ONE, "q0")
    first_saved = next(at for at, changes in held.saved if changes.answers)
    assert first_saved > 10.0 - 1e-9
    never = talk([(10.0, TurnEnded(ONE, ANSWER)), GONE], save=failing(10_000, StorageDown("away")))
    assert [note for note in never.line.notes if isinstance(note, AnswerSaved)] == []


def test_a_store_that_hangs_delays_no_word_and_the_end_by_a_bound() -> None:
    def hangs(_: Held) -> Any:
        async def save(_: Changes) -> None:
            await asyncio.Event().wait()

        return save

    held = talk([*TURNS, GONE], save=hangs)
    assert next(one.at for one in held.line.sent if one.turn == 4) == 40.0
    assert held.ended_at <= 500.0 + FLUSH_S + CANCEL_S


def test_a_call_that_another_owner_took_stops_at_once() -> None:
    held = talk([*TURNS, GONE], save=failing(10_000, Fenced("a newer owner")))
    assert held.reason is EndReason.REPLACED
    assert held.ended_at < 10.0


# --- making replies ahead, coming back, showing --------------------------------------------------------


def test_a_reply_made_ahead_is_taken_up_and_not_a_word_sooner() -> None:
    held = talk(
        [(1.0, PlaybackDone(GREETING)), (10.0, TurnLikely(ANSWER)), (10.6, TurnEnded(ONE, ANSWER)), GONE],
        slowly(0.4),
        [move("advance"), "No. "],
    )
    (stream,) = held.llm.streams
    assert stream.began == pytest.approx(10.0)
    first = next(one for one in held.line.sent if one.turn == 1)
    assert first.at == pytest.approx(10.6)
    assert first.clause.text == CLAUSES[0].strip()
    assert held.conversation.progress.index == 1


def test_a_reply_made_ahead_for_other_words_is_dropped() -> None:
    held = talk(
        [
            (1.0, PlaybackDone(GREETING)),
            (10.0, TurnLikely("I rebuilt")),
            (10.2, TurnLikely(ANSWER)),
            (10.6, TurnEnded(ONE, f"{ANSWER} So.")),
            GONE,
        ],
        slowly(5.0),
        slowly(0.1),
        [move("advance"), "All right. "],
    )
    assert [stream.aborted for stream in held.llm.streams] == [True, False, False]
    assert held.llm.most_live == 1
    assert held.line.text(1) == f"All right. {QUESTIONS[1].text}"


def test_a_reply_made_ahead_for_a_candidate_who_goes_on_changes_nothing() -> None:
    held = talk([(1.0, PlaybackDone(GREETING)), (10.0, TurnLikely(ANSWER)), GONE], slowly(0.1))
    assert held.line.text(1) == ""
    assert held.conversation.progress.index == 0


def pending() -> list[Said]:
    return [
        Said(TurnId(0), Speaker.INTERVIEWER, f"Hello. {QUESTIONS[0].text}", "hr", "q0"),
        Said(ONE, Speaker.CANDIDATE, ANSWER, None, "q0"),
    ]


@pytest.mark.parametrize(
    "asked_again", [[], [(1.0, TurnEnded(ONE, ANSWER))], [(1.0, TurnEnded(TWO, ANSWER))]]
)
def test_an_open_turn_is_answered_once_after_a_restart(asked_again: list[tuple[float, LineEvent]]) -> None:
    held = talk([*asked_again, GONE], progress=Progress(Stage.QUESTION, 0), said=pending())
    assert len(held.llm.streams) == 1
    (at,) = {one.at for one in held.line.sent}
    assert at == (1.0 if asked_again else REASK_S)
    assert held.line.text(0) == ""


def test_silence_is_met_with_a_nudge_and_moves_nothing() -> None:
    held = talk([(10.0, Silence(ONE)), (20.0, Silence(TWO)), GONE])
    assert held.line.text(1) != held.line.text(2)
    assert len(held.line.text(1).split()) < 20
    assert held.conversation.progress.index == 0
    assert held.llm.streams == []


def test_the_question_and_the_coach_are_shown_and_the_coach_only_in_study_mode() -> None:
    async def cue(*_: object) -> str:
        await asyncio.sleep(1.0)
        return "Say what came of it."

    for mode in Mode:
        held = talk([(10.0, TurnEnded(ONE, ANSWER)), GONE], wishes=Wishes("engineer", mode=mode), cue=cue)
        shown = [note.text for note in held.line.notes if isinstance(note, CoachCue)]
        assert shown == (["Say what came of it."] if mode is Mode.STUDY else [])
        asked = [note.standing.index for note in held.line.notes if isinstance(note, QuestionAsked)]
        assert asked[:2] == [0, 0]


def test_a_question_is_shown_with_the_time_that_is_spent_when_it_is_shown() -> None:
    held = talk([(10.0, TurnEnded(ONE, ANSWER)), GONE], slowly(2.0, 0.1, 0.1))
    shown = [note.standing for note in held.line.notes if isinstance(note, QuestionAsked)]
    assert shown[-1].spent_s == pytest.approx(12.0)
    assert shown[-1].spent_s + shown[-1].left_s == held.conversation.wishes.duration_s


def test_a_model_failure_is_not_a_failure_of_the_call() -> None:
    failure = LlmUnavailable("scripted", "503")
    held = talk([*TURNS, GONE], [failure], [failure], [failure], [failure])
    assert all(held.line.text(n) not in ("", APOLOGY) for n in range(1, 5))

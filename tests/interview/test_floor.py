"""The floor machine: its table row by row, then twenty thousand random calls."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from interview.errors import IllegalEvent
from interview.events import (
    BargeIn,
    CancelReply,
    Command,
    EndCall,
    EndReason,
    Event,
    HungUp,
    Opened,
    PlaybackDone,
    PrepareReply,
    Prompting,
    Reconcile,
    Record,
    ReplyDone,
    ReplyFailed,
    ReplyStarted,
    SayCanned,
    Silence,
    Speaker,
    StartReply,
    StopPlayback,
    TranscriptSeen,
    Trimmed,
    TurnEnded,
    TurnId,
    TurnLikely,
    Utterance,
)
from interview.floor import Floor, FloorMachine

HEARD = (Utterance(Speaker.INTERVIEWER, "Hello."),)
ZERO, ONE, TWO, THREE = (TurnId(n) for n in range(4))

# Turn 1 was answered before turn 2, so that there is an older one; all busy states are at turn 2.
LISTENING: list[Event] = [Opened(), ReplyStarted(ZERO), ReplyDone(ZERO, "Hello."), PlaybackDone(ZERO)]
THINKING: list[Event] = [*LISTENING, TurnEnded(ONE, "Hi."), TurnEnded(TWO, "Hi there.")]
SPEAKING: list[Event] = [*THINKING, ReplyStarted(TWO)]
SPOKEN: list[Event] = [*SPEAKING, ReplyDone(TWO, "A question?")]
HEARD_EARLY: list[Event] = [*SPEAKING, PlaybackDone(TWO)]
GOODBYE: list[Event] = [*SPEAKING, ReplyDone(TWO, "Goodbye.", ends_call=True)]
FAILED_ONCE: list[Event] = [*THINKING, ReplyFailed(TWO, "empty")]
FAILED_TWICE: list[Event] = [*FAILED_ONCE, TurnEnded(THREE, "Once more.")]
CLOSED: list[Event] = [*LISTENING, HungUp(EndReason.HUNG_UP)]

STATES = {
    Floor.LISTENING: LISTENING,
    Floor.THINKING: THINKING,
    Floor.SPEAKING: SPEAKING,
    Floor.CLOSED: CLOSED,
}


def after(history: Sequence[Event]) -> FloorMachine:
    floor = FloorMachine()
    for event in history:
        floor.handle(event)
    return floor


def busy_row(turn: TurnId) -> list[Command]:
    return [StopPlayback(turn), CancelReply(turn)]


Row = tuple[Sequence[Event], Event, Sequence[Command], Floor]


def hung_up_while(busy: Sequence[Event]) -> Row:
    return busy, HungUp(EndReason.HUNG_UP), [CancelReply(TWO), EndCall(EndReason.HUNG_UP)], Floor.CLOSED


ROWS: list[Row] = [
    ([], Opened(), [StartReply(ZERO, "", Prompting.GREETING)], Floor.THINKING),
    ([], Opened(greeted=True, turn=TWO), [], Floor.LISTENING),
    (
        LISTENING,
        TurnEnded(ONE, "Hi."),
        [Record(ONE, Speaker.CANDIDATE, "Hi."), StartReply(ONE, "Hi.", Prompting.ANSWER)],
        Floor.THINKING,
    ),
    (LISTENING, TurnEnded(ONE, ""), [StartReply(ONE, "", Prompting.ANSWER)], Floor.THINKING),
    (LISTENING, Silence(ONE), [StartReply(ONE, "", Prompting.SILENCE)], Floor.THINKING),
    *(
        (
            busy,
            TurnEnded(THREE, "No."),
            [
                *busy_row(TWO),
                Record(THREE, Speaker.CANDIDATE, "No."),
                StartReply(THREE, "No.", Prompting.ANSWER),
            ],
            Floor.THINKING,
        )
        for busy in (THINKING, SPEAKING, SPOKEN, GOODBYE)
    ),
    *(
        (busy, Silence(THREE), [*busy_row(TWO), StartReply(THREE, "", Prompting.SILENCE)], Floor.THINKING)
        for busy in (THINKING, SPEAKING)
    ),
    *(
        (history, event, [], state)
        for state, history in STATES.items()
        for event in (TurnEnded(ZERO, "Old."), Silence(ZERO))
    ),
    (THINKING, TurnEnded(TWO, "Hi there."), [], Floor.THINKING),
    (THINKING, ReplyStarted(TWO), [], Floor.SPEAKING),
    *(
        (busy, ReplyDone(TWO, "So?"), [Record(TWO, Speaker.INTERVIEWER, "So?")], Floor.SPEAKING)
        for busy in (THINKING, SPEAKING)
    ),
    (SPOKEN, PlaybackDone(TWO), [], Floor.LISTENING),
    (SPOKEN, PlaybackDone(ONE), [], Floor.SPEAKING),
    (SPEAKING, PlaybackDone(TWO), [], Floor.SPEAKING),
    (HEARD_EARLY, ReplyDone(TWO, "So?"), [Record(TWO, Speaker.INTERVIEWER, "So?")], Floor.LISTENING),
    (
        HEARD_EARLY,
        ReplyDone(TWO, "Bye.", ends_call=True),
        [Record(TWO, Speaker.INTERVIEWER, "Bye."), EndCall(EndReason.FINISHED)],
        Floor.CLOSED,
    ),
    (HEARD_EARLY, ReplyFailed(TWO, "gone"), [SayCanned(TWO, "apology")], Floor.SPEAKING),
    (FAILED_ONCE, PlaybackDone(TWO), [], Floor.LISTENING),
    (GOODBYE, PlaybackDone(TWO), [EndCall(EndReason.FINISHED)], Floor.CLOSED),
    (THINKING, PlaybackDone(TWO), [], Floor.THINKING),
    *(
        (busy, ReplyFailed(TWO, "empty"), [SayCanned(TWO, "apology")], Floor.SPEAKING)
        for busy in (THINKING, SPEAKING)
    ),
    (
        SPEAKING,
        ReplyFailed(TWO, "gone", "So, tell"),
        [Record(TWO, Speaker.INTERVIEWER, "So, tell"), SayCanned(TWO, "apology")],
        Floor.SPEAKING,
    ),
    (
        FAILED_TWICE,
        ReplyFailed(THREE, "empty"),
        [SayCanned(THREE, "giving_up"), EndCall(EndReason.PROVIDER_FAILED)],
        Floor.CLOSED,
    ),
    *(
        (
            busy,
            BargeIn("So, te"),
            [*busy_row(TWO), Record(TWO, Speaker.INTERVIEWER, "So, te", cut=True)],
            Floor.LISTENING,
        )
        for busy in (THINKING, SPEAKING, SPOKEN, GOODBYE)
    ),
    (SPEAKING, BargeIn(None), busy_row(TWO), Floor.LISTENING),
    (
        SPEAKING,
        BargeIn(""),
        [*busy_row(TWO), Record(TWO, Speaker.INTERVIEWER, "", cut=True)],
        Floor.LISTENING,
    ),
    *(
        (LISTENING, event, [], Floor.LISTENING)
        for event in (BargeIn("x"), ReplyStarted(ZERO), ReplyDone(ZERO, "x"), ReplyFailed(ZERO, "x"))
    ),
    *(
        (history, event, [], state)
        for state, history in STATES.items()
        for event in (ReplyStarted(ONE), ReplyDone(ONE, "x"), ReplyFailed(ONE, "x"), PlaybackDone(ONE))
    ),
    *(
        (
            busy,
            Trimmed(TWO, "So, te"),
            [*busy_row(TWO), Record(TWO, Speaker.INTERVIEWER, "So, te", cut=True)],
            Floor.LISTENING,
        )
        for busy in (THINKING, SPEAKING, SPOKEN)
    ),
    *(
        (history, Trimmed(ONE, "So"), [Record(ONE, Speaker.INTERVIEWER, "So", cut=True)], state)
        for state, history in STATES.items()
        if state not in (Floor.CLOSED, Floor.LISTENING)
    ),
    (SPEAKING, Trimmed(THREE, "So"), [], Floor.SPEAKING),
    *(
        (history, TurnLikely("Done."), [PrepareReply("Done.")] if state is Floor.LISTENING else [], state)
        for state, history in STATES.items()
    ),
    *(
        (history, TranscriptSeen(HEARD), [Reconcile(HEARD)], state)
        for state, history in STATES.items()
        if state is not Floor.CLOSED
    ),
    (LISTENING, HungUp(EndReason.RESTART), [EndCall(EndReason.RESTART)], Floor.CLOSED),
    *(hung_up_while(busy) for busy in (THINKING, SPEAKING, SPOKEN)),
    *(
        (CLOSED, event, [], Floor.CLOSED)
        for event in (
            Opened(),
            TurnEnded(THREE, "x"),
            Silence(THREE),
            BargeIn("x"),
            PlaybackDone(TWO),
            TranscriptSeen(HEARD),
            HungUp(EndReason.RESTART),
            ReplyStarted(TWO),
            ReplyDone(TWO, "x"),
            ReplyFailed(TWO, "x"),
        )
    ),
]


@pytest.mark.parametrize(("history", "event", "commands", "state"), ROWS)
def test_every_row_of_the_table(
    history: list[Event], event: Event, commands: list[Command], state: Floor
) -> None:
    floor = after(history)
    assert floor.handle(event) == commands
    assert floor.state is state


@pytest.mark.parametrize(
    "history", [LISTENING, THINKING, SPEAKING], ids=["listening", "thinking", "speaking"]
)
def test_opening_twice_is_a_bug_and_changes_nothing(history: list[Event]) -> None:
    floor = after(history)
    before = (floor.state, floor.turn)
    with pytest.raises(IllegalEvent, match="floor: no way from"):
        floor.handle(Opened())
    assert (floor.state, floor.turn) == before


def test_a_reply_that_succeeds_forgives_the_failure_before() -> None:
    floor = after([*FAILED_TWICE, ReplyStarted(THREE), ReplyDone(THREE, "So?"), TurnEnded(TurnId(4), "x")])
    assert floor.handle(ReplyFailed(TurnId(4), "empty")) == [SayCanned(TurnId(4), "apology")]


def test_a_candidate_who_talks_over_the_goodbye_keeps_the_call() -> None:
    floor = after([*GOODBYE, TurnEnded(THREE, "Wait."), ReplyStarted(THREE), ReplyDone(THREE, "Yes?")])
    assert floor.handle(PlaybackDone(TWO)) == []
    assert floor.handle(PlaybackDone(THREE)) == []
    assert floor.state is Floor.LISTENING


def random_event(chance: random.Random, newest: int) -> Event:
    turn = TurnId(max(0, newest + chance.choice((-2, -1, 0, 0, 0, 1, 1))))
    events: list[Event] = [
        TurnEnded(turn, chance.choice(("", "words"))),
        Silence(turn),
        BargeIn(chance.choice((None, "", "heard"))),
        PlaybackDone(turn),
        TranscriptSeen(HEARD),
        ReplyStarted(turn),
        ReplyDone(turn, "text", chance.random() < 0.05),
        ReplyFailed(turn, "why", chance.choice(("", "said"))),
    ]
    if chance.random() < 0.1:
        events.append(HungUp(EndReason.HUNG_UP))
    return chance.choice(events)


def test_random_calls_never_hold_two_live_replies_nor_act_after_the_end() -> None:
    chance = random.Random(20_000)
    for _ in range(20_000):
        floor, live, newest, ended = FloorMachine(), set[TurnId](), 0, False
        events: list[Event] = [Opened()]
        while len(events) < 14:
            before = floor.turn
            commands = floor.handle(events[-1])
            assert not (ended and commands)
            if any(isinstance(command, StopPlayback) for command in commands):
                assert isinstance(commands[0], StopPlayback)
            for command in commands:
                match command:
                    case StartReply(turn):
                        assert turn > before
                        assert not live, "the reply before was not cancelled"
                        live.add(turn)
                    case CancelReply(turn):
                        live.discard(turn)
                    case SayCanned(turn) | StopPlayback(turn):
                        assert turn == before
                    case Record(turn, Speaker.INTERVIEWER):
                        assert turn == before
                    case EndCall():
                        assert not ended
                        ended = True
                    case _:
                        pass
            assert ended == (floor.state is Floor.CLOSED)
            match events[-1]:
                case ReplyDone(turn) | ReplyFailed(turn):
                    live.discard(turn)  # the reply task that reports this is over
                case _:
                    pass
            newest = max(newest, floor.turn)
            events.append(random_event(chance, newest))

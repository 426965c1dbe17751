"""How far a reply has sounded: by reports, by our clock, through pauses."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from interview.events import TurnId
from server.realtime_events import ReplyOut
from server.realtime_playback import FOLLOWED_S, HOLD_S, LAG_S, OVERDUE_S, SPEECH_S, UNHEARD_S, Playback


def playing(*pieces: tuple[float, float]) -> Playback:
    """A reply whose pieces went out at these times, each so many milliseconds long."""
    reply = Playback(ReplyOut(1, "resp", "item", None), TurnId(0))
    for at, ms in pieces:
        reply.sent(at, ms)
        reply.out.sent_ms += ms
    return reply


def test_our_clock_counts_what_can_have_sounded() -> None:
    reply = playing((10.0, 1000), (10.1, 1000))
    assert [reply.played_ms(at, reports=False) for at in (10.0, 10.5, 11.5, 12.0, 99.0)] == [
        0,
        500,
        1500,
        2000,
        2000,
    ]
    late = playing((10.0, 1000), (20.0, 1000))  # the client ran dry in between
    assert late.played_ms(20.5, reports=False) == 1500


def test_what_follows_in_time_has_no_place_of_its_own() -> None:
    reply = playing((10.0, 1000))
    assert reply.sent(10.9, 100) is None
    assert reply.sent(11.1 + LAG_S, 100) is None, "the client's own buffer bridges that"
    assert reply.sent(12.0 + LAG_S, 100) == 0.0
    reply.hold(12.25, pauses=True)
    assert reply.sent(12.5, 100) is None, "it waits where it is, like all before it"
    reply.release(13.0)
    assert reply.sent(13.0, 100) is None


def test_a_paused_client_stands_still_and_goes_on() -> None:
    reply = playing((10.0, 2000))
    reply.hold(10.5, pauses=True)
    assert reply.played_ms(13.0, reports=False) == 500
    reply.hold(12.0, pauses=True)
    reply.release(13.0)
    reply.release(14.0)
    assert reply.played_ms(13.5, reports=False) == 1000
    reply.complete = True
    assert reply.over_at(reports=False) == 14.5 + LAG_S


def test_a_client_that_cannot_pause_plays_out_what_it_has() -> None:
    reply = playing((10.0, 2000))
    reply.hold(10.5, pauses=False)
    assert [reply.played_ms(at, reports=False) for at in (11.0, 12.0, 20.0)] == [1000, 2000, 2000]
    reply.release(20.0)
    assert reply.sent(20.0, 500) == 0.0, "it has run dry meanwhile"
    reply.out.sent_ms += 500
    assert reply.played_ms(20.25, reports=False) == 2250


def test_reports_are_believed_within_what_was_sent_until_they_cease() -> None:
    reply = playing((10.0, 5000))
    reply.reported(10.4, 200)
    assert reply.played_ms(10.5, reports=True) == 200
    reply.reported(10.5, -7)
    reply.reported(10.5, 100)
    assert reply.played_ms(10.7, reports=True) == 200
    assert reply.played_ms(10.5 + UNHEARD_S, reports=True) == 2500
    reply.reported(13.0, 10**9)
    assert reply.played_ms(13.0, reports=True) == 5000


def test_when_a_reply_counts_as_heard() -> None:
    reply = playing((10.0, 1000))
    assert reply.over_at(reports=False) is None, "more may come"
    reply.complete = True
    assert reply.over_at(reports=False) == 11.0 + LAG_S
    assert reply.over_at(reports=True) == 11.0 + OVERDUE_S
    reply.reported(11.2, 1000)
    assert reply.over_at(reports=True) == 0.0
    reply.failed = True
    assert reply.over_at(reports=True) == 11.2 + FOLLOWED_S
    reply.hold(11.3, pauses=True)
    assert reply.over_at(reports=True) is None
    assert reply.goes_on_at() == 11.3 + HOLD_S
    silent = playing()
    silent.hold(5.0, pauses=True)
    assert silent.goes_on_at() == 5.0 + SPEECH_S
    silent.release(6.0)
    silent.complete = True
    assert silent.over_at(reports=True) == 0.0


@given(
    st.lists(st.tuples(st.sampled_from(["sent", "hold", "release", "report", "wait"]), st.integers(0, 3000)))
)
def test_what_was_played_never_exceeds_what_was_sent_nor_goes_back(story: list[tuple[str, int]]) -> None:
    reply, now, before = playing(), 100.0, 0
    for what, number in story:
        match what:
            case "sent":
                reply.sent(now, number)
                reply.out.sent_ms += number
            case "hold":
                reply.hold(now, pauses=True)
            case "release":
                reply.release(now)
            case "report":
                reply.reported(now, number)
            case _:
                now += number / 1000
        played = reply.played_ms(now, reports=False)
        assert 0 <= played <= reply.out.sent_ms
        assert played >= before - 1  # whole milliseconds are cut off
        before = played

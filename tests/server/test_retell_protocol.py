"""The pure part of Retell's protocol: frames in, events and frames out, no socket."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interview.events import Silence, Speaker, TranscriptSeen, TurnEnded, TurnId, Utterance
from server.retell_protocol import MAX_FRAME, RetellProtocol
from server.simulate.wire import check


def text(**event: Any) -> bytes:
    return json.dumps(event).encode()


def said(*items: tuple[str, str]) -> list[dict[str, str]]:
    return [{"role": role, "content": content} for role, content in items]


def request(turn: Any, *items: tuple[str, str], kind: str = "response_required") -> bytes:
    return text(interaction_type=kind, response_id=turn, transcript=said(*items))


def frame(raw: bytes | None) -> dict[str, Any]:
    assert raw is not None
    found: dict[str, Any] = json.loads(raw)
    assert check(found) == []
    return found


def test_config_asks_for_all_that_is_needed_and_is_well_typed() -> None:
    assert frame(RetellProtocol().config())["config"] == {
        "auto_reconnect": True,
        "call_details": True,
        "transcript_with_tool_calls": False,
    }


@pytest.mark.parametrize("stamp", [0, 1, -1, 1_700_000_000_000, 2**53 + 1, 2**63, 2**64, 10**30])
def test_case_06_a_timestamp_comes_back_unchanged(stamp: int) -> None:
    received = RetellProtocol().receive(text(interaction_type="ping_pong", timestamp=stamp))
    assert [json.loads(reply) for reply in received.replies] == [
        {"response_type": "ping_pong", "timestamp": stamp}
    ]


@pytest.mark.parametrize("stamp", ["17", None, True, [], 1e400])
def test_case_06_a_timestamp_that_is_none_is_skipped(stamp: Any) -> None:
    received = RetellProtocol().receive(text(interaction_type="ping_pong", timestamp=stamp))
    assert not received.replies
    assert received.note


def test_a_request_gives_the_words_since_the_interviewer_spoke() -> None:
    protocol = RetellProtocol()
    items = (("agent", "Hi."), ("user", "I "), ("user", "did it."))
    received = protocol.receive(request(3, *items))
    heard = TranscriptSeen(
        (
            Utterance(Speaker.INTERVIEWER, "Hi."),
            Utterance(Speaker.CANDIDATE, "I "),
            Utterance(Speaker.CANDIDATE, "did it."),
        )
    )
    assert received.events == [heard, TurnEnded(TurnId(3), "I did it.")]
    assert protocol.newest == 3


def test_the_audio_clock_is_read_from_the_last_timed_word() -> None:
    words = [{"word": "a", "start": 0.0, "end": 0.5}, {"word": "b", "start": 0.5, "end": 1.25}]
    item = {"role": "user", "content": "a b", "words": words}
    received = RetellProtocol().receive(
        text(interaction_type="response_required", response_id=1, transcript=[item])
    )
    assert received.events[1] == TurnEnded(TurnId(1), "a b", 1.25)


def test_case_09_an_empty_transcript_is_a_request() -> None:
    assert RetellProtocol().receive(request(1)).events[1] == TurnEnded(TurnId(1), "")


def test_case_13_a_reminder_is_silence() -> None:
    assert RetellProtocol().receive(request(4, kind="reminder_required")).events[1] == Silence(TurnId(4))


def test_case_15_ids_may_start_high_and_skip() -> None:
    protocol = RetellProtocol()
    for turn in (7, 12):
        assert protocol.receive(request(turn)).events
        assert frame(protocol.chunk(TurnId(turn), "x", first=True))["response_id"] == turn


def test_case_16_and_17_an_older_or_repeated_id_asks_nothing() -> None:
    protocol = RetellProtocol()
    assert protocol.receive(request(5)).events
    for turn in (5, 4, 0, -1):
        assert protocol.receive(request(turn)).events == []
    assert frame(protocol.complete(TurnId(5)))["content_complete"] is True
    assert protocol.receive(request(5)).events == []


@pytest.mark.parametrize("turn", ["1", 1.5, None, True, [], {}, 2**31, 10**30])
def test_a_request_without_a_usable_id_is_skipped(turn: Any) -> None:
    protocol = RetellProtocol()
    received = protocol.receive(request(turn))
    assert (received.events, received.replies) == ([], [])
    assert received.note
    assert protocol.newest == 0


def test_case_10_nothing_is_made_for_a_stale_or_a_complete_turn() -> None:
    protocol = RetellProtocol()
    protocol.receive(request(1))
    assert frame(protocol.chunk(TurnId(1), "One.", first=True))["content"] == "One."
    assert frame(protocol.chunk(TurnId(1), "Two.", first=False))["content"] == " Two."
    protocol.receive(request(2))
    one, two = TurnId(1), TurnId(2)
    assert protocol.chunk(one, "late", first=False) is None
    assert protocol.complete(one) is None
    assert protocol.goodbye(one, "late", first=False) is None
    assert protocol.complete(two)
    assert protocol.complete(two) is None
    assert protocol.chunk(two, "more", first=False) is None


def test_case_22_and_24_the_goodbye_is_one_frame_with_one_action() -> None:
    protocol = RetellProtocol()
    protocol.receive(request(9))
    assert frame(protocol.goodbye(TurnId(9), "Goodbye.", first=False)) == {
        "response_type": "response",
        "response_id": 9,
        "content": " Goodbye.",
        "content_complete": True,
        "end_call": True,
        "no_interruption_allowed": True,
    }


def test_case_30_unintelligible_speech_counts_only_when_there_is_nothing_else() -> None:
    noise = ("user", "(unintelligible audio)")
    protocol = RetellProtocol()
    assert protocol.receive(request(1, noise)).events[1] == TurnEnded(TurnId(1), "(unintelligible audio)")
    assert protocol.receive(request(2, ("user", "Yes."), noise)).events[1] == TurnEnded(TurnId(2), "Yes.")


def test_case_31_unknown_types_fields_roles_and_missing_words_are_taken() -> None:
    protocol = RetellProtocol()
    assert protocol.receive(text(interaction_type="brand_new", timestamp=1)).note
    items = [
        {"role": "system", "content": "s"},
        {"role": "tool_call_invocation", "name": "x", "arguments": "{}"},
        {"role": "dtmf", "digit": "1"},
        {"role": "agent", "content": "Hi.", "words": None},
        {"role": "user", "content": "Yes.", "words": [{"word": "Yes."}], "mood": 3},
    ]
    received = protocol.receive(
        text(interaction_type="response_required", response_id=1, transcript=items, extra={"a": [1]})
    )
    assert received.events[1] == TurnEnded(TurnId(1), "Yes.")


@pytest.mark.parametrize(
    "items",
    [
        "words",
        [1],
        [{"role": 1, "content": "x"}],
        [{"role": "user", "content": None}],
        [{"role": "user", "content": "x", "words": "no"}],
    ],
)
def test_case_31_a_transcript_of_another_shape_still_asks(items: Any) -> None:
    received = RetellProtocol().receive(
        text(interaction_type="response_required", response_id=1, transcript=items)
    )
    assert isinstance(received.events[-1], TurnEnded)


BROKEN = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"x"',
    b"1",
    b"{}",
    b'{"interaction_type":1}',
    b"[" * 100_000,
    b"\xff\xfe",
    b"\xed\xa0\x80",
]


@pytest.mark.parametrize("raw", BROKEN)
def test_case_32_what_is_no_json_object_is_noted(raw: bytes) -> None:
    received = RetellProtocol().receive(raw)
    assert received.note
    assert (received.replies, received.events, received.details) == ([], [], None)


@given(
    st.binary()
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["interaction_type", "response_id", "transcript", "timestamp", "call", "role"]
                )
                | st.text(),
                inner,
            )
        ),
        max_leaves=12,
    ).map(lambda data: json.dumps(data).encode())
)
def test_case_32_no_frame_raises_and_no_reply_is_ill_typed(raw: bytes) -> None:
    for reply in RetellProtocol().receive(raw).replies:
        frame(reply)


@given(
    st.sampled_from(["ping_pong", "update_only", "response_required", "reminder_required", "call_details"]),
    st.none() | st.integers() | st.floats() | st.text(),
)
def test_case_34_whatever_the_values_what_goes_out_is_well_typed(kind: str, value: Any) -> None:
    protocol = RetellProtocol()
    received = protocol.receive(
        text(interaction_type=kind, response_id=value, timestamp=value, transcript=value, call=value)
    )
    for reply in received.replies:
        frame(reply)
    for event in received.events:
        assert isinstance(event, TranscriptSeen | TurnEnded | Silence)
        if not isinstance(event, TranscriptSeen):
            frame(protocol.chunk(event.turn, "x", first=True))
            frame(protocol.complete(event.turn))


def test_case_07_an_update_is_only_kept_and_read_at_the_end() -> None:
    protocol = RetellProtocol()
    assert protocol.last_heard() is None
    update = text(interaction_type="update_only", transcript=said(("agent", "Hi.")), turntaking="user_turn")
    received = protocol.receive(update)
    assert (received.replies, received.events, received.note) == ([], [], None)
    assert protocol.last_heard() == TranscriptSeen((Utterance(Speaker.INTERVIEWER, "Hi."),))
    assert protocol.last_heard() is None
    protocol.receive(text(interaction_type="update_only", transcript="no list"))
    assert protocol.last_heard() is None


def test_a_request_makes_the_update_before_it_worthless() -> None:
    protocol = RetellProtocol()
    protocol.receive(text(interaction_type="update_only", transcript=said(("agent", "Hi."))))
    protocol.receive(request(1, ("agent", "Hi."), ("user", "Yes.")))
    assert protocol.last_heard() is None


@pytest.mark.parametrize("call", [{}, {"call_type": "web_call", "call_id": "c"}])
def test_case_04_call_details_are_handed_on(call: dict[str, Any]) -> None:
    assert RetellProtocol().receive(text(interaction_type="call_details", call=call)).details == call


@pytest.mark.parametrize("call", [None, "x", 3, []])
def test_case_04_call_details_of_another_shape_are_none(call: Any) -> None:
    received = RetellProtocol().receive(text(interaction_type="call_details", call=call))
    assert received.details == {}
    assert received.note


def test_characters_that_cannot_be_stored_do_not_get_in() -> None:
    received = RetellProtocol().receive(request(1, ("user", "a\x00b")))
    assert received.events == [
        TranscriptSeen((Utterance(Speaker.CANDIDATE, "ab"),)),
        TurnEnded(TurnId(1), "ab"),
    ]


def test_a_request_with_half_a_character_still_asks() -> None:
    received = RetellProtocol().receive(
        b'{"interaction_type":"response_required","response_id":1,'
        b'"transcript":[{"role":"user","content":"caf\\ud83d \\\\ud83d \\ud83d\\ude00"}]}'
    )
    assert received.events[-1] == TurnEnded(TurnId(1), "caf\ufffd \\ud83d \U0001f600")


def test_a_request_with_bytes_that_are_no_text_still_asks() -> None:
    received = RetellProtocol().receive(
        b'{"interaction_type":"response_required","response_id":1,'
        b'"transcript":[{"role":"user","content":"caf\xc3"}]}'
    )
    assert received.events[-1] == TurnEnded(TurnId(1), "caf\ufffd")


def test_case_47_an_hour_of_words_fits() -> None:
    words = [{"word": "word", "start": n / 2, "end": n / 2 + 0.4} for n in range(18_000)]
    items = [{"role": "user", "content": "word " * 18_000, "words": words}]
    raw = text(interaction_type="response_required", response_id=1, transcript=items)
    assert 900_000 < len(raw) < MAX_FRAME
    assert len(RetellProtocol().receive(raw).events) == 2


ITEMS = (
    rb'{"role":"agent","content":"Hello."}',
    rb'{"role":"user","content":"Well,","words":[{"word":"Well,","start":0.1,"end":0.5}]}',
    rb' { "role": "user" , "content": " \"] } \\" }',
    rb'{"role":"user","content":"\ud83d\ude00 \ud83d \\ud83d","words":[]}',
    '{"content":"né","role":"agent"}'.encode(),
    b'{"role":"user","content":"caf\xc3"}',
    rb'{"role":"user","content":"a\u0000b","words":null}',
    rb'{"role":"tool_call_result","content":"[\"as before\","}',
    b'{"role":"user","content":"x","more":["as before",{"transcript":[{"role":"agent"}]}]}',
    b'["as before",5]',
)
FRAMES = (
    b'{"interaction_type":KIND,"response_id":ID,"transcript":[NOW]}',
    b'{"transcript":[NOW],"interaction_type":KIND,"response_id":ID,"turntaking":"user_turn"}  ',
    b'{ "interaction_type": KIND, "response_id": ID, "tr\\u0061nscript" : [NOW ] }',
    b'{"transcript":[BEFORE],"interaction_type":KIND,"response_id":ID,"transcript":[NOW]}',
    b'{"transcript":[NOW],"interaction_type":KIND,"response_id":ID,"transcript":[BEFORE]}',
    b'{"transcript":[NOW],"interaction_type":KIND,"response_id":ID,"tr\\u0061nscript":["as before",BEFORE]}',
    b'{"old":{"transcript":[BEFORE]},"transcript":[NOW],"interaction_type":KIND,"response_id":ID}',
    b'{"transcript":{"transcript":[NOW]},"interaction_type":KIND,"response_id":ID}',
    b'{"old":"QUOTED","transcript":[NOW],"interaction_type":KIND,"response_id":ID}',
    b'{"old":"[BEFORE","transcript":[NOW],"interaction_type":KIND,"response_id":ID}',
    b'{"transcript":[NOW,],"interaction_type":KIND,"response_id":ID}',
    b'{"transcript":[NOW,5],"interaction_type":KIND,"response_id":ID}',
    b'{"transcript":"[NOW]","interaction_type":KIND,"response_id":ID}',
)


def laid_out(layout: bytes, kind: bytes, turn: int, before: list[bytes], now: list[bytes]) -> bytes:
    old = b",".join(before)
    raw = layout.replace(b"NOW", b",".join(now)).replace(b"BEFORE", old)
    raw = raw.replace(b"QUOTED", json.dumps(old.decode("latin-1")).encode()[1:-1])
    return raw.replace(b"KIND", b'"%s"' % kind).replace(b"ID", b"%d" % turn)


@pytest.mark.parametrize("layout", FRAMES)
def test_a_layout_reads_the_same_whatever_was_read_before(layout: bytes) -> None:
    kept, fresh, items = RetellProtocol(), RetellProtocol(), [*ITEMS[:3], *ITEMS[:3]]
    kept.receive(laid_out(FRAMES[0], b"response_required", 1, [], items[:3]))
    raw = laid_out(layout, b"response_required", 2, items[:2], items)
    assert kept.receive(raw) == fresh.receive(raw)


@given(st.data())
def test_a_frame_reads_the_same_whatever_was_read_before(data: st.DataObject) -> None:
    """However it is laid out, spoilt or meant to mislead: what is left out of the reading changes nothing."""
    kept, now = RetellProtocol(), list[bytes]()
    for number in range(data.draw(st.integers(2, 6))):
        before, now = now, now[: len(now) - data.draw(st.integers(0, 1))]
        now += data.draw(st.lists(st.sampled_from(ITEMS), max_size=3))
        kind = data.draw(st.sampled_from((b"response_required", b"response_required", b"update_only")))
        layout = data.draw(st.just(FRAMES[0]) | st.sampled_from(FRAMES))
        raw = laid_out(layout, kind, number + 1, before, now)
        if data.draw(st.integers(0, 3)) == 0:
            place = data.draw(st.integers(0, len(raw)))
            gone, new = data.draw(st.integers(0, 2)), data.draw(st.sampled_from((b"", b'"', b"\\", b"\xff")))
            raw = raw[:place] + new + raw[place + gone :]
        fresh = RetellProtocol()
        assert kept.receive(raw) == fresh.receive(raw)
        if kind == b"update_only":
            assert kept.last_heard() == fresh.last_heard()


def test_what_was_read_before_is_not_read_again() -> None:
    """The frame of a long talk is shortened to what is new in it."""
    items = [("agent", "A question. " * 8), ("user", "An answer. " * 8)] * 200
    protocol = RetellProtocol()
    protocol.receive(request(1, *items))
    for turn in (2, 3):
        items += [("agent", "And then?"), ("user", "Nothing.")]
        frame = request(turn, *items)
        peek, at = protocol._peek(frame)
        assert at == frame.index(b"[")
        assert len(bytes(peek.transcript)) < 400
        assert protocol.receive(frame) == RetellProtocol().receive(frame)


ITEM = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["agent", "user", "tool_call_result"]),
        "content": st.sampled_from(["Hello.", "Well,", "Well, I", ' "] } \\ ', "né", "\0a", ""]),
    },
    optional={"words": st.lists(st.fixed_dictionaries({"end": st.one_of(st.none(), st.floats(0, 99))}))},
)
DUMPS: tuple[dict[str, Any], ...] = (
    {},
    {"separators": (",", ":")},
    {"indent": 2},
    {"ensure_ascii": False},
)


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.lists(ITEM, max_size=3), st.sampled_from(DUMPS), st.booleans()),
        max_size=8,
    )
)
def test_a_transcript_reads_the_same_whatever_was_read_before(
    steps: list[tuple[int, list[dict[str, Any]], dict[str, Any], bool]],
) -> None:
    """Each transcript is the one before without its last items and with new ones, now and then unreadable."""
    kept, transcript = RetellProtocol(), list[Any]()
    for number, (dropped, added, dumps, spoilt) in enumerate(steps):
        transcript = [*transcript[: len(transcript) - dropped], *added]
        sent = [*transcript, 5] if spoilt else transcript
        event = {
            "transcript": sent,
            "interaction_type": "response_required",
            "response_id": number + 1,
        }
        asked = json.dumps(event, **dumps).encode()
        assert kept.receive(asked) == RetellProtocol().receive(asked)
        update = json.dumps(
            {"interaction_type": "update_only", "transcript": [*sent, *added]}, **dumps
        ).encode()
        fresh = RetellProtocol()
        for protocol in (kept, fresh):
            protocol.receive(update)
        assert kept.last_heard() == fresh.last_heard()

"""`RealtimeProtocol`: every row of the table in docs/realtime.md, and whatever else may come."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import realtime_messages as sent
from server.realtime_events import Frame
from server.realtime_protocol import (
    AHEAD_MS,
    MAX_SOUND,
    TOO_FAST_MS,
    Cut,
    Done,
    RealtimeProtocol,
    Received,
    Sound,
    Stop,
    Typed,
    WantReply,
)
from server.realtime_session import Update

DOCS = Path(__file__).parents[2] / "docs" / "realtime.md"


def events(received: Received) -> list[dict[str, Any]]:
    return [json.loads(frame.data) for frame in received.frames]


def receive(protocol: RealtimeProtocol, kind: str, now: float = 0.0, **fields: Any) -> Received:
    return protocol.receive(json.dumps({"type": kind} | fields), now)


def refusal(received: Received) -> tuple[str, str | None, str | None]:
    """Code, param and event id of the one error that ``received`` is."""
    (event,) = events(received)
    assert event["type"] == "error"
    assert received.request is None
    assert received.close is None
    error = event["error"]
    assert error["type"] == "invalid_request_error"
    assert error["message"].endswith(".")
    return error["code"], error["param"], error["event_id"]


def user(*content: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": list(content)} | more


def text(words: str) -> dict[str, Any]:
    return {"type": "input_text", "text": words}


REJECTED: list[tuple[str, dict[str, Any], str]] = [
    ("input_audio_buffer.clear", {}, "not_supported"),
    ("output_audio_buffer.clear", {}, "not_supported"),
    ("conversation.item.delete", {"item_id": "item_1"}, "not_supported"),
    ("conversation.item.retrieve", {"item_id": "item_1"}, "item_not_found"),
    ("conversation.item.create", {"item": user(text("x"), role="system")}, "item_not_supported"),
    ("conversation.item.create", {"item": user(text("x"), role="assistant")}, "item_not_supported"),
    ("conversation.item.create", {"item": user({"type": "input_audio"})}, "item_not_supported"),
    ("conversation.item.create", {"item": user()}, "item_not_supported"),
    ("conversation.item.create", {"item": {"type": "function_call_output"}}, "item_not_supported"),
    ("conversation.item.create", {"item": user(text("  "))}, "text_empty"),
    ("conversation.item.create", {"item": 7}, "invalid_message"),
    (
        "conversation.item.truncate",
        {"item_id": "i", "audio_end_ms": 5, "content_index": 1},
        "invalid_message",
    ),
    ("conversation.item.truncate", {"item_id": "i", "audio_end_ms": -5}, "invalid_message"),
    ("conversation.item.truncate", {"item_id": "i"}, "invalid_message"),
    ("response.create", {"response": {"instructions": "Be a pirate."}}, "instructions_fixed"),
    ("input_audio_buffer.append", {"audio": "not base64!"}, "invalid_sound"),
    ("input_audio_buffer.append", {"audio": "AAA"}, "invalid_sound"),
    ("input_audio_buffer.append", {"audio": "AAAA"}, "invalid_sound"),
    ("input_audio_buffer.append", {"audio": 12}, "invalid_message"),
    ("input_audio_buffer.append", {}, "invalid_message"),
    ("viva.text_answer", {"text": "\0 "}, "text_empty"),
    ("viva.text_answer", {"text": "x" * 8001}, "text_too_long"),
    ("viva.speed", {"value": 1.31}, "speed_out_of_range"),
    ("viva.speed", {"value": "fast"}, "invalid_message"),
    ("viva.patience", {"seconds": 11}, "patience_out_of_range"),
    ("viva.patience", {"seconds": 0}, "patience_out_of_range"),
    ("viva.playback", {"response_id": "r"}, "invalid_message"),
    ("viva.mute", {"on": "yes"}, "invalid_message"),
    ("session.update", {"session": {"audio": {"input": 3}}}, "invalid_message"),
    ("session.update", {}, "invalid_message"),
    ("transcription_session.update", {}, "unknown_type"),
    ("viva.nothing", {}, "unknown_type"),
]


@pytest.mark.parametrize(("kind", "fields", "code"), REJECTED)
def test_what_is_rejected_is_named_and_the_session_goes_on(
    kind: str, fields: dict[str, Any], code: str
) -> None:
    protocol = RealtimeProtocol()
    assert refusal(receive(protocol, kind, event_id="mine", **fields))[::2] == (code, "mine")
    assert refusal(receive(protocol, kind, **fields))[::2] == (code, None)
    assert receive(protocol, "viva.text_answer", text="still here").request is not None


ACCEPTED: list[tuple[str, dict[str, Any], object]] = [
    ("viva.text_answer", {"text": " a\0b "}, Typed("", "ab")),
    (
        "conversation.item.create",
        {"item": user(text("a"), text("b"), id="mine")},
        Typed("mine", "a\nb"),
    ),
    ("conversation.item.truncate", {"item_id": "i", "audio_end_ms": 5}, Cut("i", 5, "e")),
    ("response.cancel", {}, Stop(None, "e")),
    ("response.cancel", {"response_id": "resp_1"}, Stop("resp_1", "e")),
    ("response.create", {}, WantReply("e")),
    ("response.create", {"response": {"instructions": ""}}, WantReply("e")),
    ("input_audio_buffer.append", {"audio": "AAAAAA=="}, Sound(bytes(4))),
    ("input_audio_buffer.commit", {}, Done("e")),
    ("viva.typing", {}, sent.Typing(event_id="e")),
    ("viva.mute", {"on": True}, sent.Mute(on=True, event_id="e")),
    ("viva.speed", {"value": 0.7}, sent.Speed(value=0.7, event_id="e")),
    ("viva.patience", {"seconds": 10}, sent.Patience(seconds=10.0, event_id="e")),
    ("viva.end", {}, sent.End(event_id="e")),
    (
        "viva.playback",
        {"response_id": "r", "played_ms": 12.5, "done": True},
        sent.Playback(response_id="r", played_ms=12.5, done=True, event_id="e"),
    ),
    ("viva.resume", {"token": "t", "last_event": "x"}, sent.Resume(token="t", last_event="x", event_id="e")),
    ("viva.hello", {"token": "t"}, sent.Hello(token="t", event_id="e")),
]


@pytest.mark.parametrize(("kind", "fields", "wanted"), ACCEPTED)
def test_what_is_taken(kind: str, fields: dict[str, Any], wanted: object) -> None:
    received = receive(RealtimeProtocol(), kind, event_id="e", **fields)
    assert received.frames == []
    if isinstance(wanted, Typed) and not wanted.item_id:
        assert isinstance(received.request, Typed)
        assert received.request.text == wanted.text
    else:
        assert received.request == wanted


@pytest.mark.parametrize(
    "frame", ["", "nope", "[]", "7", "null", '"text"', "{", '{"type": 3}', "{}", "[" * 9000]
)
def test_what_is_not_a_message_is_an_error(frame: str) -> None:
    protocol = RealtimeProtocol()
    code, _, event_id = refusal(protocol.receive(frame, 0.0))
    assert code in ("invalid_json", "invalid_message")
    assert event_id is None


def test_an_error_never_holds_what_was_sent() -> None:
    protocol = RealtimeProtocol()
    for kind, fields, _ in REJECTED:
        told = receive(protocol, kind, secret="hunter2", **fields)
        assert b"pirate" not in told.frames[0].data
        assert b"hunter2" not in told.frames[0].data


def test_an_id_that_is_taken_cannot_be_taken_again() -> None:
    protocol = RealtimeProtocol()
    protocol.events.typed("mine", "hello")
    got = receive(protocol, "conversation.item.create", item=user(text("x"), id="mine"))
    assert refusal(got)[0] == "item_exists"


# --- session.update -----------------------------------------------------------------------------------


def updated(protocol: RealtimeProtocol, **session: Any) -> tuple[dict[str, Any], Update, list[str]]:
    """The session in force, what the line is told, the codes of what was refused."""
    received = receive(protocol, "session.update", session={"type": "realtime"} | session)
    *errors, last = events(received)
    assert last["type"] == "session.updated"
    assert isinstance(received.request, Update)
    return last["session"], received.request, [error["error"]["code"] for error in errors]


def test_nothing_but_sound_patience_and_captions_can_be_set() -> None:
    shown, made, codes = updated(
        RealtimeProtocol(),
        instructions="Be a pirate.",
        tools=[{"type": "function"}],
        prompt={"id": "p"},
        model="gpt-9",
        output_modalities=["text"],
        tool_choice="auto",
        tracing="auto",
        audio={
            "output": {"voice": "ash", "speed": 9},
            "input": {
                "noise_reduction": {"type": "near_field"},
                "turn_detection": {
                    "type": "server_vad",
                    "silence_duration_ms": 900,
                    "create_response": False,
                },
                "transcription": {"model": "x", "language": "de"},
            },
        },
    )
    assert codes == ["instructions_fixed"] * 3
    assert (shown["instructions"], shown["tools"], shown["model"]) == ("", [], "viva")
    assert shown["output_modalities"] == ["audio"]
    detection = shown["audio"]["input"]["turn_detection"]
    assert detection == {
        "type": "server_vad",
        "silence_duration_ms": 900,
        "create_response": True,
        "interrupt_response": True,
    }
    assert (made.patience_s, made.speed, made.language) == (0.9, 1.3, "de")
    assert shown["audio"]["output"]["speed"] == 1.3
    assert "viva" not in shown


def test_turn_detection_cannot_be_turned_off() -> None:
    def patience(detection: Any) -> tuple[Update, list[str]]:
        _, made, codes = updated(RealtimeProtocol(), audio={"input": {"turn_detection": detection}})
        return made, codes

    assert patience(None)[1] == ["turn_detection_required"]
    assert patience({"type": "none"})[1] == ["turn_detection_unknown"]
    assert patience({"type": "server_vad", "silence_duration_ms": 100})[1] == ["patience_out_of_range"]
    assert patience({"type": "semantic_vad", "eagerness": "brutal"})[1] == ["turn_detection_unknown"]
    assert patience({"type": "semantic_vad", "eagerness": "low"})[0].patience_s == 2.5
    assert patience({"type": "semantic_vad", "eagerness": "high"})[0].patience_s == 0.6
    made, codes = patience({"type": "semantic_vad"})
    assert (made.patience_s, made.default_patience, codes) == (None, True, [])


@pytest.mark.parametrize(
    ("wanted", "rate", "width"),
    [
        ({"type": "audio/pcm"}, 24000, 2),
        ({"type": "audio/pcm", "rate": 16000}, 16000, 2),
        ({"type": "audio/pcmu"}, 8000, 1),
        ({"type": "audio/pcma"}, 8000, 1),
    ],
)
def test_formats_both_ways(wanted: dict[str, Any], rate: int, width: int) -> None:
    protocol = RealtimeProtocol()
    shown, _, codes = updated(protocol, audio={"input": {"format": wanted}, "output": {"format": wanted}})
    assert codes == []
    assert shown["audio"]["input"]["format"] == {"rate": rate} | wanted or width == 1
    heard = protocol.receive(bytes(range(0, 200, 2)), 0.0).request
    assert isinstance(heard, Sound)
    assert len(heard.pcm) == 100 * 2 // width
    reply, _ = protocol.events.begin_reply()
    event = json.loads(protocol.events.sound(reply, 0, bytes(200)).data)
    assert len(base64.b64decode(event["delta"])) == 100 * width
    assert reply.sent_ms == 100 * 1000 / rate
    protocol.session.begun = True
    other = {"type": "audio/pcm", "rate": 16000 if rate != 16000 else 24000}
    _, _, codes = updated(protocol, audio={"input": {"format": other}, "output": {"format": wanted}})
    assert codes == ["format_fixed"]


def test_formats_that_nobody_speaks_are_refused() -> None:
    for wanted in ("pcm16", {"type": "audio/opus"}, {"type": "audio/pcm", "rate": 44100}):
        shown, _, codes = updated(RealtimeProtocol(), audio={"input": {"format": wanted}})
        assert codes == ["format_unknown"]
        assert shown["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}


def test_extensions_come_only_when_asked_for() -> None:
    protocol = RealtimeProtocol()
    assert protocol.events.viva("floor", state="listening") == []
    shown, _, _ = updated(protocol, viva={"binary_audio": True, "rate": 16000, "playback": True})
    assert shown["viva"] == {"binary_audio": True, "rate": 16000, "playback": True}
    assert protocol.session.output.rate == 16000
    (told,) = protocol.events.viva("floor", state="listening")
    assert json.loads(told.data)["type"] == "viva.floor"
    reply, frames = protocol.events.begin_reply()
    kinds = [json.loads(frame.data)["type"] for frame in frames]
    assert kinds[:2] == ["response.created", "viva.reply"]
    frame = protocol.events.sound(reply, 1000, b"\1\2")
    assert (frame.data, frame.binary, frame.reply) == (
        b"\1\0\0\0\xe8\3\0\0\1\2",
        True,
        1,
    )


# --- too much of it -----------------------------------------------------------------------------------


def test_sound_faster_than_real_time_is_dropped_then_the_connection_closed() -> None:
    protocol = RealtimeProtocol()
    second = bytes(48_000)
    taken = 0
    while not (received := protocol.receive(second, 0.0)).frames:
        assert received.request is not None
        taken += 1
    assert taken == AHEAD_MS / 1000
    assert refusal(received)[0] == "audio_too_fast"
    dropped = 1
    while (received := protocol.receive(second, 0.0)).close is None:
        assert (received.frames, received.request) == ([], None)
        dropped += 1
    assert received.close[0] == 4429
    assert dropped == TOO_FAST_MS / 1000
    protocol.connected()
    assert protocol.receive(second, 0.0).request is not None


def test_real_time_is_never_too_fast_however_it_is_cut() -> None:
    protocol = RealtimeProtocol()
    for n in range(3000):
        assert protocol.receive(bytes(960), n * 0.02).request is not None
    # A host that slept: what was recorded meanwhile comes at once, and so does time.
    assert protocol.receive(bytes(48_000 * 9), 3000 * 0.02 + 9).request is not None


def test_a_frame_that_is_too_big_is_skipped() -> None:
    protocol = RealtimeProtocol()
    assert refusal(protocol.receive(bytes(MAX_SOUND + 2), 0.0))[0] == "sound_too_big"
    coded = base64.b64encode(bytes(MAX_SOUND + 2)).decode()
    got = receive(protocol, "input_audio_buffer.append", audio=coded, event_id="e")
    assert refusal(got)[::2] == ("sound_too_big", "e")
    assert refusal(protocol.receive(b"\0", 0.0))[0] == "invalid_sound"


# --- events -------------------------------------------------------------------------------------------


def test_a_client_that_comes_back_is_told_what_it_missed() -> None:
    protocol = RealtimeProtocol("abc")
    updated(protocol, viva={})
    protocol.session.begun = True
    frames = [protocol.events.viva("coach", text=str(n))[0] for n in range(5)]
    seen = json.loads(frames[2].data)["event_id"]
    told, *missed = protocol.events.resumed(seen, response_id=None)
    assert [frame.data for frame in missed] == [frame.data for frame in frames[3:]]
    resumed = json.loads(told.data)
    assert (resumed["replayed"], resumed["complete"]) == (2, True)
    for strange in (None, "", "evt_other_3", "evt_abc_x", "evt_abc_", "evt_abc_" + "9" * 30, "evt_abc_99999"):
        told, *missed = protocol.events.resumed(strange)
        assert (missed, json.loads(told.data)["complete"]) == ([], False), strange


def id_of(frame: Frame) -> str:
    return str(json.loads(frame.data)["event_id"])


def test_whichever_id_came_last_nothing_is_missed() -> None:
    """A client that names the last id it was sent, wherever the connection broke before."""
    protocol = RealtimeProtocol("abc")
    events = protocol.events
    seen = [id_of(protocol.connected())]
    updated(protocol, viva={})
    protocol.session.begun = True
    cues = [events.viva("coach", text=str(n))[0] for n in range(6)]
    out, frames = events.begin_reply()
    seen += [
        id_of(events.sound(out, 0, b"\0\0")),
        id_of(events.viva("floor", keep=False, state="speaking")[0]),
    ]
    assert seen == ["evt_abc_0.1", "evt_abc_11.3", "evt_abc_11.4"]
    seen.append(id_of(protocol.connected()))
    missed = events.typed("item_x", "written while the line was down")
    seen.append(id_of(protocol.receive("{", 0.0).frames[0]))
    told, *again = events.resumed(id_of(cues[4]))
    seen += [id_of(told), id_of(again[0]), id_of(again[-1])]
    seen.append(id_of(events.event("viva.pong", keep=False, at=1)))
    everything = [frame.data for frame in [*cues, *frames, *missed]]
    for last, unseen in zip(seen, [0, 11, 11, 0, 0, 5, 6, 13, 13], strict=True):
        told, *replayed = events.resumed(last)
        assert [frame.data for frame in replayed] == everything[unseen:], last
        assert json.loads(told.data)["complete"] is True


def test_a_server_that_was_restarted_never_claims_to_know_it_all() -> None:
    protocol = RealtimeProtocol("abc")
    told, *missed = protocol.events.resumed(id_of(protocol.connected()))
    assert (json.loads(told.data)["complete"], missed) == (False, [])


def test_what_is_kept_is_bounded_and_a_gap_is_admitted() -> None:
    protocol = RealtimeProtocol("abc")
    protocol.session.begun = True
    first = json.loads(protocol.events.event("first").data)["event_id"]
    for n in range(600):
        protocol.events.event("more", n=n)
    told, *missed = protocol.events.resumed(first)
    assert len(missed) == 256
    assert json.loads(told.data)["complete"] is False
    for n in range(300):
        protocol.events.typed(f"item_{n}", "x")
    assert protocol.events.item("item_0") is None
    assert protocol.events.item("item_299") is not None


def test_words_of_the_answer_are_only_added_to() -> None:
    protocol = RealtimeProtocol()
    partials = [
        "I",
        "I have",
        "I have wor",
        "I have worked here",
        "I had worked here long",
        "I have worked here l",
    ]
    deltas = [
        json.loads(frame.data)["delta"]
        for text in partials
        for frame in protocol.events.partial("item_1", text)
    ]
    assert "".join(deltas) == "I have worked here "


def test_captions_can_be_hidden() -> None:
    protocol = RealtimeProtocol()
    updated(protocol, audio={"input": {"transcription": None}})
    assert protocol.events.partial("item_1", "some words") == []
    kinds = [json.loads(f.data)["type"] for f in protocol.events.answered("item_1", "some words", 2.0, 4000)]
    assert not any("transcription" in kind for kind in kinds)


def test_what_was_agreed_on_can_be_said_again_to_a_server_that_was_restarted() -> None:
    wanted = {"viva": {"binary_audio": True, "rate": 16000, "playback": True}}
    protocol = RealtimeProtocol()
    received = receive(protocol, "viva.resume", token="t", session=wanted)
    assert received.frames == []
    assert (protocol.session.binary_audio, protocol.session.input.rate) == (True, 16000)
    protocol.session.begun = True
    receive(protocol, "viva.resume", token="t", session={"viva": {"binary_audio": False}})
    assert protocol.session.binary_audio, "a server that remembers goes by what it knows"


# --- whatever may come ----------------------------------------------------------------------------------

TYPES = [str(kind.__struct_config__.tag) for kind in get_args(sent.ClientEvent)]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["session", "audio", "item", "item_id", "audio_end_ms", "response", "response_id", "token", "at"]
FIELDS += ["played_ms", "done", "text", "on", "value", "seconds", "last_event", "content_index", "event_id"]
MESSAGE = st.builds(
    lambda kind, fields: json.dumps({"type": kind} | fields),
    st.sampled_from(TYPES) | st.text(max_size=10),
    st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4),
)
TABLE = DOCS.read_text().partition("### Error codes")[2].partition("\n## ")[0]
CODES = set(re.findall(r"`([a-z_]+)`", TABLE))


@given(st.lists(MESSAGE | st.text(max_size=30) | st.binary(max_size=64), max_size=12))
def test_only_documented_outcomes(frames: list[str | bytes]) -> None:
    protocol = RealtimeProtocol()
    for n, frame in enumerate(frames):
        received = protocol.receive(frame, n * 0.02)
        assert received.close is None
        for event in events(received):
            assert event["event_id"]
            assert event["type"] in ("error", "session.updated", "viva.pong", "conversation.item.retrieved")
            if event["type"] == "error":
                assert event["error"]["code"] in CODES


def test_every_message_is_in_the_guide() -> None:
    guide = DOCS.read_text()
    for kind in TYPES:
        assert f"`{kind}" in guide, kind

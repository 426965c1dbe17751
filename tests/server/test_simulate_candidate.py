"""The spoken candidate: its script, its sounds, its sums, and what it says of a server that is wrong."""

from __future__ import annotations

import json
import struct
import wave
from collections.abc import AsyncGenerator, AsyncIterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio.pcm import EAR_RATE, ms_of
from audio.tts import Sound
from server.realtime_events import RealtimeEvents
from server.realtime_session import RealtimeSession
from server.simulate.candidate import Turn, word_error_rate, word_errors
from server.simulate.candidate_script import Act, ScriptError, Step, read_script, steps
from server.simulate.candidate_sound import CandidateVoice, SoundError, TwoEars, cough, read_wav
from server.simulate.candidate_wire import Reply, WireCheck
from tests.virtual_loop import run

# --- scripts ------------------------------------------------------------------------------------------


def test_a_script_is_read_line_by_line(tmp_path: Path) -> None:
    text = """
    # a comment, and lines of every kind
    {"say": "I led it."}
    {"wav": "a.wav"}
    {"say": "Sorry,", "barge_in": 1.5}
    {"pause": 2}
    {"mumble": 3}
    {"cough": 1}
    {"type": "In writing."}
    {"drop": 0.5}
    {"end": true}
    """
    assert read_script(text, tmp_path) == [
        Step(Act.SPEAK, "I led it."),
        Step(Act.SPEAK, wav=tmp_path / "a.wav"),
        Step(Act.SPEAK, "Sorry,", over_s=1.5),
        Step(Act.PAUSE, seconds=2),
        Step(Act.MUMBLE, seconds=3),
        Step(Act.COUGH, over_s=1),
        Step(Act.TYPE, "In writing."),
        Step(Act.DROP, over_s=0.5),
        Step(Act.END),
    ]


@pytest.mark.parametrize(
    "line", ["say it", '{"shout": "hey"}', '{"say": "a", "pause": 1}', '{"barge_in": 1}', "{}", '{"say": 4}']
)
def test_a_wrong_line_is_named(line: str, tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="line 2 of the script"):
        read_script('{"say": "I led it."}\n' + line, tmp_path)


def test_it_goes_on_by_itself_after_the_script() -> None:
    scripted = [Step(Act.SPEAK, "first")]
    found = list(islice(steps(scripted, barge_in=True, mumble=True, drop=True), 8))
    assert found[0] is scripted[0]
    assert [step.act for step in found] == [
        Act.SPEAK,
        Act.SPEAK,
        Act.MUMBLE,
        Act.SPEAK,
        Act.DROP,
        Act.SPEAK,
        Act.SPEAK,
        Act.SPEAK,
    ]
    assert [step.over_s is not None for step in found if step.act is Act.SPEAK] == [
        False,
        False,
        False,
        True,
        False,
        False,
    ]
    own = found[1].words("How do you debug a slow query?", 3)
    assert own == found[1].words("How do you debug a slow query?", 3)
    assert "repeatable" in own


# --- sounds -------------------------------------------------------------------------------------------


class Humming:
    """A voice that hums for half a second, at a rate of its own."""

    name, note, rate = "humming", "", 22_050

    async def speak(
        self, clauses: AsyncIterator[str], voice: str, speed: float = 1.0
    ) -> AsyncGenerator[Sound, None]:
        async for _ in clauses:
            wave_ = np.sin(np.arange(self.rate // 2) * 2 * np.pi * 200 / self.rate) * 8000
            yield Sound(wave_.astype("<i2").tobytes(), 0, last=True)

    async def aclose(self) -> None:
        pass


def test_speech_comes_at_the_rate_of_the_line_and_mumbling_is_as_long_as_wished() -> None:
    async def act() -> tuple[bytes, bytes]:
        voice = CandidateVoice(Humming())
        return await voice.say("Hm."), await voice.mumble(1.25)

    said, mumbled = run(act())
    assert ms_of(said, EAR_RATE) == pytest.approx(500, abs=5)
    assert ms_of(mumbled, EAR_RATE) == 1250
    assert np.abs(np.frombuffer(mumbled, "<i2")).max() > 500


def test_a_cough_is_short_loud_and_always_the_same() -> None:
    assert cough() == cough()
    assert ms_of(cough(), EAR_RATE) == 160
    assert np.abs(np.frombuffer(cough(), "<i2")).max() > 5000


def test_files_of_any_rate_are_taken_and_others_explained(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(np.full(2 * 48_000, 1000, "<i2").tobytes())
    samples = np.frombuffer(read_wav(path), "<i2")
    assert len(samples) == pytest.approx(EAR_RATE, abs=40)
    assert np.median(samples) == pytest.approx(1000, abs=2)
    (tmp_path / "b.wav").write_bytes(b"no sound")
    for name in ("b.wav", "none.wav"):
        with pytest.raises(SoundError, match=name):
            read_wav(tmp_path / name)


def test_what_was_said_and_heard_is_kept_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    ears = TwoEars(path)
    ears.write(b"\1\0\2\0", b"\3\0\4\0")
    ears.close()
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getframerate()) == (2, EAR_RATE)
        assert file.readframes(2) == b"\1\0\3\0\2\0\4\0"


# --- sums ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "heard", "wrong"),
    [
        ("I led it.", "i led it", 0),
        ("I led it", "i read it", 1),
        ("I led it", "led it", 1),
        ("I led it", "i led it all", 1),
        ("I led it", "", 3),
    ],
)
def test_word_errors(said: str, heard: str, wrong: int) -> None:
    assert word_errors(said, heard) == (wrong, 3)


def test_the_rate_is_over_all_words_that_are_known() -> None:
    turns = [
        Turn(Act.SPEAK, "one two three", ["one two", "three"]),
        Turn(Act.SPEAK, "four", ["for"]),
        Turn(Act.MUMBLE, None, ["whatever"]),
    ]
    assert word_error_rate(turns) == 0.25
    assert word_error_rate(turns[2:]) is None


# --- what a client may count on -----------------------------------------------------------------------


class Server:
    """The real makers of events, and a check that reads what they make."""

    def __init__(self) -> None:
        session = RealtimeSession()
        session.extensions = session.binary_audio = True
        self.events = RealtimeEvents(session, "abc")
        self.rate = session.output.rate
        self.check = WireCheck(self.rate)
        self.take(self.events.created(), self.events.updated())
        self.events.session.begun = True
        self.events.follow()

    def take(self, *frames: Any) -> None:
        for frame in frames:
            if frame.binary:
                self.check.sound(frame.data, lambda reply: 0.0)
            else:
                self.check.event(frame.data.decode())

    def reply(self) -> tuple[Any, Reply]:
        out, frames = self.events.begin_reply()
        self.take(*frames)
        return out, self.check.replies[out.response_id]

    def sound(self, out: Any, at_ms: int) -> None:
        self.take(self.events.sound(out, at_ms, bytes(self.rate // 5)))  # 100 ms

    def forged(self, kind: str, number: int = 10**6, **fields: Any) -> None:
        self.check.event(json.dumps({"type": kind, "event_id": f"evt_abc_{number}"} | fields))


def test_a_conversation_in_good_order_is_not_complained_about() -> None:
    server = Server()
    events = server.events
    out, _ = server.reply()
    server.take(*events.words(out, "Hello."))
    server.sound(out, 0)
    server.take(*events.viva("floor", state="speaking"))
    server.sound(out, 100)
    server.take(*events.viva("pause", response_id=out.response_id))
    server.take(*events.viva("resume_audio", response_id=out.response_id))
    server.take(*events.end_reply(out, "completed"))
    server.take(*events.speech_started("item_1", 900), *events.partial("item_1", "I led"))
    server.take(*events.answered("item_1", "I led it.", 1.0, 2000), *events.typed("item_2", "In writing."))
    out, reply = server.reply()
    server.sound(out, 0)
    server.take(*events.truncated(out, 50, "H"), *events.end_reply(out, "cancelled", "turn_detected"))
    assert reply.cut
    assert server.check.violations == []


def test_a_client_that_comes_back_is_sent_what_it_missed() -> None:
    server = Server()
    events = server.events
    out, _ = server.reply()
    server.take(*events.words(out, "Hello."))
    server.sound(out, 0)
    events.words(out, " Missed.")
    events.sound(out, 100, bytes(server.rate // 5))
    seen = server.check.last_event
    server.check.new_socket()
    server.take(events.created())
    where = {"response_id": out.response_id, "number": 1, "sent_ms": 200, "played_ms": 100}
    server.take(*events.resumed(seen, **where))
    server.sound(out, 200)
    server.take(*events.end_reply(out, "completed"))
    assert server.check.violations == []


def after(server: Server, out: Any, reply: Reply, what: str) -> None:
    """Sound of a reply that is ``what``."""
    setattr(reply, what, True)
    server.sound(out, 100)


def complaint_about(act: Any) -> list[str]:
    server = Server()
    out, reply = server.reply()
    server.sound(out, 0)
    act(server, out, reply)
    return server.check.violations


@pytest.mark.parametrize(
    ("act", "complaint"),
    [
        (lambda s, o, r: s.check.event("{"), "not JSON"),
        (lambda s, o, r: s.forged("viva.surprise"), "unknown type"),
        (lambda s, o, r: s.forged("viva.floor", state="dancing"), "viva.floor: state is wrong"),
        (lambda s, o, r: s.forged("viva.notice", code="x"), "viva.notice: text is missing"),
        (lambda s, o, r: s.forged("viva.pong", number=2, at=1), "does not rise"),
        (lambda s, o, r: s.check.event('{"type": "viva.pong", "at": 1}'), "not evt_CODE_NUMBER"),
        (lambda s, o, r: s.forged("error", error={"code": "audio_too_fast"}), "audio_too_fast"),
        (lambda s, o, r: s.forged("response.done", response={"id": "resp_x"}), "no such reply"),
        (lambda s, o, r: s.forged("viva.pause", response_id="resp_x"), "no such reply"),
        (lambda s, o, r: s.forged("viva.resume_audio", response_id=o.response_id), "it is so already"),
        (
            lambda s, o, r: s.forged(
                "response.done", response={"id": o.response_id, "status": "completed", "output": []}
            ),
            "before response.output_audio.done",
        ),
        (lambda s, o, r: s.sound(o, 300), "does not go on where"),
        (lambda s, o, r: [s.sound(o, 100 * n) for n in range(1, 60)], "sent ahead"),
        (lambda s, o, r: after(s, o, r, "cut"), "that was cut"),
        (lambda s, o, r: after(s, o, r, "paused"), "that is paused"),
        (lambda s, o, r: after(s, o, r, "all_sent"), "was all sent"),
        (lambda s, o, r: s.check.sound(struct.pack("<II", 9, 0) + bytes(2), lambda _: 0.0), "not named"),
        (lambda s, o, r: s.check.sound(b"short", lambda _: 0.0), "no header"),
    ],
)
def test_each_deviation_is_named(act: Any, complaint: str) -> None:
    found = complaint_about(act)
    assert any(complaint in text for text in found), found


def test_complaints_are_told_once_and_bounded() -> None:
    check = WireCheck(EAR_RATE)
    for number in range(200):
        check.wrong(f"complaint {number % 100}")
    assert len(check.violations) == 50

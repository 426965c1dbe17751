"""The mouth on a virtual clock: what is sent when, and what becomes of it when something goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from audio.line_cache import LineCache
from audio.mouth import LEAD_S, SHORT_LEAD_S, Mouth, Pace, Spoke
from audio.pcm import ms_of
from audio.playout import Playout
from audio.tts import Sound, TtsUnavailable
from audio.tts_chain import TtsChain
from audio.tts_local import espeak, espeak_here
from interview.events import Clause, TurnId
from interview.personas import PERSONAS
from tests.audio.tts_contract import pitch, rms, seconds
from tests.fakes.tts import Die, Hang, Mute, Say, ScriptedTTS, length_ms
from tests.virtual_loop import run

TURN = TurnId(3)
RATE = 24_000
LONG = "Tell me how you found out what was wrong with it and what you did about it then."


@dataclass
class Ear:
    """Takes what is sent and when; ``slow_s``: how long each send takes."""

    slow_s: float = 0.0
    got: list[tuple[float, Spoke]] = field(default_factory=list)

    async def send(self, spoke: Spoke) -> None:
        if self.slow_s:
            await asyncio.sleep(self.slow_s)
        self.got.append((asyncio.get_running_loop().time(), spoke))

    @property
    def text(self) -> str:
        return "".join(spoke.text_delta for _, spoke in self.got)

    @property
    def ms(self) -> float:
        return ms_of(b"".join(spoke.pcm for _, spoke in self.got), RATE)

    def playout(self) -> Playout:
        playout = Playout()
        for _, s in self.got:
            playout.queued(s.turn, s.at_ms, ms_of(s.pcm, RATE), s.text_delta, s.words, over=s.over)
        return playout


def mouth_of(tts: ScriptedTTS, ear: Ear, cache: LineCache | None = None) -> Mouth:
    return Mouth(tts, lambda persona: f"voice of {persona}", RATE, ear.send, cache)


async def clauses(*parts: str | float | Clause | Exception) -> AsyncGenerator[Clause, None]:
    """Clauses, seconds to wait, and failures."""
    for part in parts:
        match part:
            case str():
                yield Clause(part, "hr")
            case Clause():
                yield part
            case Exception():
                raise part
            case _:
                await asyncio.sleep(part)


def test_all_is_sent_in_order_on_one_time_line() -> None:
    async def go() -> Ear:
        ear = Ear()
        await mouth_of(ScriptedTTS(), ear).speak(TURN, clauses("Thank you.", LONG))
        return ear

    ear = run(go())
    pieces = [spoke for _, spoke in ear.got]
    assert ear.text == f"Thank you. {LONG}"
    assert all(spoke.turn == TURN for spoke in pieces)
    for one, two in pairwise(pieces):
        assert two.at_ms == pytest.approx(one.at_ms + ms_of(one.pcm, RATE), abs=1)
    assert [spoke.last for spoke in pieces] == [False] * (len(pieces) - 1) + [True]
    words = [word for spoke in pieces for word in spoke.words]
    assert [word.text for word in words] == ear.text.split()
    assert all(s.at_ms - 1 <= w.at_ms <= s.at_ms + 101 for s in pieces for w in s.words)
    assert ear.ms == pytest.approx(length_ms("Thank you.") + length_ms(LONG), abs=30)


@pytest.mark.parametrize("lead_s", [LEAD_S, SHORT_LEAD_S])
def test_the_sender_is_never_further_ahead_than_the_lead_and_never_late(lead_s: float) -> None:
    async def go() -> Ear:
        ear = Ear()
        mouth = mouth_of(ScriptedTTS(), ear)
        mouth.lead_s = lead_s
        await mouth.speak(TURN, clauses(LONG))
        return ear

    ear = run(go())
    start = ear.got[0][0]
    for at, spoke in ear.got:
        end_s = (spoke.at_ms + ms_of(spoke.pcm, RATE)) / 1000
        assert end_s - (at - start) <= lead_s + 0.002
        assert spoke.at_ms / 1000 >= at - start - 1e-6
    assert ear.got[-1][0] > 3.0


def test_an_engine_slower_than_real_time_is_not_made_up_for_by_a_burst() -> None:
    async def go() -> Ear:
        ear = Ear()
        await mouth_of(ScriptedTTS(Say(), Say(after_s=9.0)), ear).speak(TURN, clauses("Yes.", LONG))
        return ear

    ear = run(go())
    second = [(at, spoke) for at, spoke in ear.got if at >= 9.0]
    at_ms, start = second[0][1].at_ms, second[0][0]
    assert all(
        (s.at_ms + ms_of(s.pcm, RATE) - at_ms) / 1000 - (at - start) <= LEAD_S + 0.11 for at, s in second
    )


def test_hold_stops_at_once_and_release_goes_on_where_it_stopped() -> None:
    async def go() -> tuple[Ear, int]:
        ear = Ear()
        mouth = mouth_of(ScriptedTTS(), ear)
        speaking = asyncio.create_task(mouth.speak(TURN, clauses(LONG)))
        await asyncio.sleep(1.0)
        mouth.hold(TURN)
        mouth.hold(TurnId(99))
        before = len(ear.got)
        await asyncio.sleep(5.0)
        assert len(ear.got) == before
        mouth.release(TURN)
        await speaking
        return ear, before

    ear, before = run(go())
    times = [at for at, _ in ear.got]
    assert times[before] >= 6.0
    resumed = ear.got[before:]
    assert resumed[0][1].at_ms == pytest.approx(
        ear.got[before - 1][1].at_ms + ms_of(ear.got[before - 1][1].pcm, RATE), abs=1
    )
    # What waited at the client is still there: after the hold there is no burst.
    assert sum(ms_of(s.pcm, RATE) for at, s in resumed if at <= 6.05) <= 110
    assert ear.text == LONG


def test_a_reply_that_is_held_before_it_begins_waits_to_be_released() -> None:
    async def go() -> Ear:
        ear = Ear()
        mouth = mouth_of(ScriptedTTS(), ear)
        mouth.hold(TURN)
        speaking = asyncio.create_task(mouth.speak(TURN, clauses("Yes.")))
        await asyncio.sleep(5.0)
        assert ear.got == []
        mouth.release(TURN)
        await speaking
        await mouth.speak(TurnId(TURN + 1), clauses("And more."))
        return ear

    ear = run(go())
    assert ear.got[0][0] >= 5.0
    assert ear.text.endswith("And more.")


def test_each_persona_has_its_own_voice_in_the_same_reply() -> None:
    async def go() -> tuple[Ear, ScriptedTTS]:
        ear, tts = Ear(), ScriptedTTS()
        said = Clause("I hand over.", "hr"), Clause("Hello,", "tech"), Clause("Daniel here.", "tech")
        await mouth_of(tts, ear).speak(TURN, clauses(*said))
        return ear, tts

    ear, tts = run(go())
    assert [(s.voice, s.clauses) for s in tts.streams] == [
        ("voice of hr", ["I hand over."]),
        ("voice of tech", ["Hello, Daniel here."]),
    ]
    assert ear.text == "I hand over. Hello, Daniel here."


def test_a_new_speed_holds_from_the_next_sentence_on() -> None:
    async def go() -> ScriptedTTS:
        tts = ScriptedTTS()
        mouth = mouth_of(tts, Ear())
        speaking = asyncio.create_task(mouth.speak(TURN, clauses("One sentence.", 3.0, "Another.")))
        await asyncio.sleep(1.0)
        mouth.speed = 2.0
        await speaking
        return tts

    assert [(s.speed, s.clauses) for s in run(go()).streams] == [
        (1.0, ["One sentence."]),
        (1.3, ["Another."]),
    ]


def test_the_first_words_do_not_wait_and_later_ones_wait_a_moment_for_their_sentence() -> None:
    async def go() -> tuple[Ear, ScriptedTTS]:
        ear, tts = Ear(), ScriptedTTS()
        said = (
            "Thank you for that,",
            0.2,
            "and now",
            0.2,
            "tell me",
            0.2,
            "more.",
            "But slowly",
            2.0,
            "please.",
        )
        await mouth_of(tts, ear).speak(TURN, clauses(*said))
        return ear, tts

    ear, tts = run(go())
    assert ear.got[0][0] == 0.0
    assert tts.said == ["Thank you for that,", "and now tell me more.", "But slowly", "please."]
    assert ear.text == "Thank you for that, and now tell me more. But slowly please."


def test_cancelling_stops_the_engine_and_the_clauses() -> None:
    async def go() -> tuple[ScriptedTTS, list[str], Ear]:
        tts, closed, ear = ScriptedTTS(Say(pace=0.5)), list[str](), Ear()

        async def endless() -> AsyncGenerator[Clause, None]:
            try:
                while True:
                    yield Clause(LONG, "hr")
                    await asyncio.sleep(0.1)
            finally:
                closed.append("closed")

        speaking = asyncio.create_task(mouth_of(tts, ear).speak(TURN, endless()))
        await asyncio.sleep(1.5)
        speaking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await speaking
        return tts, closed, ear

    tts, closed, ear = run(go())
    assert (tts.live, tts.streams[0].aborted, closed) == (0, True, ["closed"])
    assert 0 < ear.ms < 3000


def test_an_engine_that_dies_has_first_said_what_it_made() -> None:
    async def go() -> Ear:
        ear = Ear()
        tts = ScriptedTTS(Say(), Die(TtsUnavailable("scripted", "died"), after_ms=500))
        with pytest.raises(TtsUnavailable):
            await mouth_of(tts, ear).speak(TURN, clauses("Thank you.", LONG))
        return ear

    ear = run(go())
    assert ear.text == f"Thank you. {LONG}"
    assert length_ms("Thank you.") + 300 <= ear.ms <= length_ms("Thank you.") + 500


def test_a_failure_of_the_words_comes_after_what_was_said() -> None:
    async def go() -> Ear:
        ear = Ear()
        with pytest.raises(ValueError, match="no more"):
            await mouth_of(ScriptedTTS(), ear).speak(TURN, clauses("Thank you.", ValueError("no more")))
        return ear

    ear = run(go())
    assert ear.text == "Thank you."
    assert ear.ms == pytest.approx(length_ms("Thank you."), abs=30)


def test_a_line_that_fails_stops_everything() -> None:
    async def go() -> ScriptedTTS:
        async def send(_: Spoke) -> None:
            raise ConnectionError

        tts = ScriptedTTS(Hang(after_ms=300))
        with pytest.raises(ConnectionError):
            await Mouth(tts, str, RATE, send).speak(TURN, clauses(LONG))
        return tts

    assert run(go()).live == 0


@pytest.mark.parametrize("said", [(), ("",), (" \n ",)], ids=str)
def test_a_reply_without_words_is_over_at_once(said: tuple[str, ...]) -> None:
    async def go() -> Ear:
        ear = Ear()
        await mouth_of(ScriptedTTS(), ear).speak(TURN, clauses(*said))
        return ear

    assert [(s.pcm, s.text_delta, s.last) for _, s in run(go()).got] == [(b"", "", True)]


def test_text_without_sound_goes_with_the_next_sound() -> None:
    async def go() -> Ear:
        ear = Ear()
        await mouth_of(ScriptedTTS(Mute(), Say(), Mute()), ear).speak(TURN, clauses("(…).", "Well.", "—."))
        return ear

    ear = run(go())
    assert ear.text == "(…). Well. —."
    assert ear.got[0][1].text_delta == "(…). Well."


def test_what_was_heard_follows_from_what_was_sent() -> None:
    async def go() -> Ear:
        ear = Ear()
        await mouth_of(ScriptedTTS(), ear).speak(TURN, clauses("Thank you.", LONG))
        return ear

    ear = run(go())
    playout = ear.playout()
    playout.played(TURN, length_ms("Thank you.") + 20)
    assert playout.heard(TURN) == "Thank you."
    playout.played(TURN, length_ms("Thank you.") + length_ms(LONG) // 2)
    assert playout.heard(TURN).endswith("what was wrong")
    playout.played(TURN, 10**6)
    assert playout.heard(TURN) == ear.text


def test_a_fixed_line_is_spoken_once_and_then_comes_from_the_cache() -> None:
    async def go() -> tuple[ScriptedTTS, list[Ear]]:
        tts, ears = ScriptedTTS(), [Ear(), Ear()]
        cache = LineCache(None, admits=lambda text: text == "Thank you.")
        for ear in ears:
            await mouth_of(tts, ear, cache).speak(TURN, clauses("Thank you.", LONG, "Thank you."))
        return tts, ears

    tts, (first, second) = run(go())
    assert tts.said == ["Thank you.", LONG, LONG]
    assert first.text == second.text == f"Thank you. {LONG} Thank you."
    assert [s.words for _, s in first.got] == [s.words for _, s in second.got]
    assert first.ms == pytest.approx(second.ms, abs=1)


def test_a_cached_line_does_not_wait_for_what_comes_after_it() -> None:
    async def go() -> float:
        tts, cache = ScriptedTTS(), LineCache(None, admits=lambda text: text == "Thank you.")
        await mouth_of(tts, Ear(), cache).speak(TURN, clauses("Thank you."))
        ear, began = Ear(), asyncio.get_running_loop().time()
        await mouth_of(tts, ear, cache).speak(TURN, clauses("Thank you.", 5.0, LONG))
        return ear.got[0][0] - began

    assert run(go()) == 0.0


def test_a_line_that_was_cut_off_is_not_kept() -> None:
    async def go() -> ScriptedTTS:
        tts, cache = ScriptedTTS(Say(pace=1.0)), LineCache(None, admits=lambda _: True)
        speaking = asyncio.create_task(mouth_of(tts, Ear(), cache).speak(TURN, clauses(LONG)))
        await asyncio.sleep(1.0)
        speaking.cancel()
        await asyncio.wait((speaking,))
        await mouth_of(tts, Ear(), cache).speak(TURN, clauses(LONG))
        return tts

    assert run(go()).said == [LONG, LONG]


def test_a_panel_of_real_voices_in_one_reply() -> None:
    if not espeak_here():
        pytest.skip("needs a voice: pip install espeakng-loader")

    async def go() -> Ear:
        ear, tts = Ear(), espeak()
        mouth = Mouth(TtsChain([tts]), lambda p: PERSONAS[p].voice, RATE, ear.send, lead_s=60.0)
        hello = Clause("I will hand over to Daniel, our technical lead.", "hr")
        try:
            await mouth.speak(TURN, clauses(hello, Clause("Hello, Daniel here. Let us begin.", "tech_lead")))
        finally:
            await tts.aclose()
        return ear

    ear = asyncio.run(go())
    assert ear.text == "I will hand over to Daniel, our technical lead. Hello, Daniel here. Let us begin."
    over = next(n for n, (_, spoke) in enumerate(ear.got) if spoke.over) + 1
    maya = [Sound(spoke.pcm, 0) for _, spoke in ear.got[:over]]
    daniel = [Sound(spoke.pcm, 0) for _, spoke in ear.got[over:]]
    assert pitch(maya, RATE) > 1.2 * pitch(daniel, RATE)
    assert rms(maya) == pytest.approx(rms(daniel), rel=0.4)
    playout = ear.playout()
    playout.played(TURN, seconds(maya, RATE) * 1000 + 900)
    assert playout.heard(TURN).endswith(("technical lead. Hello,", "technical lead. Hello, Daniel"))


def test_pace_forgives_a_hold_exactly() -> None:
    pace = Pace(0.8)
    pace.sent(10.0, 800)
    assert pace.wait_s(10.0, 100) == pytest.approx(0.1)
    pace.hold(10.0)
    pace.release(17.0)
    assert pace.wait_s(17.0, 100) == pytest.approx(0.1)

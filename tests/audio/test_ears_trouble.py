"""What goes wrong around the ears: each has an end, a text for the person, and hearing goes on."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from audio.ear_events import TroubleCode
from audio.ears import (
    EVENTS,
    EarEvent,
    Ears,
    EarsBroken,
    EarsTrouble,
    SilenceReached,
    SpeechDismissed,
    UtteranceEnded,
)
from audio.endpointing import EndpointPolicy
from audio.recognising import BACKLOG_BYTES
from audio.stt import SttMissing, SttUnavailable
from audio.vad import VadPool
from tests import virtual_loop
from tests.fakes.human_speech import Pcm, hiss, in_room, join, needed, prompt, silence, trimmed
from tests.fakes.listening import Notes, listen, silero
from tests.fakes.stt import Says, ScriptedSTT

POLICY = EndpointPolicy(patience_ms=1000, reminder_ms=10_000)


def twice(gap_ms: int = 14_000) -> Pcm:
    """Two answers with a long wait between them."""
    needed()
    answer = trimmed(prompt("vm-goodbye"))
    return in_room(join(silence(800), answer, silence(gap_ms), answer, silence(4000)))


def texts(notes: Notes) -> list[str]:
    return [event.text for event in notes.of(UtteranceEnded)]


def troubles(notes: Notes) -> list[TroubleCode]:
    return [event.code for event in notes.of(EarsTrouble)]


def test_recognition_that_hangs_is_given_up_and_the_next_answer_is_heard() -> None:
    stt = ScriptedSTT(Says("lost", gate=asyncio.Event()), "second answer.")
    notes = listen(stt, twice(), policy=POLICY, deadline_s=5)
    assert troubles(notes) == [TroubleCode.RECOGNITION_SLOW]
    assert texts(notes) == ["second answer."]
    assert len(notes.of(SpeechDismissed)) == 1
    assert notes.at(SpeechDismissed)[0] < 800 + 2000 + 5500
    assert stt.opened == 2
    assert stt.closed == 2


def test_what_was_shown_of_a_hanging_answer_is_kept() -> None:
    stt = ScriptedSTT(Says("", partials=[(700, "half an answer")], gate=asyncio.Event()), "second.")
    notes = listen(stt, twice(), policy=POLICY, deadline_s=5)
    assert texts(notes) == ["half an answer", "second."]


def test_recognition_that_dies_is_opened_anew() -> None:
    stt = ScriptedSTT(SttUnavailable("scripted", "its process died"), "second answer.")
    notes = listen(stt, twice(), policy=POLICY)
    assert troubles(notes) == [TroubleCode.RECOGNITION_FAILED]
    assert "type your answer" in notes.of(EarsTrouble)[0].text
    assert texts(notes) == ["second answer."]
    assert stt.opened == 2


def test_an_adapter_that_breaks_its_contract_costs_its_words_only(caplog: pytest.LogCaptureFixture) -> None:
    def odd(number: int, pcm: bytes) -> Says:
        if number < 2:
            raise ZeroDivisionError
        return Says("third answer.")

    needed()
    answer = trimmed(prompt("vm-goodbye"))
    sound = in_room(join(silence(800), *[join(answer, silence(3000)) for _ in range(3)]))
    notes = listen(ScriptedSTT(rule=odd), sound, policy=POLICY)
    assert troubles(notes) == [TroubleCode.RECOGNITION_FAILED]
    assert texts(notes) == ["third answer."]
    assert [record.exc_info is not None for record in caplog.records] == [True, False, False]


def test_trouble_is_told_once_until_recognition_works_again() -> None:
    dead = SttUnavailable("scripted", "no route")
    needed()
    answer = trimmed(prompt("vm-goodbye"))
    sound = in_room(join(silence(800), *[join(answer, silence(3000)) for _ in range(4)]))
    stt = ScriptedSTT(dead, dead, "works.", dead)
    assert troubles(listen(stt, sound, policy=POLICY)) == [TroubleCode.RECOGNITION_FAILED] * 2


def test_an_engine_that_is_not_there_is_said_at_the_start_and_tried_at_each_answer() -> None:
    missing = SttMissing("scripted", "no model; run viva models pull")
    stt = ScriptedSTT("heard.", opens=[missing, missing, None])
    notes = listen(stt, twice(), policy=POLICY)
    assert troubles(notes) == [TroubleCode.RECOGNITION_REFUSED]
    assert notes.at(EarsTrouble)[0] < 800
    assert texts(notes) == ["heard."]


def test_opening_that_hangs_costs_its_deadline_only() -> None:
    stt = ScriptedSTT("first.", "second.", opens=[asyncio.Event()])
    notes = listen(stt, twice(), policy=POLICY, deadline_s=3)
    assert troubles(notes) == [TroubleCode.RECOGNITION_SLOW]
    assert texts(notes) == ["first.", "second."]


def test_sound_waiting_for_recognition_is_bounded() -> None:
    needed()
    talk = join(*[trimmed(prompt("demo-instruct"))] * 2)
    stt = ScriptedSTT(Says("", gate=asyncio.Event()), rule=lambda number, pcm: Says(f"part {number}"))
    most = 0

    def look(ears: Ears) -> None:
        nonlocal most
        most = max(most, ears._recogniser.backlog_bytes)

    sound = in_room(join(silence(500), talk, silence(3000)))
    notes = listen(stt, sound, dict.fromkeys(range(0, 140_000, 500), look), policy=POLICY, deadline_s=40)
    assert BACKLOG_BYTES * 0.8 < most <= BACKLOG_BYTES
    assert TroubleCode.RECOGNITION_SLOW in troubles(notes)
    assert "part" in texts(notes)[-1]


def test_a_client_that_stops_sending_has_ended_its_answer_and_is_told() -> None:
    needed()
    sound = in_room(join(silence(800), trimmed(prompt("vm-goodbye"))))
    notes = listen(ScriptedSTT("I left."), sound, policy=POLICY, after_s=15)
    assert texts(notes) == ["I left."]
    assert troubles(notes) == [TroubleCode.NO_AUDIO]
    assert len(notes.of(SilenceReached)) == 1


def test_a_client_that_never_sends_is_told_once_and_reminded() -> None:
    notes = listen(ScriptedSTT(), silence(0), policy=POLICY, after_s=35)
    assert troubles(notes) == [TroubleCode.NO_AUDIO]
    assert [event.silent_ms // 10_000 for event in notes.of(SilenceReached)] == [1, 2, 3]


def test_a_muted_client_is_not_told_that_nothing_arrives() -> None:
    acts = {900: lambda ears: ears.set_muted(True)}
    notes = listen(ScriptedSTT(), hiss(1000, 15), acts, policy=POLICY, after_s=15)
    assert notes.kinds == ["SilenceReached"]


@pytest.mark.parametrize("rate", [8_000, 24_000, 44_100, 48_000])
def test_any_input_rate_and_chunk_size_is_heard_alike(rate: int) -> None:
    needed()
    import soxr

    answer = trimmed(prompt("vm-goodbye"))
    heard = in_room(join(silence(800), answer, silence(3000)))
    sound = soxr.resample(heard, 16_000, rate).astype("<i2").tobytes()
    notes = _feed(sound, rate, chunk=1 + rate // 37 * 2)
    assert texts(notes) == ["good bye"]
    assert notes.of(UtteranceEnded)[0].end_ms == pytest.approx(800 + len(answer) / 16, abs=150)


def _feed(sound: bytes, rate: int, chunk: int, pause: bool = True) -> Notes:
    silero()

    async def main() -> Notes:
        notes, pool = Notes(), VadPool(silero())
        stt = ScriptedSTT("good bye")
        ears = Ears(stt=stt, vad=pool, policy=POLICY, language="en", input_rate=rate)

        async def emit(event: EarEvent) -> None:
            notes.events.append((ears.position_ms, event))

        ears.feed(b"\0\0" * 100)  # before it runs: ignored
        assert ears.position_ms == 0
        tasks = [asyncio.create_task(pool.run()), asyncio.create_task(ears.run(emit))]
        await asyncio.sleep(0)
        for start in range(0, len(sound), chunk):
            ears.feed(sound[start : start + chunk])
            if pause:
                await asyncio.sleep(chunk / 2 / rate)
        await asyncio.sleep(0.5)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert stt.closed == stt.opened
        return notes

    return virtual_loop.run(main())


def test_a_burst_after_a_stall_of_the_network_is_heard_whole() -> None:
    needed()
    sound = in_room(join(silence(800), trimmed(prompt("vm-goodbye")), silence(2500))).tobytes()
    notes = _feed(sound, 16_000, chunk=len(sound), pause=False)
    assert texts(notes) == ["good bye"]
    assert not notes.of(EarsTrouble)


def test_a_flood_is_cut_and_said() -> None:
    notes = _feed(hiss(60_000, 30).tobytes(), 16_000, chunk=64_000, pause=False)
    assert troubles(notes) == [TroubleCode.AUDIO_TOO_FAST]


def test_any_bytes_do() -> None:
    noise = np.random.default_rng(2).integers(0, 256, 16_000 * 6, dtype=np.uint8).tobytes()
    notes = _feed(noise, 16_000, chunk=777)
    assert not notes.of(EarsTrouble)


def test_events_that_nobody_takes_end_the_ears_and_not_the_pool() -> None:
    silero()

    async def main() -> None:
        pool = VadPool(silero(), gated=False)
        ears = Ears(stt=ScriptedSTT(), vad=pool, policy=POLICY, language="en", input_rate=16_000)
        stuck = asyncio.Event()

        async def emit(event: EarEvent) -> None:
            await stuck.wait()

        running, judging = asyncio.create_task(ears.run(emit)), asyncio.create_task(pool.run())
        await asyncio.sleep(0)
        for _ in range(EVENTS + 5):
            ears._say(SilenceReached(1))
        stuck.set()
        with pytest.raises(EarsBroken, match="nobody takes them"):
            await running
        judging.cancel()
        await asyncio.gather(judging, return_exceptions=True)

    virtual_loop.run(main())


def test_a_mistake_in_deciding_ends_one_call_only(monkeypatch: pytest.MonkeyPatch) -> None:
    silero()

    async def main() -> None:
        pool, heard = VadPool(silero(), gated=False), 0
        ears = Ears(stt=ScriptedSTT(), vad=pool, policy=POLICY, language="en", input_rate=16_000)

        async def emit(event: EarEvent) -> None:
            pass

        def judged(pcm: bytes, probability: float) -> None:
            nonlocal heard
            heard += 1

        def broken(probability: float) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(ears._hearing, "window", broken)
        other = pool.open(judged)
        running, judging = asyncio.create_task(ears.run(emit)), asyncio.create_task(pool.run())
        await asyncio.sleep(0)
        for _ in range(50):
            ears.feed(bytes(640))
            other.feed(bytes(640))
            await asyncio.sleep(0.02)
        with pytest.raises(EarsBroken, match="deciding"):
            await running
        judging.cancel()
        await asyncio.gather(judging, return_exceptions=True)
        assert heard >= 30

    virtual_loop.run(main())

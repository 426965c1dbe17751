"""Real human speech in, utterances out: what is said when, on the clock of the sound."""

from __future__ import annotations

import asyncio

import pytest

from audio.ears import (
    Ears,
    PartialHeard,
    SilenceReached,
    SpeechDismissed,
    SpeechStarted,
    UtteranceEnded,
    UtteranceLikely,
)
from audio.endpointing import EndpointPolicy
from audio.hearing import BEFORE_WINDOWS
from audio.vad import WINDOW_MS
from tests.fakes.human_speech import Pcm, hiss, in_room, join, needed, prompt, silence, trimmed
from tests.fakes.listening import listen, patience, says
from tests.fakes.stt import Says, ScriptedSTT

GOODBYE, THANKS = "vm-goodbye", "demo-thanks"
POLICY = EndpointPolicy(patience_ms=1000, reminder_ms=10_000)


@pytest.fixture(autouse=True)
def _speech() -> None:
    needed()


def ms(sound: Pcm) -> float:
    return len(sound) / 16


def spoken(name: str) -> Pcm:
    return trimmed(prompt(name))


def room(*pieces: Pcm) -> Pcm:
    return in_room(join(silence(800), *pieces))


def test_an_answer_is_heard_recognised_while_waiting_and_over_once() -> None:
    answer = spoken(GOODBYE)
    stt = ScriptedSTT(Says("good bye", takes_s=0.3, word_ms=200))
    notes = listen(stt, room(answer, silence(4000)), policy=POLICY)
    assert notes.kinds == ["SpeechStarted", "UtteranceEnded"]
    (started,), (ended,), (likely,) = (
        notes.of(SpeechStarted),
        notes.of(UtteranceEnded),
        notes.of(UtteranceLikely),
    )
    assert started.at_ms == pytest.approx(800, abs=100)
    assert ended.text == likely.text == "good bye"
    assert ended.start_ms == started.at_ms
    assert ended.end_ms == pytest.approx(800 + ms(answer), abs=200)
    # Recognised well inside the wait: the end adds nothing to the silence.
    assert notes.at(UtteranceLikely)[0] == pytest.approx(ended.end_ms + 250 + 300, abs=100)
    assert notes.at(UtteranceEnded)[0] == pytest.approx(ended.end_ms + 1000, abs=80)
    assert [word.text for word in ended.words] == ["good", "bye"]
    before = BEFORE_WINDOWS * WINDOW_MS / 1000
    assert ended.words[0].start_s == pytest.approx(ended.start_ms / 1000 - before, abs=0.07)
    assert ended.words[1].end_s - ended.words[0].start_s == pytest.approx(0.4)


def test_what_is_recognised_is_what_was_said_with_its_soft_beginning() -> None:
    sound = room(spoken(GOODBYE), silence(3000))
    stt = ScriptedSTT("good bye")
    listen(stt, sound, policy=POLICY)
    (segment,) = stt.segments
    assert segment.ended == "committed"
    at = sound.tobytes().find(bytes(segment.pcm))
    assert at >= 0  # a stretch of the sound, bit for bit
    assert at / 32 < 800 < at / 32 + segment.ms
    assert 800 - at / 32 >= 200


def test_a_thinking_pause_joins_two_stretches_into_one_answer() -> None:
    stt = ScriptedSTT(Says("I moved because", word_ms=300), Says("of the team.", word_ms=300))
    sound = room(spoken(GOODBYE), silence(1600), spoken(THANKS), silence(4000))
    notes = listen(stt, sound, policy=POLICY)
    assert notes.kinds == ["SpeechStarted", "UtteranceEnded"]
    (ended,) = notes.of(UtteranceEnded)
    assert ended.text == "I moved because of the team."
    likely = [event.text for event in notes.of(UtteranceLikely)]
    assert likely == ["I moved because", "I moved because of the team."]
    assert [event.text for event in notes.of(PartialHeard)] == likely
    starts = [word.start_s for word in ended.words]
    assert starts == sorted(starts)
    assert starts[3] - starts[2] > 1.0  # the pause lies between them
    first, second = stt.segments[:2]
    assert bytes(first.pcm) != bytes(second.pcm)
    whole = sound.tobytes()
    assert whole.find(bytes(first.pcm)) + len(first.pcm) <= whole.find(bytes(second.pcm))


def test_stretches_close_together_share_no_sound_and_lose_none() -> None:
    sound = room(spoken(GOODBYE), silence(420), spoken(GOODBYE), silence(4000))
    stt = ScriptedSTT("one", "two")
    listen(stt, sound, policy=POLICY)
    first, second = (bytes(segment.pcm) for segment in stt.segments)
    assert first + second in sound.tobytes()


def test_a_pause_that_is_too_long_ends_the_answer_and_the_rest_is_another() -> None:
    stt = ScriptedSTT("I moved.", "Of the team.")
    sound = room(spoken(GOODBYE), silence(1600), spoken(THANKS), silence(4000))
    notes = listen(stt, sound, policy=POLICY)
    assert [event.text for event in notes.of(UtteranceEnded)] == ["I moved.", "Of the team."]


@pytest.mark.parametrize("seconds", [4.0, 10.0])
def test_a_candidate_who_asked_for_time_gets_it(seconds: float) -> None:
    pause = (seconds - 0.4) * 1000
    sound = room(spoken(GOODBYE), silence(pause), spoken(THANKS), silence(seconds * 1000 + 1500))
    notes = listen(ScriptedSTT("It was done.", "That's it."), sound, {0: patience(seconds)}, policy=POLICY)
    (ended,) = notes.of(UtteranceEnded)
    assert ended.text == "It was done. That's it."
    assert notes.at(UtteranceEnded)[0] == pytest.approx(ended.end_ms + seconds * 1000, abs=100)


def done(ears: Ears) -> None:
    assert ears.end_utterance()


def nothing_to_end(ears: Ears) -> None:
    assert not ears.end_utterance()


def test_who_says_to_be_done_is_not_waited_for() -> None:
    answer = spoken(GOODBYE)
    over_ms = int(800 + ms(answer) + 100)
    stt = ScriptedSTT(Says("I left because", takes_s=0.2))  # words that would be waited for longest
    acts = {100: nothing_to_end, over_ms: done, over_ms + 1000: nothing_to_end}
    notes = listen(stt, room(answer, silence(9000)), acts, policy=POLICY)
    assert notes.kinds == ["SpeechStarted", "UtteranceEnded"]
    assert notes.at(UtteranceEnded)[0] == pytest.approx(over_ms + 200, abs=60)
    assert notes.of(UtteranceEnded)[0].text == "I left because"


def test_who_says_to_be_done_in_mid_word_and_talks_on_begins_another_answer() -> None:
    sound = room(spoken("demo-instruct")[: 16 * 6000], silence(4000))
    stt = ScriptedSTT(Says("one.", takes_s=0.3), rule=lambda number, pcm: Says("two."))
    notes = listen(stt, sound, {2500: done}, policy=POLICY)
    assert notes.of(UtteranceEnded)[0].text == "one."
    assert notes.at(UtteranceEnded)[0] == pytest.approx(2800, abs=60)
    assert notes.of(UtteranceEnded)[1].start_ms >= 2700
    first, second = stt.segments[:2]
    assert sound.tobytes().find(bytes(first.pcm)) + len(first.pcm) <= sound.tobytes().find(bytes(second.pcm))


def test_who_says_to_be_done_without_a_word_has_not_answered() -> None:
    notes = listen(ScriptedSTT(""), room(spoken(GOODBYE), silence(3000)), {1400: done}, policy=POLICY)
    assert notes.kinds[:2] == ["SpeechStarted", "SpeechDismissed"]
    assert notes.at(SpeechDismissed)[0] == pytest.approx(1400, abs=60)


def test_who_says_to_be_done_while_recognition_hangs_waits_for_its_deadline_only() -> None:
    stt = ScriptedSTT(Says("", partials=[(500, "half of it")], gate=asyncio.Event()))
    sound = room(spoken(GOODBYE), silence(6000))
    notes = listen(stt, sound, {1900: done}, policy=POLICY, deadline_s=2)
    assert [event.text for event in notes.of(UtteranceEnded)] == ["half of it"]


def test_who_speaks_over_the_agent_and_says_to_be_done_takes_the_floor() -> None:
    acts = {200: says("Tell me about your work, please."), 1200: done}
    sound = room(spoken(GOODBYE)[: 16 * 350], silence(3000))
    notes = listen(ScriptedSTT("Wait, stop."), sound, acts, policy=POLICY)
    kinds = ["InterruptionSuspected", "InterruptionConfirmed", "UtteranceEnded"]
    assert notes.kinds == kinds


def test_who_goes_on_while_the_words_are_still_coming_is_not_cut() -> None:
    gate = asyncio.Event()
    stt = ScriptedSTT(Says("first half", gate=gate), "second half")
    sound = room(spoken(GOODBYE), silence(1500), spoken(THANKS), silence(4000))
    notes = listen(stt, sound, {4200: lambda ears: gate.set()}, policy=POLICY)
    (ended,) = notes.of(UtteranceEnded)
    assert ended.text == "first half second half"


def test_words_that_come_late_and_lean_on_more_take_the_end_back() -> None:
    stt = ScriptedSTT(Says("I moved because", takes_s=1.2), "of the team.")
    sound = room(spoken(GOODBYE), silence(1700), spoken(GOODBYE), silence(4000))
    notes = listen(stt, sound, policy=POLICY)
    assert notes.of(UtteranceLikely)[0].text == "I moved because"
    assert [event.text for event in notes.of(UtteranceEnded)] == ["I moved because of the team."]


def test_a_finished_sentence_does_not_hurry_the_words_after_it() -> None:
    stt = ScriptedSTT("I left.", Says("and then", takes_s=0.6))
    sound = room(spoken(GOODBYE), silence(450), spoken(GOODBYE), silence(4000))
    (ended,) = listen(stt, sound, policy=POLICY).of(UtteranceEnded)
    assert ended.text == "I left. and then"


def test_um_alone_is_no_answer() -> None:
    notes = listen(ScriptedSTT("Um...", "yes."), room(spoken(GOODBYE), silence(3500)), policy=POLICY)
    assert notes.kinds == ["SpeechStarted", "SpeechDismissed"]


def test_captions_follow_the_engine_while_the_candidate_speaks() -> None:
    stt = ScriptedSTT(Says("one two three", partials=[(600, "one"), (900, "one two"), (901, "one two")]))
    notes = listen(stt, room(spoken("demo-thanks"), silence(2500)), policy=POLICY)
    assert [event.text for event in notes.of(PartialHeard)] == ["one", "one two", "one two three"]
    assert notes.at(PartialHeard)[0] < notes.at(UtteranceEnded)[0] - 1000


def test_an_answer_of_minutes_is_recognised_in_parts_and_has_an_end() -> None:
    talk = join(*[spoken("demo-instruct")] * 3)
    stt = ScriptedSTT(rule=lambda number, pcm: Says(f"part {number}"))
    policy = EndpointPolicy(max_utterance_ms=60_000)
    notes = listen(stt, room(talk, silence(3000)), policy=policy)
    assert max(segment.ms for segment in stt.segments) <= 26_000
    ended = notes.of(UtteranceEnded)
    assert len(ended) >= 3
    assert all(event.end_ms - event.start_ms <= 66_000 for event in ended)
    parts = " ".join(event.text for event in ended)
    assert parts == " ".join(f"part {number}" for number in range(len(stt.segments)))


@pytest.mark.parametrize(
    "noise",
    [hiss(20_000, 40), hiss(20_000, 2500, seed=3), silence(20_000)],
    ids=["hiss", "loud noise", "digital silence"],
)
def test_noise_makes_no_turn(noise: Pcm) -> None:
    notes = listen(ScriptedSTT(), noise, policy=POLICY)
    assert not notes.of(UtteranceEnded)
    assert len(notes.of(SpeechStarted)) == len(notes.of(SpeechDismissed))


def test_voice_without_words_is_dismissed_and_the_room_is_quiet_again() -> None:
    notes = listen(ScriptedSTT(""), room(spoken(GOODBYE), silence(14_000)), policy=POLICY)
    assert notes.kinds == ["SpeechStarted", "SpeechDismissed", "SilenceReached"]


def test_music_and_a_shout_end_like_everything_else() -> None:
    import numpy as np

    t = np.arange(16_000 * 40) / 16_000
    chord = sum(np.sin(2 * np.pi * f * t * (1 + 0.002 * np.sin(5 * t))) for f in (220, 277, 330, 440))
    music: Pcm = (chord * 5000 * (0.6 + 0.4 * np.sin(2 * np.pi * 2 * t))).astype(np.int16)
    shout: Pcm = np.clip(spoken(GOODBYE).astype(np.int32) * 30, -32768, 32767).astype(np.int16)
    policy = EndpointPolicy(max_utterance_ms=20_000)
    stt = ScriptedSTT(rule=lambda number, pcm: Says("hey" if len(pcm) < 60_000 else ""))
    notes = listen(stt, join(music, silence(3000), shout, silence(3000)), policy=policy)
    assert notes.of(UtteranceEnded)[-1].text == "hey"
    assert len(notes.of(SpeechStarted)) == len(notes.of(UtteranceEnded)) + len(notes.of(SpeechDismissed))


def test_ten_minutes_of_silence_are_reported_at_each_reminder_time_only() -> None:
    notes = listen(ScriptedSTT(), hiss(600_000, 15), policy=POLICY)
    assert [event.silent_ms // 1000 for event in notes.of(SilenceReached)] == list(range(10, 601, 10))
    assert len(notes.events) == 60


def test_silence_is_counted_from_when_the_agent_falls_silent() -> None:
    acts = {5000: says("What did you do there?"), 9000: says(None)}
    notes = listen(ScriptedSTT(), hiss(20_500, 15), acts, policy=POLICY)
    assert notes.at(SilenceReached) == [pytest.approx(19_000, abs=60)]


def test_the_same_sound_gives_the_same_events_with_and_without_the_gate() -> None:
    sound = room(spoken(GOODBYE), silence(3000), spoken(THANKS), silence(3000))
    one, other = (
        listen(ScriptedSTT("a b c", "d e f"), sound, policy=POLICY, gated=gated) for gated in (True, False)
    )
    assert one.kinds == other.kinds
    for (at, _), (also, _) in zip(one.events, other.events, strict=True):
        assert at == pytest.approx(also, abs=100)

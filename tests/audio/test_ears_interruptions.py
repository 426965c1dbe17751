"""Voice over the agent's: pause at once, then confirm or resume. Sounds are real, words are scripted."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from audio.ears import (
    InterruptionConfirmed,
    InterruptionDismissed,
    InterruptionSuspected,
    SpeechStarted,
    UtteranceEnded,
)
from audio.endpointing import EndpointPolicy
from audio.hearing import DOUBT_MS, SUSTAINED_MS
from tests.fakes.human_speech import Pcm, in_room, join, needed, prompt, silence, trimmed
from tests.fakes.listening import listen, says
from tests.fakes.stt import Says, ScriptedSTT

POLICY = EndpointPolicy(patience_ms=1000)
QUESTION = "Tell me about a time when you had to change the plan of a project shortly before a deadline."
AGENT = {400: says(QUESTION)}


@pytest.fixture(autouse=True)
def _speech() -> None:
    needed()


def voice(ms: int) -> Pcm:
    """The first ``ms`` of a long spoken prompt."""
    return trimmed(prompt("demo-congrats"))[: ms * 16]


def over_agent(*pieces: Pcm) -> Pcm:
    return in_room(join(silence(1500), *pieces, silence(5000)))


def test_sustained_voice_pauses_at_once_and_takes_the_floor() -> None:
    notes = listen(
        ScriptedSTT("I would like to say something."), over_agent(voice(2500)), AGENT, policy=POLICY
    )
    assert notes.kinds == ["InterruptionSuspected", "InterruptionConfirmed", "UtteranceEnded"]
    begins = notes.of(InterruptionSuspected)[0].at_ms
    assert begins == pytest.approx(1500, abs=80)
    assert notes.at(InterruptionSuspected)[0] - begins <= 96 + 40
    assert notes.at(InterruptionConfirmed)[0] - begins == pytest.approx(SUSTAINED_MS, abs=150)
    assert notes.of(UtteranceEnded)[0].text == "I would like to say something."


def test_words_confirm_sooner_than_voice_alone() -> None:
    stt = ScriptedSTT(Says("wait please", partials=[(500, "wait")]))
    notes = listen(stt, over_agent(voice(2500)), AGENT, policy=POLICY)
    assert notes.kinds == ["InterruptionSuspected", "InterruptionConfirmed", "UtteranceEnded"]
    assert notes.at(InterruptionConfirmed)[0] - notes.of(InterruptionSuspected)[0].at_ms < 350


@pytest.mark.parametrize("heard", ["mm-hm", "Yeah.", "okay", "I see.", ""])
def test_a_listeners_noise_resumes_playback_and_makes_no_turn(heard: str) -> None:
    notes = listen(ScriptedSTT(Says(heard, takes_s=0.2)), over_agent(voice(380)), AGENT, policy=POLICY)
    assert notes.kinds == ["InterruptionSuspected", "InterruptionDismissed"]
    assert notes.at(InterruptionDismissed)[0] < 1500 + 380 + 900


def test_a_word_that_recognition_takes_back_confirms_nothing() -> None:
    stt = ScriptedSTT(Says("mm-hm", partials=[(400, "my"), (450, "weather")]))
    notes = listen(stt, over_agent(voice(380)), AGENT, policy=POLICY)
    assert notes.kinds == ["InterruptionSuspected", "InterruptionDismissed"]


def test_a_cough_holds_playback_for_a_moment_only() -> None:
    click: Pcm = np.random.default_rng(5).normal(0, 9000, 16 * 120).clip(-32768, 32767).astype(np.int16)
    gate = asyncio.Event()  # recognition that never comes
    sound = over_agent(click)
    notes = listen(ScriptedSTT(Says("", gate=gate)), sound, AGENT, policy=POLICY)
    assert notes.kinds in ([], ["InterruptionSuspected", "InterruptionDismissed"])
    short = listen(ScriptedSTT(Says("", gate=gate)), over_agent(voice(150)), AGENT, policy=POLICY)
    assert short.kinds[:2] == ["InterruptionSuspected", "InterruptionDismissed"]
    assert short.at(InterruptionDismissed)[0] - short.at(InterruptionSuspected)[0] < 600


def test_one_word_that_asks_for_the_floor_gets_it_though_it_is_short() -> None:
    notes = listen(ScriptedSTT(Says("Stop.", takes_s=0.4)), over_agent(voice(380)), AGENT, policy=POLICY)
    assert notes.kinds == ["InterruptionSuspected", "InterruptionConfirmed", "UtteranceEnded"]
    assert notes.of(UtteranceEnded)[0].text == "Stop."


def test_words_that_come_after_playback_resumed_still_count() -> None:
    late = Says("I have a question.", takes_s=DOUBT_MS / 1000 + 1)
    notes = listen(ScriptedSTT(late), over_agent(voice(380)), AGENT, policy=POLICY)
    assert notes.kinds == [
        "InterruptionSuspected",
        "InterruptionDismissed",
        "InterruptionSuspected",
        "InterruptionConfirmed",
        "UtteranceEnded",
    ]
    assert notes.of(UtteranceEnded)[0].text == "I have a question."


def test_late_words_count_when_the_agent_has_fallen_silent_meanwhile_too() -> None:
    late = Says("I have a question.", takes_s=DOUBT_MS / 1000 + 1)
    notes = listen(ScriptedSTT(late), over_agent(voice(380)), {**AGENT, 4000: says(None)}, policy=POLICY)
    assert notes.kinds == [
        "InterruptionSuspected",
        "InterruptionDismissed",
        "SpeechStarted",
        "UtteranceEnded",
    ]


def test_a_late_mm_hm_changes_nothing() -> None:
    late = Says("mm-hm", takes_s=DOUBT_MS / 1000 + 1)
    notes = listen(ScriptedSTT(late), over_agent(voice(380)), AGENT, policy=POLICY)
    assert notes.kinds == ["InterruptionSuspected", "InterruptionDismissed"]


def test_our_own_words_from_the_loudspeaker_are_dismissed() -> None:
    echo = Says("time when you had to change the plan", partials=[(450, "time when you had")])
    notes = listen(ScriptedSTT(echo), over_agent(voice(420)), AGENT, policy=POLICY)
    assert notes.kinds == ["InterruptionSuspected", "InterruptionDismissed"]


def test_after_an_echo_voice_alone_no_longer_confirms() -> None:
    echo = "time when you had to change the plan"
    sound = over_agent(voice(420), silence(2000), voice(1500), silence(2000))
    notes = listen(ScriptedSTT(echo, echo, echo), sound, AGENT, policy=POLICY)
    assert not notes.of(InterruptionConfirmed)
    assert len(notes.of(InterruptionSuspected)) == len(notes.of(InterruptionDismissed)) >= 2
    assert not notes.of(UtteranceEnded)


def test_after_an_echo_words_still_do() -> None:
    sound = over_agent(voice(420), silence(2000), voice(1500))
    stt = ScriptedSTT("time when you had to change the plan", Says("so in my", partials=[(600, "so in my")]))
    notes = listen(stt, sound, AGENT, policy=POLICY)
    assert len(notes.of(InterruptionConfirmed)) == 1


def test_the_tail_of_our_voice_is_no_answer() -> None:
    acts = {400: says(QUESTION), 1400: says(None)}
    notes = listen(ScriptedSTT("shortly before a deadline"), over_agent(voice(900)), acts, policy=POLICY)
    assert notes.kinds == ["SpeechStarted", "SpeechDismissed"]


def test_but_an_answer_that_takes_up_our_words_later_is_one() -> None:
    acts = {100: says(QUESTION), 300: says(None)}
    notes = listen(ScriptedSTT("shortly before a deadline"), over_agent(voice(900)), acts, policy=POLICY)
    assert notes.kinds == ["SpeechStarted", "UtteranceEnded"]


def test_who_speaks_as_the_agent_ends_has_the_floor() -> None:
    acts = {400: says(QUESTION), 1700: says(None)}
    notes = listen(ScriptedSTT("yes"), over_agent(voice(420)), acts, policy=POLICY)
    assert notes.kinds == ["InterruptionSuspected", "SpeechStarted", "UtteranceEnded"]
    assert notes.of(SpeechStarted)[0].at_ms == notes.of(InterruptionSuspected)[0].at_ms
    assert notes.of(UtteranceEnded)[0].text == "yes"


def test_an_agent_who_starts_into_a_candidates_speech_is_paused() -> None:
    notes = listen(
        ScriptedSTT("I was not done."), over_agent(voice(3000)), {2500: says(QUESTION)}, policy=POLICY
    )
    assert notes.kinds == [
        "SpeechStarted",
        "InterruptionSuspected",
        "InterruptionConfirmed",
        "UtteranceEnded",
    ]
    assert notes.at(InterruptionSuspected)[0] == pytest.approx(2500, abs=60)


def test_who_goes_on_after_a_pause_into_which_the_agent_spoke_interrupts() -> None:
    sound = over_agent(voice(1000), silence(1500), voice(1500))
    stt = ScriptedSTT("let me think", rule=lambda number, pcm: Says("so the reason was this."))
    notes = listen(stt, sound, {3200: says(QUESTION)}, policy=POLICY)
    assert notes.kinds == [
        "SpeechStarted",
        "InterruptionSuspected",
        "InterruptionConfirmed",
        "UtteranceEnded",
    ]
    assert notes.of(InterruptionSuspected)[0].at_ms == pytest.approx(4000, abs=100)
    assert notes.of(UtteranceEnded)[0].text.startswith("let me think so the reason")


def test_two_interruptions_of_one_call_are_told_apart() -> None:
    acts = {400: says(QUESTION), 5200: says("I see. And then?")}
    sound = over_agent(voice(1200), silence(4000), voice(1200))
    notes = listen(ScriptedSTT("first thing.", "second thing."), sound, acts, policy=POLICY)
    assert [event.text for event in notes.of(UtteranceEnded)] == ["first thing.", "second thing."]
    assert len(notes.of(InterruptionConfirmed)) == 2

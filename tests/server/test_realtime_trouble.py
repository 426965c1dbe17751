"""What goes wrong in a spoken interview: the person is told, and it goes on or ends with everything stored.

Whole calls in virtual time: real ears, mouth and turn loop; the engines follow scripts.
"""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from audio.endpointing import EndpointPolicy
from audio.stt import SttUnavailable
from audio.tts import TtsError
from interview.events import Speaker
from tests.fakes.human_speech import RATE, Pcm
from tests.fakes.stt import Says, ScriptedSTT
from tests.fakes.talk import QUESTIONS
from tests.fakes.tts import Die, ScriptedTTS
from tests.fakes.voice_call import ANSWER, Call, hold, speech


def stored(call: Call, who: Speaker) -> list[str]:
    """What the database holds of one side in the end, by turn."""
    rows: dict[tuple[int, Speaker], str] = {}
    for changes in call.saved:
        for gone in changes.removed:
            rows.pop(gone, None)
        rows |= {(said.turn, said.speaker): said.text for said in changes.said}
    return [text for (_, speaker), text in sorted(rows.items()) if speaker is who]


def notices(call: Call) -> list[str]:
    return [event["code"] for event in call.page.of("viva.notice")]


async def type_an_answer(call: Call, reply: int) -> None:
    """Answer in writing; the interviewer goes on, with sound or without."""
    await call.send("viva.text_answer", text=ANSWER)
    done = "response.done"
    await call.until(lambda: len(call.page.of(done)) >= reply)


def test_ten_minutes_of_silence_are_asked_into_and_cost_nothing() -> None:
    async def act(call: Call) -> None:
        await call.over(1)
        await asyncio.sleep(600)
        await call.over(len(call.page.replies))
        assert 10 < len(call.page.replies) < 60
        call.said.append(speech())
        await call.until(lambda: bool(stored(call, Speaker.CANDIDATE)))

    call = hold(act, ScriptedSTT(ANSWER))
    assert stored(call, Speaker.CANDIDATE) == [ANSWER]
    assert "error" not in call.page.kinds()


def music(seconds: int) -> Pcm:
    t = np.arange(RATE * seconds) / RATE
    chord = sum(np.sin(2 * np.pi * f * t * (1 + 0.002 * np.sin(5 * t))) for f in (220, 277, 330, 440))
    beat = 0.6 + 0.4 * np.sin(2 * np.pi * 2 * t)
    return (chord * 5000 * beat).astype(np.int16)


def shout() -> Pcm:
    return np.clip(speech().astype(np.int32) * 30, -32768, 32767).astype(np.int16)


@pytest.mark.parametrize("noise", [music(30), "shout"], ids=["music", "shout"])
@pytest.mark.parametrize("over_the_interviewer", [True, False])
def test_noise_without_words_holds_nobody_up(noise: Pcm | str, over_the_interviewer: bool) -> None:
    async def act(call: Call) -> None:
        if over_the_interviewer:
            await call.sounds(1, 1000)
        else:
            await call.over(1)
        call.said.append(shout() if isinstance(noise, str) else noise)
        await call.until(lambda: not call.said)
        await asyncio.sleep(40)
        replies = len(call.page.replies)
        await type_an_answer(call, replies + 1)

    policy = EndpointPolicy(max_utterance_ms=10_000)
    call = hold(act, ScriptedSTT(), policy=policy)
    assert stored(call, Speaker.CANDIDATE) == [ANSWER]


def test_recognition_that_hangs_is_said_and_writing_goes_on() -> None:
    async def act(call: Call) -> None:
        await call.over(1)
        call.said.append(speech())
        await call.until(lambda: bool(notices(call)))
        assert "type your answer" in call.page.of("viva.notice")[0]["text"]
        await type_an_answer(call, 2)
        await call.over(2)
        call.said.append(speech())
        await call.sounds(3)

    call = hold(act, ScriptedSTT(Says("", gate=asyncio.Event()), "And that was that in the end."))
    assert notices(call) == ["recognition_slow"]
    assert stored(call, Speaker.CANDIDATE) == [ANSWER, "And that was that in the end."]


def test_recognition_that_is_dead_is_said_once_and_the_interview_can_be_written() -> None:
    async def act(call: Call) -> None:
        await call.over(1)
        for reply in (2, 3):
            call.said.append(speech())
            await call.until(lambda: not call.said)
            await asyncio.sleep(4)
            await type_an_answer(call, reply)
            await call.over(reply)

    def dead(number: int, pcm: bytes) -> Says:
        raise SttUnavailable("scripted", "its process died")

    call = hold(act, ScriptedSTT(rule=dead))
    assert notices(call) == ["recognition_failed"]
    assert stored(call, Speaker.CANDIDATE) == [ANSWER, ANSWER]


DEAD = TtsError("scripted", "it broke")


@pytest.mark.parametrize("step", [Die(DEAD, after_ms=600), Die(DEAD)], ids=["in mid-sentence", "at once"])
def test_a_voice_that_dies_leaves_the_words_and_comes_back(step: Die) -> None:
    async def act(call: Call) -> None:
        await call.until(lambda: bool(call.page.of("response.done")))
        assert notices(call) == ["voice_failed"]
        await call.until(lambda: call.page.of("viva.floor")[-1]["state"] == "listening")
        call.said.append(speech())
        await call.sounds(2)

    call = hold(act, ScriptedSTT(ANSWER), ScriptedTTS(step))
    whole = call.page.of("response.output_audio_transcript.done")[0]["transcript"]
    assert QUESTIONS[0].text in whole
    assert stored(call, Speaker.INTERVIEWER)[0] == whole
    assert stored(call, Speaker.CANDIDATE) == [ANSWER]


def test_a_client_that_lies_about_playback_is_not_believed() -> None:
    async def act(call: Call) -> None:
        await call.sounds(1, 1000)
        for lie in (10**9, -5, 1e300):
            await call.send("viva.playback", response_id=call.page.replies[1], played_ms=lie)
        sent_ms = call.page.queued[1]
        call.said.append(speech())
        await call.until(lambda: bool(call.page.of("conversation.item.truncated")))
        assert call.page.of("conversation.item.truncated")[0]["audio_end_ms"] <= sent_ms + 2000
        await call.sounds(2)

    said = Says(ANSWER, partials=((400.0, "I rebuilt the importer"),))
    call = hold(act, ScriptedSTT(said))
    whole = call.page.of("response.output_audio_transcript.done")[0]["transcript"]
    heard = stored(call, Speaker.INTERVIEWER)[0]
    assert whole.startswith(heard)
    assert len(heard) < len(whole)
    assert stored(call, Speaker.CANDIDATE) == [ANSWER]


def test_done_is_done() -> None:
    """A candidate who says so is answered at once, whatever patience was asked for."""

    async def act(call: Call) -> None:
        await call.send("viva.patience", seconds=10)
        await call.over(1)
        call.said.append(speech())
        await call.until(lambda: not call.said)
        await call.send("input_audio_buffer.commit")
        ended = asyncio.get_running_loop().time()
        await call.sounds(2)
        assert asyncio.get_running_loop().time() - ended < 1.0
        assert len(call.page.of("input_audio_buffer.committed")) == 1

    call = hold(act, ScriptedSTT("I rebuilt the importer because"))
    assert stored(call, Speaker.CANDIDATE) == ["I rebuilt the importer because"]

"""A whole call over the realtime line in virtual time: turns, interruptions, a pulled cable.

Only the engines are scripts: what is recognised, and a tone for a voice. The client plays what it is sent at
the pace of sound and reports how far it is, as a page does.
"""

from __future__ import annotations

import asyncio

import pytest

from audio.endpointing import EndpointPolicy
from interview.events import Speaker, TurnId
from tests.fakes.stt import Says, ScriptedSTT
from tests.fakes.talk import QUESTIONS
from tests.fakes.voice_call import ANSWER, Call, Page, hold, speech


def test_a_spoken_answer_is_followed_by_the_next_question() -> None:
    async def act(call: Call) -> None:
        await call.over(1)
        heard = call.interviewer(0)
        assert QUESTIONS[0].text in heard
        call.said.append(speech())
        await call.sounds(2)
        first_sound = next(at for at, number in call.page.sounded if number == 2)
        # What is waited for is the candidate; what we add to it is less than a frame or two.
        assert first_sound - call.spoken_until < EndpointPolicy().patience_ms * 0.6 / 1000 + 0.1
        (done,) = call.page.of("conversation.item.input_audio_transcription.completed")
        assert done["transcript"] == ANSWER
        await call.over(2)

    call = hold(act, ScriptedSTT(ANSWER))
    (answer,) = [s for s in call.conversation.said if s.speaker is Speaker.CANDIDATE]
    assert (answer.turn, answer.text) == (TurnId(1), ANSWER)


def test_talking_over_the_interviewer_pauses_it_then_cuts_it() -> None:
    began: list[float] = []

    async def act(call: Call) -> None:
        await call.sounds(1, 2000)
        began.append(asyncio.get_running_loop().time())
        call.said.append(speech())
        await call.until(lambda: bool(call.page.of("conversation.item.truncated")))
        (cut,) = call.page.of("conversation.item.truncated")
        assert cut["audio_end_ms"] == pytest.approx(call.page.played[1], abs=220)
        assert call.page.paused_at[0] - began[0] < 0.2
        whole = call.page.of("response.output_audio_transcript.done")[0]["transcript"]
        await call.sounds(2)
        heard = call.interviewer(0)
        assert 0 < len(heard) < len(whole)
        assert whole.startswith(heard)
        assert not any(number == 1 for at, number in call.page.sounded if at > call.page.paused_at[0] + 0.02)

    hold(act, ScriptedSTT(Says(ANSWER, partials=((400.0, "I rebuilt the importer"),))))


def test_a_cough_only_pauses_it() -> None:
    async def act(call: Call) -> None:
        await call.sounds(1, 2000)
        call.said.append(speech(160))
        await call.over(1)
        assert len(call.page.paused_at) == 1
        assert call.page.of("conversation.item.truncated") == []
        assert call.page.of("response.done")[0]["response"]["status"] == "completed"
        assert len(call.page.of("viva.pause")) == len(call.page.of("viva.resume_audio"))
        assert QUESTIONS[0].text in call.interviewer(0)

    hold(act, ScriptedSTT(""))


def test_a_pulled_cable_in_mid_sentence_goes_on_where_it_stopped() -> None:
    async def act(call: Call) -> None:
        await call.sounds(1, 2000)
        old, last = call.page, call.page.events[-1]["event_id"]
        call.line.lost(old)
        await asyncio.sleep(5.0)
        page = Page()
        page.queued, page.played, page.replies = old.queued, old.played, old.replies
        call.page = page
        call.line.attach(page)
        await call.send("viva.resume", token="token", last_event=last)
        await call.over(1)
        assert QUESTIONS[0].text in call.interviewer(0)

    hold(act, ScriptedSTT())

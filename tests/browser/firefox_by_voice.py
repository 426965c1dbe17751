"""An interview by voice in Firefox, whose sound card is only software.

What is measured is what the loudspeaker sounds. Not part of the suite: now and then Firefox stands still
before a PulseAudio without a device. Run it by hand, with Debian's ``firefox-esr`` and ``pulseaudio``:
``pytest tests/browser/firefox_by_voice.py``
"""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import aiohttp
import numpy as np
import pytest
import soundfile

from tests.browser.conftest import ANSWER
from tests.browser.likeness import Samples, likeness, shared
from tests.browser.sound_card import RATE, SoundCard, missing, sound_card
from tests.browser.test_firefox import GUARD_S, Guest, visited

pytestmark = [pytest.mark.browser, pytest.mark.postgres, pytest.mark.timeout(200)]


async def recorded(one: Guest, track: str) -> Samples:
    (response,) = await one.rows("SELECT call_id FROM mock_interview_responses")
    url = f"http://127.0.0.1:{one.viva.port}/v1/calls/{response['call_id']}/audio?track={track}"
    async with aiohttp.ClientSession() as http, http.get(url) as got:
        samples, rate = soundfile.read(io.BytesIO(await got.read()))
    assert rate == RATE
    return np.asarray(samples, float)


def test_an_interview_by_voice(dsn: str, tmp_path: Path, spoken_answer: Path) -> None:
    if lacking := missing():
        pytest.skip(f"{', '.join(lacking)} not installed: Firefox has no sound card to speak and hear with")

    async def talk(one: Guest, card: SoundCard) -> None:
        await one.to_the_check()
        await one.page.press("Allow the microphone")
        await one.page.until("!document.querySelector('#begin').disabled")
        await card.say(spoken_answer)
        await one.reads("#microphone-state", "We hear you.")
        await one.page.press("Begin the interview")
        await card.sounds(15)

        await card.say(spoken_answer)  # over the greeting, and then a silence that ends the answer
        await one.page.until("document.querySelector('.line[data-who=agent][data-state=cut]')")
        before = len(card.loud)
        await one.page.until("document.querySelectorAll('#questions [data-state=saved]').length === 1")
        await card.sounds(5, before)
        one.cable.pull()
        await one.reads("#banner", "You are back.")
        await one.floor("listening")
        await one.end()

        greeting, second = (await one.captions("agent"))[:2]
        assert 3 < len(greeting.split()) < 40, "what was heard of the greeting, and not all of it"
        assert shared(ANSWER, await one.captions("you")) > 0.4
        said, _ = soundfile.read(spoken_answer)
        assert likeness(said, await recorded(one, "candidate")) > 0.5
        interviewer = await recorded(one, "interviewer")
        await card.sounds(3 * len(second.split()) // 2, before)  # no part of it is missing
        assert likeness(card.sound(), interviewer) > 0.8, "the loudspeaker sounds what was sent"
        assert likeness(interviewer, card.sound(before)) > 0.8

    async def work() -> None:
        async with asyncio.timeout(GUARD_S), sound_card() as card:
            await visited(dsn, tmp_path, lambda one: talk(one, card), card.environment)

    asyncio.run(work())

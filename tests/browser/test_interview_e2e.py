"""A person opens the page and is interviewed by voice, by the real server, without a key or a network.

The candidate's voice is synthesised when the test runs, and goes into the page's microphone on demand.
"""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import soundfile
from playwright.async_api import Page, expect

from server.app import Viva, serving
from server.settings import Settings
from tests.browser.cable import Cable
from tests.browser.fake_realtime import RATE
from tests.browser.harness import Ear, WebBrowser
from tests.browser.likeness import Samples, likeness, shared

pytestmark = [pytest.mark.browser, pytest.mark.postgres, pytest.mark.timeout(400)]

ANSWERS = (
    "In my last project I moved our billing service to a queue, and the number of errors went down by half.",
    "First I measured where the time went, then I changed one thing at a time, and I checked the result.",
    "No, thank you. I have no further questions.",
)
MICROPHONE = """
(() => {
  let context, target;
  navigator.mediaDevices.getUserMedia = async () => {
    context = new AudioContext({ sampleRate: 16000 });
    target = context.createMediaStreamDestination();
    await context.resume();
    return target.stream;
  };
  window.say = async (sound) => {
    const bytes = Uint8Array.from(atob(sound), (letter) => letter.charCodeAt(0));
    const buffer = await context.decodeAudioData(bytes.buffer);
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(target);
    const over = new Promise((done) => { source.onended = done; });
    source.start();
    await over;
  };
})();
"""


@pytest.fixture(scope="session")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Spoken answers: WAV files, in base64."""
    flite = shutil.which("flite")
    if flite is None:
        pytest.skip("flite is not installed: nobody can answer the interviewer")
    path: Path = tmp_path_factory.mktemp("answers") / "answer.wav"
    made = []
    for text in ANSWERS:
        subprocess.run([flite, "-voice", "rms", "-t", text, "-o", str(path)], check=True)
        made.append(base64.b64encode(path.read_bytes()).decode())
    return made


@dataclass
class Candidate:
    """Somebody at the page of a real interview."""

    viva: Viva
    cable: Cable
    page: Page
    ear: Ear
    answers: list[str]
    frames: list[str]

    def sent(self) -> str:
        """All words that came of the first reply."""
        events = [json.loads(frame) for frame in self.frames]
        deltas = [e for e in events if e["type"] == "response.output_audio_transcript.delta"]
        return "".join(d["delta"] for d in deltas if d["response_id"] == deltas[0]["response_id"])

    async def say(self, place: int) -> None:
        await self.page.evaluate("(sound) => window.say(sound)", self.answers[place])

    async def begin(self, link: str, voice: bool) -> None:
        await self.page.goto(f"http://127.0.0.1:{self.cable.port}/mock-interview/{link}")
        await self.page.get_by_label("Name").fill("Kim")
        await self.page.get_by_label("E-mail").fill("kim@example.org")
        await self.page.get_by_label("Record my voice").check()
        await self.page.get_by_label("Measure how I speak").check()
        await self.page.get_by_role("button", name="Check my sound").click()
        if not voice:
            await self.page.get_by_role("button", name="Answer by typing instead").click()
            return
        await self.page.get_by_role("button", name="Allow the microphone").click()
        await self.page.get_by_role("button", name="Begin the interview").click()

    async def my_turn(self) -> bool:
        """Wait until the interviewer has spoken. False: it said goodbye."""
        turn = self.page.locator("#floor[data-floor=listening]:visible")
        over = self.page.locator("#farewell-title:visible")
        await expect(self.page.locator("#floor[data-floor=speaking]").or_(over)).to_be_visible(timeout=60_000)
        await expect(turn.or_(over)).to_be_visible(timeout=90_000)
        return not await over.is_visible()

    async def captions(self, who: str) -> list[str]:
        return await self.page.locator(f".line[data-who={who}] p").all_text_contents()

    async def recorded(self, track: str) -> Samples:
        """What was kept of one side of the only call."""
        (response,) = await self.rows("SELECT call_id FROM mock_interview_responses")
        path = f"/v1/calls/{response['call_id']}/audio?track={track}"
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"http://127.0.0.1:{self.viva.port}{path}") as got,
        ):
            assert got.status == 200, await got.text()
            samples, rate = soundfile.read(io.BytesIO(await got.read()))
        assert rate == RATE
        return np.asarray(samples, float)

    async def rows(self, sql: str) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.viva.pool.fetch(sql)]


def interviewed(
    browser: WebBrowser,
    dsn: str,
    answers: list[str],
    folder: Path,
    act: Callable[[Candidate], Awaitable[None]],
    *,
    voice: bool = True,
) -> None:
    settings = Settings(
        database_url=dsn,
        port=0,
        drain_s=0.0,
        stt="moonshine",
        tts="flite",
        data_dir=folder,
        object_store=f"file:{folder}/objects",
        flags=frozenset({"audio_scoring"}),
    )

    @asynccontextmanager
    async def world() -> AsyncIterator[tuple[Candidate, str]]:
        async with (
            serving(settings) as viva,
            Cable(viva.port).laid() as cable,
            browser.page(scripts=(MICROPHONE,)) as (page, ear),
        ):
            wishes: dict[str, Any] = {
                "role": "Backend Developer",
                "scenario": "hr",
                "duration": 5,
                "questions": [{"question": "How do you find out why a service is slow?"}],
            }
            # An interviewer who does not probe: each question is asked and answered once.
            calm = '{"rapport": 5, "exploration": 1, "empathy": 5, "speed": 5}'
            await viva.pool.execute("UPDATE agent_interviewers SET sliders = $1::text::jsonb", calm)
            root = f"http://127.0.0.1:{viva.port}/v1/candidates/mock-ai-interview"
            async with aiohttp.ClientSession() as http, http.post(root, json=wishes) as made:
                link = (await made.json())["callId"]
            frames: list[str] = []

            def take(frame: str | bytes) -> None:
                if isinstance(frame, str):
                    frames.append(frame)

            page.on("websocket", lambda socket: socket.on("framereceived", take))
            yield Candidate(viva, cable, page, ear, answers, frames), link

    async def work() -> None:
        async with world() as (one, link):
            await one.begin(link, voice)
            await act(one)

    browser.run(work, guard_s=360)


def loudness(sound: Samples) -> float:
    """Of its speech, in decibels of full scale."""
    power = (sound[: len(sound) // 160 * 160].reshape(-1, 160) ** 2).mean(1)
    return float(10 * np.log10(power[power > 10**-4.5].mean()))


def torn(sound: Samples) -> int:
    """How often sound is interrupted by digital silence of a millisecond to a tenth of a second."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], sound == 0, [False]])))
    count = 0
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        around = (sound[max(start - 80, 0) : start], sound[end : end + 80])
        loud = all(len(side) == 80 and np.sqrt((side**2).mean()) > 0.02 for side in around)
        count += loud and 16 <= end - start <= 1600
    return count


async def words_are_where_they_sound(one: Candidate, candidate: Samples) -> None:
    """An answer's first and last word begin and end where its sound does, as far as times are estimates."""
    for row in await one.rows("SELECT words FROM mock_interview_answers"):
        words = row["words"] if isinstance(row["words"], list) else json.loads(row["words"])
        start, end = words[0]["start_s"], words[-1]["end_s"]
        around = candidate[int((start - 1) * RATE) : int((end + 1) * RATE)]
        loud = np.flatnonzero(np.abs(around) > 0.01) / RATE + start - 1
        assert loud[0] == pytest.approx(start, abs=0.3)
        assert loud[-1] == pytest.approx(end, abs=0.3)


def test_a_whole_interview_by_voice(
    browser: WebBrowser, dsn: str, answers: list[str], tmp_path: Path
) -> None:
    async def act(one: Candidate) -> None:
        turns = 0
        for _ in range(3):
            await one.page.get_by_role("button", name="Faster").click()
        while await one.my_turn():
            assert turns < 8, "the interview does not come to an end"
            await one.say(0 if turns == 0 else -1)
            await one.page.keyboard.press("Alt+d")
            turns += 1
        await expect(one.page.get_by_role("heading", name="That was your interview.")).to_be_visible()
        assert turns >= 3
        assert one.ear.loud_ms > 3000
        await one.page.get_by_text("What was said").click()
        # The recogniser is for demonstrations only: half of the words is what it can be held to.
        assert shared(ANSWERS[0], await one.captions("you")) > 0.5
        assert "How do you find out why a service is slow?" in " ".join(await one.captions("agent"))
        (response,) = await one.rows("SELECT is_ended, transport FROM mock_interview_responses")
        assert response == {"is_ended": True, "transport": "realtime"}
        assert len(await one.rows("SELECT 1 FROM mock_interview_answers")) >= 2
        said, _ = soundfile.read(io.BytesIO(base64.b64decode(answers[0])))
        candidate, interviewer = await one.recorded("candidate"), await one.recorded("interviewer")
        assert len(candidate) == len(interviewer)
        assert likeness(said, candidate) > 0.8
        assert np.count_nonzero(np.abs(interviewer) > 0.02) / RATE > 3
        assert np.abs(interviewer).max() < 0.9
        assert loudness(interviewer) == pytest.approx(-20, abs=1.5)
        assert torn(interviewer) < 3, "a machine that stalls may tear a word, the clock of the sound must not"
        await words_are_where_they_sound(one, candidate)

    interviewed(browser, dsn, answers, tmp_path, act)


def test_a_barge_in_silences_and_a_pulled_cable_comes_back(
    browser: WebBrowser, dsn: str, answers: list[str], tmp_path: Path
) -> None:
    async def act(one: Candidate) -> None:
        await one.ear.until(lambda ear: ear.loud_ms > 1000)
        await one.say(0)
        await one.ear.until(lambda ear: ear.quiet_ms > 300)
        await expect(one.page.locator(".line[data-who=agent][data-state=cut]")).to_be_visible()
        # What was sent of the greeting was more than what was heard of it.
        await expect(one.page.locator(".line[data-who=agent]").first).not_to_have_text(one.sent())
        (heard,) = await one.captions("agent")
        assert 0 < len(heard.split()) < len(one.sent().split())
        assert one.sent().startswith(heard)
        before = one.ear.loud_ms
        await one.ear.until(lambda ear: ear.loud_ms > before + 500)
        one.cable.pull()
        await expect(one.page.locator("#banner")).to_contain_text("You are back.", timeout=60_000)
        assert await one.my_turn()
        assert shared(ANSWERS[0], await one.captions("you")) > 0.5
        await one.page.get_by_role("button", name="End", exact=True).click()
        await one.page.get_by_role("button", name="End it").click()
        await expect(one.page.get_by_role("heading", name="You ended the interview.")).to_be_visible()

    interviewed(browser, dsn, answers, tmp_path, act)


def test_an_interview_in_writing(browser: WebBrowser, dsn: str, answers: list[str], tmp_path: Path) -> None:
    async def act(one: Candidate) -> None:
        assert await one.my_turn()
        await one.page.get_by_label("Your answer in writing").fill(ANSWERS[0])
        await one.page.keyboard.press("Enter")
        await expect(one.page.locator(".line[data-who=agent]")).to_have_count(2)
        assert await one.captions("you") == [ANSWERS[0]]
        await expect(one.page.locator("#questions [data-state=saved]")).to_have_count(1)

    interviewed(browser, dsn, answers, tmp_path, act, voice=False)

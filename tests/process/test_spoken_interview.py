"""Spoken interviews with a real server process: no key, no network, a synthesised candidate.

The voice is a synthesiser's and the recogniser the one that needs no download. What is waited for is sound,
counted in samples, or a row in the database.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from audio import tts_local
from audio.pcm import EAR_RATE
from server.simulate.candidate import Candidate, Registered, register
from server.simulate.candidate_line import CandidateLine
from server.simulate.candidate_script import Act, Step
from server.simulate.candidate_sound import CandidateVoice, local_voice
from tests.fakes.books import Books
from tests.fakes.own_server import OwnServer, own_server

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

SETTINGS = {"VIVA_STT": "moonshine", "VIVA_MODELS_PULL": "off"}
SPEED = 4.0
WISHES: dict[str, Any] = {
    "duration": 5,
    "scenario": "hr",
    "questions": [{"question": "How do you find out why a service is slow?"}],
}
FIRST = (
    "I measure where the time goes and then I change one thing at a time, and after every change I look at"
    " the numbers again and tell the team what I found."
)
OTHERS = (
    "We moved the billing service to a queue and the errors went down by half.",
    "My manager asked the whole team and we agreed on a new date.",
    "No, thank you. I have no further questions.",
)


@asynccontextmanager
async def candidate(call: Registered) -> AsyncIterator[Candidate]:
    voice = CandidateVoice(await asyncio.to_thread(local_voice))
    try:
        async with CandidateLine(call.url, call.token, speed=SPEED) as line:
            yield Candidate(line, voice)
    finally:
        await voice.aclose()


def needs_a_voice() -> None:
    if not (tts_local.flite_here() or tts_local.espeak_here()):
        pytest.skip("neither flite nor espeakng-loader is installed: nobody can answer the interviewer")


async def got(server: OwnServer, path: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as http, http.get(f"{server.url}{path}") as answer:
        kind = answer.headers["Content-Type"]
        return answer.status, await (answer.json() if "json" in kind else answer.read())


async def until_analysed(server: OwnServer, books: Books, call_id: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while (found := await got(server, f"/api/get-call?call_id={call_id}"))[0] != 200:
            await books.rows("SELECT pg_sleep(0.05)")
    told: dict[str, Any] = found[1]
    return told


async def track(server: OwnServer, call_id: str, which: str) -> npt.NDArray[np.float64]:
    status, wav = await got(server, f"/v1/calls/{call_id}/audio?track={which}")
    assert status == 200
    samples, rate = soundfile.read(io.BytesIO(wav))
    assert rate == EAR_RATE
    return np.asarray(samples, float)


def rms(samples: npt.NDArray[np.float64]) -> float:
    """Of what is not silence."""
    loud = samples[np.abs(samples) > 0.01]
    return float(np.sqrt(np.mean(loud**2))) if len(loud) else 0.0


def test_a_spoken_interview_is_understood_recorded_measured_and_scored(data_dir: Path) -> None:
    needs_a_voice()
    todo = [
        Step(Act.SPEAK, FIRST, over_s=1.5),
        Step(Act.DROP, over_s=0.5),
        *(Step(Act.SPEAK, text) for text in OTHERS),
        *(Step(Act.SPEAK, OTHERS[-1]) for _ in range(8)),
    ]

    async def act() -> None:
        async with own_server(data_dir, **SETTINGS) as server:
            call = await register(server.url, **WISHES)
            books = await Books.open(data_dir)
            async with candidate(call) as one:
                ended = await one.hold(todo)
                line = one.line
            assert line.check.violations == []
            assert ended == "finished"
            assert all(turn.heard for turn in one.turns), "every answer was understood as something"
            assert len(line.measured.silenced) == 1
            assert line.measured.silenced[0] < 1000
            cut = [e for e in line.events if e["type"] == "conversation.item.truncated"]
            assert len(cut) == 1
            assert line.sockets == 2
            assert line.resumed is not None
            assert line.resumed["complete"]
            told = await until_analysed(server, books, call.call_id)
            assert told["is_analysed"]
            await check_recording(server, call.call_id, line)
            await check_answers(server, books, call.call_id)
            status, card = await got(server, f"/v1/candidates/mock-ai-interview/{call.session_id}/scorecard")
            assert status == 200
            assert card["questions"]
            await books.close()
            assert await server.stop() == 0

    async def check_recording(server: OwnServer, call_id: str, line: CandidateLine) -> None:
        kept = [path for path in (data_dir / "objects").rglob("*") if path.is_file() and call_id in str(path)]
        assert kept, "the recording is in the object store"
        said, sounded = [await track(server, call_id, which) for which in ("candidate", "interviewer")]
        assert len(said) == len(sounded)
        # What was on its way when the cable was pulled is lost; all else is there.
        assert len(said) / EAR_RATE == pytest.approx(line.seconds, abs=3.0)
        assert rms(said) > 0.02
        assert rms(sounded) > 0.02
        spoken_s = np.count_nonzero(np.abs(said) > 0.01) / EAR_RATE
        heard_s = np.count_nonzero(np.abs(sounded) > 0.01) / EAR_RATE
        assert 0.2 < spoken_s / (line.measured.said_ms / 1000) < 1.0
        assert 0.2 < heard_s / (line.measured.heard_ms / 1000) < 1.0

    async def check_answers(server: OwnServer, books: Books, call_id: str) -> None:
        rows = await books.rows("SELECT * FROM mock_interview_answers ORDER BY turn")
        assert len(rows) >= 3
        for row in rows:
            assert row["text"].strip()
            assert json.loads(row["words"])
            measured = json.loads(row["delivery"])
            assert {"pace", "fillers", "longest_pause"} <= measured.keys()
            for one in measured.values():
                assert (one["value"] is None) == bool(one["reason"]), "a number, or why there is none"
            start, end = row["start_ms"] / 1000, (row["start_ms"] + row["duration_ms"]) / 1000
            assert row["audio_uri"].startswith(f"/v1/calls/{call_id}/audio?")
            status, wav = await got(server, row["audio_uri"])
            assert status == 200
            samples, rate = soundfile.read(io.BytesIO(wav))
            assert len(samples) / rate == pytest.approx(end - start, abs=0.1)
            assert rms(np.asarray(samples, float)) > 0.02, "where the answer is said to be, somebody speaks"
        measured = json.loads(rows[0]["delivery"])
        assert 60 < measured["pace"]["value"] < 300

    asyncio.run(act())


def test_a_spoken_interview_goes_on_at_the_same_question_after_a_kill(data_dir: Path) -> None:
    needs_a_voice()

    def asked(line: CandidateLine) -> str:
        found = [event["id"] for event in line.events if event["type"] == "viva.question"]
        return str(found[-1])

    async def act() -> None:
        async with own_server(data_dir, **SETTINGS) as first:
            call = await register(first.url, **WISHES)
            async with candidate(call) as one:
                line = one.line
                await one.hold([Step(Act.SPEAK, FIRST, over_s=1.0)])
                await line.until(lambda: any(e["type"] == "viva.answer.saved" for e in line.events))
                question, sockets = asked(line), line.sockets
                await first.kill()
                async with own_server(data_dir, **SETTINGS) as second:
                    line.url = call.url.replace(first.url.split("//")[1], second.url.split("//")[1])
                    await line.until(lambda: line.sockets > sockets and line.resumed is not None)
                    assert line.resumed is not None
                    assert not line.resumed["complete"]
                    await line.until(lambda: line.events[-1]["type"] != "viva.resumed")
                    assert asked(line) == question, "it goes on at the same question"
                    books = await Books.open(data_dir)
                    before = await books.rows("SELECT turn, text FROM mock_interview_answers ORDER BY turn")
                    assert before, "the answer before the kill is kept"
                    assert await one.hold([Step(Act.SPEAK, OTHERS[0])]) == "steps over"
                    assert one.turns[-1].heard
                    after = await books.rows("SELECT turn, text FROM mock_interview_answers ORDER BY turn")
                    assert after[: len(before)] == before
                    assert len(after) == len(before) + 1
                    await books.close()
                    assert line.check.violations == []

    asyncio.run(act())

"""What the candidate agreed to: kept as proof, and gone by."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio.delivery import DeliveryMeter
from audio.pcm import EAR_RATE
from server.call_sound import Agreed, CallSound, keeping_sound, open_sound
from server.recordings import Recordings
from storage.objects import open_objects
from tests.fakes.rest import Rest, serve

TICKS = {"version": "2026-11-24", "locale": "en-GB", "record_audio": True, "audio_measurements": False}


def registration(session: str, consent: Any) -> dict[str, Any]:
    person = {"session_id": session, "email": "kim@example.org", "name": "Kim", "transport": "realtime"}
    return person if consent is None else person | {"consent": consent}


def test_each_tick_goes_into_the_ledger_with_the_text_it_was_given_to(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        session = await rest.create(role="Nurse")
        made = await rest.post("/api/register-call", registration(session, TICKS))
        assert made.status == 201
        rows = await rest.viva.pool.fetch(
            "SELECT kind, granted, text_version, locale, candidate_id, call_id FROM consents ORDER BY kind"
        )
        assert [tuple(row) for row in rows] == [
            (kind, granted, "2026-11-24", "en-GB", "local", made.json["callId"])
            for kind, granted in (
                ("ai_disclosed", True),
                ("audio_measurements", False),
                ("record_audio", True),
            )
        ]

    serve(dsn, act)


def test_a_refusal_makes_no_call(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        session = await rest.create(role="Nurse")
        for refused in (False, TICKS | {"ai_disclosed": False}):
            answer = await rest.post("/api/register-call", registration(session, refused))
            assert (answer.status, answer.json["code"]) == (403, "no_consent")
        assert await rest.viva.pool.fetchval("SELECT count(*) FROM mock_interview_responses") == 0

    serve(dsn, act)


def test_without_ticks_the_call_is_made_and_nothing_is_agreed(dsn: str) -> None:
    async def act(rest: Rest) -> None:
        session = await rest.create(role="Nurse")
        for given in (None, True):
            answer = await rest.post("/api/register-call", registration(session, given))
            assert answer.status == 201
        assert await rest.viva.pool.fetchval("SELECT count(*) FROM consents") == 0

    serve(dsn, act)


def speech(ms: int) -> bytes:
    t = np.arange(ms * 24) / 24000
    return (8000 * np.sin(2 * np.pi * 150 * t)).astype("<i2").tobytes()


def test_the_talk_share_counts_what_sounded_before_the_answer() -> None:
    sound = CallSound(None, DeliveryMeter()).begin(24_000, 24_000)
    for piece in range(20):
        sound.sounded(speech(100), piece * 100)
    sound.cut(1500)
    for _ in range(400):
        sound.heard(speech(20))
    report = sound.report(3.5, 8.0, [])
    assert report is not None
    assert report.measures["talk_share"].value == pytest.approx(4.5 / 6.0, abs=0.02)
    again = sound.report(8.0, 8.0, [])
    assert again is not None
    assert again.measures["talk_share"].reason == "nothing was said"


def test_only_what_was_agreed_to_is_kept_and_measured(tmp_path: Path) -> None:
    async def sound(agreed: Agreed) -> tuple[CallSound, int]:
        store = await asyncio.to_thread(open_objects, f"file:{tmp_path}/objects")
        recordings = Recordings(tmp_path / "recordings", store)
        found = (await open_sound(recordings, "call_1", agreed)).begin(24_000, 24_000)
        async with keeping_sound(recordings, found):
            for _ in range(300):
                found.heard(speech(20))
            found.sounded(speech(100), 50)
        size = sum(one.size for one in await store.list("recordings"))
        await recordings.delete("call_1")
        return found, size

    async def act() -> None:
        nothing, size = await sound(Agreed())
        assert (nothing.report(0, 6, []), size) == (None, 0)
        measured, size = await sound(Agreed(audio_measurements=True))
        report = measured.report(0, 6, [])
        assert report is not None
        assert report.measures["pitch_variation"].value is not None
        assert size == 0
        kept, size = await sound(Agreed(record_audio=True))
        assert kept.report(0, 6, []) is None
        assert abs(size - 6 * EAR_RATE * 4) < 3000

    asyncio.run(act())

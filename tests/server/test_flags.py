"""Every flag in both positions: off, nothing of it happens, and nothing else changes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import numpy as np
import pytest

from audio.pcm import EAR_RATE
from server import voice as module
from server.call_sound import CallSound
from server.callbook import Found
from server.settings import FLAGS, ON_BY_DEFAULT, RESERVED_FLAGS, Settings, load_settings
from server.voice import open_voice
from storage.objects import open_objects
from storage.results import PostgresResults
from tests.fakes.killable_worker import judge
from tests.fakes.realtime import FakeVoice, joined, register
from tests.fakes.rest import Rest, serve
from tests.fakes.world import World, hold
from tests.storage.samples import a_response


def test_every_flag_is_tried_here() -> None:
    assert {"audio_scoring", "realtime_scoring", *RESERVED_FLAGS} == set(FLAGS)


@pytest.mark.parametrize("flag", FLAGS)
def test_each_is_switched_by_itself(flag: str) -> None:
    others = ON_BY_DEFAULT - {flag}
    assert load_settings({"VIVA_FLAGS": f"{flag}=on"}, None).flags == others | {flag}
    assert load_settings({"VIVA_FLAGS": f"{flag}=off"}, None).flags == others


# --- audio_scoring -----------------------------------------------------------------------------------


class Idle:
    """An engine that nobody uses in this test."""

    name, note = "idle", ""

    async def aclose(self) -> None:
        """Nothing to close."""

    async def run(self) -> None:
        await asyncio.Event().wait()

    warm = run


@pytest.mark.parametrize("is_on", [True, False])
def test_without_audio_scoring_nothing_is_measured_whatever_was_agreed(
    is_on: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def build_stt(*_: Any) -> tuple[Idle, Any]:
        return Idle(), SimpleNamespace(line=lambda: "idle")

    async def build_tts(*_: Any) -> tuple[Idle, Any]:
        return Idle(), SimpleNamespace(line=lambda: "idle")

    async def no_recogniser(*_: Any) -> None:
        return None

    for name, stand_in in (
        ("build_stt", build_stt),
        ("build_tts", build_tts),
        ("_recogniser", no_recogniser),
        ("Silero", lambda: None),
        ("VadPool", lambda _: Idle()),
        ("build_line_cache", lambda *_: None),
    ):
        monkeypatch.setattr(module, name, stand_in)
    settings = Settings(data_dir=tmp_path, flags=frozenset({"audio_scoring"} if is_on else ()))
    agreed = {"granted": {"audio_measurements": True, "record_audio": False}}
    found = cast(Found, SimpleNamespace(response=replace(a_response(), consent=agreed)))
    hum = (8000 * np.sin(2 * np.pi * 150 * np.arange(3 * EAR_RATE) / EAR_RATE)).astype("<i2").tobytes()

    async def act() -> None:
        objects = await asyncio.to_thread(open_objects, f"file:{tmp_path}")
        async with (
            aiohttp.ClientSession() as session,
            open_voice(settings, session, objects, []) as engines,
        ):
            tap = (await engines.voice(found)).tap
            assert tap is not None
            sound = tap(EAR_RATE, EAR_RATE)
            assert isinstance(sound, CallSound)
            sound.heard(hum)
            assert (sound.report(0.0, 3.0, []) is not None) is is_on

    asyncio.run(act())


# --- realtime_scoring --------------------------------------------------------------------------------


@pytest.mark.postgres
@pytest.mark.parametrize(("is_on", "wished"), [(True, True), (False, True), (True, False)])
def test_without_realtime_scoring_no_score_is_shown_during_the_call(
    dsn: str, is_on: bool, wished: bool
) -> None:
    async def act(world: World) -> None:
        call = await register(world.http, world.base, realtimeScoring=wished)
        async with joined(world.http, call) as client:
            await client.update({})
            await client.until("response.done")
            found = judge("q1")
            results = PostgresResults(world.viva.pool)
            assert await results.save_evaluation(
                call.call_id, "q1", "d", found, {v.dimension: [None] for v in found.verdicts}
            )
            if is_on and wished:
                shown = await client.until("viva.score")
                assert (shown["question_id"], shown["overall"]) == ("q1", found.overall)
            else:
                await client.pong(1)
                assert "viva.score" not in {event["type"] for event in client.seen}
            await client.send("viva.end")
            await client.closed()
        await world.gone(call.call_id)
        assert len(await world.rows("SELECT 1 FROM mock_interview_evaluations")) == 1, (
            "it is scored all the same"
        )

    hold(dsn, act, voice=FakeVoice(), flags=frozenset({"realtime_scoring"} if is_on else ()))


# --- names that are taken, with nothing behind them yet ----------------------------------------------


@pytest.mark.postgres
@pytest.mark.parametrize("flag", sorted(RESERVED_FLAGS))
def test_a_flag_with_nothing_behind_it_changes_nothing(dsn: str, flag: str) -> None:
    served: list[Any] = []

    async def act(rest: Rest) -> None:
        routes = {(route.method, str(route.resource)) for route in rest.viva.app.router.routes()}
        made = await rest.post("/v1/candidates/mock-ai-interview", {"role": "Nurse"})
        assert made.status == 201
        served.append((sorted(map(str, routes)), (await rest.get("/openapi.json")).json))

    for flags in (ON_BY_DEFAULT, ON_BY_DEFAULT | {flag}):
        serve(dsn, act, flags=flags)
    assert served[0] == served[1]

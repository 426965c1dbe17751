"""Retell's recording comes into our store, under consent, from nowhere but where it may; then quotes play."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from yarl import URL

from server.audio_links import AudioLinks
from server.recordings import Recordings
from server.retell_recording import (
    PublicOnly,
    RecordingError,
    RetellRecordings,
    _checked,
    is_public,
)
from server.scorecard import Sheet
from server.scorecard_views import ScorecardView
from server.settings import Settings
from server.worker_app import open_worker
from storage.job_runner import Job, TryAgain
from storage.jobs import RECORDING, recording_job
from storage.objects import open_objects
from storage.ports import NotFound
from storage.reviews import Reviews
from tests.fakes.aftermath import SAID, After
from tests.fakes.retell_api import FakeRetellApi
from tests.server.test_aftermath_retell import TALK, at_retell, record, told
from tests.server.test_worker import GUARD_S, RUBRICS, until

AGREED = {"version": "1", "locale": "en", "granted": {"record_audio": True}}
RATE = 24_000


def recording(seconds: float = 130.0) -> bytes:
    """Two channels, the interviewer first; the candidate's hum where `TALK` has them say something."""
    sound = np.zeros((int(seconds * RATE), 2), np.int16)
    at = np.arange(len(sound)) / RATE
    for start, text in ((5.0, SAID["q1"]), (40.0, SAID["q2"]), (90.0, SAID["q3"])):
        there = (at >= start) & (at < start + len(text.split()))
        sound[there, 1] = (8000 * np.sin(2 * np.pi * 300 * at[there])).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, sound, RATE, format="WAV")
    return file.getvalue()


@dataclass
class Desk:
    after: After
    fake: FakeRetellApi
    sounds: RetellRecordings
    queued: list[Job]

    async def fetch(self, *, last: bool = False) -> None:
        """Do the job that the analysis has queued."""
        (job,) = self.queued
        await self.sounds.fetch(replace(job, last=last))

    async def kept(self) -> Any:
        (row,) = await self.after.rows("SELECT recording FROM mock_interview_responses")
        return row["recording"]

    async def card(self) -> ScorecardView:
        found = await self.after.aftermath.runs.record("call1")
        links = AudioLinks("s" * 40, lambda: 0.0)
        return Sheet(found.stored, [found.response], found, Reviews(), RUBRICS, sound=links).view()


def at_desk(
    dsn: str, folder: Path, act: Callable[[Desk], Awaitable[None]], consent: dict[str, Any] | None = None
) -> None:
    """A Retell call that was held and analysed; its recording is at the stand-in's ``/recordings/1.wav``."""

    async def inside(after: After, fake: FakeRetellApi) -> None:
        store = await asyncio.to_thread(open_objects, f"file:{folder}/objects")
        assert after.retell is not None
        sounds = RetellRecordings(
            after.aftermath.runs,
            after.retell,
            Recordings(folder / "recordings", store),
            folder / "fetching",
            URL(fake.url),
        )
        await after.register(transport="retell", consent=AGREED if consent is None else consent)
        fake.calls["call1"] = record(*TALK, recording_multi_channel_url=f"{fake.url}/recordings/1.wav")
        fake.sounds["1.wav"] = recording()
        desk = Desk(after, fake, sounds, [])

        async def later(job: Job) -> None:
            desk.queued.append(job)

        after.aftermath = replace(after.aftermath, also={RECORDING: later})
        await told(after)
        await act(desk)

    at_retell(dsn, inside)


@pytest.mark.postgres
def test_quotes_of_a_retell_call_play_once_its_recording_is_here(dsn: str, tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        before = await desk.card()
        assert before.audio.reason == "Retell's recording of the call has not been fetched yet."
        assert before.questions[0].dimensions[0].quotes[0].url is None
        await desk.fetch()
        assert await desk.kept() == {"channels": 2, "seconds": 130.0}
        card = await desk.card()
        assert card.audio.available
        quote = card.questions[0].dimensions[0].quotes[0]
        assert (quote.start_s, quote.end_s) == (5.0, 8.5)
        assert quote.url is not None
        assert quote.url.startswith("/v1/calls/call1/audio?start=4.80&end=8.90&track=candidate&expires=")
        heard = await desk.sounds.recordings.stretch("call1", 4800, 8900, 0)
        sound, rate = soundfile.read(io.BytesIO(heard))
        assert (rate, len(sound)) == (16_000, 16_000 * 41 // 10)
        assert np.abs(sound[: 16_000 // 10]).max() < 0.01, "silence before the first word"
        assert np.abs(sound[16_000 // 2 :]).max() > 0.2
        other, _ = soundfile.read(io.BytesIO(await desk.sounds.recordings.stretch("call1", 4800, 8900, 1)))
        assert np.abs(other).max() < 0.01, "the interviewer said nothing then"
        assert list(desk.sounds.folder.iterdir()) == []
        # Once more: nothing is fetched twice.
        await desk.fetch()
        assert desk.fake.fetched == ["1.wav"]

    at_desk(dsn, tmp_path, act)


@pytest.mark.postgres
def test_the_worker_fetches_it(dsn: str, tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        settings = Settings(
            database_url=dsn,
            data_dir=tmp_path,
            object_store=f"file:{tmp_path}/objects",
            retell_api_key=desk.fake.api_key,
            retell_base_url=desk.fake.url,
        )
        async with asyncio.timeout(GUARD_S), open_worker(settings, dsn):
            await desk.after.jobs.add(recording_job("call1"))
            await until(desk.after, "SELECT count(*) FROM pgqueuer", 0)
        assert await desk.kept()
        assert await desk.sounds.recordings.stretch("call1", 4800, 8900, 0)

    at_desk(dsn, tmp_path, act)


@pytest.mark.postgres
def test_without_consent_nothing_is_fetched(dsn: str, tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        assert desk.queued == []
        await desk.sounds.fetch(Job(1, RECORDING, {"call_id": "call1"}, 0, last=False))
        assert (desk.fake.fetched, await desk.kept()) == ([], None)
        assert (await desk.card()).audio.reason == "The call was not recorded."

    at_desk(dsn, tmp_path, act, {"version": "1", "locale": "en", "granted": {"record_audio": False}})


@pytest.mark.postgres
def test_a_recording_that_is_not_there_yet_is_waited_for(dsn: str, tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        call = desk.fake.calls["call1"]
        del call["recording_multi_channel_url"], call["recording_url"]
        with pytest.raises(TryAgain, match="no recording of this call yet"):
            await desk.fetch()
        await desk.fetch(last=True)
        del desk.fake.calls["call1"]
        await desk.fetch()  # forgotten
        assert await desk.kept() is None

    at_desk(dsn, tmp_path, act)


@pytest.mark.postgres
def test_what_goes_wrong_is_told_without_the_address_and_leaves_nothing(dsn: str, tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        fake, cases = desk.fake, list[tuple[bytes | int | str, str]]()
        cases += [
            (403, "could not be fetched .403."),
            (b"<html>Not here</html>", "no format"),
            (b"", "no format"),
            (recording(5.0)[:30], "no format"),
            ("http://127.0.0.1:1/secret", "none is fetched from"),
            ("https://10.0.0.1/secret", "none is fetched from"),
            (f"{fake.url}/recordings/1.wav", "too many redirects"),
            ("http://[", "no address"),
        ]
        for answer, why in cases:
            fake.sounds["1.wav"] = answer
            with pytest.raises(RecordingError, match=why) as caught:
                await desk.fetch()
            assert "secret" not in str(caught.value)
            assert "127.0.0.1" not in str(caught.value)
        fake.sounds["1.wav"] = recording()
        small = replace(desk.sounds, max_bytes=100_000)
        with pytest.raises(RecordingError, match="too large"):
            await replace(desk, sounds=small).fetch()
        assert await desk.kept() is None
        assert list(desk.sounds.folder.iterdir()) == []
        fake.sounds |= {"0.wav": recording(), "1.wav": f"{fake.url}/recordings/0.wav"}
        await desk.fetch()  # one redirect is followed
        assert await desk.kept()

    at_desk(dsn, tmp_path, act)


@pytest.mark.postgres
def test_a_call_that_is_deleted_meanwhile_leaves_no_recording(dsn: str, tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        keep = Recordings.take_over

        class Deleting(Recordings):
            async def take_over(self, call_id: str, file: Path) -> None:
                await keep(self, call_id, file)
                await desk.after.pool.execute("DELETE FROM mock_interview_sessions")

        late = Deleting(desk.sounds.recordings.folder, desk.sounds.recordings.store)
        await replace(desk, sounds=replace(desk.sounds, recordings=late)).fetch()
        with pytest.raises(NotFound):
            await late.stretch("call1", 0, 1000, None)

    at_desk(dsn, tmp_path, act)


@pytest.mark.parametrize(
    "place",
    [
        "https://recordings.example/1.wav",
        "https://d1.cloudfront.net/a/recording.wav?Signature=x",
        "https://recordings.example:443/1.wav",
        "http://retell-proxy:8080/recordings/1.wav",
    ],
)
def test_where_recordings_may_lie(place: str) -> None:
    assert str(_checked(place, URL("http://retell-proxy:8080"))).startswith("http")


@pytest.mark.parametrize(
    "place",
    [
        "http://recordings.example/1.wav",
        "https://recordings.example:8443/1.wav",
        "https://user:word@recordings.example/1.wav",
        "https://127.0.0.1/1.wav",
        "https://2130706433/1.wav",
        "https://[::1]/1.wav",
        "https://localhost/1.wav",
        "https://retell-proxy/1.wav",
        "http://retell-proxy:9000/1.wav",
        "http://x@retell-proxy:8080/1.wav",
        "file:///etc/passwd",
        "ftp://recordings.example/1.wav",
        "//recordings.example/1.wav",
        "1.wav",
        "https://",
        "",
    ],
)
def test_where_they_may_not(place: str) -> None:
    with pytest.raises(RecordingError):
        _checked(place, URL("http://retell-proxy:8080"))


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("2002:7f00:1::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("nonsense", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_a_name_that_leads_inside_leads_nowhere() -> None:
    async def act() -> None:
        strict, trusting = PublicOnly(None), PublicOnly(URL("http://localhost:8080"))
        with pytest.raises(OSError, match="no public address"):
            await strict.resolve("localhost", 443)
        assert await trusting.resolve("localhost", 8080)
        await strict.close()
        await trusting.close()

    asyncio.run(act())

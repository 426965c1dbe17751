"""What every vendor's adapter must do on the wire, against its fake; and that the fake speaks the wire."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from subprocess import run as run_process
from typing import Any

import aiohttp
import numpy as np
import pytest

from audio.tts import TTS, TtsError, TtsRefused, TtsUnavailable
from audio.tts_azure import AzureTTS, ssml
from audio.tts_elevenlabs import ElevenLabsTTS
from tests.audio.tts_contract import CLAUSES, azure, drain, elevenlabs, given, run, seconds
from tests.fakes.tts_vendors import (
    KEY,
    MS_PER_CHAR,
    RATE,
    Die,
    Fail,
    FakeAzureSpeech,
    FakeElevenLabs,
    Raw,
    Say,
    SpeechVendor,
    Stall,
    Step,
    sound,
)

Open = Callable[[SpeechVendor], AbstractAsyncContextManager[TTS]]
TINY_S = 0.1


def _azure(vendor: SpeechVendor) -> AbstractAsyncContextManager[TTS]:
    return azure(vendor, timeout=aiohttp.ClientTimeout(total=None, sock_connect=5.0, sock_read=TINY_S))


def _elevenlabs(vendor: SpeechVendor) -> AbstractAsyncContextManager[TTS]:
    return elevenlabs(vendor, read_s=TINY_S)


vendors = pytest.mark.parametrize(
    ("fake", "open_"), [(FakeAzureSpeech, azure), (FakeElevenLabs, elevenlabs)], ids=["azure", "elevenlabs"]
)
impatient = pytest.mark.parametrize(
    ("fake", "open_"), [(FakeAzureSpeech, _azure), (FakeElevenLabs, _elevenlabs)], ids=["azure", "elevenlabs"]
)
Fake = Callable[[tuple[Step, ...]], SpeechVendor]


@vendors
def test_the_sound_is_the_vendors_to_the_sample(fake: Fake, open_: Open) -> None:
    async def go() -> None:
        vendor = fake((Say(),))
        async with open_(vendor) as tts:
            sounds, error = await drain(tts, *CLAUSES)
            assert error is None
            assert vendor.texts == list(CLAUSES)
            first = b"".join(s.pcm for s in sounds if s.clause == 0)
            assert len(first) == pytest.approx(len(sound(CLAUSES[0])), abs=2 * MS_PER_CHAR * RATE // 1000)
            assert np.abs(np.frombuffer(first, "<i2").astype(np.int32)).max() <= 3000

    run(go())


@vendors
@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Fail(400, 1008), TtsRefused),
        (Fail(401, 1008), TtsRefused),
        (Fail(429, 1013), TtsUnavailable),
        (Fail(503, 1011), TtsUnavailable),
        (Die(), TtsUnavailable),
    ],
    ids=str,
)
def test_each_failure_has_its_error(fake: Fake, open_: Open, step: Step, expected: type[TtsError]) -> None:
    async def go() -> None:
        async with open_(fake((step,))) as tts:
            _, error = await drain(tts, "Say PRIVATE things.")
            assert type(error) is expected
            assert error.adapter == tts.name

    run(go())


@impatient
@pytest.mark.parametrize("silent", [True, False])
def test_a_vendor_that_goes_silent_is_given_up(fake: Fake, open_: Open, silent: bool) -> None:
    async def go() -> None:
        vendor = fake((Stall(silent),))
        async with open_(vendor) as tts:
            sounds, error = await drain(tts, CLAUSES[0])
            assert isinstance(error, TtsUnavailable)
            assert (seconds(sounds, tts.rate) == 0) is silent
            await vendor.aborted.wait()

    run(go())


@vendors
def test_nobody_listening(fake: Fake, open_: Open) -> None:
    async def go() -> None:
        async with aiohttp.ClientSession() as session:
            async with fake((Say(),)).serve() as base:
                pass
            for tts in (AzureTTS(session, key=KEY, base=base), ElevenLabsTTS(session, key=KEY, base=base)):
                assert isinstance((await drain(tts, "Hello."))[1], TtsUnavailable)

    run(go())


@vendors
def test_closing_and_cancelling_hang_up(fake: Fake, open_: Open) -> None:
    async def go() -> None:
        for how in ("close", "cancel"):
            vendor = fake((Stall(),))
            async with open_(vendor) as tts:
                if how == "close":
                    async with (
                        aclosing(given(*CLAUSES)) as source,
                        aclosing(tts.speak(source, "male_1")) as stream,
                    ):
                        await anext(stream)
                else:
                    task = asyncio.create_task(drain(tts, *CLAUSES))
                    await vendor.asked.wait()
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
                await vendor.aborted.wait()

    run(go())


@vendors
@pytest.mark.parametrize("key", ["WRONG", "with\nnewline"])
def test_a_wrong_key_is_refused(fake: Fake, open_: Open, key: str) -> None:
    async def go() -> None:
        make = AzureTTS if fake is FakeAzureSpeech else ElevenLabsTTS
        async with fake((Say(),)).serve() as base, aiohttp.ClientSession() as session:
            _, error = await drain(make(session, key=key, base=base), "Hello.")
            assert isinstance(error, TtsRefused)

    run(go())


def test_azure_is_sent_escaped_ssml() -> None:
    async def go() -> FakeAzureSpeech:
        vendor = FakeAzureSpeech((Say(),))
        async with azure(vendor) as tts:
            await drain(tts, "<break time='9s'/> R&D \u0007", voice="male_2", speed=0.85)
        return vendor

    vendor = run(go())
    assert vendor.texts == ["<break time='9s'/> R&D "]
    assert vendor.voices == ["en-GB-RyanNeural"]
    assert vendor.sent == [{"rate": "-15%"}]
    assert 'xml:lang="en-GB"' in ssml("x", "en-GB-RyanNeural", 1.0)


def test_elevenlabs_has_one_socket_per_reply_and_gets_clauses_as_they_come() -> None:
    async def go() -> FakeElevenLabs:
        vendor = FakeElevenLabs((Say(),))
        gate = asyncio.Event()

        async def slowly() -> AsyncGenerator[str, None]:
            yield CLAUSES[0]
            await gate.wait()  # the second comes only once the first is heard
            yield CLAUSES[1]

        async with (
            elevenlabs(vendor) as tts,
            aclosing(tts.speak(slowly(), "female_2", 1.3)) as stream,
        ):
            async for piece in stream:
                if piece.clause == 0 and piece.last:
                    gate.set()
        return vendor

    vendor = run(go())
    assert vendor.voices == ["Xb7hH8MSUJpSbSDYk0k2"]
    assert [message["text"] for message in vendor.sent] == [" ", *(f"{c} " for c in CLAUSES), ""]
    assert [message.get("flush") for message in vendor.sent] == [None, True, True, None]
    assert vendor.sent[0]["voice_settings"]["speed"] == 1.2


def test_elevenlabs_may_think_as_long_as_the_words_take() -> None:
    async def go() -> None:
        async def slowly() -> AsyncGenerator[str, None]:
            yield CLAUSES[0]
            await asyncio.sleep(3 * TINY_S)
            yield CLAUSES[1]

        vendor = FakeElevenLabs((Say(),))
        async with elevenlabs(vendor, read_s=TINY_S) as tts, aclosing(tts.speak(slowly(), "x")) as stream:
            assert [s.clause async for s in stream if s.last] == [0, 1]

    run(go())


def test_elevenlabs_without_alignment_still_ends_each_clause() -> None:
    async def go() -> None:
        vendor = FakeElevenLabs((Say(),))
        vendor.aligned = False
        async with elevenlabs(vendor) as tts:
            sounds, error = await drain(tts, *CLAUSES)
            assert error is None
            assert [s.clause for s in sounds if s.last] == [0, 1]
            assert not any(s.words for s in sounds)

    run(go())


@pytest.mark.parametrize("raw", ['{"audio": 7}', '{"audio": "%%%"}', "[]", "no"], ids=str)
def test_elevenlabs_that_talks_nonsense_is_unavailable(raw: str) -> None:
    async def go() -> None:
        async with elevenlabs(FakeElevenLabs((Raw(raw),))) as tts:
            assert isinstance((await drain(tts, "Hello."))[1], TtsUnavailable)

    run(go())


def test_a_failure_of_the_words_is_passed_on() -> None:
    async def failing() -> AsyncGenerator[str, None]:
        yield "Hello."
        raise LookupError("mine")

    async def go() -> None:
        for opened in (azure(FakeAzureSpeech((Say(),))), elevenlabs(FakeElevenLabs((Say(),)))):
            async with opened as tts, aclosing(tts.speak(failing(), "x")) as stream:
                with pytest.raises(LookupError, match="mine"):
                    async for _ in stream:
                        pass

    run(go())


_SDK = """
import sys
from elevenlabs.client import ElevenLabs
client = ElevenLabs(api_key="SECRET", base_url=sys.argv[1])
client.text_to_speech._ws_base_url = sys.argv[1].replace("http", "ws")
pcm = b"".join(client.text_to_speech.convert_realtime(
    "v", text=iter(["Hello there, ", "how are you?"]), model_id="m", output_format="pcm_24000"))
print(len(pcm))
"""


def test_the_fake_speaks_the_wire_of_the_vendors_own_client() -> None:
    async def go() -> tuple[str, Any]:
        vendor = FakeElevenLabs((Say(),))
        async with vendor.serve() as base:
            done = await asyncio.to_thread(
                run_process, [sys.executable, "-c", _SDK, base], capture_output=True, text=True, check=False
            )
        assert done.returncode == 0, done.stderr[-600:]
        return done.stdout, vendor

    out, vendor = run(go())
    assert vendor.sent[0]["text"] == " "
    assert vendor.sent[-1]["text"] == ""
    assert "".join(vendor.texts).replace(" ", "") == "Hellothere,howareyou?"
    assert int(out) > 0.8 * len(sound("Hello there, how are you?"))

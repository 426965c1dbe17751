"""What every vendor's recogniser must do on the wire, and that the wire is the vendor's."""

from __future__ import annotations

import asyncio
import sys
from subprocess import run as run_process

import aiohttp
import numpy as np
import pytest

from audio.pcm import EAR_RATE
from audio.stt import STT, Heard, SttError, SttRefused, SttUnavailable
from audio.stt_azure import place
from audio.stt_http import DEFAULT_TIMEOUT, wav
from audio.stt_openai import OpenAiSTT
from tests.audio.stt_contract import hear, ignore
from tests.fakes.stt_cases import CASES, NOISE, Case
from tests.fakes.stt_vendors import (
    HELLO,
    KEY,
    Die,
    Fail,
    FakeElevenLabsStt,
    FakeOpenAiStt,
    Hear,
    Raw,
    Said,
    Stall,
    Step,
)
from tests.fakes.vendors import run

vendors = pytest.mark.parametrize("case", CASES, ids=str)


async def failure(stt: STT) -> SttError:
    with pytest.raises(SttError) as caught:
        await hear(stt, NOISE)
    error = caught.value
    shown = f"{error} {error!r} {error.__cause__!r}"
    assert KEY not in shown
    assert "PRIV" not in shown
    return error


@vendors
def test_words_times_and_confidence_are_the_vendors(case: Case) -> None:
    async def go() -> Heard:
        async with case.open() as (stt, vendor):
            heard, partials = await hear(stt, NOISE)
            assert vendor.seen[0].pcm == NOISE
            assert partials == []
            return heard

    heard = run(go())
    assert heard.text == "Hello world"
    times = [(w.text, round(w.start_s, 6), round(w.end_s, 6)) for w in heard.words]
    assert times == [(said.text, said.start, said.end) for said in HELLO]
    assert heard.confidence == pytest.approx(0.7, abs=0.04)
    if case.name != "openai":  # its words have none
        assert [w.confidence for w in heard.words] == pytest.approx([0.9, 0.5])


@vendors
def test_nothing_said_is_an_empty_text(case: Case) -> None:
    async def go() -> None:
        async with case.open(Hear(())) as (stt, _):
            assert (await hear(stt, NOISE))[0] == Heard("")

    run(go())


@vendors
@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Fail(400), SttRefused),
        (Fail(401), SttRefused),
        (Fail(403), SttRefused),
        (Fail(404), SttRefused),
        (Fail(413), SttRefused),
        (Fail(307), SttRefused),
        (Fail(408), SttUnavailable),
        (Fail(429), SttUnavailable),
        (Fail(500), SttUnavailable),
        (Fail(503), SttUnavailable),
        (Raw("{not json PRIV"), SttUnavailable),
        (Raw(""), SttUnavailable),
        (Raw("[]"), SttUnavailable),
        (Raw('{"surprise": "PRIV"}'), SttUnavailable),
        (Raw('{"text": 7, "DisplayText": 7, "RecognitionStatus": 7}'), SttUnavailable),
        (Raw('{"text": "PRIV' + "x" * (5 << 20) + '"}'), SttUnavailable),
        (Die(), SttUnavailable),
    ],
    ids=lambda step: str(step)[:30],
)
def test_each_failure_has_its_error_and_the_next_segment_is_heard(
    case: Case, step: Step, expected: type[SttError]
) -> None:
    async def go() -> None:
        async with case.open(step, Hear()) as (stt, _):
            error = await failure(stt)
            assert type(error) is expected
            assert error.adapter == case.name
            assert (await hear(stt, NOISE))[0].text == "Hello world"

    run(go())


@vendors
def test_a_wrong_key_says_what_to_check(case: Case) -> None:
    async def go() -> None:
        async with case.open(Fail(401)) as (stt, _):
            assert "check the key" in str(await failure(stt))

    run(go())


@vendors
def test_a_server_that_stalls_is_left_at_the_limit(case: Case) -> None:
    async def go() -> None:
        tiny = aiohttp.ClientTimeout(total=0.3, sock_connect=5.0)
        async with case.open(Stall(), timeout=tiny) as (stt, vendor):
            assert isinstance(await failure(stt), SttUnavailable)
            if vendor.asked.is_set():  # on a crowded machine the limit may pass before the fake reads
                await vendor.aborted.wait()

    run(go())


@vendors
def test_nobody_listening(case: Case) -> None:
    async def go() -> None:
        async with aiohttp.ClientSession() as session:
            async with case.fake((Hear(),)).serve() as base:
                pass
            assert isinstance(await failure(case.make(session, base, DEFAULT_TIMEOUT)), SttUnavailable)

    run(go())


@vendors
def test_closing_the_stream_hangs_up(case: Case) -> None:
    async def go() -> None:
        async with case.open(Stall()) as (stt, vendor):
            stream = await stt.open("en", ignore)
            await stream.push(NOISE)
            commit = asyncio.create_task(stream.commit())
            await vendor.asked.wait()
            commit.cancel()
            with pytest.raises(asyncio.CancelledError):
                await commit
            await vendor.aborted.wait()
            await stream.aclose()

    run(go())


@vendors
def test_a_long_answer_is_recognised_in_parts_while_it_is_spoken(case: Case) -> None:
    async def go() -> None:
        async with case.open(Hear((Said("one", 0.5, 1.0),)), Hear((Said("two", 1.0, 2.0),))) as (stt, vendor):
            captions: list[str] = []
            stream = await stt.open("en", captions.append)
            sound = np.full(40 * EAR_RATE, 3000, "<i2")
            sound[25 * EAR_RATE : 26 * EAR_RATE] = 0  # the pause to cut in
            for at in range(0, len(sound), EAR_RATE):
                await stream.push(sound[at : at + EAR_RATE].tobytes())
            await vendor.asked.wait()
            heard = await stream.commit()
            await stream.aclose()
            assert heard.text == "one two"
            cut = len(vendor.seen[0].pcm) / 2 / EAR_RATE
            assert 25 <= cut <= 26
            assert [round(w.start_s, 3) for w in heard.words] == [0.5, round(cut + 1.0, 3)]
            assert b"".join(seen.pcm for seen in vendor.seen) == sound.tobytes()
            assert captions == ["one"]

    run(go())


def test_a_model_that_gives_no_times_is_not_asked_for_them() -> None:
    async def go() -> None:
        async with FakeOpenAiStt().serve() as base, aiohttp.ClientSession() as session:
            stt = OpenAiSTT(session, model="gpt-4o-transcribe", api_key=KEY, base=f"{base}/v1")
            heard, _ = await hear(stt, NOISE)
            assert heard == Heard("Hello world")

    run(go())


def test_a_key_that_cannot_be_sent_is_refused() -> None:
    async def go() -> None:
        async with FakeOpenAiStt().serve() as base, aiohttp.ClientSession() as session:
            stt = OpenAiSTT(session, api_key=f"{KEY}\r\nX: y", base=base)
            assert isinstance(await failure(stt), SttRefused)

    run(go())


@pytest.mark.parametrize(
    ("language", "expected"), [("en", "en-US"), ("en-GB", "en-GB"), ("de", "de-DE"), ("ja", "ja-JP")]
)
def test_azure_is_told_a_place(language: str, expected: str) -> None:
    assert place(language) == expected


def test_the_openai_fake_speaks_to_the_real_sdk() -> None:
    from openai import AsyncOpenAI, AuthenticationError

    async def go() -> None:
        vendor = FakeOpenAiStt((Hear(), Fail(401)))
        async with vendor.serve() as base:
            client = AsyncOpenAI(api_key=KEY, base_url=f"{base}/v1", max_retries=0)
            async with client:
                said = await client.audio.transcriptions.create(
                    model="whisper-1",
                    language="en",
                    file=("speech.wav", wav(NOISE)),
                    response_format="verbose_json",
                    timestamp_granularities=["word", "segment"],
                )
                assert said.text == "Hello world"
                assert [(w.word, w.start, w.end) for w in said.words or ()] == [
                    (w.text, w.start, w.end) for w in HELLO
                ]
                assert said.segments
                with pytest.raises(AuthenticationError):
                    await client.audio.transcriptions.create(
                        model="whisper-1",
                        language="en",
                        file=("speech.wav", wav(NOISE)),
                        response_format="verbose_json",
                    )
            async with aiohttp.ClientSession() as session:
                vendor._steps = [Hear()]
                await hear(OpenAiSTT(session, api_key=KEY, base=f"{base}/v1"), NOISE)
            by_sdk, by_us = vendor.seen[0].fields, vendor.seen[-1].fields
            assert {name: by_us[name] for name in by_sdk} == by_sdk
            assert vendor.seen[0].pcm == vendor.seen[-1].pcm

    run(go())


def test_the_elevenlabs_fake_speaks_to_the_real_sdk() -> None:
    from elevenlabs.client import AsyncElevenLabs
    from httpx import AsyncClient

    async def go() -> None:
        vendor = FakeElevenLabsStt()
        async with vendor.serve() as base, aiohttp.ClientSession() as session, AsyncClient() as http:
            client = AsyncElevenLabs(api_key=KEY, base_url=base, httpx_client=http)
            said = await client.speech_to_text.convert(
                model_id="scribe_v2",
                file=("speech.pcm", NOISE),
                language_code="en",
                file_format="pcm_s16le_16",
                tag_audio_events=False,
                timestamps_granularity="word",
            )
            assert getattr(said, "text", None) == "Hello world"
            words = [w for w in getattr(said, "words", ()) if w.type == "word"]
            assert [(w.text, w.start, w.end) for w in words] == [(w.text, w.start, w.end) for w in HELLO]
            await hear(CASES[1].make(session, base, DEFAULT_TIMEOUT), NOISE)
            by_sdk, by_us = vendor.seen[0].fields, vendor.seen[1].fields
            # The SDK writes out three options that it was not given, as "null".
            assert {name: value for name, value in by_sdk.items() if value != ["null"]} == by_us
            assert vendor.seen[0].pcm == vendor.seen[1].pcm == NOISE

    run(go())


def test_importing_the_adapters_imports_no_engine_and_no_sdk() -> None:
    code = (
        "import sys, audio.stt_whisper, audio.stt_pocketsphinx, audio.stt_openai, audio.stt_elevenlabs,"
        " audio.stt_azure, audio.models, audio.stt_whisper_worker, audio.stt_pocketsphinx_worker,"
        " server.stt_providers, server.models_cli;"
        "heavy = {'faster_whisper', 'ctranslate2', 'pocketsphinx', 'openai', 'elevenlabs', 'onnxruntime',"
        " 'huggingface_hub'};"
        "sys.exit(sorted(heavy & {m.split('.')[0] for m in sys.modules}) or 0)"
    )
    assert run_process([sys.executable, "-c", code], check=False).returncode == 0

"""The contract of speech recognition on every adapter, against its fake or the engine itself."""

from __future__ import annotations

import asyncio
import math
import os
import signal
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from audio.stt import Heard, SttMissing, SttRefused
from audio.stt_moonshine import MoonshineSTT
from audio.stt_moonshine_worker import unlooped
from audio.stt_pocketsphinx import PocketsphinxSTT
from audio.stt_switch import SwitchingSTT
from audio.stt_whisper import WhisperSTT
from audio.stt_whisper_worker import reply_of
from audio.stt_worker import Reply
from tests.audio.local_engines import SENTENCE, children, lasting, spoken
from tests.audio.stt_contract import CHECKS, Check, hear, run_check
from tests.fakes import human_speech
from tests.fakes.stt_cases import CASES, NOISE, Case
from tests.fakes.tiny_whisper import make_tiny_whisper
from tests.fakes.vendors import run

WORKER = "audio.stt_pocketsphinx_worker"
every_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)


@every_check
@pytest.mark.parametrize("case", CASES, ids=str)
def test_vendors(case: Case, check: Check) -> None:
    async def go() -> None:
        async with case.open() as (stt, _):
            await run_check(check, stt, NOISE)
            await run_check(check, SwitchingSTT(stt), NOISE)

    run(go())


@pytest.fixture(scope="module")
def sphinx() -> Iterator[tuple[asyncio.Runner, PocketsphinxSTT]]:
    stt = PocketsphinxSTT()
    with lasting(stt) as runner:
        yield runner, stt


@every_check
def test_pocketsphinx(sphinx: tuple[asyncio.Runner, PocketsphinxSTT], check: Check) -> None:
    runner, stt = sphinx
    runner.run(run_check(check, stt, spoken("hello world")))


@pytest.fixture(scope="module")
def moonshine() -> Iterator[tuple[asyncio.Runner, MoonshineSTT]]:
    stt = MoonshineSTT()
    with lasting(stt) as runner:
        yield runner, stt


@every_check
def test_moonshine(moonshine: tuple[asyncio.Runner, MoonshineSTT], check: Check) -> None:
    runner, stt = moonshine
    runner.run(run_check(check, stt, spoken("hello world")))


def test_moonshine_hears_a_person_and_says_when_each_word_was(
    moonshine: tuple[asyncio.Runner, MoonshineSTT],
) -> None:
    human_speech.needed()
    runner, stt = moonshine
    speech = human_speech.prompt("vm-options")

    async def go() -> Heard:
        captioned = asyncio.Event()
        stream = await stt.open("en", lambda text: captioned.set())
        await stream.push(speech[: 3 * 16000].tobytes())
        await captioned.wait()
        await stream.push(speech[3 * 16000 :].tobytes())
        heard = await stream.commit()
        await stream.aclose()
        return heard

    heard = runner.run(go())
    said = heard.text.lower()
    for phrase in ("unavailable message", "busy message", "temporary greeting", "password", "main menu"):
        assert phrase in said
    assert [word.text for word in heard.words] == heard.text.split()
    ends = [0.0, *(word.end_s for word in heard.words)]
    assert all(a <= word.start_s + 1e-6 for a, word in zip(ends, heard.words, strict=False))
    (greeting,) = [word for word in heard.words if "greeting" in word.text.lower()]
    assert 0.4 < greeting.start_s / (len(speech) / 16000) < 0.75, "said past the middle of the prompt"


def test_moonshine_says_nothing_of_silence_and_refuses_other_languages(
    moonshine: tuple[asyncio.Runner, MoonshineSTT], monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, stt = moonshine
    heard, _ = runner.run(hear(stt, bytes(64000)))
    assert (heard.text, heard.words) == ("", ())
    with pytest.raises(SttRefused, match="English only"):
        runner.run(stt.open("de", lambda text: None))
    monkeypatch.setattr("audio.stt_moonshine.installed", lambda: False)
    with pytest.raises(SttMissing, match=r"viva\[moonshine\]"):
        runner.run(stt.open("en", lambda text: None))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("or 8 to 6 to 6 to 6 to 6 to 6 to 6", "or 8 to 6"),
        ("no no no, that was it", "no no no, that was it"),
        ("it is very very very very good", "it is very good"),
        ("one by one by one we went on", "one by one by one we went on"),
        ("", ""),
    ],
)
def test_a_loop_is_said_once_and_a_person_may_repeat_a_word(text: str, kept: str) -> None:
    assert unlooped(text) == kept


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, WhisperSTT]]:
    stt = WhisperSTT(make_tiny_whisper(tmp_path_factory.mktemp("whisper")), device="cpu")
    with lasting(stt) as runner:
        yield runner, stt


@every_check
def test_whisper(whisper: tuple[asyncio.Runner, WhisperSTT], check: Check) -> None:
    runner, stt = whisper
    runner.run(run_check(check, stt, NOISE))
    assert stt.note.endswith("on the processor")


def test_whisper_gives_every_word_a_time_and_a_confidence(
    whisper: tuple[asyncio.Runner, WhisperSTT],
) -> None:
    runner, stt = whisper
    heard, _ = runner.run(hear(stt, NOISE))
    assert len(heard.words) > 1
    assert all(word.confidence is not None for word in heard.words)
    assert heard.confidence is not None


def test_what_whisper_hears_past_the_end_of_the_sound_is_left_out() -> None:
    def segment(text: str, start: float, end: float, sure: float) -> SimpleNamespace:
        word = SimpleNamespace(word=f" {text}", start=start, end=end, probability=sure)
        return SimpleNamespace(
            text=f" {text} ", start=start, end=end, avg_logprob=math.log(sure), words=[word]
        )

    reply = reply_of(
        [segment("hi", 0.0, 1.0, 0.9), segment("so", 1.0, 2.0, 0.5), segment("um", 4, 29, 0.1)], 3.0
    )
    assert reply.text == "hi so"
    assert [word[0] for word in reply.words] == ["hi", "so"]
    assert reply.confidence == pytest.approx(0.7)
    assert reply_of([], 3.0) == Reply()


def test_pocketsphinx_captions_a_sentence_while_it_is_spoken(
    sphinx: tuple[asyncio.Runner, PocketsphinxSTT],
) -> None:
    runner, stt = sphinx
    speech = spoken(SENTENCE)
    heard, partials = runner.run(hear(stt, speech))
    assert len(set(heard.text.split()) & set(SENTENCE.split())) >= 8
    assert [word.text for word in heard.words] == heard.text.split()
    assert heard.words[-1].end_s > 0.8 * len(speech) / 32000
    assert len(partials) >= 2
    assert len(partials[0]) < len(heard.text)


def test_pocketsphinx_hears_again_what_a_killed_decoder_had() -> None:
    others = children(WORKER)

    async def go() -> str:
        stt = PocketsphinxSTT(decoders=1)
        captioned = asyncio.Event()
        speech = spoken(SENTENCE)
        stream = await stt.open("en", lambda text: captioned.set())
        await stream.push(speech[: len(speech) // 2])
        await captioned.wait()
        (decoder,) = set(await asyncio.to_thread(children, WORKER)) - set(others)
        os.kill(decoder, signal.SIGKILL)
        await stream.push(speech[len(speech) // 2 :])
        heard = await stream.commit()
        await stream.aclose()
        await stt.aclose()
        return heard.text

    assert len(set(run(go()).split()) & set(SENTENCE.split())) >= 8


def test_pocketsphinx_refuses_a_segment_without_end() -> None:
    async def go() -> None:
        stt = PocketsphinxSTT(max_segment_s=2.0)
        stream = await stt.open("en", lambda text: None)
        for _ in range(5):
            await stream.push(NOISE)
        with pytest.raises(SttRefused, match="too long"):
            await stream.commit()
        await stream.push(spoken("hello world"))
        assert (await stream.commit()).text == "hello world"
        await stream.aclose()
        await stt.aclose()

    run(go())

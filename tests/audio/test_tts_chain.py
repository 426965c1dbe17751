"""One voice after another, on a virtual clock: nobody hears a reply stop because a synthesiser did."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from audio.pcm import ms_of
from audio.tts import TtsError, TtsMissing, TtsRefused, TtsUnavailable
from audio.tts_chain import REFUSED_REST_S, REST_S, SOUND_S, TtsChain
from tests.audio.tts_contract import drain, given
from tests.fakes.tts import Die, Hang, Say, ScriptedTTS, Step, length_ms
from tests.virtual_loop import run

TEXT = "Tell me how you found out what was wrong with it."
DIED = TtsUnavailable("first", "died")


def chain_of(*script: Step, words: bool = True) -> tuple[TtsChain, ScriptedTTS, ScriptedTTS, list[str]]:
    first = ScriptedTTS(*script, name="first", words=words)
    second = ScriptedTTS(name="second", rate=22_050)
    left: list[str] = []
    chain = TtsChain([first, second], on_fallback=lambda name, error: left.append(f"{name}: {error.why}"))
    return chain, first, second, left


def test_the_first_speaks_while_it_can() -> None:
    async def go() -> None:
        chain, first, second, left = chain_of()
        sounds, error = await drain(chain, "One.", "Two.")
        assert error is None
        assert (first.said, second.said, left) == (["One.", "Two."], [], [])
        assert {s.clause for s in sounds} == {0, 1}
        assert chain.name == "first"

    run(go())


@pytest.mark.parametrize("words", [True, False])
def test_one_that_dies_mid_sentence_is_followed_by_the_rest_in_another_voice(words: bool) -> None:
    async def go() -> None:
        chain, _, second, left = chain_of(Say(), Die(DIED, after_ms=1500), words=words)
        sounds, error = await drain(chain, "Thank you.", TEXT, "And then?")
        assert error is None
        assert left == ["first: died"]
        assert second.said[1:] == ["And then?"]
        rest = second.said[0]
        assert TEXT.endswith(rest)
        assert 0.4 * len(TEXT) < len(rest) < 0.7 * len(TEXT)
        assert [s.clause for s in sounds if s.last] == [0, 1, 2]
        assert [s.clause for s in sounds] == sorted(s.clause for s in sounds)
        total = ms_of(b"".join(s.pcm for s in sounds), chain.rate)
        wanted = length_ms("Thank you.") + 1500 + length_ms(rest) + length_ms("And then?")
        assert total == pytest.approx(wanted, abs=20)
        said = [word for s in sounds for word in s.words]
        assert [w.at_ms for w in said] == sorted(w.at_ms for w in said)
        if words:
            assert [w.text for w in said] == f"Thank you. {TEXT} And then?".split()

    run(go())


@pytest.mark.parametrize("after_ms", [0, 700])
def test_one_that_hangs_is_passed_over_in_time(after_ms: int) -> None:
    async def go() -> None:
        chain, first, second, left = chain_of(Hang(after_ms))
        _, error = await drain(chain, TEXT)
        assert error is None
        assert asyncio.get_running_loop().time() == pytest.approx(SOUND_S)
        assert left == [f"first: no sound within {SOUND_S:g} s"]
        assert TEXT.endswith(second.said[0])
        assert first.live == 0

    run(go())


def test_words_may_take_their_time() -> None:
    async def go() -> None:
        async def slowly() -> AsyncGenerator[str, None]:
            yield "One."
            await asyncio.sleep(10 * SOUND_S)
            yield "Two."

        chain, first, _, left = chain_of()
        async with aclosing(chain.speak(slowly(), "x")) as stream:
            assert [s.clause async for s in stream if s.last] == [0, 1]
        assert (first.said, left) == (["One.", "Two."], [])

    run(go())


@pytest.mark.parametrize(
    ("error", "rest_s"), [(DIED, REST_S), (TtsRefused("first", "key"), REFUSED_REST_S)], ids=str
)
def test_one_that_failed_rests_for_a_while(error: TtsError, rest_s: float) -> None:
    async def go() -> None:
        chain, first, _, _ = chain_of(Die(error))
        await drain(chain, "One.")
        assert chain.name == "second"
        await drain(chain, "Two.")
        await asyncio.sleep(rest_s)
        assert chain.name == "first"
        await drain(chain, "Three.")
        assert first.said == ["One.", "Three."]

    run(go())


def test_when_all_fail_the_last_failure_is_told_after_what_was_said() -> None:
    async def go() -> None:
        last = TtsUnavailable("second", "died too")
        chain = TtsChain(
            [ScriptedTTS(Die(DIED, 300), name="first"), ScriptedTTS(Die(last, 200), name="second")]
        )
        sounds, error = await drain(chain, TEXT)
        assert error is last
        assert ms_of(b"".join(s.pcm for s in sounds), chain.rate) == pytest.approx(500, abs=10)
        # Both rest now; that is no reason to stay silent.
        assert (await drain(chain, "Again."))[1] is None

    run(go())


def test_no_voice_at_all_is_said() -> None:
    async def go() -> None:
        chain = TtsChain([])
        _, error = await drain(chain, "One.")
        assert isinstance(error, TtsMissing)
        assert "pip install" in error.why
        assert chain.name == "none"

    run(go())


def test_closing_it_closes_who_speaks() -> None:
    async def go() -> None:
        chain, first, second, _ = chain_of()
        async with aclosing(given(TEXT)) as source, aclosing(chain.speak(source, "x")) as stream:
            await anext(stream)
        assert first.streams[0].aborted
        await chain.aclose()
        assert first.closed
        assert second.closed

    run(go())

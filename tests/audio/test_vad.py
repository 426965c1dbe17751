"""Windows come back in order, each once, whatever the load; the gate costs no speech."""

from __future__ import annotations

import asyncio
import random

import numpy as np
import pytest

from audio.vad import TICK_S, SpeechGate, VadPool, VadStream
from audio.vad_silero import WINDOW, Silero
from tests import virtual_loop
from tests.fakes.human_speech import Pcm, hiss, in_room, join, needed, prompt, silence, trimmed

SILERO = Silero()


def drain(pool: VadPool) -> None:
    while pool.judge():
        pass


def test_enters_twice_running_and_leaves_below_the_lower_bound() -> None:
    gate = SpeechGate()
    pushed = [0.6, 0.2, 0.6, 0.6, 0.4, 0.36, 0.34, 0.45, 0.5, 0.9, 0.1]
    expected = [False, False, False, True, True, True, False, False, False, True, False]
    assert [gate.push(p) for p in pushed] == expected


def speech() -> Pcm:
    needed()
    return in_room(
        join(silence(1500), trimmed(prompt("vm-goodbye")), silence(2500), trimmed(prompt("demo-thanks")))
    )


@pytest.mark.parametrize("streams", [1, 3, 70])
def test_every_stream_gets_all_its_windows_in_order(streams: int) -> None:
    sound = speech()
    alone: list[float] = []
    pool = VadPool(SILERO, gated=False)
    stream = pool.open(lambda pcm, p: alone.append(p))
    for start in range(0, len(sound), 320):
        stream.feed(sound[start : start + 320].tobytes())
        drain(pool)
    assert max(alone) > 0.9

    pool, dice = VadPool(SILERO, gated=False), random.Random(7)
    heard: list[bytearray] = [bytearray() for _ in range(streams)]
    said: list[list[float]] = [[] for _ in range(streams)]

    def judged(at: int) -> None:
        def note(pcm: bytes, p: float) -> None:
            heard[at].extend(pcm)
            said[at].append(p)

        opened.append(pool.open(note))

    opened: list[VadStream] = []
    for one in range(streams):
        judged(one)
    at = [0] * streams
    while any(position < len(sound) for position in at):
        one = dice.randrange(streams)
        size = dice.choice([1, 160, 320, 4000])
        opened[one].feed(sound[at[one] : at[one] + size].tobytes())
        at[one] += size
        for _ in range(dice.randrange(8)):
            pool.judge()
    drain(pool)
    whole = len(sound) // WINDOW
    for one in range(streams):
        assert bytes(heard[one]) == sound[: whole * WINDOW].tobytes()
        assert np.abs(np.array(said[one]) - alone).max() < 1e-4


def voiced(sound: Pcm, gated: bool) -> list[bool]:
    pool, gate = VadPool(SILERO, gated), SpeechGate()
    voice: list[bool] = []
    stream = pool.open(lambda pcm, p: voice.append(gate.push(p)))
    for start in range(0, len(sound), 320):
        stream.feed(sound[start : start + 320].tobytes())
        drain(pool)
    return voice


@pytest.mark.parametrize("level", [0, 15, 60])
def test_the_gate_costs_no_speech(level: float) -> None:
    needed()
    names = ["demo-congrats", "vm-options", "conf-adminmenu", "agent-incorrect", "tt-allbusy", "vm-goodbye"]
    sound = in_room(join(*(join(silence(1200), prompt(name)) for name in names)), level)
    free, gated = np.array(voiced(sound, False)), np.array(voiced(sound, True))
    assert free.sum() > 500
    assert (free & ~gated).sum() <= 0.02 * free.sum()
    begins = np.flatnonzero(np.diff(free.astype(int)) == 1)
    late = [next((i for i in range(6) if gated[at + 1 + i]), 6) for at in begins]
    assert max(late) <= 3


def test_the_gate_keeps_quiet_from_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, seen = VadPool(SILERO), 0
    step = pool._silero.step

    def counted(rows: int, h: np.ndarray, c: np.ndarray) -> list[float]:
        nonlocal seen
        seen += rows
        return step(rows, h, c)

    monkeypatch.setattr(pool._silero, "step", counted)
    said: list[float] = []
    stream = pool.open(lambda pcm, p: said.append(p))
    sound = hiss(10_000, 20)
    for start in range(0, len(sound), 320):
        stream.feed(sound[start : start + 320].tobytes())
        drain(pool)
    assert len(said) == len(sound) // WINDOW
    assert seen < len(said) / 4


def test_a_stream_far_behind_gives_up_its_oldest_windows_and_says_so() -> None:
    pool, heard, lost = VadPool(SILERO, gated=False), bytearray(), 0

    def give_up(windows: int) -> None:
        nonlocal lost
        lost += windows

    stream = pool.open(lambda pcm, p: heard.extend(pcm), give_up)
    sound = hiss(12_000, 500)
    for start in range(0, len(sound), 320):
        stream.feed(sound[start : start + 320].tobytes())
    assert stream.nbytes <= 300_000
    drain(pool)
    assert lost > 0
    kept = len(heard) // 2
    assert kept // WINDOW + lost == len(sound) // WINDOW
    assert bytes(heard) == sound[lost * WINDOW : lost * WINDOW + kept].tobytes()
    stream.feed(silence(500).tobytes())
    stream.feed(silence(500).tobytes())
    drain(pool)
    stream.feed(silence(500).tobytes())
    assert stream.nbytes < 60_000


def test_closed_streams_give_their_place_to_others_with_nothing_of_theirs_left() -> None:
    needed()
    pool = VadPool(SILERO, gated=False)
    first: list[float] = []
    talk = prompt("demo-congrats")[:32_000]
    for _ in range(40):
        said: list[float] = []
        stream = pool.open(lambda pcm, p, said=said: said.append(p))  # type: ignore[misc]
        stream.feed(talk.tobytes())
        drain(pool)
        stream.close()
        stream.close()
        stream.feed(talk.tobytes())
        first = first or said
        assert said == first
    assert len(pool._h) == 16
    assert not pool.judge()


def test_a_stream_closed_by_the_verdict_of_another_in_the_same_pass_hears_no_more() -> None:
    pool, heard = VadPool(SILERO, gated=False), 0

    def judged(pcm: bytes, p: float) -> None:
        nonlocal heard
        heard += 1

    first = pool.open(lambda pcm, p: second.close())
    second = pool.open(judged)
    for stream in (first, second):
        stream.feed(bytes(2 * WINDOW * 3))
    drain(pool)
    assert heard == 0
    assert second.slot < 0


def test_runs_by_itself_and_lets_others_in_between() -> None:
    async def main() -> None:
        pool, loop = VadPool(SILERO, gated=False), asyncio.get_running_loop()
        said = answered = most = 0

        def answer() -> None:
            nonlocal answered
            answered = said

        def judged(pcm: bytes, p: float) -> None:
            nonlocal said, most
            said += 1
            most = max(most, said - answered)
            loop.call_soon(answer)

        running = asyncio.create_task(pool.run())
        stream = pool.open(judged)
        stream.feed(hiss(3200, 400).tobytes())
        await asyncio.sleep(2 * TICK_S)
        assert said == 100
        assert most <= 2
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    virtual_loop.run(main())

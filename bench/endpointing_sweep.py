"""``python -m bench.endpointing_sweep``: how often speakers are cut off, how long they wait.

Real recorded human speech (Debian's asterisk-core-sounds-en-g722) is cut at its own gaps, and thinking pauses
are put in. Three speakers are made of it, who pause briefly, usually, and long; each gives the same answers,
so that a policy which learns can learn. Words come from pocketsphinx, stretch by stretch, with
its mistakes, when a stretch has been silent for 250 ms and 300 ms have passed for recognition.

What is read aloud has fewer signs of hesitation than free speech, so words help less here than they would.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from audio.endpointing import Endpointer, EndpointPolicy
from audio.hearing import COMMIT_MS
from audio.vad import WINDOW_MS, Judged, SpeechGate, VadPool
from audio.vad_silero import Silero
from tests.fakes.human_speech import PACKAGE, RATE, Pcm, here, in_room, join, prompt, silence, trimmed

PROMPTS: Final = [
    "demo-congrats", "demo-abouttotry", "demo-moreinfo", "demo-nogo", "basic-pbx-ivr-main", "vm-options",
    "conf-usermenu", "dir-intro", "tt-allbusy", "queue-periodic-announce", "vm-review", "vm-record-prepend",
]  # fmt: skip
SPEAKERS: Final = {"brief": 450, "usual": 850, "long": 1500}
"""Median thinking pause of each speaker, ms. Single pauses are log-normal around it, 250 ms to 5 s."""
SPREAD: Final = 0.55
AFTER_MS: Final = 11_000
RECOGNITION_MS: Final = 300


@dataclass(frozen=True, slots=True)
class Turn:
    """An answer: ``probabilities`` per window, ``texts``: from which ms on which words are known, ``ends_ms``
    of its voice, and ``pauses`` put in, as start and end in ms."""

    probabilities: Sequence[float]
    texts: Sequence[tuple[int, str]]
    ends_ms: int
    pauses: Sequence[tuple[int, int]]


@dataclass(slots=True)
class Tally:
    """Of one speaker: answers, those cut off, and the dead air after each answer's end, ms."""

    turns: int = 0
    cut: int = 0
    dead: list[int] = field(default_factory=list)

    @property
    def cut_share(self) -> float:
        return 100 * self.cut / self.turns


def line(name: str, tallies: Sequence[Tally]) -> str:
    cells = [f"{tally.cut_share:6.1f} {statistics.median(tally.dead):6.0f}" for tally in tallies]
    cut = 100 * sum(tally.cut for tally in tallies) / sum(tally.turns for tally in tallies)
    dead = sorted(ms for tally in tallies for ms in tally.dead)
    cells.append(f"{cut:6.1f} {statistics.median(dead):6.0f} {dead[int(0.9 * (len(dead) - 1))]:6.0f}")
    return f"{name:<42}" + "  |".join(cells)


def pieces(samples: Pcm, least_gap_ms: int = 90) -> list[Pcm]:
    """The stretches of ``samples`` between its own gaps, each of at least half a second."""
    samples = trimmed(samples)
    blocks = samples[: len(samples) // 160 * 160].reshape(-1, 160).astype(np.float64)
    quiet = np.sqrt((blocks**2).mean(axis=1)) < 150
    cuts, run = [0], 0
    for at, still in enumerate(quiet):
        run = run + 1 if still else 0
        if run * 10 >= least_gap_ms and (at - run // 2) - cuts[-1] > 50 and len(quiet) - at > 50:
            cuts.append(at - run // 2)
            run = -1000  # one cut per gap
        elif not still:
            run = 0
    bounds = [*cuts, len(samples) // 160]
    return [samples[a * 160 : b * 160] for a, b in itertools.pairwise(bounds)]


class Recognised:
    """Words of a stretch, by pocketsphinx."""

    def __init__(self) -> None:
        from pocketsphinx import Decoder

        self._decoder = Decoder(samprate=RATE, bestpath=False, loglevel="FATAL")

    def text(self, samples: Pcm) -> str:
        self._decoder.start_utt()
        self._decoder.process_raw(join(silence(200), samples, silence(300)).tobytes(), full_utt=True)
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        return str(hypothesis.hypstr) if hypothesis else ""


def probabilities(silero: Silero, sounds: Sequence[Pcm]) -> list[list[float]]:
    """What the network says to each window of each sound, all sounds at once."""
    pool, said = VadPool(silero, gated=False), [list[float]() for _ in sounds]

    def note(probabilities: list[float]) -> Judged:
        return lambda _, probability: probabilities.append(probability)

    streams = [pool.open(note(one)) for one in said]
    for start in range(0, max(len(sound) for sound in sounds), RATE):
        for stream, sound in zip(streams, sounds, strict=True):
            stream.feed(sound[start : start + RATE].tobytes())
        while pool.judge():
            pass
    return said


def turn(parts: Sequence[tuple[Pcm, str]], median_ms: int, dice: np.random.Generator) -> tuple[Turn, Pcm]:
    """One answer: its stretches, two or three of the gaps between them widened to thinking pauses."""
    gaps = list(range(1, len(parts)))
    dice.shuffle(gaps)
    widened = sorted(gaps[: int(dice.integers(2, 4))])
    sound, texts, pauses, said = [silence(600)], list[tuple[int, str]](), list[tuple[int, int]](), ""
    at = 600.0
    for index, (samples, words) in enumerate(parts):
        if index in widened:
            pause = float(np.clip(median_ms * np.exp(dice.normal(0, SPREAD)), 250, 5000))
            texts.append((int(at) + COMMIT_MS + RECOGNITION_MS, said.strip()))
            pauses.append((int(at), int(at + pause)))
            sound.append(silence(pause))
            at += pause
        sound.append(samples)
        at += len(samples) * 1000 / RATE
        said += " " + words
    texts.append((int(at) + COMMIT_MS + RECOGNITION_MS, said.strip()))
    sound.append(silence(AFTER_MS))
    return Turn((), texts, int(at), pauses), in_room(join(*sound), 10)


def verdicts(endpointer: Endpointer, one: Turn, with_words: bool) -> Iterator[int]:
    """The ms at which the endpointer called the answer over."""
    gate, texts = SpeechGate(), list(one.texts)
    for index, probability in enumerate(one.probabilities, 1):
        at = index * WINDOW_MS
        if with_words and texts and at >= texts[0][0]:
            endpointer.text(texts.pop(0)[1])
        voice = gate.push(probability)
        if (endpointer.voice if voice else endpointer.silence)(WINDOW_MS):
            yield at


def measure(policy: EndpointPolicy, speaker: Sequence[Turn], words: bool, asked_s: float) -> Tally:
    endpointer, tally = Endpointer(policy), Tally()
    endpointer.be_patient(asked_s)
    for one in speaker:
        called = list(verdicts(endpointer, one, words))
        endpointer.replied()
        tally.turns += 1
        tally.cut += any(at < one.ends_ms for at in called)
        tally.dead += [at - one.ends_ms for at in called if at >= one.ends_ms][:1]
    return tally


def policies() -> Iterator[tuple[str, EndpointPolicy, bool, float]]:
    """Name, policy, whether it sees words, what the candidate asked for."""
    for ms in (300, 500, 800, 1200, 1600, 2000, 2500):
        yield f"silence only, {ms} ms", EndpointPolicy(patience_ms=ms, least_ms=0, adapts=False), False, 0
    for ms in (800, 1000, 1200, 1500):
        yield f"learns the speaker's pauses, from {ms} ms", EndpointPolicy(patience_ms=ms), False, 0
        yield f"looks at the words, {ms} ms", EndpointPolicy(patience_ms=ms, adapts=False), True, 0
        mark = "  <- default" if ms == EndpointPolicy().patience_ms else ""
        yield f"both, from {ms} ms{mark}", EndpointPolicy(patience_ms=ms), True, 0
    for seconds in (3.0, 5.0, 10.0):
        yield f"both, candidate asked for {seconds:g} s", EndpointPolicy(), True, seconds


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.endpointing_sweep", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--seed", type=int, default=1, help="of the pauses")
    parser.add_argument("--rounds", type=int, default=4, help="times each answer is given, with other pauses")
    arguments = parser.parse_args()
    seed: int = arguments.seed
    rounds: int = arguments.rounds
    if not here():
        print(f"sweep: human speech is missing: apt-get install {PACKAGE}", file=sys.stderr)
        return 1
    silero, recognised = Silero(), Recognised()
    parts: list[list[tuple[Pcm, str]]] = []
    for index, name in enumerate(PROMPTS, 1):
        print(f"\rsweep: recognising {index} of {len(PROMPTS)}", end="", file=sys.stderr)
        parts.append([(piece, recognised.text(piece)) for piece in pieces(prompt(name)[: 20 * RATE])])
    print(file=sys.stderr)
    answers = []
    for speaker, median_ms in SPEAKERS.items():
        print(f"sweep: listening to the speaker of {speaker} pauses", file=sys.stderr)
        dice = np.random.default_rng(seed)
        spoken = [turn(one, median_ms, dice) for _ in range(rounds) for one in parts if len(one) >= 4]
        said = probabilities(silero, [sound for _, sound in spoken])
        answers.append([replace(one, probabilities=p) for (one, _), p in zip(spoken, said, strict=True)])
    print(f"{len(answers[0])} answers of each speaker: answers cut off, %, and median dead air, ms")
    print(f"{'policy':<42}" + "  |".join(f"{name:^13}" for name in SPEAKERS) + "  |    all    ms  p90 ms")
    for name, policy, words, asked_s in policies():
        print(line(name, [measure(policy, one, words, asked_s) for one in answers]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

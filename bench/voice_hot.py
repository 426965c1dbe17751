"""Drive Viva's ears and the peers' over pipes: hot, in turn, round by round."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.processes import ROOT
from tests.fakes.human_speech import RATE, hiss, in_room, join, prompt, silence, trimmed

PEERS_PYTHON: Final = ROOT / ".venv-bench-voice" / "bin" / "python"
FRAMES: Final = 32
"""640 ms of sound a sample: twenty windows of 32 ms; of many streams a quarter, to keep samples short."""
CLIPS: Final = (
    "demo-congrats",
    "demo-instruct",
    "demo-thanks",
    "demo-abouttotry",
    "demo-moreinfo",
    "demo-nogo",
    "demo-enterkeywords",
    "demo-echotest",
    "demo-echodone",
    "tt-monkeysintro",
    "vm-intro",
    "vm-goodbye",
    "conf-onlyperson",
    "pbx-invalid",
    "privacy-prompt",
)
CLIP_S: Final = 3
GROWN_S: Final = 10


@dataclass(slots=True)
class Subject:
    """One way of hearing, in a process of its own."""

    name: str
    streams: int
    process: subprocess.Popen[bytes]
    cost: list[float] = field(default_factory=list)
    barge: dict[str, list[int]] = field(default_factory=dict)
    kb_per_session: float | None = None

    def ask(self, **order: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.read())
        return answer

    def read(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        if not line:
            raise RuntimeError(f"{self.name} ended with {self.process.wait()}")
        return line

    def stop(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


@dataclass(frozen=True, slots=True)
class HotPlan:
    rounds: int = 120
    clips: int = len(CLIPS)
    grown: int = 100
    peers_grown: int = 8


QUICK: Final = HotPlan(rounds=30, clips=4, grown=30, peers_grown=3)


@contextlib.contextmanager
def subjects(folder: Path) -> Iterator[list[Subject]]:
    """Viva with 1, 16 and 64 streams, and those peers whose environment is there."""
    quiet = folder / "quiet.pcm"
    quiet.write_bytes(hiss(20_000, 15).tobytes())
    viva = [sys.executable, "-m", "bench.servers.viva_ears", str(quiet)]
    commands = [(f"Viva, {n} stream{'s' * (n > 1)}", n, [*viva, str(n)]) for n in (1, 16, 64)]
    if PEERS_PYTHON.exists():
        for name, script in (("pipecat", "pipecat_ears.py"), ("livekit", "livekit_ears.py")):
            path = str(ROOT / "bench" / "servers" / script)
            commands.append((name, 1, [str(PEERS_PYTHON), path, str(quiet), "1"]))
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR") if key in os.environ}
    env = kept | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    started: list[Subject] = []
    try:
        for name, streams, command in commands:
            process = subprocess.Popen(
                command,
                env=env,
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            started.append(Subject(name, streams, process))
            started[-1].read()
        yield started
    finally:
        for subject in started:
            subject.stop()


def measure_hot(plan: HotPlan, say: Callable[[str], None]) -> list[Subject]:
    with tempfile.TemporaryDirectory(prefix="viva-bench-") as name:
        folder = Path(name)
        with subjects(folder) as found:
            say("what a second of sound costs")
            for number in range(-5, plan.rounds):
                for place in range(len(found)):
                    subject = found[(number + place) % len(found)]
                    frames = FRAMES if subject.streams == 1 else FRAMES // 4
                    took = subject.ask(do="cost", frames=frames)["seconds"]
                    if number >= 0:
                        subject.cost.append(took * 1000 / (subject.streams * frames * 0.02))
            say("how soon it falls silent")
            for clip in _clips(folder)[: plan.clips]:
                for subject in found:
                    if subject.streams == 1:
                        for what, ms in subject.ask(do="barge", clip=str(clip))["ms"].items():
                            subject.barge.setdefault(what, []).append(ms)
            say("what a session weighs")
            talk = folder / "talk.pcm"
            sound = in_room(join(prompt("demo-instruct")[: (GROWN_S - 2) * RATE], silence(2000)))
            talk.write_bytes(sound.tobytes())
            for subject in found:
                if subject.streams == 1:
                    sessions = plan.grown if subject.name.startswith("Viva") else plan.peers_grown
                    subject.ask(do="grow", sessions=sessions, clip=str(talk))  # what is paid once
                    grew = subject.ask(do="grow", sessions=sessions, clip=str(talk))["kb"]
                    subject.kb_per_session = grew / sessions
        return found


def _clips(folder: Path) -> list[Path]:
    paths = []
    for name in CLIPS:
        path = folder / f"{name}.pcm"
        path.write_bytes(in_room(trimmed(prompt(name))[: CLIP_S * RATE]).tobytes())
        paths.append(path)
    return paths


def p10(samples: list[float]) -> float:
    return sorted(samples)[len(samples) // 10]


def median(samples: list[float] | list[int]) -> float:
    return statistics.median(samples)

"""What tests of the local recognisers stand on: synthesised speech, and an engine that lives for a module."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
import uvloop

from audio.stt import STT

SENTENCE = "i have worked on the payment system for two years"


@cache
def spoken(text: str = SENTENCE) -> bytes:
    """``text`` in flite's voice ``rms``, 16 kHz PCM."""
    if shutil.which("flite") is None:
        pytest.skip("needs a synthesiser: apt-get install flite")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "speech.wav")
        subprocess.run(["flite", "-voice", "rms", "-t", text, "-o", path], check=True)
        with wave.open(str(path)) as file:
            assert (file.getframerate(), file.getnchannels()) == (16000, 1)
            pcm: bytes = file.readframes(file.getnframes())
            return pcm


def children(module: str) -> list[int]:
    """The processes that run ``python -m module`` for this one."""
    found = []
    for listed in Path("/proc/self/task").glob("*/children"):
        for pid in listed.read_text(encoding="ascii").split():
            words = Path("/proc", pid, "cmdline").read_bytes().split(b"\0")
            if module.encode() in words:
                found.append(int(pid))
    return found


@contextmanager
def lasting(stt: STT) -> Iterator[asyncio.Runner]:
    """A loop as in production on which ``stt`` lives for several tests, so that its model is loaded once."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            yield runner
        finally:
            runner.run(stt.aclose())
            runner.run(stt.aclose())

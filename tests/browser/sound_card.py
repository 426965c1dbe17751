"""A sound card that is only software: what is played into it can be measured, and its microphone is fed.

PulseAudio, a server of its own in a folder of its own: nothing of the machine's own sound is touched.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE = 16_000
NEEDS = ("pulseaudio", "paplay", "parec")
BLOCK = 2 * RATE // 10
SCRIPT = """
load-module module-null-sink sink_name=loudspeaker rate=48000
load-module module-null-sink sink_name=voice rate=48000
load-module module-remap-source master=voice.monitor source_name=headset
load-module module-native-protocol-unix socket={folder}/native auth-anonymous=1
set-default-sink loudspeaker
set-default-source headset
"""


def missing() -> list[str]:
    return [name for name in NEEDS if shutil.which(name) is None]


@dataclass
class SoundCard:
    """``environment``: for programs that are to use it. ``heard``: what the loudspeaker has sounded.

    ``loud``: of each tenth of a second of it, whether it was more than silence.
    """

    environment: dict[str, str]
    heard: bytearray = field(default_factory=bytearray)
    loud: list[bool] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def say(self, path: Path) -> None:
        """Play a WAV file into the microphone; returns at its end."""
        process = await asyncio.create_subprocess_exec(
            "paplay", "--latency-msec=40", "--device=voice", path, env=os.environ | self.environment
        )
        try:
            assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    def sound(self, since: int = 0) -> npt.NDArray[np.float64]:
        """What was sounded since so many tenths of a second."""
        return _samples(self.heard[since * BLOCK :])

    async def sounds(self, tenths: int, since: int = 0) -> None:
        """Wait for so many tenths of a second with sound."""
        while sum(self.loud[since:]) < tenths:
            self._changed.clear()
            await self._changed.wait()

    def _take(self, data: bytes) -> None:
        self.heard += data
        while len(block := self.heard[len(self.loud) * BLOCK :][:BLOCK]) == BLOCK:
            self.loud.append(bool(np.abs(_samples(block)).max() > 0.01))
        self._changed.set()

    async def _listen(self) -> None:
        record = ("parec", "--device=loudspeaker.monitor", f"--rate={RATE}", "--channels=1", "--format=s16le")
        process = await asyncio.create_subprocess_exec(
            *record, "--latency-msec=50", stdout=asyncio.subprocess.PIPE, env=os.environ | self.environment
        )
        assert process.stdout is not None
        try:
            while data := await process.stdout.read(4096):
                self._take(data)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


def _samples(pcm: bytes | bytearray) -> npt.NDArray[np.float64]:
    return np.frombuffer(bytes(pcm[: len(pcm) // 2 * 2]), "<i2").astype(float) / 32768


@asynccontextmanager
async def sound_card() -> AsyncIterator[SoundCard]:
    """A loudspeaker and a microphone."""
    folder = tempfile.mkdtemp(prefix="viva-sound-")
    environment = {
        "HOME": folder,
        "XDG_RUNTIME_DIR": folder,
        "PULSE_RUNTIME_PATH": folder,
        "PULSE_SERVER": f"unix:{folder}/native",
    }
    (Path(folder) / "script").write_text(SCRIPT.format(folder=folder))
    process = await asyncio.create_subprocess_exec(
        *("pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm"),
        *("--log-target=stderr", "--log-level=info", f"--file={folder}/script"),
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | environment,
    )
    assert process.stderr is not None
    said: list[bytes] = []
    tasks: list[asyncio.Task[None]] = []
    try:
        while b"Daemon startup complete" not in (line := await process.stderr.readline()):
            said.append(line)
            assert line, b"".join(said)
        card = SoundCard(environment)
        tasks.append(asyncio.create_task(_drain(process.stderr), name="PulseAudio's words"))
        tasks.append(asyncio.create_task(card._listen(), name="loudspeaker"))
        yield card
    finally:
        for task in tasks[1:]:
            task.cancel()
        if process.returncode is None:
            process.kill()
        await process.wait()
        if tasks:
            await asyncio.wait(tasks)
        shutil.rmtree(folder)


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.read(65536):
        pass

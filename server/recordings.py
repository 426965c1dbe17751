"""Recordings: written while the call lives, kept in the object store, played back by the stretch.

While a call lives its sound grows in a local file whose header is kept true, so that a killed server loses
at most the last two seconds. At its end the file moves to the object store; what a killed server left behind
moves there at the next start. A call that went on elsewhere has several parts, each with its place on
the call's audio clock in its name.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from audio.recording import FRAME, HEADER, Part, TwoTracks, one_track, wav_header
from server.logs import safe_call_id
from storage.objects import ObjectStore
from storage.ports import NotFound, StorageError

WRITE_S: Final = 2.0
"""Between two writes; what a killed server loses at most."""
MAX_WAITING_MS: Final = 60_000
"""Sound that may wait for a slow disk; beyond it the recording ends, the call goes on."""
MAX_STRETCH_MS: Final = 10 * 60_000
_CALL: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_PART: Final = re.compile(r"([0-9]{10})\.wav")

log = structlog.get_logger("viva.recordings")


@dataclass(slots=True)
class Recorder:
    """One part of one call's recording. Feed it from the call, `run` it beside the call, then `finish`."""

    call_id: str
    file: Path
    tracks: TwoTracks
    stopped: bool = False
    _written: int = 0

    def heard(self, pcm: bytes) -> None:
        if self.stopped:
            return
        self.tracks.heard(pcm)
        if self.tracks.waiting_ms > MAX_WAITING_MS:
            self._stop("the disk is too slow")

    def sounded(self, pcm: bytes, at_ms: int | None) -> None:
        if not self.stopped:
            self.tracks.sounded(pcm, at_ms)

    def paused(self, at_ms: int) -> None:
        self.tracks.pause(at_ms)

    def resumed(self, at_ms: int) -> None:
        if not self.stopped:
            self.tracks.resume(at_ms)

    def cut(self, at_ms: int) -> None:
        self.tracks.cut(at_ms)

    async def run(self) -> None:
        """Write what has come, again and again, until cancelled."""
        while not self.stopped:
            await asyncio.sleep(WRITE_S)
            await self._write()

    async def finish(self) -> None:
        """Write the rest. The part is complete afterwards."""
        await self._write()
        self.stopped = True

    async def _write(self) -> None:
        data = self.tracks.take()
        if not data:
            return
        try:
            await asyncio.to_thread(self._append, data)
        except OSError as trouble:
            self._stop(trouble.strerror or type(trouble).__name__)

    def _stop(self, why: str) -> None:
        self.stopped = True
        self.tracks.take()
        log.error("recording stopped, the call goes on", call_id=safe_call_id(self.call_id), why=why)

    def _append(self, data: bytes) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("r+b" if self.file.exists() else "x+b") as out:
            out.seek(HEADER + self._written)
            out.write(data)
            self._written += len(data)
            out.seek(0)
            out.write(wav_header(self._written))


@dataclass(slots=True)
class Recordings:
    """All recordings: those that grow under ``folder`` and those in ``store``."""

    folder: Path
    store: ObjectStore
    live: set[str] = field(default_factory=set)

    async def open(self, call_id: str) -> Recorder:
        """A new part, placed after all parts that the call has. One at a time for each call.

        Raises:
            StorageError: the store cannot be asked for the earlier parts.
        """
        _checked(call_id)
        base = max((part.end_ms for part in (await self._parts(call_id)).values()), default=0)
        self.live.add(call_id)
        return Recorder(call_id, self._local(call_id) / f"{base:010d}.wav", TwoTracks(base))

    async def close(self, recorder: Recorder) -> None:
        """Write the rest and move the part to the store; what cannot be moved stays for the next start."""
        try:
            await recorder.finish()
            await self._keep(recorder.file)
        except StorageError as trouble:
            log.warning("recording stays in the data folder", why=str(trouble))
        finally:
            self.live.discard(recorder.call_id)

    async def take_over(self, call_id: str, file: Path) -> None:
        """Keep ``file``, a finished WAV as written here, as the whole recording of a call; it is moved.

        Raises:
            StorageError: the store did not take it.
        """
        await self.store.put(f"recordings/{_checked(call_id)}/{0:010d}.wav", file)
        await asyncio.to_thread(file.unlink)

    async def recover(self) -> int:
        """Move what a killed server left behind to the store; how many parts there were."""
        left = await asyncio.to_thread(lambda: sorted(self.folder.glob("*/*.wav")))
        moved = 0
        for file in left:
            if file.parent.name in self.live:
                continue
            try:
                await self._keep(file)
                moved += 1
            except StorageError as trouble:
                log.warning("recording stays in the data folder", why=str(trouble))
                break
        return moved

    async def stretch(self, call_id: str, from_ms: int, to_ms: int, track: int | None) -> bytes:
        """A WAV of part of the call: one track, or both. Raises NotFound where nothing was recorded."""
        to_ms = min(to_ms, from_ms + MAX_STRETCH_MS)
        sound = b""
        for name, part in (await self._parts(call_id)).items():
            start, end = part.span(from_ms, to_ms)
            if start < end and part.base_ms < to_ms:
                sound += await self._read(call_id, name, start, end)
        if len(sound) < FRAME:
            raise NotFound("nothing was recorded there")
        data = sound if track is None else one_track(sound, track)
        return wav_header(len(data), 2 if track is None else 1) + data

    async def delete(self, call_id: str) -> int:
        """Delete every part of a call that is over; how many there were."""
        files = await asyncio.to_thread(lambda: list(self._local(_checked(call_id)).glob("*.wav")))
        for file in files:
            await asyncio.to_thread(file.unlink, missing_ok=True)
        return len(files) + await self.store.delete_all(f"recordings/{call_id}")

    def _local(self, call_id: str) -> Path:
        return self.folder / call_id

    async def _parts(self, call_id: str) -> dict[str, Part]:
        """Parts by file name, in the order of the clock; a local one goes before its copy in the store."""
        found = {
            one.key.rpartition("/")[2]: one.size
            for one in await self.store.list(f"recordings/{_checked(call_id)}")
        }
        found |= await asyncio.to_thread(
            lambda: {file.name: file.stat().st_size for file in self._local(call_id).glob("*.wav")}
        )
        return {name: Part(int(m[1]), found[name]) for name in sorted(found) if (m := _PART.fullmatch(name))}

    async def _read(self, call_id: str, name: str, start: int, end: int) -> bytes:
        def local() -> bytes:
            with (self._local(call_id) / name).open("rb") as file:
                file.seek(start)
                return file.read(end - start)

        try:
            return await asyncio.to_thread(local)
        except FileNotFoundError:
            return await self.store.read(f"recordings/{call_id}/{name}", start, end)

    async def _keep(self, file: Path) -> None:
        if not await asyncio.to_thread(file.exists):
            return
        await self.store.put(f"recordings/{file.parent.name}/{file.name}", file)
        await asyncio.to_thread(_remove, file)


def _remove(file: Path) -> None:
    file.unlink(missing_ok=True)
    with suppress(OSError):  # another part is still in it
        file.parent.rmdir()


def _checked(call_id: str) -> str:
    if not _CALL.fullmatch(call_id):
        raise NotFound("no recording of this call")
    return call_id

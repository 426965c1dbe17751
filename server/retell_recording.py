"""Retell's recording of a call, brought into our own store where the candidate agreed, so that quotes play.

Retell says where the sound lies. Nothing inside our network is asked for it: only https on its own port, a
name that leads to a public address, looked at where the connection is made, and again after each redirect.
Beside that, only the server that the settings name as Retell's.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver
from yarl import URL

from interview.events import Speaker
from server.logs import safe_call_id
from server.provider_record import heard_in
from server.recordings import Recordings
from server.retell_api import RetellApi, RetellError
from storage.job_runner import Job, TryAgain
from storage.ports import CallRecord, NotFound
from storage.runs import PostgresRuns

MAX_BYTES: Final = 1 << 30
"""Four hours of two channels at 16 kHz and 16 bit are less; so is one hour at 48 kHz."""
FETCH_S: Final = 150.0
"""For all of a recording; less than the time a job has."""
QUIET_S: Final = 20.0
"""How long the far side may send nothing."""
REDIRECTS: Final = 3
LATER_S: Final = 60.0
CHUNK: Final = 1 << 18
Span = tuple[float, float]

log = structlog.get_logger("viva.retell_recording")


class RecordingError(Exception):
    """The recording could not be brought. The text holds no address: a signed one opens the recording."""


def wants_recording(record: CallRecord) -> bool:
    """Whether the candidate agreed, and there is none of this Retell call yet."""
    granted = (record.response.consent or {}).get("granted") or {}
    retell = record.response.transport == "retell"
    return retell and granted.get("record_audio") is True and record.recording is None


def place_of(call: Mapping[str, Any]) -> str | None:
    """Where the record says that the sound lies; the one with a channel for each voice, if there is one."""
    for name in ("recording_multi_channel_url", "recording_url"):
        found = call.get(name)
        if isinstance(found, str) and found:
            return found
    return None


@dataclass(frozen=True, slots=True)
class RetellRecordings:
    """``folder``: where sound lies while it is on its way. ``trusted``: Retell's own base URL, if set."""

    runs: PostgresRuns
    retell: RetellApi
    recordings: Recordings
    folder: Path
    trusted: URL | None = None
    max_bytes: int = MAX_BYTES

    async def fetch(self, job: Job) -> None:
        """Bring the recording of one call. Run twice, it does nothing the second time.

        Raises:
            RecordingError, RetellError, StorageError: not now, or not this one.
        """
        call_id = job.payload["call_id"]
        try:
            record = await self.runs.record(call_id)
            if wants_recording(record):
                await self._fetch(call_id, last=job.last)
        except NotFound:
            log.info("call is gone, no recording is fetched", call_id=safe_call_id(call_id))

    async def _fetch(self, call_id: str, *, last: bool) -> None:
        try:
            call = await self.retell.retrieve_call(call_id)
        except RetellError as trouble:
            if trouble.status != 404:
                raise
            log.info("Retell has forgotten the call, and its recording", call_id=safe_call_id(call_id))
            return
        place = place_of(call)
        if place is None:
            if not last:
                raise TryAgain("Retell has no recording of this call yet", LATER_S)
            log.info("Retell has no recording of the call", call_id=safe_call_id(call_id))
            return
        spoke, listened = _spans(call)
        # A call id is Retell's word, and any text: it names no file.
        name = hashlib.blake2b(call_id.encode(), digest_size=16).hexdigest()
        raw, made = self.folder / f"{name}.part", self.folder / f"{name}.wav"
        try:
            await self._download(place, raw)
            kept = await asyncio.to_thread(_convert, raw, made, spoke, listened)
            await self.recordings.take_over(call_id, made)
        finally:
            await asyncio.to_thread(_remove, raw, made)
        try:
            await self.runs.add_recording(call_id, kept)
        except NotFound:
            await self.recordings.delete(call_id)  # the call was deleted meanwhile
            raise

    async def _download(self, place: str, target: Path) -> None:
        try:
            async with asyncio.timeout(FETCH_S), self._opened(place) as response:
                if (response.content_length or 0) > self.max_bytes:
                    raise RecordingError("the recording is too large")
                await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
                with await asyncio.to_thread(target.open, "wb") as file:
                    size = 0
                    async for piece in response.content.iter_chunked(CHUNK):
                        size += len(piece)
                        if size > self.max_bytes:
                            raise RecordingError("the recording is too large")
                        await asyncio.to_thread(file.write, piece)
        except TimeoutError:
            raise RecordingError("the recording did not come in time") from None
        except aiohttp.ClientError as error:
            raise RecordingError(f"the recording could not be fetched ({type(error).__name__})") from None

    @asynccontextmanager
    async def _opened(self, place: str) -> AsyncIterator[aiohttp.ClientResponse]:
        connector = aiohttp.TCPConnector(resolver=PublicOnly(self.trusted))
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=QUIET_S, sock_read=QUIET_S)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            url = _checked(place, self.trusted)
            for _ in range(REDIRECTS + 1):
                async with session.get(url, allow_redirects=False) as response:
                    if response.status == 200:
                        yield response
                        return
                    where = response.headers.get("Location", "")
                    if response.status not in (301, 302, 303, 307, 308) or not where:
                        raise RecordingError(f"the recording could not be fetched ({response.status})")
                url = _checked(url.join(_parsed(where)), self.trusted)
            raise RecordingError("the recording is behind too many redirects")


class PublicOnly(AbstractResolver):
    """Names that lead into our own network lead nowhere; ``trusted`` may."""

    def __init__(self, trusted: URL | None) -> None:
        self._trusted = trusted.host if trusted is not None else None
        self._resolver = DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if host == self._trusted:
            return found
        public = [one for one in found if is_public(one["host"])]
        if not public:
            raise OSError(None, "the name leads to no public address")
        return public

    async def close(self) -> None:
        await self._resolver.close()


def is_public(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None) or found
    return bool(inner.is_global and not inner.is_multicast)


def _checked(place: str | URL, trusted: URL | None) -> URL:
    """Raises RecordingError for an address that is not to be asked."""
    url = _parsed(place)
    own = trusted is not None and url.host == trusted.host
    if own and trusted is not None:
        fits = (url.scheme, url.port) == (trusted.scheme, trusted.port)
    else:
        host = url.host or ""
        named = "." in host and ":" not in host and not host.replace(".", "").isdigit()
        fits = url.scheme == "https" and url.port == 443 and named
    if not fits or url.user is not None:
        raise RecordingError("the recording lies where none is fetched from")
    return url


def _parsed(place: str | URL) -> URL:
    try:
        url = URL(place)
        _ = url.host, url.port
    except ValueError:
        raise RecordingError("the recording has no address that can be read") from None
    return url


def _spans(call: Mapping[str, Any]) -> tuple[list[Span], list[Span]]:
    """Where the candidate and where the interviewer talks, by the record's words."""
    found: dict[Speaker, list[Span]] = {speaker: [] for speaker in Speaker}
    for item in heard_in(call):
        if item.words:
            found[item.speaker].append((item.words[0].start_s, item.words[-1].end_s))
    return found[Speaker.CANDIDATE], found[Speaker.INTERVIEWER]


def _convert(raw: Path, made: Path, spoke: list[Span], listened: list[Span]) -> dict[str, Any]:
    # Loaded where it is used: a worker without Retell never needs it.
    from audio.sides import Unreadable, write_sides

    try:
        with made.open("wb") as target:
            return asdict(write_sides(raw, target, spoke, listened))
    except Unreadable as error:
        raise RecordingError(str(error)) from None


def _remove(*files: Path) -> None:
    for file in files:
        with suppress(OSError):
            file.unlink(missing_ok=True)

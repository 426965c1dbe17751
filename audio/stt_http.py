"""What every recogniser over HTTP shares: one request per piece of sound, and the error mapping.

Nothing here retries, and no error text carries more of the provider's answer than its error slug.
"""

from __future__ import annotations

import re
import struct
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import aiohttp
import msgspec

from audio.pcm import EAR_RATE, WIDTH
from audio.stt import Heard, OnPartial, SttError, SttRefused, SttUnavailable
from audio.stt_segments import SegmentStream

DEFAULT_TIMEOUT: Final = aiohttp.ClientTimeout(total=20.0, sock_connect=3.0)
"""A piece of at most half a minute; what takes longer is of no use to a conversation."""

_MAX_BODY: Final = 4 << 20
_MAX_ERROR_BODY: Final = 4096
# Letters of one case only: no key and no echoed sentence looks like that.
_SLUG: Final = re.compile(rb'"(?:status|code|type)"\s*:\s*"([a-z_]{3,40}|[A-Z][A-Za-z]{3,40})"')


@dataclass(frozen=True, slots=True)
class Request:
    """One request, ready to go. ``headers`` may hold a key, so they stay out of ``repr``."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: aiohttp.FormData | bytes = field(repr=False)


class HttpSTT(ABC):
    """A recogniser behind one POST per piece. A subclass words the request and reads the answer."""

    def __init__(self, session: aiohttp.ClientSession, name: str, note: str, timeout: aiohttp.ClientTimeout):
        self._session, self._timeout = session, timeout
        self._name, self._note = name, note

    @property
    def name(self) -> str:
        return self._name

    @property
    def note(self) -> str:
        return self._note

    @abstractmethod
    def request(self, pcm: bytes, language: str) -> Request: ...

    @abstractmethod
    def read(self, body: bytes) -> Heard:
        """What the answer says. Raises SttError, msgspec.MsgspecError."""

    async def open(self, language: str, on_partial: OnPartial) -> SegmentStream:
        async def recognise(pcm: bytes) -> Heard:
            return await self._recognise(pcm, language)

        return SegmentStream(self._name, recognise, on_partial)

    async def aclose(self) -> None:  # noqa: B027 - for all of them
        """Nothing of our own to close: the session is the caller's."""

    async def _recognise(self, pcm: bytes, language: str) -> Heard:
        body = await self._post(self.request(pcm, language))
        try:
            return self.read(body)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            raise SttUnavailable(self._name, "the answer is no transcription") from None

    async def _post(self, request: Request) -> bytes:
        try:
            async with self._session.post(
                request.url,
                data=request.body,
                headers=request.headers,
                timeout=self._timeout,
                allow_redirects=False,  # a redirect would carry the key to another host
            ) as response:
                if response.status != 200:
                    said = await response.content.read(_MAX_ERROR_BODY)
                    response.close()
                    raise self._status_error(response.status, said)
                body = bytearray()
                while chunk := await response.content.readany():
                    body += chunk
                    if len(body) > _MAX_BODY:
                        response.close()
                        raise SttUnavailable(self._name, f"an answer over {_MAX_BODY} bytes")
                return bytes(body)
        except TimeoutError:
            raise SttUnavailable(self._name, f"no answer within {self._timeout.total:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise SttUnavailable(self._name, type(error).__name__) from None
        except ValueError:
            raise SttRefused(self._name, "the key or the address cannot be sent") from None

    def _status_error(self, status: int, body: bytes) -> SttError:
        found = _SLUG.search(body)
        why = f"status {status}{' ' + found[1].decode() if found else ''}"
        if status in (408, 425, 429) or status >= 500:
            return SttUnavailable(self._name, why)
        if status in (401, 403):
            why += ": check the key"
        return SttRefused(self._name, why)


def wav(pcm: bytes) -> bytes:
    """``pcm`` with the header of a WAV file before it."""
    rate, width = EAR_RATE, WIDTH
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * width, width, width * 8)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + len(pcm))
        + b"WAVE"
        + form
        + struct.pack("<4sI", b"data", len(pcm))
        + pcm
    )


def primary(language: str) -> str:
    """``en`` of ``en-GB``."""
    return language.replace("_", "-").split("-")[0].lower()

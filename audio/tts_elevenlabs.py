"""Speech by ElevenLabs, through its ``stream-input`` WebSocket: one socket per reply.

Clauses are sent, and flushed, as they come, while sound comes back; so the voice keeps its melody over them.
Wire: elevenlabs.io/docs/api-reference, "Text to Speech WebSocket".
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

import aiohttp
import msgspec

from audio.tts import Sound, TtsError, TtsRefused, TtsUnavailable, WordTime
from audio.tts_http import CONNECT_S, READ_S, network_error, status_error

DEFAULT_BASE: Final = "https://api.elevenlabs.io"
DEFAULT_MODEL: Final = "eleven_flash_v2_5"
VOICES: Final[Mapping[str, str]] = {
    "female_1": "EXAVITQu4vr4xnSDxMaL",
    "male_1": "nPczCjzI2devNBz1zQrb",
    "female_2": "Xb7hH8MSUJpSbSDYk0k2",
    "male_2": "JBFqnCBsd6RMkjVDRZzb",
    "female_3": "XrExE9yKIg1WjnnlVkGX",
    "male_3": "cjVigY5qzO86Huf0OWal",
}
_NAME: Final = "elevenlabs"
_SPEEDS: Final = (0.7, 1.2)
"""What the service accepts."""
_MAX_MESSAGE: Final = 8 << 20
_CLOSE_S: Final = 0.2
_STRAY: Final = 12
"""Characters that the alignment may skip of our text before it is taken for something else."""


class _Alignment(msgspec.Struct, rename="camel"):
    chars: list[str] = []
    char_start_times_ms: list[float] = []


class _Message(msgspec.Struct, rename="camel"):
    audio: str | None = None
    is_final: bool | None = None
    alignment: _Alignment | None = None
    error: str | None = None
    message: str | None = None
    code: int | None = None


_decoder = msgspec.json.Decoder(_Message)


class ElevenLabsTTS:
    """``base`` is an HTTP address; the socket is opened on it. ``rate``: 16000, 22050 or 24000."""

    name = _NAME
    note = "neural voices of ElevenLabs"

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        key: str,
        base: str = DEFAULT_BASE,
        model: str = DEFAULT_MODEL,
        voices: Mapping[str, str] = VOICES,
        rate: int = 24_000,
        read_s: float = READ_S,
    ) -> None:
        self._session, self._key, self._model, self._voices = session, key, model, voices
        self._base = "ws" + base.rstrip("/").removeprefix("http")
        self._read_s = read_s
        self.rate = rate

    async def speak(
        self, clauses: AsyncIterator[str], voice: str, speed: float = 1.0
    ) -> AsyncGenerator[Sound, None]:
        own = self._voices.get(voice) or next(iter(self._voices.values()))
        socket = await self._open(own)
        track = _Track(self.rate, self._read_s)
        sending = asyncio.create_task(self._send(socket, clauses, speed, track), name="elevenlabs sender")
        try:
            while (message := await self._next(socket, track)) is not None:
                for sound in track.made(*message):
                    yield sound
            for sound in track.end():
                yield sound
        finally:
            sending.cancel()
            await _finish(sending, socket)

    async def aclose(self) -> None:
        """Nothing of our own to close: the session is the caller's."""

    async def _open(self, voice: str) -> aiohttp.ClientWebSocketResponse:
        query = {
            "model_id": self._model,
            "output_format": f"pcm_{self.rate}",
            "auto_mode": "true",  # no waiting for more text: ours are whole clauses
            "sync_alignment": "true",
            "inactivity_timeout": "180",  # the model that writes the words may think for long
        }
        try:
            async with asyncio.timeout(CONNECT_S):
                return await self._session.ws_connect(
                    f"{self._base}/v1/text-to-speech/{voice}/stream-input?{urlencode(query)}",
                    headers={"xi-api-key": self._key},
                    max_msg_size=_MAX_MESSAGE,
                )
        except aiohttp.WSServerHandshakeError as error:
            raise status_error(_NAME, error.status) from None
        except TimeoutError:
            raise TtsUnavailable(_NAME, f"no connection within {CONNECT_S:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise network_error(_NAME, error) from None
        except ValueError:
            raise TtsRefused(_NAME, "the key or the address cannot be sent") from None

    async def _send(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        clauses: AsyncIterator[str],
        speed: float,
        track: _Track,
    ) -> None:
        pace = min(max(speed, _SPEEDS[0]), _SPEEDS[1])
        settings = {"stability": 0.5, "similarity_boost": 0.8, "speed": pace}
        try:
            await socket.send_json({"text": " ", "voice_settings": settings})
            async for text in clauses:
                clean = " ".join(text.split())
                track.sent(clean)
                # An empty text would say that nothing more comes.
                await socket.send_json({"text": f"{clean} ", "flush": True})
            track.ended()
            await socket.send_json({"text": ""})
        except (aiohttp.ClientError, OSError) as error:
            track.fail(network_error(_NAME, error))
        except Exception as trouble:  # of whoever makes the clauses
            track.fail(trouble)

    async def _next(
        self, socket: aiohttp.ClientWebSocketResponse, track: _Track
    ) -> tuple[bytes, _Alignment | None] | None:
        """The next message with sound; None after the last."""
        while True:
            try:
                async with asyncio.timeout(None) as limit:
                    track.limit = limit
                    track.arm()
                    message = await socket.receive()
            except TimeoutError:
                raise track.failure or TtsUnavailable(_NAME, f"no sound within {self._read_s:g} s") from None
            finally:
                track.limit = None
            if message.type is not aiohttp.WSMsgType.TEXT:
                raise track.failure or _closed(socket.close_code)
            try:
                read = _decoder.decode(message.data)
                pcm = base64.b64decode(read.audio, validate=True) if read.audio else b""
            except (msgspec.MsgspecError, binascii.Error, ValueError):
                raise TtsUnavailable(_NAME, "a message that is no speech") from None
            if read.error is not None or read.code is not None:
                raise _told(read)
            if pcm:
                return pcm[: len(pcm) & ~1], read.alignment
            if read.is_final:
                return None


def _closed(code: int | None) -> TtsError:
    if code in (1008, 3000):
        return TtsRefused(_NAME, f"closed with {code}: check the key, the voice and the quota")
    return TtsUnavailable(_NAME, f"closed with {code}")


def _told(message: _Message) -> TtsError:
    """An error message. Only its slug is repeated: its text may hold ours."""
    slug = message.error or ""
    why = f"error {message.code or ''} {slug if slug.isidentifier() and len(slug) < 40 else ''}".strip()
    gone = message.code in (1011, 1012, 1013) or "limit" in slug or "busy" in slug
    return TtsUnavailable(_NAME, why) if gone else TtsRefused(_NAME, why)


async def _finish(sending: asyncio.Task[None], socket: aiohttp.ClientWebSocketResponse) -> None:
    await asyncio.wait((sending,), timeout=2.0)
    # Whatever the service still wants to say is of no use; this cuts the connection when time is up.
    with suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(_CLOSE_S):
            await socket.close()


@dataclass(slots=True)
class _Track:
    """What was sent, joined with what came back by its alignment: which clause sounds, which words begin."""

    rate: int
    read_s: float
    limit: asyncio.Timeout | None = None
    failure: Exception | None = None
    _text: str = ""
    _ends: list[int] = field(default_factory=list)
    _over: bool = False
    _at: int = 0
    _clause: int = 0
    _closed: int = 0
    _samples: int = 0

    def sent(self, text: str) -> None:
        self._text += f"{text} "
        self._ends.append(len(self._text) - 1)
        self.arm()

    def ended(self) -> None:
        self._over = True
        self.arm()

    def fail(self, trouble: Exception) -> None:
        self.failure = trouble
        self.arm()

    def arm(self) -> None:
        """The wait for a message is bounded while something is owed, and over when the sender failed."""
        if self.limit is None or self.limit.expired():
            return
        now = asyncio.get_running_loop().time()
        owed = self._over or self._at < len(self._text) - 1
        self.limit.reschedule(now if self.failure else now + self.read_s if owed else None)

    def made(self, pcm: bytes, alignment: _Alignment | None) -> Iterator[Sound]:
        start_ms = self._samples * 1000 / self.rate
        words, first = self._words(alignment, start_ms) if alignment else ([], None)
        if first is not None:
            yield from self._close(first)
            self._clause = max(self._clause, first)
        self._samples += len(pcm) // 2
        last = self._closed == self._clause < len(self._ends) and self._at >= self._ends[self._clause]
        if last:
            self._closed += 1
        yield Sound(pcm, self._clause, tuple(words), last)

    def end(self) -> Iterator[Sound]:
        yield from self._close(len(self._ends))

    def _close(self, before: int) -> Iterator[Sound]:
        while self._closed < before:
            yield Sound(b"", self._closed, last=True)
            self._closed += 1

    def _words(self, alignment: _Alignment, start_ms: float) -> tuple[list[WordTime], int | None]:
        words, first = [], None
        for char, at_ms in zip(alignment.chars, alignment.char_start_times_ms, strict=False):
            # The service may leave out or respell signs: go on where ours say the same again.
            place = self._text.find(char, self._at, self._at + _STRAY) if char.strip() else -1
            if place < 0:
                continue
            if first is None:
                first = sum(end <= place for end in self._ends)
            if place == 0 or self._text[place - 1] == " ":
                words.append(
                    WordTime(self._text[place : self._text.find(" ", place)], round(start_ms + at_ms))
                )
            self._at = place + 1
        return words, first

"""Speech by Azure, through its REST endpoint: one request per clause, the sound read as it comes.

Wire: learn.microsoft.com, "Text to speech REST API". It gives no word times.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Final
from xml.sax.saxutils import escape, quoteattr

import aiohttp

from audio.tts import Sound, TtsRefused
from audio.tts_http import CONNECT_S, READ_S, network_error, status_error

_NAME: Final = "azure"
_PATH: Final = "/cognitiveservices/v1"
_RATE: Final = 24_000
VOICES: Final[Mapping[str, str]] = {
    "female_1": "en-US-JennyNeural",
    "male_1": "en-US-GuyNeural",
    "female_2": "en-GB-SoniaNeural",
    "male_2": "en-GB-RyanNeural",
    "female_3": "en-US-AriaNeural",
    "male_3": "en-US-EricNeural",
}
DEFAULT_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=READ_S)


class AzureTTS:
    """Azure Speech in ``region``, or at ``base`` (a private endpoint, a container, a test)."""

    name = _NAME
    note = "neural voices of Azure Speech"
    rate = _RATE

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        key: str,
        region: str | None = None,
        base: str | None = None,
        voices: Mapping[str, str] = VOICES,
        timeout: aiohttp.ClientTimeout = DEFAULT_TIMEOUT,
    ) -> None:
        self._session, self._voices, self._timeout = session, voices, timeout
        self._url = (base or f"https://{region}.tts.speech.microsoft.com").rstrip("/") + _PATH
        self._headers = {
            "Ocp-Apim-Subscription-Key": key,
            "Content-Type": "application/ssml+xml",
            "X-Microsoft-OutputFormat": "raw-24khz-16bit-mono-pcm",
            "User-Agent": "viva",
        }

    async def speak(
        self, clauses: AsyncIterator[str], voice: str, speed: float = 1.0
    ) -> AsyncGenerator[Sound, None]:
        own = self._voices.get(voice) or next(iter(self._voices.values()))
        clause = 0
        async for text in clauses:
            body = ssml(text, own, speed).encode()
            try:
                async with self._session.post(
                    self._url,
                    data=body,
                    headers=self._headers,
                    timeout=self._timeout,
                    allow_redirects=False,  # a redirect would carry the key to another host
                ) as response:
                    try:
                        if response.status != 200:
                            raise status_error(_NAME, response.status)
                        half = b""
                        while chunk := await response.content.readany():
                            data = half + chunk
                            half = data[len(data) & ~1 :]
                            if pcm := data[: len(data) & ~1]:
                                yield Sound(pcm, clause)
                    except BaseException:
                        response.close()  # hang up now; a release may keep reading the rest
                        raise
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise network_error(_NAME, error) from None
            except ValueError:
                raise TtsRefused(_NAME, "the key or the address cannot be sent") from None
            yield Sound(b"", clause, last=True)
            clause += 1

    async def aclose(self) -> None:
        """Nothing of our own to close: the session is the caller's."""


def ssml(text: str, voice: str, speed: float) -> str:
    """One clause for one voice. Characters that XML cannot hold are left out."""
    clean = escape("".join(c for c in text if c >= " " or c in "\t\n"))
    language = "-".join(voice.split("-")[:2])
    return (
        f'<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang={quoteattr(language)}>'
        f"<voice name={quoteattr(voice)}>"
        f'<prosody rate="{round((speed - 1) * 100):+d}%">{clean}</prosody></voice></speak>'
    )

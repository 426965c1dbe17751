"""Speech recognition by Azure Speech, through its REST endpoint for short audio (at most 60 s a request).

Wire: learn.microsoft.com, "Speech to text REST API for short audio". It answers with final words only.
"""

from __future__ import annotations

from typing import Final

import aiohttp
import msgspec

from audio.stt import Heard, SttUnavailable
from audio.stt_http import DEFAULT_TIMEOUT, HttpSTT, Request, primary, wav
from interview.delivery import SpokenWord

_PATH: Final = "/speech/recognition/conversation/cognitiveservices/v1"
_TICKS: Final = 10_000_000
"""Offsets and durations are in units of 100 ns."""
# Azure wants a place with the language: the one with most speakers, where only the language is known.
_PLACES: Final = {
    "ar": "ar-EG", "cs": "cs-CZ", "da": "da-DK", "el": "el-GR", "en": "en-US", "hi": "hi-IN", "ja": "ja-JP",
    "ko": "ko-KR", "nb": "nb-NO", "no": "nb-NO", "pt": "pt-BR", "sv": "sv-SE", "uk": "uk-UA", "vi": "vi-VN",
    "zh": "zh-CN",
}  # fmt: skip


class _Word(msgspec.Struct, rename="pascal"):
    word: str
    offset: int
    duration: int
    confidence: float | None = None


class _Best(msgspec.Struct, rename="pascal"):
    display: str = ""
    confidence: float | None = None
    words: list[_Word] | None = None


class _Answer(msgspec.Struct, rename="pascal"):
    recognition_status: str
    display_text: str = ""
    n_best: list[_Best] | None = None


_decoder = msgspec.json.Decoder(_Answer)
_SILENT: Final = frozenset({"NoMatch", "InitialSilenceTimeout", "BabbleTimeout", "EndOfDictation"})


class AzureSTT(HttpSTT):
    """Azure Speech in ``region``, or at ``base`` (a private endpoint, a container, a test)."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        key: str,
        region: str | None = None,
        base: str | None = None,
        timeout: aiohttp.ClientTimeout = DEFAULT_TIMEOUT,
    ) -> None:
        super().__init__(session, "azure", "Azure Speech", timeout)
        self._base = (base or f"https://{region}.stt.speech.microsoft.com").rstrip("/") + _PATH
        self._headers = {
            "Ocp-Apim-Subscription-Key": key,
            "Content-Type": "audio/wav; codecs=audio/pcm; samplerate=16000",
            "Accept": "application/json",
        }

    def request(self, pcm: bytes, language: str) -> Request:
        # The last two are not in the guide; the vendor's own SDK asks for them so, on this same path.
        words = "wordLevelTimestamps=true&wordLevelConfidence=true"
        query = f"language={place(language)}&format=detailed&profanity=raw&{words}"
        return Request(f"{self._base}?{query}", self._headers, wav(pcm))

    def read(self, body: bytes) -> Heard:
        answer = _decoder.decode(body)
        if answer.recognition_status in _SILENT:
            return Heard("")
        if answer.recognition_status != "Success":
            raise SttUnavailable(self.name, "the service reports an error of its own")
        best = answer.n_best[0] if answer.n_best else _Best(answer.display_text)
        words = tuple(
            SpokenWord(w.word, w.offset / _TICKS, (w.offset + w.duration) / _TICKS, w.confidence)
            for w in best.words or ()
        )
        return Heard((best.display or answer.display_text).strip(), words, best.confidence)


def place(language: str) -> str:
    """A locale that Azure knows: ``en`` is ``en-US``, ``de`` is ``de-DE``; a whole one stays as it is."""
    if "-" in language:
        return language
    return _PLACES.get(primary(language), f"{primary(language)}-{primary(language).upper()}")

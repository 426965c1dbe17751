"""Speech recognition by ElevenLabs Scribe: ``POST /v1/speech-to-text`` with word times."""

from __future__ import annotations

import math
from typing import Final

import aiohttp
import msgspec

from audio.stt import Heard
from audio.stt_http import DEFAULT_TIMEOUT, HttpSTT, Request, primary
from interview.delivery import SpokenWord

DEFAULT_BASE: Final = "https://api.elevenlabs.io"
DEFAULT_MODEL: Final = "scribe_v2"


class _Word(msgspec.Struct):
    text: str
    type: str = "word"
    start: float | None = None
    end: float | None = None
    logprob: float | None = None


class _Answer(msgspec.Struct):
    text: str
    words: list[_Word] = []


_decoder = msgspec.json.Decoder(_Answer)


class ElevenLabsSTT(HttpSTT):
    """Scribe. Sounds that are no words (laughter, steps) are left out."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        api_key: str,
        model: str = DEFAULT_MODEL,
        base: str = DEFAULT_BASE,
        timeout: aiohttp.ClientTimeout = DEFAULT_TIMEOUT,
    ) -> None:
        super().__init__(session, "elevenlabs", "ElevenLabs Scribe", timeout)
        self._url = f"{base.rstrip('/')}/v1/speech-to-text"
        self._headers = {"xi-api-key": api_key}
        self._model = model

    def request(self, pcm: bytes, language: str) -> Request:
        form = aiohttp.FormData()
        form.add_field("model_id", self._model)
        form.add_field("language_code", primary(language))
        form.add_field("timestamps_granularity", "word")
        form.add_field("tag_audio_events", "false")
        form.add_field("file_format", "pcm_s16le_16")
        form.add_field("file", pcm, filename="speech.pcm", content_type="application/octet-stream")
        return Request(self._url, self._headers, form)

    def read(self, body: bytes) -> Heard:
        answer = _decoder.decode(body)
        words = tuple(
            SpokenWord(w.text.strip(), w.start, w.end, _sure(w.logprob))
            for w in answer.words
            if w.type == "word" and w.text.strip() and w.start is not None and w.end is not None
        )
        sure = [w.confidence for w in words if w.confidence is not None]
        return Heard(answer.text.strip(), words, sum(sure) / len(sure) if sure else None)


def _sure(logprob: float | None) -> float | None:
    return None if logprob is None else math.exp(min(logprob, 0.0))

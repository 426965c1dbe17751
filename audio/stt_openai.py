"""Speech recognition behind OpenAI's ``/audio/transcriptions``, at OpenAI or on a server of one's own."""

from __future__ import annotations

import math
from typing import Final

import aiohttp
import msgspec

from audio.stt import Heard
from audio.stt_http import DEFAULT_TIMEOUT, HttpSTT, Request, primary, wav
from interview.delivery import SpokenWord

DEFAULT_BASE: Final = "https://api.openai.com/v1"
DEFAULT_MODEL: Final = "whisper-1"


class _Word(msgspec.Struct):
    word: str
    start: float
    end: float
    probability: float | None = None


class _Segment(msgspec.Struct):
    avg_logprob: float | None = None


class _Answer(msgspec.Struct):
    text: str
    words: list[_Word] | None = None
    segments: list[_Segment] | None = None


_decoder = msgspec.json.Decoder(_Answer)


class OpenAiSTT(HttpSTT):
    """``POST {base}/audio/transcriptions``; ``base`` ends before ``/audio``. Own servers may need no key."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        model: str = DEFAULT_MODEL,
        api_key: str | None = None,
        base: str = DEFAULT_BASE,
        timeout: aiohttp.ClientTimeout = DEFAULT_TIMEOUT,
    ) -> None:
        super().__init__(session, "openai", f"{model} on a transcription server", timeout)
        self._url = f"{base.rstrip('/')}/audio/transcriptions"
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._model = model
        # OpenAI's newer models answer plain JSON only, and refuse to be asked for word times.
        self._verbose = not model.startswith("gpt-")

    def request(self, pcm: bytes, language: str) -> Request:
        form = aiohttp.FormData()
        form.add_field("model", self._model)
        form.add_field("language", primary(language))
        form.add_field("temperature", "0")
        form.add_field("response_format", "verbose_json" if self._verbose else "json")
        if self._verbose:
            form.add_field("timestamp_granularities[]", "word")
            form.add_field("timestamp_granularities[]", "segment")
        form.add_field("file", wav(pcm), filename="speech.wav", content_type="audio/wav")
        return Request(self._url, self._headers, form)

    def read(self, body: bytes) -> Heard:
        answer = _decoder.decode(body)
        words = tuple(
            SpokenWord(w.word.strip(), w.start, w.end, w.probability)
            for w in answer.words or ()
            if w.word.strip()
        )
        sure = [math.exp(min(s.avg_logprob, 0.0)) for s in answer.segments or () if s.avg_logprob is not None]
        return Heard(answer.text.strip(), words, sum(sure) / len(sure) if sure else None)

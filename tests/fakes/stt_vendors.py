"""Small servers on loopback that speak each recognition vendor's wire format, by script.

A vendor answers each request with the next entry of its script (the last one again and again). Nothing
here sleeps: a stall waits until the client hangs up or the fake is closed.
"""

from __future__ import annotations

import asyncio
import io
import math
import wave
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

KEY = "SECRET"


@dataclass(frozen=True)
class Said:
    """One recognised word: seconds from the first sample, and how sure."""

    text: str
    start: float
    end: float
    sure: float = 0.9


HELLO = (Said("Hello", 0.1, 0.4), Said("world", 0.5, 0.9, 0.5))


@dataclass(frozen=True)
class Hear:
    """Recognise these words; none means that nobody spoke."""

    words: tuple[Said, ...] = HELLO


@dataclass(frozen=True)
class Fail:
    """Answer with this status, as the vendor words it."""

    status: int


@dataclass(frozen=True)
class Stall:
    """Begin an answer, then nothing more, with the connection open."""


@dataclass(frozen=True)
class Die:
    """Begin an answer, then drop the connection."""


@dataclass(frozen=True)
class Raw:
    """Answer 200 with this text."""

    text: str


Step = Hear | Fail | Stall | Die | Raw


@dataclass(frozen=True)
class Seen:
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    fields: dict[str, list[str]]
    pcm: bytes


@dataclass
class SttVendor:
    """Base: scripting and HTTP. A subclass reads the request, and words answers and errors."""

    script: Iterable[Step] = (Hear(),)
    seen: list[Seen] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    aborted: asyncio.Event = field(default_factory=asyncio.Event)

    def allowed(self, seen: Seen) -> bool:
        raise NotImplementedError

    def answer(self, words: tuple[Said, ...], seconds: float) -> dict[str, Any]:
        raise NotImplementedError

    def error(self, status: int) -> dict[str, Any]:
        raise NotImplementedError

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Listen on a free port of loopback; yields the base address."""
        self._steps = list(self.script)
        self._release = asyncio.Event()
        app = web.Application(client_max_size=8 << 20)
        app.router.add_post("/{path:.*}", self._handle)
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            self._release.set()
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        seen = await self._read(request)
        self.seen.append(seen)
        self.asked.set()
        step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        if not self.allowed(seen):
            step = Fail(400)
        match step:
            case Fail(status):
                # A redirect leads back here, where the next step would be answered.
                moved = {"Location": str(request.url)} if 300 <= status < 400 else {}
                return web.json_response(self.error(status), status=status, headers=moved)
            case Raw(text):
                return web.Response(text=text, content_type="application/json")
            case Hear(words):
                return web.json_response(self.answer(words, len(seen.pcm) / 32000))
            case Stall() | Die():
                return await self._leave(request, step)

    async def _leave(self, request: web.Request, step: Stall | Die) -> web.StreamResponse:
        try:
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            await response.write(b'{"text": "PRIV')
            if isinstance(step, Stall):
                await self._release.wait()
            elif request.transport is not None:
                request.transport.close()
        except (asyncio.CancelledError, ConnectionError):
            self.aborted.set()
            raise
        return response

    async def _read(self, request: web.Request) -> Seen:
        fields: dict[str, list[str]] = {}
        sound = b""
        if request.content_type == "multipart/form-data":
            for name, value in (await request.post()).items():
                if isinstance(value, web.FileField):
                    with value.file as file:
                        sound = file.read()
                    fields.setdefault("filename", []).append(value.filename)
                else:
                    fields.setdefault(name, []).append(str(value))
        else:
            sound = await request.read()
        return Seen(request.path, dict(request.query), dict(request.headers), fields, self.pcm(sound))

    def pcm(self, sound: bytes) -> bytes:
        with wave.open(io.BytesIO(sound)) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
            pcm: bytes = file.readframes(file.getnframes())
            return pcm


class FakeOpenAiStt(SttVendor):
    def allowed(self, seen: Seen) -> bool:
        asked = seen.fields
        return (
            seen.path == "/v1/audio/transcriptions"
            and seen.headers["Authorization"] == f"Bearer {KEY}"
            and asked["language"] == ["en"]
            and (asked["response_format"] == ["verbose_json"] or "timestamp_granularities[]" not in asked)
        )

    def answer(self, words: tuple[Said, ...], seconds: float) -> dict[str, Any]:
        text = " ".join(word.text for word in words)
        if self.seen[-1].fields["response_format"] == ["json"]:
            return {"text": text, "usage": {"type": "duration", "seconds": math.ceil(seconds)}}
        mean = sum(math.log(w.sure) for w in words) / len(words) if words else 0.0
        segment = {
            "id": 0, "seek": 0, "start": 0.0, "end": seconds, "text": text, "tokens": [50364],
            "temperature": 0.0, "avg_logprob": mean, "compression_ratio": 0.8, "no_speech_prob": 0.01,
        }  # fmt: skip
        return {
            "task": "transcribe",
            "language": "english",
            "duration": seconds,
            "text": text,
            "words": [{"word": w.text, "start": w.start, "end": w.end} for w in words],
            "segments": [segment] if words else [],
            "usage": {"type": "duration", "seconds": math.ceil(seconds)},
        }

    def error(self, status: int) -> dict[str, Any]:
        return {
            "error": {"message": "echo: SECRET", "type": "invalid_request_error", "param": None, "code": None}
        }


class FakeElevenLabsStt(SttVendor):
    def pcm(self, sound: bytes) -> bytes:
        return sound

    def allowed(self, seen: Seen) -> bool:
        return (
            seen.path == "/v1/speech-to-text"
            and seen.headers["xi-api-key"] == KEY
            and seen.fields["file_format"] == ["pcm_s16le_16"]
            and seen.fields["language_code"] == ["en"]
            and seen.fields["model_id"][0].startswith("scribe_")
        )

    def answer(self, words: tuple[Said, ...], seconds: float) -> dict[str, Any]:
        items: list[dict[str, Any]] = []

        def add(kind: str, text: str, start: float, end: float, sure: float) -> None:
            logprob = math.log(sure)
            item = {"text": text, "start": start, "end": end, "type": kind, "logprob": logprob}
            items.append(item | {"speaker_id": None})

        for word in words:
            if items:
                add("spacing", " ", items[-1]["end"], word.start, 1.0)
            add("word", word.text, word.start, word.end, word.sure)
        if items:
            add("audio_event", "(laughs)", items[-1]["end"], seconds, 0.9)
        return {
            "language_code": "eng",
            "language_probability": 0.98,
            "text": " ".join(word.text for word in words),
            "words": items,
            "transcription_id": "t1",
            "audio_duration_secs": seconds,
        }

    def error(self, status: int) -> dict[str, Any]:
        return {"detail": {"status": "quota_exceeded", "message": "echo: SECRET"}}


class FakeAzureStt(SttVendor):
    def allowed(self, seen: Seen) -> bool:
        return (
            seen.path == "/speech/recognition/conversation/cognitiveservices/v1"
            and seen.headers["Ocp-Apim-Subscription-Key"] == KEY
            and seen.headers["Content-Type"] == "audio/wav; codecs=audio/pcm; samplerate=16000"
            and seen.query["format"] == "detailed"
            and seen.query["language"] == "en-US"
            and len(seen.pcm) <= 60 * 32000
        )

    def answer(self, words: tuple[Said, ...], seconds: float) -> dict[str, Any]:
        if not words:
            return {"RecognitionStatus": "InitialSilenceTimeout", "Offset": int(seconds * 1e7), "Duration": 0}
        text = " ".join(word.text for word in words)
        best: dict[str, Any] = {
            "Confidence": sum(w.sure for w in words) / len(words),
            "Lexical": text.lower(),
            "ITN": text.lower(),
            "MaskedITN": text.lower(),
            "Display": text,
        }
        query = self.seen[-1].query
        if query.get("wordLevelTimestamps") == "true":
            sure = query.get("wordLevelConfidence") == "true"
            best["Words"] = [
                {
                    "Word": w.text,
                    "Offset": round(w.start * 1e7),
                    "Duration": round((w.end - w.start) * 1e7),
                }
                | ({"Confidence": w.sure} if sure else {})
                for w in words
            ]
        return {
            "RecognitionStatus": "Success",
            "Offset": round(words[0].start * 1e7),
            "Duration": round(seconds * 1e7),
            "DisplayText": text,
            "NBest": [best],
        }

    def error(self, status: int) -> dict[str, Any]:
        return {"error": {"code": "InvalidSubscription", "message": "echo: SECRET"}}

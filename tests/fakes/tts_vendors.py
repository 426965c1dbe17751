"""Small servers on loopback that speak the wire format of each speech vendor, by script.

Their sound is a tone of a length that follows from the text; nothing sleeps. A request that stalls waits
until the client hangs up or the fake is closed.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from aiohttp import WSMsgType, web

from tests.fakes.tts import tone

RATE = 24_000
MS_PER_CHAR = 50
KEY = "SECRET"


@dataclass(frozen=True)
class Say:
    """Speak it all."""


@dataclass(frozen=True)
class Fail:
    """Refuse with this status; on a socket ``code`` closes it after an error message."""

    status: int = 0
    code: int = 0


@dataclass(frozen=True)
class Stall:
    """Half of the sound, then nothing, with the connection open. ``silent``: not even that."""

    silent: bool = False


@dataclass(frozen=True)
class Die:
    """Half of the sound, then the connection is cut."""


@dataclass(frozen=True)
class Raw:
    """Something that is no speech."""

    text: str = '{"surprise": "PRIVATE"'


Step = Say | Fail | Stall | Die | Raw


def sound(text: str) -> bytes:
    return tone(len(text) * MS_PER_CHAR, RATE)


@dataclass
class SpeechVendor:
    """The n-th request plays the n-th step, the last one again and again. ``texts``: what was to be said."""

    script: tuple[Step, ...]
    texts: list[str] = field(default_factory=list)
    voices: list[str] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    aborted: asyncio.Event = field(default_factory=asyncio.Event)

    def routes(self) -> list[web.RouteDef]:
        raise NotImplementedError

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        self._steps, self._release = list(self.script), asyncio.Event()
        app = web.Application()
        app.add_routes(self.routes())
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            self._release.set()
            await runner.cleanup()

    def step(self) -> Step:
        return self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]


class FakeAzureSpeech(SpeechVendor):
    def routes(self) -> list[web.RouteDef]:
        return [web.post("/cognitiveservices/v1", self._speak)]

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        headers = request.headers
        if headers.get("Ocp-Apim-Subscription-Key") != KEY:
            return web.Response(status=401)
        if (
            headers.get("X-Microsoft-OutputFormat") != "raw-24khz-16bit-mono-pcm"
            or "User-Agent" not in headers
        ):
            return web.Response(status=400)
        if request.content_type != "application/ssml+xml":
            return web.Response(status=415)
        try:
            root = ElementTree.fromstring(await request.text())
        except ElementTree.ParseError:
            return web.Response(status=400, text="SSML parsing error")
        space = "{http://www.w3.org/2001/10/synthesis}"
        voice, prosody = root.find(f"{space}voice"), root.find(f"{space}voice/{space}prosody")
        if root.tag != f"{space}speak" or voice is None or prosody is None:
            return web.Response(status=400)
        text = "".join(prosody.itertext())
        self.texts.append(text)
        self.voices.append(voice.attrib["name"])
        self.sent.append({"rate": prosody.attrib["rate"]})
        self.asked.set()
        step = self.step()
        if isinstance(step, Fail):
            return web.Response(status=step.status, text="echo: PRIVATE")
        response = web.StreamResponse(headers={"Content-Type": "audio/x-wav"})
        await response.prepare(request)
        pcm = sound(text) if isinstance(step, Say) else sound(text)[: len(sound(text)) // 4 * 2]
        try:
            if not (isinstance(step, Stall) and step.silent):
                for start in range(0, len(pcm), 999):  # an odd number: half samples come too
                    await response.write(pcm[start : start + 999])
            if isinstance(step, Stall):
                await self._release.wait()
            elif isinstance(step, (Die, Raw)) and request.transport is not None:
                request.transport.abort()
        except (asyncio.CancelledError, ConnectionError):
            self.aborted.set()
            raise
        return response


class FakeElevenLabs(SpeechVendor):
    """``stream-input``, as its SDK speaks it. ``aligned``: word times come with the sound."""

    aligned = True

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/v1/text-to-speech/{voice}/stream-input", self._speak)]

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        step = self.step()
        self.voices.append(request.match_info["voice"])
        if isinstance(step, Fail) and step.status:
            return web.Response(status=step.status, text="echo: PRIVATE")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.asked.set()
        try:
            await self._session(request, socket, step)
        except (asyncio.CancelledError, ConnectionError):
            self.aborted.set()
            raise
        return socket

    async def _session(self, request: web.Request, socket: web.WebSocketResponse, step: Step) -> None:
        if request.headers.get("xi-api-key") != KEY:
            await self._error(socket, "invalid_api_key", 1008)
            return
        if request.query.get("output_format") != f"pcm_{RATE}" or not request.query.get("model_id"):
            await self._error(socket, "unsupported_output_format", 1008)
            return
        first, held, whole = True, "", False
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
            said = json.loads(message.data)
            self.sent.append(said)
            text = said["text"]
            if first and text != " ":
                await self._error(socket, "missing_initial_message", 1008)
                return
            first = False
            if text == "":
                whole = True
            held += text if text != " " else ""
            if (said.get("flush") or whole) and held.strip():
                self.texts.append(held.strip())
                if not await self._made(request, socket, step, held):
                    return
                held = ""
            if whole:
                await socket.send_json({"audio": None, "isFinal": True, "alignment": None})
                await socket.close()
                return
        self.aborted.set()

    async def _made(self, request: web.Request, socket: web.WebSocketResponse, step: Step, text: str) -> bool:
        """Sound for ``text`` in two messages; whether the session goes on."""
        if isinstance(step, Fail):
            await self._error(socket, "quota_exceeded", step.code)
            return False
        if isinstance(step, Raw):
            await socket.send_str(step.text)
            return False
        half = len(text) // 2
        for part in (text[:half], text[half:]) if isinstance(step, Say) else (text[:half],):
            if isinstance(step, Stall) and step.silent:
                break
            await socket.send_json(self._audio(part))
        if isinstance(step, Stall):
            while not self._release.is_set():
                if (await socket.receive()).type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED):
                    self.aborted.set()
                    return False
        if isinstance(step, Die):
            if request.transport is not None:
                request.transport.abort()
            return False
        return True

    def _audio(self, text: str) -> dict[str, Any]:
        times = {
            "chars": list(text),
            "charStartTimesMs": [n * MS_PER_CHAR for n in range(len(text))],
            "charDurationsMs": [MS_PER_CHAR] * len(text),
        }
        audio = base64.b64encode(sound(text)).decode()
        aligned = times if self.aligned else None
        return {"audio": audio, "isFinal": None, "normalizedAlignment": aligned, "alignment": aligned}

    async def _error(self, socket: web.WebSocketResponse, slug: str, code: int) -> None:
        await socket.send_json({"message": "echo: PRIVATE", "error": slug, "code": code})
        await socket.close(code=code, message=b"echo: PRIVATE")

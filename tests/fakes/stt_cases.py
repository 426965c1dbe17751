"""Each vendor's recogniser together with the fake it talks to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import numpy as np

from audio.stt import STT
from audio.stt_azure import AzureSTT
from audio.stt_elevenlabs import ElevenLabsSTT
from audio.stt_http import DEFAULT_TIMEOUT
from audio.stt_openai import OpenAiSTT
from tests.fakes.stt_vendors import (
    KEY,
    FakeAzureStt,
    FakeElevenLabsStt,
    FakeOpenAiStt,
    Hear,
    Step,
    SttVendor,
)

NOISE = np.random.default_rng(0).normal(0, 2000, 16000).astype("<i2").tobytes()
"""A second of sound; the fakes hear their script in it."""

Make = Callable[[aiohttp.ClientSession, str, aiohttp.ClientTimeout], STT]


@dataclass(frozen=True)
class Case:
    name: str
    fake: Callable[[tuple[Step, ...]], SttVendor]
    make: Make

    def __str__(self) -> str:
        return self.name

    @asynccontextmanager
    async def open(
        self, *script: Step, timeout: aiohttp.ClientTimeout = DEFAULT_TIMEOUT
    ) -> AsyncIterator[tuple[STT, SttVendor]]:
        vendor = self.fake(script or (Hear(),))
        async with vendor.serve() as base, aiohttp.ClientSession() as session:
            stt = self.make(session, base, timeout)
            try:
                yield stt, vendor
            finally:
                await stt.aclose()
                await stt.aclose()


def _openai(session: aiohttp.ClientSession, base: str, timeout: aiohttp.ClientTimeout) -> STT:
    return OpenAiSTT(session, api_key=KEY, base=f"{base}/v1", timeout=timeout)


def _elevenlabs(session: aiohttp.ClientSession, base: str, timeout: aiohttp.ClientTimeout) -> STT:
    return ElevenLabsSTT(session, api_key=KEY, base=base, timeout=timeout)


def _azure(session: aiohttp.ClientSession, base: str, timeout: aiohttp.ClientTimeout) -> STT:
    return AzureSTT(session, key=KEY, base=base, timeout=timeout)


CASES = [
    Case("openai", FakeOpenAiStt, _openai),
    Case("elevenlabs", FakeElevenLabsStt, _elevenlabs),
    Case("azure", FakeAzureStt, _azure),
]

"""An engine that can be replaced while calls are live: each call keeps the one it began with."""

from __future__ import annotations

from audio.stt import STT, OnPartial, SttStream


class SwitchingSTT:
    """Opens streams on the newest engine given; closes all of them at the end."""

    def __init__(self, engine: STT) -> None:
        self._engines = [engine]

    @property
    def name(self) -> str:
        return self._engines[-1].name

    @property
    def note(self) -> str:
        return self._engines[-1].note

    def change_to(self, engine: STT) -> None:
        """From now on streams are opened on ``engine``, which is ours to close."""
        self._engines.append(engine)

    async def open(self, language: str, on_partial: OnPartial) -> SttStream:
        return await self._engines[-1].open(language, on_partial)

    async def aclose(self) -> None:
        for engine in self._engines:
            await engine.aclose()

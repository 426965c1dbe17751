"""The mouth of one line: clauses in, sound out, at the pace at which it is heard.

    clauses --reader--> inbox --splitter, TTS, level, resample--> pieces --pace--> send

Both queues are bounded and make the one before wait when full. The sender is at most ``lead_s`` ahead of what
the candidate can have heard: that much is in flight when the reply must stop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from audio.line_cache import Kept, Line, LineCache
from audio.loudness import Leveller, Levels
from audio.pcm import WIDTH, bytes_of, ms_of
from audio.pieces import PIECE_MS, Pieces, Spoke
from audio.sentences import Splitter
from audio.tts import TTS, Sound, WordTime
from interview.events import Clause, TurnId

LEAD_S: Final = 0.8
SHORT_LEAD_S: Final = 0.25
"""For a client that cannot be told to pause: what is in flight sounds on while the candidate interrupts."""
HOLD_S: Final = 0.4
"""Text that is no whole sentence waits this long for its rest."""
INBOX: Final = 64
AHEAD: Final = 50
"""Pieces that are made before they may be sent: five seconds."""
STOP_S: Final = 2.0
_TICK_S: Final = 0.001
"""Shorter is no wait: a clock cannot be trusted to move by less."""
SPEEDS: Final = (0.7, 1.3)

Send = Callable[[Spoke], Awaitable[None]]


class Pace:
    """When the next piece may go: sans-I/O, seconds of one steady clock come in as ``now``."""

    def __init__(self, lead_s: float) -> None:
        self._lead_s = lead_s
        self._heard_at: float | None = None
        self._held_at: float | None = None

    @property
    def held(self) -> bool:
        return self._held_at is not None

    def wait_s(self, now: float, ms: float) -> float:
        """Seconds until ``ms`` more may be sent; 0: now."""
        if self._heard_at is None or ms <= 0:
            return 0.0
        wait_s = self._heard_at + ms / 1000 - now - self._lead_s
        return wait_s if wait_s > _TICK_S else 0.0

    def sent(self, now: float, ms: float) -> None:
        """A client that ran dry hears this from now on: no burst makes up for the gap."""
        self._heard_at = max(self._heard_at or now, now) + ms / 1000

    def hold(self, now: float) -> None:
        if self._held_at is None:
            self._held_at = now

    def release(self, now: float) -> None:
        """What waits at the client is as long as it was: the lead goes on from there."""
        if self._held_at is not None and self._heard_at is not None:
            self._heard_at += now - self._held_at
        self._held_at = None


@dataclass(slots=True)
class _Reply:
    pace: Pace
    released: asyncio.Event


class Mouth:
    """``voices``: persona id to voice slot. ``send`` gets each piece when it is due, in order.

    ``speed`` (0.7–1.3) may be changed at any time; it holds from the next sentence on, ``lead_s`` from the
    next reply on.
    """

    def __init__(
        self,
        tts: TTS,
        voices: Callable[[str], str],
        output_rate: int,
        send: Send,
        cache: LineCache | None = None,
        *,
        levels: Levels | None = None,
        lead_s: float = LEAD_S,
    ) -> None:
        self._tts, self._voices, self._rate, self._send = tts, voices, output_rate, send
        self._cache, self._levels, self.lead_s = cache, levels or Levels(), lead_s
        self._replies: dict[TurnId, _Reply] = {}
        self._held: TurnId | None = None
        self.speed = 1.0

    async def speak(self, turn: TurnId, clauses: AsyncGenerator[Clause, None]) -> None:
        """Returns when the last piece was sent. Cancelling it stops all work on the reply.

        Raises:
            TtsError: no voice for the rest; what was made before it has been sent.
            Exception: what ``clauses`` or ``send`` raised; what came before it has been sent.
        """
        inbox: asyncio.Queue[_Item] = asyncio.Queue(INBOX)
        pieces: asyncio.Queue[Spoke | Exception] = asyncio.Queue(AHEAD)
        reply = _Reply(Pace(self.lead_s), asyncio.Event())
        reply.released.set()
        self._replies[turn] = reply
        if self._held == turn:
            self.hold(turn)
        work = (
            asyncio.create_task(_read(clauses, inbox), name="mouth reader"),
            asyncio.create_task(self._make(turn, _Segments(inbox), pieces), name="mouth maker"),
        )
        try:
            await self._send_all(pieces, reply)
        finally:
            self._replies.pop(turn, None)
            for task in work:
                task.cancel()
            await asyncio.wait(work, timeout=STOP_S)

    def hold(self, turn: TurnId) -> None:
        """Send nothing more of ``turn``, or nothing once it begins, until `release`."""
        self._held = turn
        if reply := self._replies.get(turn):
            reply.pace.hold(asyncio.get_running_loop().time())
            reply.released.clear()

    def release(self, turn: TurnId) -> None:
        if self._held == turn:
            self._held = None
        if reply := self._replies.get(turn):
            reply.pace.release(asyncio.get_running_loop().time())
            reply.released.set()

    async def _send_all(self, pieces: asyncio.Queue[Spoke | Exception], reply: _Reply) -> None:
        loop = asyncio.get_running_loop()
        while True:
            piece = await pieces.get()
            if isinstance(piece, Exception):
                raise piece
            ms = ms_of(piece.pcm, self._rate)
            while reply.pace.held or (wait_s := reply.pace.wait_s(loop.time(), ms)):
                if reply.pace.held:
                    await reply.released.wait()
                else:
                    await asyncio.sleep(wait_s)
            await self._send(piece)
            reply.pace.sent(loop.time(), ms)
            if piece.last:
                return

    async def _make(self, turn: TurnId, segments: _Segments, out: asyncio.Queue[Spoke | Exception]) -> None:
        pieces = Pieces(turn, self._rate)
        try:
            while (segment := await segments.peek()) is not None:
                await self._run(segment, segments, pieces, out)
            if segments.error is not None:
                raise segments.error
            await out.put(pieces.end())
        except Exception as trouble:  # raised by the sender, after what comes before it
            await out.put(trouble)

    async def _run(
        self, first: Clause, segments: _Segments, pieces: Pieces, out: asyncio.Queue[Spoke | Exception]
    ) -> None:
        """One stretch in one voice at one speed, or one fixed line."""
        voice, speed = self._voices(first.persona), min(max(self.speed, SPEEDS[0]), SPEEDS[1])
        texts: list[str] = []

        async def given() -> AsyncGenerator[str, None]:
            while (segment := await segments.peek()) is not None:
                same = self._voices(segment.persona) == voice and self.speed == asked
                if texts and (not same or self._is_fixed(segment.text)):
                    return
                segments.drop()
                texts.append(segment.text)
                yield segment.text
                if fixed:  # its sound must not wait for what comes after it
                    return

        asked, fixed = self.speed, self._is_fixed(first.text)
        leveller = Leveller(self._levels, f"{self._tts.name}/{voice}", self._tts.rate)
        pieces.begin(self._tts.rate, leveller, texts)
        async with aclosing(given()) as source:
            sounds = (
                self._kept(source, first.text, voice, speed)
                if fixed
                else self._tts.speak(source, voice, speed)
            )
            async with aclosing(sounds):
                async for sound in sounds:
                    for piece in pieces.push(sound):
                        await out.put(piece)
        for piece in pieces.finish():
            await out.put(piece)

    def _is_fixed(self, text: str) -> bool:
        return self._cache is not None and self._cache.admits(text)

    async def _kept(
        self, source: AsyncGenerator[str, None], text: str, voice: str, speed: float
    ) -> AsyncGenerator[Sound, None]:
        """A fixed line: from the cache, or spoken once and kept."""
        assert self._cache is not None
        engine, rate = self._tts.name, self._tts.rate
        line = Line(engine, voice, speed, text)
        if kept := await self._cache.get(line, rate):
            async for _ in source:
                pass
            for sound in _cut(kept):
                yield sound
            return
        pcm, words, over = bytearray(), list[WordTime](), False
        async with aclosing(self._tts.speak(source, voice, speed)) as sounds:
            async for sound in sounds:
                pcm += sound.pcm
                words += sound.words
                over = over or sound.last
                yield sound
        # A chain that had to take another engine has another name now: that voice is not this line's.
        if over and self._tts.name == engine:
            await self._cache.put(line, Kept(rate, tuple(words), bytes(pcm)))


_Item = Clause | Exception | None


async def _read(clauses: AsyncGenerator[Clause, None], inbox: asyncio.Queue[_Item]) -> None:
    try:
        async with aclosing(clauses):
            async for clause in clauses:
                await inbox.put(clause)
    except Exception as trouble:  # raised by the sender, after what comes before it
        await inbox.put(trouble)
    else:
        await inbox.put(None)


class _Segments:
    """Pieces worth speaking, from the clauses that are there; a clause's persona speaks each."""

    def __init__(self, inbox: asyncio.Queue[_Item]) -> None:
        self._inbox = inbox
        self._splitter = Splitter()
        self._persona = ""
        self._ready: deque[Clause] = deque()
        self._begun = self._ended = False
        self.error: Exception | None = None

    async def peek(self) -> Clause | None:
        """The next to speak, waiting for it; None: nothing more comes."""
        while not self._ready:
            while not self._inbox.empty():
                self._take(self._inbox.get_nowait())
            self._collect()
            if self._ready or self._ended:
                break
            try:
                # The very first words do not wait for their sentence.
                async with asyncio.timeout((HOLD_S if self._begun else 0) if self._splitter.holds else None):
                    self._take(await self._inbox.get())
            except TimeoutError:
                self._flush()
        return self._ready[0] if self._ready else None

    def drop(self) -> None:
        self._ready.popleft()

    def _take(self, item: _Item) -> None:
        if isinstance(item, Clause):
            if item.persona != self._persona:
                self._flush()
                self._persona = item.persona
            self._splitter.feed(item.text)
            return
        self.error, self._ended = item, True
        self._flush()

    def _collect(self) -> None:
        while (text := self._splitter.take()) is not None:
            self._give(text)

    def _flush(self) -> None:
        while (text := self._splitter.flush()) is not None:
            self._give(text)

    def _give(self, text: str) -> None:
        self._begun = True
        self._ready.append(Clause(text, self._persona))


def _cut(kept: Kept) -> list[Sound]:
    size = bytes_of(PIECE_MS, kept.rate)
    sounds, words = [], list(kept.words)
    for start in range(0, len(kept.pcm), size):
        end_ms = (start + size) * 1000 // (WIDTH * kept.rate)
        here = [word for word in words if word.at_ms < end_ms]
        words = words[len(here) :]
        last = start + size >= len(kept.pcm)
        sounds.append(Sound(kept.pcm[start : start + size], 0, tuple(here), last))
    return sounds


__all__ = ["LEAD_S", "SHORT_LEAD_S", "Mouth", "Pace", "Spoke"]

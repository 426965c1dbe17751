"""The ears of one call: sound in, events out. `Hearing` decides; this moves the sound and keeps the tasks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from audio.ear_events import (
    EarEvent,
    EarsTrouble,
    InterruptionConfirmed,
    InterruptionDismissed,
    InterruptionSuspected,
    PartialHeard,
    SilenceReached,
    SpeechDismissed,
    SpeechStarted,
    TroubleCode,
    UtteranceEnded,
    UtteranceLikely,
)
from audio.endpointing import EndpointPolicy
from audio.hearing import BEFORE_WINDOWS, CommitSegment, DropSegment, Hearing, OpenSegment, Step
from audio.pcm import EAR_RATE, WIDTH, AudioMs
from audio.recognising import Recogniser
from audio.resample import Resampler
from audio.stt import STT
from audio.vad import WINDOW_MS, VadPool, VadStream

__all__ = [
    "EarEvent",
    "Ears",
    "EarsTrouble",
    "InterruptionConfirmed",
    "InterruptionDismissed",
    "InterruptionSuspected",
    "PartialHeard",
    "SilenceReached",
    "SpeechDismissed",
    "SpeechStarted",
    "TroubleCode",
    "UtteranceEnded",
    "UtteranceLikely",
]

EVENTS: Final = 256
"""Events that may wait for their taker; a line that lets more pile up is broken, and `run` says so."""
DEADLINE_S: Final = 8.0
"""How long one step of recognition may take."""
STILL_S: Final = 1.0
"""Without frames for so long, silence is assumed: clients may send nothing when muted."""
DEAF_S: Final = 6.0
"""Without frames for so long, the person is told."""
_LOOK_S = 0.25

_NO_AUDIO = (
    "No sound arrives from your microphone. Please check that it is connected and allowed,"
    " or type your answer."
)
_TOO_FAST = "Sound arrives faster than it can be heard; some of it was left out."


class EarsBroken(Exception):
    """Events are not taken, or deciding failed: these ears are of no more use."""


class Ears:
    """Made per line; `run` it once. All times are audio time; only missing frames are judged by the loop's.

    ``deadline_s`` bounds each step of recognition. What `feed` gets while `run` is not running is ignored.
    ``pauses_ms``: see `Endpointer`.
    """

    def __init__(
        self,
        *,
        stt: STT,
        vad: VadPool,
        policy: EndpointPolicy,
        language: str,
        input_rate: int,
        deadline_s: float = DEADLINE_S,
        pauses_ms: Sequence[int] = (),
    ) -> None:
        self._vad, self._rate = vad, input_rate
        self._resampler = Resampler(input_rate, EAR_RATE)
        self._hearing = Hearing(policy, language, self._do, pauses_ms)
        self._recogniser = Recogniser(
            stt,
            language,
            partial=self._hearing.partial,
            recognised=self._hearing.recognised,
            trouble=self._say,
            deadline_s=deadline_s,
        )
        self._stream: VadStream | None = None
        self._before: deque[bytes] = deque(maxlen=BEFORE_WINDOWS + 2)
        self._segment = 0
        self._events: deque[EarEvent] = deque()
        self._told = asyncio.Event()
        self._broken: Exception | None = None
        self._bytes = 0
        self._fed_at = 0.0
        self._still_s = 0.0
        self._muted = False
        self._troubled: set[TroubleCode] = set()

    @property
    def position_ms(self) -> AudioMs:
        """Sound received so far."""
        return AudioMs(self._bytes * 1000 // (WIDTH * self._rate))

    @property
    def patience_s(self) -> float:
        return self._hearing.endpointer.patience_s

    def set_patience(self, seconds: float) -> None:
        """Wait at least this long for an utterance to go on, up to 10 s; 0 goes back to the policy."""
        self._hearing.endpointer.be_patient(seconds)

    def agent_speaking(self, text: str | None) -> None:
        """The agent sounds ``text`` (whole so far, or the next piece); None: it is silent."""
        self._hearing.agent(text)

    def end_utterance(self) -> bool:
        """The candidate says they are done: no waiting for more. False: nothing is being said.

        `UtteranceEnded` follows once the words are recognised, or `SpeechDismissed` if there are none.
        """
        return self._stream is not None and self._hearing.finish()

    def set_muted(self, on: bool) -> None:
        """A muted client may send nothing without being told that nothing arrives."""
        self._muted = on

    def feed(self, pcm: bytes) -> None:
        """Take sound at the input rate, in chunks of any size. 8 s of it may wait; then the oldest goes."""
        if self._stream is None:
            return
        self._bytes += len(pcm)
        self._fed_at = asyncio.get_running_loop().time()
        self._still_s = 0.0
        self._troubled.discard(TroubleCode.NO_AUDIO)
        self._stream.feed(self._resampler.push(pcm))

    async def run(self, emit: Callable[[EarEvent], Awaitable[None]]) -> None:
        """Hear until cancelled. Raises EarsBroken, and whatever ``emit`` raises."""
        self._fed_at = asyncio.get_running_loop().time()
        self._stream = self._vad.open(self._judged, self._lost)
        tasks = [
            asyncio.create_task(self._recogniser.run(), name="ears: recognise"),
            asyncio.create_task(self._watch(), name="ears: watch"),
        ]
        try:
            await self._deliver(emit, tasks)
        finally:
            self._stream.close()
            self._stream = None
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # --- from windows to steps --------------------------------------------------------------------

    def _judged(self, pcm: bytes, probability: float) -> None:
        self._before.append(pcm)
        segment = self._segment
        try:
            self._hearing.window(probability)
        except Exception as error:  # one call's mistake must not stop the pool of all calls
            self._break(error)
        if segment and segment == self._segment:
            self._recogniser.push(segment, pcm)

    def _lost(self, windows: int) -> None:
        self._hearing.lost(windows * WINDOW_MS)
        self._trouble(TroubleCode.AUDIO_TOO_FAST, _TOO_FAST)

    def _do(self, step: Step) -> None:
        match step:
            case OpenSegment(segment, windows):
                self._segment = segment
                self._recogniser.push(segment, b"".join(list(self._before)[-windows:]))
            case CommitSegment(segment):
                self._segment = 0
                self._recogniser.commit(segment)
            case DropSegment(segment):
                if segment == self._segment:
                    self._segment = 0
                self._recogniser.drop(segment)
            case _:
                self._say(step)

    def _trouble(self, code: TroubleCode, text: str) -> None:
        if code not in self._troubled:
            self._troubled.add(code)
            self._say(EarsTrouble(code, text))

    # --- events -----------------------------------------------------------------------------------

    def _say(self, event: EarEvent) -> None:
        if isinstance(event, PartialHeard) and self._events and isinstance(self._events[-1], PartialHeard):
            self._events[-1] = event
        elif len(self._events) < EVENTS:
            self._events.append(event)
        else:
            self._broken = EarsBroken(f"{EVENTS} events wait and nobody takes them")
        self._told.set()

    def _break(self, error: Exception) -> None:
        if self._broken is None:
            self._broken = EarsBroken("deciding failed")
            self._broken.__cause__ = error
        self._told.set()

    async def _deliver(
        self, emit: Callable[[EarEvent], Awaitable[None]], tasks: list[asyncio.Task[None]]
    ) -> None:
        for task in tasks:
            task.add_done_callback(lambda _: self._told.set())
        while True:
            await self._told.wait()
            self._told.clear()
            while self._events:
                await emit(self._events.popleft())
            if self._broken is not None:
                raise self._broken
            for task in tasks:
                if task.done():
                    task.result()

    async def _watch(self) -> None:
        """Let silence pass for a client that sends nothing."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_LOOK_S)
            still_s = loop.time() - self._fed_at
            if still_s < STILL_S:
                continue
            self._hearing.nothing(int((still_s - self._still_s) * 1000))
            self._still_s = still_s
            if still_s >= DEAF_S and not self._muted:
                self._trouble(TroubleCode.NO_AUDIO, _NO_AUDIO)

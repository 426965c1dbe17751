"""Turn-taking on the realtime line: what the ears hear and what the client asks become the call's events.

It issues the turn ids. What the candidate says, types or asks first takes the floor from the interviewer, so
that the transcript holds what was heard, and then ends a turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, assert_never

import structlog

from audio.ears import (
    EarEvent,
    EarsBroken,
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
from audio.pieces import Spoke
from interview.delivery import DeliveryReport, Spoken, SpokenWord
from interview.events import (
    BargeIn,
    LineEvent,
    PlaybackDone,
    Silence,
    Trimmed,
    TurnEnded,
    TurnId,
    TurnLikely,
)
from server.line import Post
from server.realtime_events import new_id
from server.realtime_messages import Refused
from server.realtime_protocol import Cut, Done, RealtimeProtocol, Stop, Typed
from server.realtime_speaking import MouthPort, Speaking, Tell

log = structlog.get_logger("viva.realtime")

TYPING_S: Final = 20.0
"""No reminder comes for so long after the candidate was last said to write."""

DEAF: Final = "I cannot hear you any more; please type your answers. The interview goes on."


class EarsPort(Protocol):
    async def run(self, emit: Callable[[EarEvent], Awaitable[None]]) -> None: ...

    def feed(self, pcm: bytes) -> None: ...

    def agent_speaking(self, text: str | None) -> None: ...

    def set_patience(self, seconds: float) -> None: ...

    def end_utterance(self) -> bool: ...

    @property
    def position_ms(self) -> int: ...


class Tap(Protocol):
    """Who keeps the call's sound. Positions: milliseconds on the call's audio clock, the microphone's."""

    def heard(self, pcm: bytes) -> None:
        """The microphone's next piece, at the input rate."""
        ...

    def sounded(self, pcm: bytes, at_ms: int | None) -> None:
        """The interviewer's sound, at the output rate, from ``at_ms`` on; None: right behind the last."""
        ...

    def paused(self, at_ms: int) -> None:
        """Playback stands still from ``at_ms`` on, until it is `resumed` or `cut`."""
        ...

    def resumed(self, at_ms: int) -> None:
        """Playback goes on, where it was paused, at ``at_ms``."""
        ...

    def cut(self, at_ms: int) -> None:
        """The interviewer fell silent at ``at_ms``; what was to be heard after it was not."""
        ...

    def report(self, start_s: float, end_s: float, words: Sequence[SpokenWord]) -> DeliveryReport | None:
        """How the answer between two positions, in seconds, was spoken; None where that is not measured."""
        ...


@dataclass(frozen=True, slots=True)
class Voice:
    """How the parts of one line are made, each when the audio formats are settled.

    ``ears``: language, input rate. ``mouth``: output rate, where to send. ``tap``: input and output rate.
    ``audio_base_ms``: where this line's sound begins on the call's audio clock, after earlier lines.
    ``beside`` lives as long as the call, such as its recording.
    """

    ears: Callable[[str, int], EarsPort]
    mouth: Callable[[int, Callable[[Spoke], Awaitable[None]]], MouthPort]
    tap: Callable[[int, int], Tap] | None = None
    audio_base_ms: int = 0
    beside: AbstractAsyncContextManager[None] = field(default_factory=nullcontext)


class Turns:
    """``last_turn``: ids up to it are taken. For the rest see `Speaking`."""

    def __init__(
        self,
        protocol: RealtimeProtocol,
        voice: Voice,
        last_turn: TurnId,
        tell: Tell,
        forget: Callable[[int], None],
        live: asyncio.Event,
    ) -> None:
        self._protocol, self._events, self._voice, self._tell = protocol, protocol.events, voice, tell
        self.speaking = Speaking(protocol, tell, forget, live, self)
        self.post: Post | None = None
        self.floor = "listening" if last_turn >= 0 else "thinking"  # of the greeting
        self._turn = TurnId(max(last_turn, 0))
        self._begun = asyncio.Event()
        self._ears: EarsPort | None = None
        self._tap: Tap | None = None
        self._item: str | None = None
        self._interrupted = self._muted = False
        self._patience_s: float | None = None
        self._typing_until = 0.0
        self._done: Done | None = None

    def begin(self, language: str) -> None:
        """The audio formats are settled: ears and mouth come into being. Once; nothing the second time."""
        if self._begun.is_set():
            return
        session = self._protocol.session
        session.begun = True
        self._ears = self._voice.ears(session.language or language, session.input.rate)
        if self._patience_s is not None:
            self._ears.set_patience(self._patience_s)
        if self._voice.tap is not None:
            self._tap = self._voice.tap(session.input.rate, session.output.rate)
        self.speaking.begin(self._voice.mouth(session.output.rate, self.speaking.send))
        self._begun.set()

    async def run(self) -> None:
        """Hear, and see to playback, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(), name="ears")
            group.create_task(self.speaking.watch(), name="playback")

    # --- what the interviewer does -----------------------------------------------------------------

    def thinking(self) -> None:
        self._say_floor("thinking")

    def sounding(self, text: str, pcm: bytes, starts_in_s: float | None) -> None:
        self._say_floor("speaking")
        if self._ears is not None:
            self._ears.agent_speaking(text)
        if self._tap is not None:
            at_ms = None if starts_in_s is None else self._position_ms() + int(starts_in_s * 1000)
            self._tap.sounded(pcm, at_ms)

    def paused(self) -> None:
        if self._tap is not None:
            self._tap.paused(self._position_ms())

    def resumed(self) -> None:
        if self._tap is not None:
            self._tap.resumed(self._position_ms())

    def silent(self) -> None:
        self._say_floor("listening")
        if self._ears is not None:
            self._ears.agent_speaking(None)
        if self._tap is not None:
            self._tap.cut(self._position_ms())

    async def sounded(self, turn: TurnId) -> None:
        await self._post(PlaybackDone(turn))

    # --- what the ears hear --------------------------------------------------------------------------

    def feed(self, pcm: bytes) -> None:
        """Sound at the input rate; a muted microphone is silence, so that time goes on."""
        if self._ears is not None:
            pcm = bytes(len(pcm)) if self._muted else pcm
            self._ears.feed(pcm)
            if self._tap is not None:
                self._tap.heard(pcm)

    def _position_ms(self) -> int:
        """Now, on the call's audio clock."""
        return self._voice.audio_base_ms + (self._ears.position_ms if self._ears is not None else 0)

    async def _listen(self) -> None:
        await self._begun.wait()
        assert self._ears is not None
        try:
            await self._ears.run(self._hear)
        except EarsBroken:
            log.exception("the ears failed")
            self._tell(self._events.viva("notice", code="ears_failed", text=DEAF))

    async def _hear(self, event: EarEvent) -> None:
        match event:
            case SpeechStarted(at_ms):
                self.speaking.hold()
                self._tell(self._events.speech_started(self._speech(), at_ms))
            case SpeechDismissed(at_ms):
                await self._nothing_said(at_ms)
            case PartialHeard(text):
                self._tell(self._events.partial(self._speech(), text))
            case UtteranceLikely(text):
                await self._post(TurnLikely(text))
            case UtteranceEnded():
                await self._utterance(event)
            case InterruptionSuspected():
                self.speaking.hold()
            case InterruptionConfirmed(at_ms):
                self._tell(self._events.speech_started(self._speech(), at_ms))
                await self._take_floor()
            case InterruptionDismissed():
                self.speaking.release()
            case SilenceReached():
                if self.floor == "listening" and not self._muted and not self._types:
                    await self._remind()
            case EarsTrouble(code, text):
                if not (self._muted and code is TroubleCode.NO_AUDIO):
                    self._tell(self._events.viva("notice", code=code.value, text=text))
            case _:
                assert_never(event)

    def _speech(self) -> str:
        """The item that the candidate's present words will be."""
        if self._item is None:
            self._item = new_id("item")
        return self._item

    async def _utterance(self, event: UtteranceEnded) -> None:
        if not event.text.strip():
            await self._nothing_said(event.end_ms)
            return
        item, self._item = self._speech(), None
        self._done = None
        await self._take_floor()
        spoken = self._on_call_clock(event)
        seconds = spoken.end_s - spoken.start_s
        self._tell(self._events.answered(item, event.text, seconds, event.end_ms))
        await self._turn_over(event.text, spoken.end_s, spoken)

    def _on_call_clock(self, event: UtteranceEnded) -> Spoken:
        base_s = self._voice.audio_base_ms / 1000
        words = event.words
        if base_s:
            words = tuple(
                replace(word, start_s=word.start_s + base_s, end_s=word.end_s + base_s) for word in words
            )
        start_s, end_s = event.start_ms / 1000 + base_s, event.end_ms / 1000 + base_s
        report = None if self._tap is None else self._tap.report(start_s, end_s, words)
        return Spoken(start_s, end_s, words, report)

    async def _nothing_said(self, at_ms: int) -> None:
        """A sound without words. A reply that was cut for it must not leave the call hanging."""
        item, self._item = self._item, None
        if item is not None:
            self._tell(self._events.speech_stopped(item, at_ms))
        done, self._done = self._done, None
        if done is not None:
            self._tell([self._events.error(_empty(done))])
        self.speaking.release()
        if self._interrupted:
            await self._remind()

    async def _take_floor(self, reason: str = "turn_detected", ms: int | None = None) -> None:
        """The candidate is to be heard now: what sounds, or is about to, is cut to what was heard."""
        if (reply := self.speaking.under_way) is not None:
            self._interrupted = True
            self.speaking.cut(reply, reason, ms)
            await self._post(BargeIn(self.speaking.heard(reply)))

    async def left(self) -> None:
        """The candidate is gone: of the reply under way no more was heard than has sounded."""
        await self._take_floor("client_cancelled")

    async def _remind(self) -> None:
        self._interrupted = False
        self._say_floor("thinking")
        await self._post(Silence(self._next_turn()))

    async def _turn_over(self, text: str, at_s: float | None, spoken: Spoken | None) -> None:
        self._interrupted = False
        self._say_floor("thinking")
        await self._post(TurnEnded(self._next_turn(), text, at_s, spoken))

    def _next_turn(self) -> TurnId:
        self._turn = TurnId(self._turn + 1)
        self.speaking.newer(self._turn)
        return self._turn

    # --- what the client asks ------------------------------------------------------------------------

    async def typed(self, typed: Typed) -> None:
        """A typed answer ends the turn like a spoken one, and cuts what sounds."""
        await self._take_floor()
        self._typing_until = 0.0
        self._tell(self._events.typed(typed.item_id, typed.text))
        await self._turn_over(typed.text, self._position_ms() / 1000, None)

    async def cancel(self, stop: Stop) -> None:
        """Raises Refused when there is nothing to cancel."""
        reply = self.speaking.under_way
        if reply is None or stop.response_id not in (None, reply.out.response_id):
            why = "This reply is not under way; there is nothing to cancel."
            raise Refused("response_cancel_not_active", why, stop.event_id)
        await self._take_floor("client_cancelled")
        self._interrupted = False

    async def cut(self, cut: Cut) -> None:
        """The client's own word on what was heard, however late it comes. Raises Refused."""
        reply = self.speaking.of_item(cut.item_id)
        if reply is None:
            why = "There is no such reply, or it is too old to be cut."
            raise Refused("item_not_found", why, cut.event_id)
        if reply is self.speaking.under_way:
            await self._take_floor("turn_detected", cut.ms)
        else:
            self.speaking.trim(reply, cut.ms)
            await self._post(Trimmed(reply.turn, self.speaking.heard(reply)))

    def done(self, done: Done) -> None:
        """The candidate says that the spoken answer is over. Raises Refused when none is under way."""
        if self._ears is None or not self._ears.end_utterance():
            raise _empty(done)
        self._done = done

    def typing(self) -> None:
        """The candidate writes: to be silent is no reason for a reminder."""
        self._typing_until = asyncio.get_running_loop().time() + TYPING_S

    @property
    def _types(self) -> bool:
        return asyncio.get_running_loop().time() < self._typing_until

    def want_reply(self, event_id: str | None) -> None:
        """Replies come by themselves; raises Refused for one that will not come."""
        if self.floor == "listening" and self.speaking.spoke_before and self._done is None:
            why = "The interviewer speaks when it is its turn; answer the question, or type an answer."
            raise Refused("response_not_due", why, event_id)

    def mute(self, on: bool) -> None:
        self._muted = on

    def patience(self, seconds: float) -> None:
        """0: the server's own, which adapts."""
        self._patience_s = seconds
        if self._ears is not None:
            self._ears.set_patience(seconds)

    # --- telling ---------------------------------------------------------------------------------------

    def _say_floor(self, state: str) -> None:
        if state != self.floor:
            self.floor = state
            self._tell(self._events.viva("floor", state=state))

    async def _post(self, event: LineEvent) -> None:
        if self.post is not None:
            await self.post(event)


def _empty(done: Done) -> Refused:
    why = "No answer was heard yet; speak, or type an answer."
    return Refused("input_audio_buffer_commit_empty", why, done.event_id)

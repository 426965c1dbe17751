"""The realtime protocol of one call, sans I/O: a client's frame in, an answer and a request for the line out.

Source: OpenAI's Realtime API (GA) over WebSocket, a subset, with extensions; `docs/realtime.md` is the table.
"""

from __future__ import annotations

import binascii
import secrets
from dataclasses import dataclass, field
from typing import Final

from audio.pcm import ms_of
from server import realtime_messages as sent
from server.realtime_events import Frame, RealtimeEvents, new_id
from server.realtime_messages import MAX_ID, MAX_TEXT, Refused, parse
from server.realtime_session import PATIENCE_S, SPEEDS, RealtimeSession, Update

MAX_FRAME: Final = 4 * 1024 * 1024
"""Bytes of one inbound frame; above it the connection is closed with 1009."""
MAX_SOUND: Final = 512 * 1024
"""Bytes of sound in one frame."""
AHEAD_MS: Final = 10_000.0
"""How much more sound than real time is taken."""
TOO_FAST_MS: Final = 20_000.0
"""Sound dropped for being too fast before the connection is given up."""


# --- what the line is asked for ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sound:
    """Microphone sound: PCM at the session's input rate."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class Typed:
    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Cut:
    """The item was heard up to ``ms``."""

    item_id: str
    ms: int
    event_id: str | None


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the reply under way; ``response_id`` None: whichever it is."""

    response_id: str | None
    event_id: str | None


@dataclass(frozen=True, slots=True)
class Done:
    """The spoken answer is over."""

    event_id: str | None


@dataclass(frozen=True, slots=True)
class WantReply:
    event_id: str | None


Request = (
    Sound
    | Typed
    | Cut
    | Stop
    | Done
    | WantReply
    | Update
    | sent.Hello
    | sent.Resume
    | sent.Playback
    | sent.Mute
    | sent.Typing
    | sent.Speed
    | sent.Patience
    | sent.End
)


@dataclass(slots=True)
class Received:
    """What one frame led to. ``close``: code and reason, when the connection is to be given up."""

    frames: list[Frame] = field(default_factory=list)
    request: Request | None = None
    close: tuple[int, str] | None = None


class RealtimeProtocol:
    """``epoch`` marks the event ids of this process; it is made up unless given."""

    def __init__(self, epoch: str | None = None) -> None:
        self.session = RealtimeSession()
        self.events = RealtimeEvents(self.session, epoch or secrets.token_hex(3))
        self._ahead_ms = self._dropped_ms = 0.0
        self._fed_at: float | None = None

    # --- frames of the client ----------------------------------------------------------------------

    def receive(self, frame: str | bytes, now: float) -> Received:
        """``now``: seconds on any steady clock. Never raises: whatever comes, the session goes on."""
        if isinstance(frame, bytes):
            return self._sound(frame, now, None)
        try:
            event = parse(frame)
        except Refused as why:
            return Received([self.events.error(why)])
        try:
            return self._event(event, now)
        except Refused as why:
            why.event_id = event.event_id and event.event_id[:MAX_ID]
            return Received([self.events.error(why)])

    def _event(self, event: sent.ClientEvent, now: float) -> Received:
        match event:
            case sent.Append():
                return self._sound(_base64(event.audio), now, event.event_id)
            case sent.SessionUpdate():
                return self._update(event)
            case sent.CreateItem():
                return Received(request=self._typed_item(event.item))
            case sent.TextAnswer():
                return Received(request=Typed(new_id("item"), _text(event.text)))
            case sent.TruncateItem():
                if event.content_index != 0 or event.audio_end_ms < 0:
                    raise Refused("invalid_message", "content_index is 0 and audio_end_ms is not negative.")
                return Received(request=Cut(event.item_id, event.audio_end_ms, event.event_id))
            case sent.RetrieveItem():
                if (item := self.events.item(event.item_id)) is None:
                    raise Refused("item_not_found", "There is no such item, or it is too old to be kept.")
                return Received([self.events.event("conversation.item.retrieved", keep=False, item=item)])
            case sent.CreateResponse():
                if event.response is not None and event.response.instructions:
                    why = "The interview sets what the interviewer says; leave out instructions."
                    raise Refused("instructions_fixed", why, param="response.instructions")
                return Received(request=WantReply(event.event_id))
            case sent.CancelResponse():
                return Received(request=Stop(event.response_id, event.event_id))
            case sent.Ping():
                return Received([self.events.event("viva.pong", keep=False, at=event.at)])
            case sent.Speed() if not SPEEDS[0] <= event.value <= SPEEDS[1]:
                raise Refused("speed_out_of_range", "The speed goes from 0.7 to 1.3.", param="value")
            case sent.Patience() if not PATIENCE_S[0] <= event.seconds <= PATIENCE_S[1]:
                raise Refused(
                    "patience_out_of_range", "Patience goes from 0.3 to 10 seconds.", param="seconds"
                )
            case sent.ClearInput() | sent.ClearOutput() | sent.DeleteItem():
                raise Refused("not_supported", "This is not supported; docs/realtime.md says what is.")
            case sent.Commit():
                return Received(request=Done(event.event_id and event.event_id[:MAX_ID]))
            case sent.Resume(session=wanted) if wanted is not None and not self.session.begun:
                # The server that agreed on these is gone: this one has not begun yet.
                made = self.session.update(wanted)
                return Received([self.events.error(refused) for refused in made.refused], event)
            case _:
                return Received(request=event)

    def _update(self, event: sent.SessionUpdate) -> Received:
        made = self.session.update(event.session)
        frames = []
        for refused in made.refused:
            refused.event_id = event.event_id and event.event_id[:MAX_ID]
            frames.append(self.events.error(refused))
        self.events.follow()  # a client that does not resume goes on from here
        return Received([*frames, self.events.updated()], made)

    def _typed_item(self, item: sent.Item) -> Typed:
        is_text = item.content and all(part.type == "input_text" for part in item.content)
        if item.type != "message" or item.role != "user" or not is_text:
            why = "Only messages of the user made of input_text can be added."
            raise Refused("item_not_supported", why, param="item")
        text = _text("\n".join(part.text or "" for part in item.content))
        item_id = item.id[:MAX_ID] if item.id else new_id("item")
        if self.events.item(item_id) is not None:
            raise Refused("item_exists", "There is an item of this id; leave the id out.", param="item.id")
        return Typed(item_id, text)

    # --- microphone --------------------------------------------------------------------------------

    def _sound(self, data: bytes, now: float, event_id: str | None) -> Received:
        coded = self.session.input
        if len(data) > MAX_SOUND:
            why = "The frame holds more than 512 KiB of sound; send 20 to 100 ms at a time."
            raise_at = Refused("sound_too_big", why, event_id and event_id[:MAX_ID])
            return Received([self.events.error(raise_at)])
        if len(data) % coded.width:
            why = "The frame ends in half a sample; samples of PCM have two bytes."
            return Received(
                [self.events.error(Refused("invalid_sound", why, event_id and event_id[:MAX_ID]))]
            )
        pcm = coded.to_pcm(data) if coded.to_pcm else data
        ms = ms_of(pcm, coded.rate)
        if self._fed_at is not None:
            self._ahead_ms = max(0.0, self._ahead_ms - (now - self._fed_at) * 1000)
        self._fed_at = now
        if self._ahead_ms + ms > AHEAD_MS:
            return self._too_fast(ms, event_id)
        self._ahead_ms += ms
        return Received(request=Sound(pcm)) if pcm else Received()

    def _too_fast(self, ms: float, event_id: str | None) -> Received:
        first = self._dropped_ms == 0.0
        self._dropped_ms += ms
        if self._dropped_ms > TOO_FAST_MS:
            return Received(close=(4429, "more sound than real time; send it as it is recorded"))
        if not first:
            return Received()
        why = "The sound comes faster than real time and is being dropped; send it as it is recorded."
        return Received([self.events.error(Refused("audio_too_fast", why, event_id and event_id[:MAX_ID]))])

    def connected(self) -> Frame:
        """The first frame on every socket; a new client starts with a clean slate as to its pace."""
        self._ahead_ms = self._dropped_ms = 0.0
        self._fed_at = None
        return self.events.created()


def _text(text: str) -> str:
    text = text.replace("\0", "").strip()  # PostgreSQL takes no NUL in text
    if not text:
        raise Refused("text_empty", "The answer is empty; write something.", param="text")
    if len(text) > MAX_TEXT:
        raise Refused("text_too_long", "An answer has at most 8,000 characters.", param="text")
    return text


def _base64(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError):
        raise Refused("invalid_sound", "The sound is not base64.", param="audio") from None

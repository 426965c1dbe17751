"""What the server tells a realtime client: events with their ids, the items, and the sound.

Source: OpenAI's Realtime API (GA) server events, and `docs/realtime.md`. The state outlives sockets: the
number of the last event, the last events themselves for a client that comes back, and the last items.

Every event id says how far a client has got that names it when it comes back: events that are kept are
numbered, all others carry the number before them and a part of their own, as in ``evt_5f31c2_118.7``.
"""

from __future__ import annotations

import base64
import secrets
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from audio.pcm import ms_of
from server.realtime_messages import Refused
from server.realtime_session import RealtimeSession

KEPT_EVENTS: Final = 256
"""Events kept for a client that comes back; some minutes of a call."""
KEPT_ITEMS: Final = 64
"""Items that can still be retrieved."""
_TAG: Final = struct.Struct("<II")
_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame for the client. ``reply``: the number of the reply whose sound it is; 0: not sound."""

    data: bytes
    binary: bool = False
    reply: int = 0


@dataclass(slots=True)
class ReplyOut:
    """A reply as the client sees it.

    ``transcript``: all its words; ``heard``: those that were heard, once it was cut. ``sent_ms``: its sound
    so far. ``open``: `response.done` is to come.
    """

    number: int
    response_id: str
    item_id: str
    previous: str | None
    transcript: str = ""
    heard: str | None = None
    sent_ms: float = 0.0
    open: bool = True


class RealtimeEvents:
    """``epoch`` marks the event ids of this process."""

    def __init__(self, session: RealtimeSession, epoch: str) -> None:
        self.session = session
        self._epoch = epoch
        self._session_id = new_id("sess")
        self._events = self._parts = 0
        self._told: int | None = None
        self._kept: deque[tuple[int, bytes]] = deque(maxlen=KEPT_EVENTS)
        self._items: dict[str, dict[str, Any]] = {}
        self._last_item: str | None = None
        self._replies = 0
        self._partial: dict[str, str] = {}

    def created(self) -> Frame:
        """`session.created`, the first event of a connection: to have seen it is to have seen nothing."""
        self._told = 0
        return self._session("session.created")

    def updated(self) -> Frame:
        return self._session("session.updated")

    def follow(self) -> None:
        """From here on the client is sent what happens; what it has missed it does not ask for."""
        self._told = None

    def _session(self, kind: str) -> Frame:
        return self.event(kind, keep=False, session=self.session.shown(self._session_id))

    def item(self, item_id: str) -> dict[str, Any] | None:
        return self._items.get(item_id)

    def event(self, kind: str, /, *, keep: bool = True, **fields: Any) -> Frame:
        """``keep``: it is replayed to a client that comes back without having seen it."""
        if keep:
            self._events += 1
            place = f"{self._events}"
        else:
            self._parts += 1
            place = f"{self._events if self._told is None else self._told}.{self._parts}"
        data = _encode({"type": kind, "event_id": f"evt_{self._epoch}_{place}"} | fields)
        if keep:
            self._kept.append((self._events, data))
        return Frame(data)

    def viva(self, kind: str, /, *, keep: bool = True, **fields: Any) -> list[Frame]:
        """An event of ours; none for a client without extensions."""
        return [self.event(f"viva.{kind}", keep=keep, **fields)] if self.session.extensions else []

    def error(self, why: Refused) -> Frame:
        told = {
            "type": "invalid_request_error",
            "code": why.code,
            "message": why.text,
            "param": why.param,
            "event_id": why.event_id,
        }
        return self.event("error", keep=False, error=told)

    def resumed(self, last_event: str | None, **where: Any) -> list[Frame]:
        """`viva.resumed` and what the client has not seen. ``where``: the reply under way."""
        self.session.extensions = True
        last = self._place(last_event)
        missed = [] if last is None else [frame for number, frame in self._kept if number > last]
        # A call that has not begun here began on a server that is gone, with all its events.
        complete = last is not None and self.session.begun and last + len(missed) == self._events
        self._told = last
        told = self.event("viva.resumed", keep=False, replayed=len(missed), complete=complete, **where)
        self.follow()
        return [told, *map(Frame, missed)]

    def _place(self, event_id: str | None) -> int | None:
        """The number in an id of this process; None for any other."""
        head, _, tail = (event_id or "").rpartition("_")
        number = tail.partition(".")[0]
        known = head == f"evt_{self._epoch}" and number.isdecimal() and len(number) < 19
        return int(number) if known and int(number) <= self._events else None

    # --- what the candidate says -----------------------------------------------------------------------

    def speech_started(self, item_id: str, at_ms: int) -> list[Frame]:
        return [self.event("input_audio_buffer.speech_started", audio_start_ms=at_ms, item_id=item_id)]

    def speech_stopped(self, item_id: str, at_ms: int) -> list[Frame]:
        return [self.event("input_audio_buffer.speech_stopped", audio_end_ms=at_ms, item_id=item_id)]

    def partial(self, item_id: str, text: str) -> list[Frame]:
        """The answer so far: replaced for our own clients, only ever added to for others."""
        if not self.session.captions:
            return []
        frames = self.viva("partial", keep=False, item_id=item_id, text=text)
        before = self._partial.get(item_id, "")
        # What was sent cannot be taken back: the last word, which may still change, is held back.
        settled = text[: text.rfind(" ") + 1]
        if settled.startswith(before) and settled != before:
            self._partial = {item_id: settled}
            frames.append(self._caption("delta", item_id, delta=settled[len(before) :]))
        return frames

    def answered(self, item_id: str, text: str, seconds: float, end_ms: int) -> list[Frame]:
        """A spoken answer, whole; ``text`` may be empty when nothing was recognised."""
        frames = [
            *self.speech_stopped(item_id, end_ms),
            self.event("input_audio_buffer.committed", item_id=item_id, previous_item_id=self._last_item),
        ]
        content = {"type": "input_audio", "transcript": text if self.session.captions else None}
        added, done = self._add(item_id, "user", content)
        frames.append(added())
        if self.session.captions:
            usage = {"type": "duration", "seconds": round(max(seconds, 0.0), 3)}
            frames.append(self._caption("completed", item_id, transcript=text, usage=usage))
        return [*frames, done()]

    def _caption(self, kind: str, item_id: str, **fields: Any) -> Frame:
        name = f"conversation.item.input_audio_transcription.{kind}"
        return self.event(name, item_id=item_id, content_index=0, **fields)

    def typed(self, item_id: str, text: str) -> list[Frame]:
        added, done = self._add(item_id, "user", {"type": "input_text", "text": text})
        return [added(), done()]

    def _add(
        self, item_id: str, role: str, content: dict[str, Any]
    ) -> tuple[Callable[[], Frame], Callable[[], Frame]]:
        """Added and done, each to be made in its turn: ids rise in the order in which events are sent."""
        previous = self._last_item
        item = self._put(item_id, role, [content], "completed")
        return (
            lambda: self.event("conversation.item.added", previous_item_id=previous, item=item),
            lambda: self.event("conversation.item.done", previous_item_id=previous, item=item),
        )

    def _put(self, item_id: str, role: str, content: list[dict[str, Any]], status: str) -> dict[str, Any]:
        item = {
            "id": item_id,
            "object": "realtime.item",
            "type": "message",
            "status": status,
            "role": role,
            "content": content,
        }
        if item_id not in self._items:
            self._last_item = item_id
            if len(self._items) >= KEPT_ITEMS:
                del self._items[next(iter(self._items))]
        self._items[item_id] = item
        return item

    # --- what the interviewer says ---------------------------------------------------------------------

    def begin_reply(self) -> tuple[ReplyOut, list[Frame]]:
        self._replies += 1
        previous = self._last_item
        reply = ReplyOut(self._replies, new_id("resp"), new_id("item"), previous)
        item = self._put(reply.item_id, "assistant", [], "in_progress")
        part = {"type": "audio", "transcript": ""}
        frames = [
            self.event("response.created", response=self._response(reply, "in_progress")),
            *self.viva("reply", response_id=reply.response_id, item_id=reply.item_id, number=reply.number),
            self._of(reply, "output_item.added", content=False, item=item),
            self.event("conversation.item.added", previous_item_id=previous, item=item),
            self._of(reply, "content_part.added", part=part),
        ]
        return reply, frames

    def words(self, reply: ReplyOut, delta: str) -> list[Frame]:
        if not delta:
            return []
        reply.transcript += delta
        return [self._of(reply, "output_audio_transcript.delta", delta=delta)]

    def sound(self, reply: ReplyOut, at_ms: int, pcm: bytes) -> Frame:
        """``pcm`` at the session's output rate, beginning ``at_ms`` into the reply."""
        coded = self.session.output
        reply.sent_ms = max(reply.sent_ms, at_ms + ms_of(pcm, coded.rate))
        data = coded.from_pcm(pcm) if coded.from_pcm else pcm
        if self.session.binary_audio:
            return Frame(_TAG.pack(reply.number, at_ms) + data, True, reply.number)
        delta = self._of(reply, "output_audio.delta", keep=False, delta=base64.b64encode(data).decode())
        return Frame(delta.data, False, reply.number)

    def end_reply(self, reply: ReplyOut, status: str, reason: str | None = None) -> list[Frame]:
        """``status``: completed, cancelled (with its reason) or failed. Nothing the second time."""
        if not reply.open:
            return []
        reply.open = False
        heard = reply.transcript if reply.heard is None else reply.heard
        content = {"type": "output_audio", "transcript": heard}
        whole = "completed" if status == "completed" else "incomplete"
        item = self._put(reply.item_id, "assistant", [content], whole)
        part = {"type": "audio", "transcript": reply.transcript}
        return [
            self._of(reply, "output_audio.done"),
            self._of(reply, "output_audio_transcript.done", transcript=reply.transcript),
            self._of(reply, "content_part.done", part=part),
            self._of(reply, "output_item.done", content=False, item=item),
            self.event("conversation.item.done", previous_item_id=reply.previous, item=item),
            self.event("response.done", response=self._response(reply, status, reason, [item])),
        ]

    def truncated(self, reply: ReplyOut, ms: int, heard: str) -> list[Frame]:
        """The reply was heard up to ``ms``, which is ``heard``."""
        reply.heard = heard
        content = {"type": "output_audio", "transcript": heard}
        self._put(reply.item_id, "assistant", [content], "incomplete")
        where: dict[str, Any] = {"item_id": reply.item_id, "content_index": 0, "audio_end_ms": ms}
        return [self.event("conversation.item.truncated", **where)]

    def _of(
        self, reply: ReplyOut, kind: str, /, *, content: bool = True, keep: bool = True, **more: Any
    ) -> Frame:
        where: dict[str, Any] = {"response_id": reply.response_id, "output_index": 0}
        if content:
            where |= {"item_id": reply.item_id, "content_index": 0}
        return self.event(f"response.{kind}", keep=keep, **where, **more)

    def _response(
        self,
        reply: ReplyOut,
        status: str,
        reason: str | None = None,
        output: list[dict[str, Any]] | None = None,
    ) -> dict[str, Any]:
        details = None
        if status in ("cancelled", "failed"):
            details = {"type": status} | ({"reason": reason} if reason else {})
        return {
            "id": reply.response_id,
            "object": "realtime.response",
            "status": status,
            "status_details": details,
            "output": output or [],
            "output_modalities": ["audio"],
            "audio": {"output": {"format": self.session.output.shown(), "voice": "viva"}},
            "conversation_id": self._session_id,
            "metadata": None,
        }


def new_id(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(8)}"

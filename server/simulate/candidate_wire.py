"""What a realtime client with the extensions may count on, as checks on all that a server sends.

Source: docs/realtime.md. Complaints name types, fields and numbers; never what was said.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from audio.pcm import ms_of

Event = dict[str, Any]
MOST: Final = 50
"""Complaints that are kept; more of them say nothing new."""
LEAD_MS: Final = 5_000
""""A little ahead of real time": more than this of a reply must not wait at the client."""
_TAG: Final = struct.Struct("<II")


def _text(value: Any) -> bool:
    return type(value) is str


def _count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _number(value: Any) -> bool:
    return type(value) in (int, float)


def _object(value: Any) -> bool:
    return type(value) is dict


def _flag(value: Any) -> bool:
    return type(value) is bool


def _or_none(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


Fields = Mapping[str, Callable[[Any], bool]]
_PART: Final[Fields] = {
    "response_id": _text,
    "item_id": _text,
    "output_index": _count,
    "content_index": _count,
}
_ITEM: Final[Fields] = {"item": _object, "previous_item_id": _or_none(_text)}
_FIELDS: Final[dict[str, Fields]] = {
    "session.created": {"session": _object},
    "session.updated": {"session": _object},
    "input_audio_buffer.speech_started": {"audio_start_ms": _count, "item_id": _text},
    "input_audio_buffer.speech_stopped": {"audio_end_ms": _count, "item_id": _text},
    "input_audio_buffer.committed": {"item_id": _text, "previous_item_id": _or_none(_text)},
    "conversation.item.added": _ITEM,
    "conversation.item.done": _ITEM,
    "conversation.item.input_audio_transcription.delta": {"item_id": _text, "delta": _text},
    "conversation.item.input_audio_transcription.completed": {
        "item_id": _text,
        "transcript": _text,
        "usage": _object,
    },
    "conversation.item.truncated": {"item_id": _text, "content_index": _count, "audio_end_ms": _count},
    "conversation.item.retrieved": {"item": _object},
    "response.created": {"response": _object},
    "response.output_item.added": {"response_id": _text, "output_index": _count, "item": _object},
    "response.content_part.added": {**_PART, "part": _object},
    "response.output_audio_transcript.delta": {**_PART, "delta": _text},
    "response.output_audio.done": _PART,
    "response.output_audio_transcript.done": {**_PART, "transcript": _text},
    "response.content_part.done": {**_PART, "part": _object},
    "response.output_item.done": {"response_id": _text, "output_index": _count, "item": _object},
    "response.done": {"response": _object},
    "error": {"error": _object},
    "viva.session": {"call_id": _text, "resume_token": _text, "recording": _flag, "engines": _object},
    "viva.resumed": {
        "replayed": _count,
        "complete": _flag,
        "response_id": _or_none(_text),
        "number": _or_none(_count),
        "sent_ms": _or_none(_count),
        "played_ms": _or_none(_count),
    },
    "viva.reply": {"response_id": _text, "item_id": _text, "number": _count},
    "viva.floor": {"state": lambda value: value in ("listening", "thinking", "speaking")},
    "viva.pause": {"response_id": _text},
    "viva.resume_audio": {"response_id": _text},
    "viva.partial": {"item_id": _text, "text": _text},
    "viva.question": {
        "id": _text,
        "text": _text,
        "index": lambda value: _count(value) and value >= 1,
        "total": _count,
        "block": _or_none(_text),
        "follow_up_to": _or_none(_text),
        "time_limit_s": _or_none(_number),
    },
    "viva.persona": {"id": _text, "name": _text, "title": _text},
    "viva.coach": {"text": _text},
    "viva.answer.saved": {"turn": _count, "question_id": _or_none(_text)},
    "viva.score": {"question_id": _text, "overall": _or_none(_number)},
    "viva.time": {"elapsed_s": _number, "left_s": _number},
    "viva.notice": {"code": _text, "text": _text},
    "viva.pong": {"at": _number},
    "viva.ended": {"reason": _text, "scorecard_url": _or_none(_text)},
}
_ORDER: Final = (
    "created",
    "output_item.added",
    "content_part.added",
    "output_audio_transcript.delta",
    "output_audio.done",
    "output_audio_transcript.done",
    "content_part.done",
    "output_item.done",
    "done",
)


@dataclass(slots=True)
class Reply:
    """One reply as it was announced. ``ends_ms``: where its sound ends so far. ``cut``: it is over."""

    response_id: str
    item_id: str = ""
    number: int = 0
    stage: int = 0
    words: str = ""
    ends_ms: float = 0.0
    all_sent: bool = False
    cut: bool = False
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Sound:
    reply: Reply
    at_ms: int
    pcm: bytes


class WireCheck:
    """Reads the frames of one call, over as many sockets as it takes; see ``violations``."""

    def __init__(self, rate: int) -> None:
        self.violations: list[str] = []
        self.replies: dict[str, Reply] = {}
        self.last_event: str | None = None
        self._rate = rate
        self._seen: set[str] = set()
        self._epoch = ""
        self._last = self._newest = (-1, 0)
        self._fresh = True

    def wrong(self, text: str) -> None:
        if text not in self.violations and len(self.violations) < MOST:
            self.violations.append(text)

    def new_socket(self) -> None:
        self._fresh, self._last = True, (-1, 0)

    def reply_of(self, *, response: str = "", item: str = "") -> Reply | None:
        if response:
            return self.replies.get(response)
        return next((reply for reply in self.replies.values() if reply.item_id == item), None)

    # --- events ----------------------------------------------------------------------------------

    def event(self, data: str) -> Event | None:
        """What a text frame says; None when nothing can be made of it."""
        try:
            event = json.loads(data)
        except ValueError:
            self.wrong("a text frame was not JSON")
            return None
        kind = event.get("type") if isinstance(event, dict) else None
        fields = _FIELDS.get(str(kind))
        if fields is None:
            self.wrong(f"an event has the unknown type {str(kind)[:60]!r}")
            return None
        if self._fresh and kind != "session.created":
            self.wrong(f"{kind} came before session.created")
        self._fresh = False
        bad = [name for name, fits in fields.items() if name not in event or not fits(event[name])]
        for name in bad:
            self.wrong(f"{kind}: {name} is {'wrong' if name in event else 'missing'}")
        self._number_it(str(kind), event.get("event_id"))
        if bad:
            return None
        self._follow(str(kind), event)
        return dict(event)

    def _number_it(self, kind: str, event_id: Any) -> None:
        head, _, tail = str(event_id or "").rpartition("_")
        number, _, part = tail.partition(".")
        if not head.startswith("evt_") or not number.isdecimal() or not (part or "0").isdecimal():
            self.wrong(f"{kind}: event_id is not evt_CODE_NUMBER or evt_CODE_NUMBER.PART")
            return
        if event_id in self._seen:
            self.wrong(f"{kind}: its event_id came twice")
        self._seen.add(event_id)
        if head != self._epoch:  # another server process: it counts and numbers anew
            self._epoch, self._newest = head, (-1, 0)
            self.replies.clear()
        place = int(number), int(part or 0)
        if place <= self._last:
            self.wrong(f"{kind}: its event_id does not rise")
        self._last = place
        if place > self._newest:
            self._newest, self.last_event = place, event_id

    def _follow(self, kind: str, event: Event) -> None:
        if kind.startswith("response."):
            self._response(kind.removeprefix("response."), event)
        elif kind == "error":
            self.wrong(f"an error came back: {str(event['error'].get('code'))[:60]}")
        elif kind == "viva.resumed":
            if event["response_id"] is not None and (reply := self.replies.get(event["response_id"])):
                reply.ends_ms = event["sent_ms"] or 0
        elif kind == "conversation.item.truncated":
            if (reply := self.reply_of(item=event["item_id"])) is None:
                self.wrong("conversation.item.truncated: no reply has this item")
            else:
                reply.cut = True
        elif kind in ("viva.reply", "viva.pause", "viva.resume_audio"):
            self._of_reply(kind, event)

    def _of_reply(self, kind: str, event: Event) -> None:
        if (reply := self.replies.get(event["response_id"])) is None:
            self.wrong(f"{kind}: there is no such reply")
        elif kind == "viva.reply":
            if any(other.number >= event["number"] for other in self.replies.values()):
                self.wrong("viva.reply: its number does not rise")
            reply.number, reply.item_id = event["number"], event["item_id"]
        else:
            if reply.paused == (kind == "viva.pause"):
                self.wrong(f"{kind}: it is so already")
            reply.paused = kind == "viva.pause"

    def _response(self, kind: str, event: Event) -> None:
        response_id = event["response"].get("id") if "response" in event else event["response_id"]
        if kind == "created":
            if response_id in self.replies:
                self.wrong("response.created came twice for one reply")
            self.replies[str(response_id)] = Reply(str(response_id))
            return
        reply = self.replies.get(str(response_id))
        if reply is None:
            self.wrong(f"response.{kind}: there is no such reply")
            return
        stage = _ORDER.index(kind)
        again = stage == reply.stage and kind == "output_audio_transcript.delta"
        if stage <= reply.stage and not again:
            self.wrong(f"response.{kind} came after response.{_ORDER[reply.stage]}")
        reply.stage = max(stage, reply.stage)
        match kind:
            case "output_audio_transcript.delta":
                reply.words += event["delta"]
            case "output_audio.done":
                reply.all_sent = True
            case "output_audio_transcript.done" if event["transcript"] != reply.words:
                self.wrong("response.output_audio_transcript.done: not the words that were sent")
            case "done":
                self._done(reply, event["response"])
            case _:
                pass

    def _done(self, reply: Reply, response: Event) -> None:
        status = response.get("status")
        if status not in ("completed", "cancelled", "failed"):
            self.wrong("response.done: its status is unknown")
        if status != "completed":
            reply.cut = True
        if not reply.all_sent:
            self.wrong("response.done came before response.output_audio.done")

    # --- sound -----------------------------------------------------------------------------------

    def sound(self, data: bytes, played_ms: Callable[[Reply], float]) -> Sound | None:
        """What a binary frame holds; None for one that must not be played."""
        if len(data) < _TAG.size or len(data) % 2:
            self.wrong("a binary frame has no header, or ends in half a sample")
            return None
        number, at_ms = _TAG.unpack_from(data)
        reply = next((reply for reply in self.replies.values() if reply.number == number), None)
        if reply is None:
            self.wrong("sound came of a reply that viva.reply has not named")
            return None
        for is_so, what in (
            (reply.cut, "was cut"),
            (reply.all_sent, "was all sent"),
            (reply.paused, "is paused"),
        ):
            if is_so:
                self.wrong(f"sound came of a reply that {what}")
        if abs(at_ms - reply.ends_ms) > 1.0:
            self.wrong("sound does not go on where the frame before it ended")
        pcm = data[_TAG.size :]
        reply.ends_ms = at_ms + ms_of(pcm, self._rate)
        if reply.ends_ms - played_ms(reply) > LEAD_MS:
            self.wrong("more than five seconds of a reply were sent ahead")
        return None if reply.cut else Sound(reply, at_ms, pcm)

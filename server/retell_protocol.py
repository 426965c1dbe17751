"""Retell's custom-LLM protocol, sans I/O: text frames in, events and frames out.

Source: Retell's guides for custom LLM sockets (frame fields, supersession, keepalive). Every frame that
leaves here has its types right, since Retell drops a wrong one without a word.

An ``update_only`` is only peeked at; its transcript is decoded when something is made of it. Each transcript
repeats the one before with a little more at its end: what is the same, byte for byte, is not decoded again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from interview.events import LineEvent, Silence, Speaker, TranscriptSeen, TurnEnded, TurnId, Utterance
from interview.reading import UNINTELLIGIBLE

MAX_FRAME: Final = 4 * 1024 * 1024
"""Bytes of one inbound frame; an hour of transcript with word times is about 1 MB."""
MAX_TURN: Final = 2**31 - 1
"""Ids are stored in four bytes."""

_HALF: Final = re.compile(
    r"\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f][0-9a-f]{2})|(?<!\\ud[89ab][0-9a-f]{2})\\ud[c-f][0-9a-f]{2}",
    re.IGNORECASE,
)
"""Half of a character outside the base plane, as JavaScript writes a text that was cut inside one."""


class _Peek(msgspec.Struct):
    interaction_type: str = ""
    response_id: int | None = None
    timestamp: int | float | None = None
    transcript: msgspec.Raw = msgspec.Raw(b"[]")


class _Word(msgspec.Struct):
    end: float | None = None


class _Item(msgspec.Struct):
    role: str = ""
    content: str = ""
    words: list[_Word] | None = None


class _Details(msgspec.Struct):
    call: dict[str, Any] = {}


_peek: Final = msgspec.json.Decoder(_Peek, strict=True)
_list: Final = msgspec.json.Decoder(list[msgspec.Raw] | None)
_item: Final = msgspec.json.Decoder(_Item, strict=False)
_details: Final = msgspec.json.Decoder(_Details)
_encode: Final = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Received:
    """What one frame led to. ``note``: why it was skipped, without a word of its content."""

    replies: list[bytes] = field(default_factory=list)
    events: list[LineEvent] = field(default_factory=list)
    details: dict[str, Any] | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class _Transcript:
    """A transcript, and how much of its JSON the next one probably repeats: all but its last item.

    ``head``: the bytes before that item; ``before``: the utterances in them; ``before_s``: their last word's
    time.
    """

    utterances: tuple[Utterance, ...] = ()
    audio_s: float | None = None
    head: bytes = b"["
    before: tuple[Utterance, ...] = ()
    before_s: float | None = None


class RetellProtocol:
    """The state of one call id, over all its sockets: the newest turn and which turns are complete."""

    def __init__(self) -> None:
        self.newest: TurnId = TurnId(0)
        self._complete: set[TurnId] = set()
        self._begun: set[TurnId] = set()
        self._last_update: str | bytes = b""
        self._seen = _Transcript()

    def config(self) -> bytes:
        """The first frame on every socket."""
        wanted = {"auto_reconnect": True, "call_details": True, "transcript_with_tool_calls": False}
        return _encode({"response_type": "config", "config": wanted})

    def nothing_to_say(self) -> bytes:
        """An empty id-0 response: the call has had its greeting."""
        return self._response(TurnId(0), "", complete=True)

    def receive(self, frame: str | bytes) -> Received:
        """Never raises: whatever Retell sends, the socket stays up."""
        try:
            try:
                head = _peek.decode(frame)
            except msgspec.DecodeError:
                if not isinstance(frame, str) or not _HALF.search(frame):
                    raise
                frame = _HALF.sub(r"\\ufffd", frame)
                head = _peek.decode(frame)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return Received(note="frame is not the JSON that was agreed")
        match head.interaction_type:
            case "ping_pong" if head.timestamp is not None:
                return Received([_encode({"response_type": "ping_pong", "timestamp": head.timestamp})])
            case "update_only":
                self._last_update = frame
                return Received()
            case "response_required" | "reminder_required" if head.response_id is not None:
                return self._request(TurnId(head.response_id), head.transcript, head.interaction_type)
            case "call_details":
                return self._call_details(frame)
            case _:
                return Received(note="frame of unknown type or without its id")

    def _request(self, turn: TurnId, transcript: msgspec.Raw, kind: str) -> Received:
        if turn > MAX_TURN:
            return Received(note="request has an id out of range")
        if turn < self.newest or (turn == self.newest and (turn in self._begun or turn in self._complete)):
            return Received(note="request is not newer than the last one")
        seen = self._seen = _read(transcript, self._seen) or _Transcript()
        self.newest, self._last_update = turn, b""
        self._begun.add(turn)
        heard = TranscriptSeen(seen.utterances)
        if kind == "reminder_required":
            return Received(events=[heard, Silence(turn)])
        return Received(events=[heard, TurnEnded(turn, _last_words(seen.utterances), seen.audio_s)])

    @staticmethod
    def _call_details(frame: str | bytes) -> Received:
        try:
            return Received(details=_details.decode(frame).call)
        except msgspec.DecodeError:
            return Received(note="call details are not an object", details={})

    def last_heard(self) -> TranscriptSeen | None:
        """The newest transcript that no request has brought, decoded now; for the end of a call."""
        if not self._last_update:
            return None
        frame, self._last_update = self._last_update, b""
        seen = _read(_peek.decode(frame).transcript, self._seen)
        return TranscriptSeen(seen.utterances) if seen and seen.utterances else None

    def chunk(self, turn: TurnId, text: str, *, first: bool) -> bytes | None:
        """A piece of the reply, or None when Retell would drop it: stale, or already complete."""
        if turn != self.newest or turn in self._complete:
            return None
        return self._response(turn, text if first else f" {text}", complete=False)

    def complete(self, turn: TurnId) -> bytes | None:
        """The end of the reply, once; None when stale or complete."""
        if turn != self.newest or turn in self._complete:
            return None
        self._complete.add(turn)
        return self._response(turn, "", complete=True)

    def goodbye(self, turn: TurnId, text: str, *, first: bool) -> bytes | None:
        """The last words of the call and the hang-up in one frame; None when stale or complete."""
        if turn != self.newest or turn in self._complete:
            return None
        self._complete.add(turn)
        return self._response(turn, text if first else f" {text}", complete=True, end_call=True)

    @staticmethod
    def _response(turn: TurnId, text: str, *, complete: bool, end_call: bool = False) -> bytes:
        frame: dict[str, object] = {
            "response_type": "response",
            "response_id": int(turn),
            "content": text,
            "content_complete": complete,
        }
        if end_call:
            # Without this a single word from the candidate during the goodbye discards the hang-up.
            frame |= {"end_call": True, "no_interruption_allowed": True}
        return _encode(frame)


_SPOKEN: Final = {"agent": Speaker.INTERVIEWER, "user": Speaker.CANDIDATE}


def _read(transcript: msgspec.Raw, seen: _Transcript) -> _Transcript | None:
    """The transcript, of which only what follows ``seen.head`` is decoded; None when it cannot be read."""
    data = bytes(transcript)
    if not data.startswith(seen.head):
        seen = _Transcript()
    rest = b"[" + data[len(seen.head) :] if data.startswith(b"[") else data
    try:
        parts = _list.decode(rest)
        items = [_item.decode(part) for part in parts or ()]
    except msgspec.DecodeError:
        return None
    if not parts:
        return _Transcript()
    if b"\\u0000" in rest:
        for item in items:
            item.content = item.content.replace("\0", "")  # PostgreSQL takes no NUL in text
    before = seen.before + _utterances(items[:-1])
    before_s = _audio_s(items[:-1], seen.before_s)
    after_last = len(rest) - len(rest[:-1].rstrip())
    head = data[: len(data) - after_last - len(bytes(parts[-1]))]
    last = items[-1:]
    return _Transcript(before + _utterances(last), _audio_s(last, before_s), head, before, before_s)


def _utterances(items: list[_Item]) -> tuple[Utterance, ...]:
    return tuple(Utterance(_SPOKEN[item.role], item.content) for item in items if item.role in _SPOKEN)


def _last_words(utterances: tuple[Utterance, ...]) -> str:
    """The candidate's words since the interviewer last spoke."""
    texts: list[str] = []
    for utterance in reversed(utterances):
        if utterance.speaker is Speaker.INTERVIEWER:
            break
        if text := utterance.text.strip():
            texts.append(text)
    words = [t for t in reversed(texts) if t != UNINTELLIGIBLE]
    return " ".join(words or texts[:1])


def _audio_s(items: list[_Item], before: float | None) -> float | None:
    """Where the call's audio clock stands, by the last word that has a time."""
    for item in reversed(items):
        for word in reversed(item.words or []):
            if word.end is not None:
                return word.end
    return before

"""Retell's custom-LLM protocol, sans I/O: text frames in, events and frames out.

Source: Retell's guides for custom LLM sockets (frame fields, supersession, keepalive). Every frame that
leaves here has its types right, since Retell drops a wrong one without a word.

An ``update_only`` is only peeked at; its transcript is decoded when something is made of it. Each transcript
repeats the one before with a little more at its end: what is the same, byte for byte, is compared and not
read again, so that a frame of a long call costs what one of a short call does.
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
    rb"\\\\|\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|\\ud[89a-f][0-9a-f]{2}",
    re.IGNORECASE,
)
"""An escaped backslash, a whole surrogate pair, or half of one: how JavaScript writes a text that was cut
inside a character."""
_MARK: Final = b'["as before",'
"""Stands in a shortened frame for the start of the transcript that is known already."""
_START: Final = 64
"""Bytes by which that start is looked for in a frame."""


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
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeError, RecursionError)


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

    ``head``: the bytes before that item, in the frame that brought them; ``before``: the utterances in them;
    ``before_s``: their last word's time.
    """

    utterances: tuple[Utterance, ...] = ()
    audio_s: float | None = None
    head: bytes | memoryview = b""
    before: tuple[Utterance, ...] = ()
    before_s: float | None = None


class RetellProtocol:
    """The state of one call id, over all its sockets: the newest turn and which turns are complete."""

    def __init__(self) -> None:
        self.newest: TurnId = TurnId(0)
        self._complete: set[TurnId] = set()
        self._begun: set[TurnId] = set()
        self._last_update = b""
        self._seen = _Transcript()

    def config(self) -> bytes:
        """The first frame on every socket."""
        wanted = {"auto_reconnect": True, "call_details": True, "transcript_with_tool_calls": False}
        return _encode({"response_type": "config", "config": wanted})

    def nothing_to_say(self) -> bytes:
        """An empty id-0 response: the call has had its greeting."""
        return self._response(TurnId(0), "", complete=True)

    def receive(self, frame: bytes) -> Received:
        """Never raises: whatever Retell sends, the socket stays up."""
        try:
            try:
                head, at = self._peek(frame)
            except _UNREADABLE:
                frame = _mended(frame)
                head, at = self._peek(frame)
        except _UNREADABLE:
            return Received(note="frame is not the JSON that was agreed")
        match head.interaction_type:
            case "ping_pong" if head.timestamp is not None:
                return Received([_encode({"response_type": "ping_pong", "timestamp": head.timestamp})])
            case "update_only":
                self._last_update = frame
                return Received()
            case "response_required" | "reminder_required" if head.response_id is not None:
                return self._request(TurnId(head.response_id), head, frame, at)
            case "call_details":
                return self._call_details(frame)
            case _:
                return Received(note="frame of unknown type or without its id")

    def _peek(self, frame: bytes) -> tuple[_Peek, int | None]:
        """What is read of a frame, and where the start of a transcript that is known already stands in it.

        The transcript then has a mark for that start; it is whole when the second is None. A frame is
        shortened by putting the mark in place of those bytes. When the transcript comes back with the mark in
        front, a reader of the whole frame would be at the same point before and behind them, and so find the
        rest alike. Raises what `_UNREADABLE` lists.
        """
        known = self._seen.head
        at = frame.find(known[:_START]) if known else -1
        if at >= 0 and frame.startswith(known, at):
            view = memoryview(frame)
            short = b"".join((view[:at], _MARK, view[at + len(known) :]))
            try:
                head = _decoded(short)
            except _UNREADABLE:
                head = None
            if head is not None and short.count(_MARK) == 1 and bytes(head.transcript).startswith(_MARK):
                return head, at
        return _decoded(frame), None

    def _request(self, turn: TurnId, head: _Peek, frame: bytes, at: int | None) -> Received:
        if turn > MAX_TURN:
            return Received(note="request has an id out of range")
        if turn < self.newest or (turn == self.newest and (turn in self._begun or turn in self._complete)):
            return Received(note="request is not newer than the last one")
        seen = self._seen = self._read(head.transcript, frame, at) or _Transcript()
        self.newest, self._last_update = turn, b""
        self._begun.add(turn)
        heard = TranscriptSeen(seen.utterances)
        if head.interaction_type == "reminder_required":
            return Received(events=[heard, Silence(turn)])
        return Received(events=[heard, TurnEnded(turn, _last_words(seen.utterances), seen.audio_s)])

    @staticmethod
    def _call_details(frame: bytes) -> Received:
        try:
            return Received(details=_details.decode(frame).call)
        except _UNREADABLE:
            return Received(note="call details are not an object", details={})

    def last_heard(self) -> TranscriptSeen | None:
        """The newest transcript that no request has brought, decoded now; for the end of a call."""
        if not self._last_update:
            return None
        frame, self._last_update = self._last_update, b""
        head, at = self._peek(frame)
        seen = self._read(head.transcript, frame, at)
        return TranscriptSeen(seen.utterances) if seen and seen.utterances else None

    def _read(self, transcript: msgspec.Raw, frame: bytes, at: int | None) -> _Transcript | None:
        """The transcript, as `_peek` found it in ``frame``; None when it cannot be read."""
        data = bytes(transcript)
        seen = _Transcript() if at is None else self._seen
        try:
            parts = _list.decode(data) or []
            if at is not None:
                del parts[0]  # the mark
            items = [_item.decode(part) for part in parts]
        except _UNREADABLE:
            return None
        if not parts:
            return _Transcript()
        if b"\\u0000" in data:
            for item in items:
                item.content = item.content.replace("\0", "")  # PostgreSQL takes no NUL in text
        before = seen.before + _utterances(items[:-1])
        before_s = _audio_s(items[:-1], seen.before_s)
        ahead = len(data[:-1].rstrip()) - len(bytes(parts[-1]))
        if at is None:
            head = memoryview(data)[:ahead]
        else:
            head = memoryview(frame)[at : at + len(seen.head) + ahead - len(_MARK)]
        last = items[-1:]
        return _Transcript(before + _utterances(last), _audio_s(last, before_s), head, before, before_s)

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


def _decoded(frame: bytes) -> _Peek:
    str(frame, "utf-8")  # msgspec does not look into what it passes over
    return _peek.decode(frame)


def _mended(frame: bytes) -> bytes:
    """The frame without halves of characters and without bytes that are no UTF-8."""
    text = frame.decode(errors="replace").encode()
    return _HALF.sub(lambda found: rb"\ufffd" if len(found[0]) == 6 else found[0], text)


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

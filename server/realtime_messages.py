"""What a client may send on the realtime line, as types.

Source: OpenAI's Realtime API (GA) client events, and `docs/realtime.md` for what is made of each. Fields
that mean nothing here are not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, get_args

import msgspec
from msgspec import UNSET, UnsetType

MAX_TEXT: Final = 8_000
"""Characters of a typed answer."""
MAX_ID: Final = 200
"""Characters of an id that is repeated in an answer."""


class Event(msgspec.Struct, tag_field="type", kw_only=True):
    """Base of all client messages. ``event_id`` is repeated in the error that a message causes."""

    event_id: str | None = None


# --- the session ----------------------------------------------------------------------------------


class Format(msgspec.Struct):
    type: str = "audio/pcm"
    rate: int | None = None


class TurnDetection(msgspec.Struct):
    type: str = "server_vad"
    silence_duration_ms: float | None = None
    eagerness: str | None = None


class Transcription(msgspec.Struct):
    language: str | None = None


class InputAudio(msgspec.Struct):
    format: Format | str | UnsetType | None = UNSET
    turn_detection: TurnDetection | UnsetType | None = UNSET
    transcription: Transcription | UnsetType | None = UNSET


class OutputAudio(msgspec.Struct):
    format: Format | str | UnsetType | None = UNSET
    speed: float | UnsetType | None = UNSET


class AudioSettings(msgspec.Struct):
    input: InputAudio | None = None
    output: OutputAudio | None = None


class Extensions(msgspec.Struct):
    binary_audio: bool | UnsetType = UNSET
    rate: int | UnsetType = UNSET
    playback: bool | UnsetType = UNSET


class Session(msgspec.Struct):
    audio: AudioSettings | None = None
    viva: Extensions | None = None
    instructions: str | None = None
    prompt: dict[str, Any] | None = None
    tools: list[Any] | None = None


class SessionUpdate(Event, tag="session.update"):
    session: Session


# --- sound and items ------------------------------------------------------------------------------


class Append(Event, tag="input_audio_buffer.append"):
    audio: str


class Commit(Event, tag="input_audio_buffer.commit"):
    pass


class ClearInput(Event, tag="input_audio_buffer.clear"):
    pass


class ClearOutput(Event, tag="output_audio_buffer.clear"):
    pass


class Content(msgspec.Struct):
    type: str = ""
    text: str | None = None


class Item(msgspec.Struct):
    type: str = ""
    role: str = ""
    id: str | None = None
    content: list[Content] = []


class CreateItem(Event, tag="conversation.item.create"):
    item: Item


class TruncateItem(Event, tag="conversation.item.truncate"):
    item_id: str
    audio_end_ms: int
    content_index: int = 0


class RetrieveItem(Event, tag="conversation.item.retrieve"):
    item_id: str


class DeleteItem(Event, tag="conversation.item.delete"):
    item_id: str


class ResponseSettings(msgspec.Struct):
    instructions: str | None = None


class CreateResponse(Event, tag="response.create"):
    response: ResponseSettings | None = None


class CancelResponse(Event, tag="response.cancel"):
    response_id: str | None = None


# --- extensions -----------------------------------------------------------------------------------


class Hello(Event, tag="viva.hello"):
    token: str


class Resume(Event, tag="viva.resume"):
    token: str
    last_event: str | None = None
    session: Session | None = None


class Ping(Event, tag="viva.ping"):
    at: float | int


class Playback(Event, tag="viva.playback"):
    response_id: str
    played_ms: float
    done: bool = False


class TextAnswer(Event, tag="viva.text_answer"):
    text: str


class Mute(Event, tag="viva.mute"):
    on: bool


class Typing(Event, tag="viva.typing"):
    pass


class Speed(Event, tag="viva.speed"):
    value: float


class Patience(Event, tag="viva.patience"):
    seconds: float


class End(Event, tag="viva.end"):
    pass


ClientEvent = (
    SessionUpdate
    | Append
    | Commit
    | ClearInput
    | ClearOutput
    | CreateItem
    | TruncateItem
    | RetrieveItem
    | DeleteItem
    | CreateResponse
    | CancelResponse
    | Hello
    | Resume
    | Ping
    | Playback
    | TextAnswer
    | Mute
    | Typing
    | Speed
    | Patience
    | End
)


@dataclass(slots=True)
class Refused(Exception):
    """Why a message is not done: ``code`` for machines, ``text`` for people, without what was sent."""

    code: str
    text: str
    event_id: str | None = None
    param: str | None = None


class _Head(msgspec.Struct):
    type: Any = None
    event_id: Any = None


_decode: Final[msgspec.json.Decoder[ClientEvent]] = msgspec.json.Decoder(ClientEvent)
_head: Final = msgspec.json.Decoder(_Head)
_TYPES: Final = frozenset(str(kind.__struct_config__.tag) for kind in get_args(ClientEvent))


def parse(frame: str) -> ClientEvent:
    """The message in ``frame``. Raises Refused."""
    try:
        return _decode.decode(frame)
    except msgspec.ValidationError as error:
        raise _why(frame, str(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Refused("invalid_json", "The message is not valid JSON; send one JSON object.") from None


def _why(frame: str, error: str) -> Refused:
    try:
        head = _head.decode(frame)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return Refused("invalid_message", "The message is not a JSON object with a type.")
    event_id = head.event_id[:MAX_ID] if isinstance(head.event_id, str) else None
    if not isinstance(head.type, str):
        return Refused("invalid_message", "The message has no type; docs/realtime.md lists them.", event_id)
    if head.type not in _TYPES:
        return Refused(
            "unknown_type", "There is no message of this type; docs/realtime.md lists them.", event_id
        )
    path = error.rpartition("`$")[2].rstrip("`") if "`$" in error else ""
    return Refused("invalid_message", f"{error.partition(' - at `')[0]}.", event_id, path.lstrip(".") or None)

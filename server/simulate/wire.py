"""What Retell accepts from a custom-LLM server, as checks on a single frame.

Retell drops a frame of the wrong shape without a word, so every deviation is worth a complaint here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import WSMessage, WSMsgType

Frame = dict[str, Any]


def _is_int(value: Any) -> bool:
    return type(value) is int  # a bool is an int to isinstance, not to Retell


def _is_bool(value: Any) -> bool:
    return type(value) is bool


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_object(value: Any) -> bool:
    return type(value) is dict


def _is_json_text(value: Any) -> bool:
    if not _is_text(value):
        return False
    try:
        json.loads(value)
    except ValueError:
        return False
    return True


def _is_share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1


def _is_positive(value: Any) -> bool:
    return type(value) in (int, float) and value > 0


def _is_count(value: Any) -> bool:
    return _is_int(value) and value >= 0


Fields = Mapping[str, Callable[[Any], bool]]

_ACTIONS: Final[Fields] = {
    "no_interruption_allowed": _is_bool,
    "end_call": _is_bool,
    "transfer_number": _is_text,
    "digit_to_press": _is_text,
}
_REQUIRED: Final[dict[str, Fields]] = {
    "config": {"config": _is_object},
    "ping_pong": {"timestamp": _is_int},
    "response": {"response_id": _is_int, "content": _is_text, "content_complete": _is_bool},
    "agent_interrupt": {"interrupt_id": _is_int, "content": _is_text, "content_complete": _is_bool},
    "tool_call_invocation": {"tool_call_id": _is_text, "name": _is_text, "arguments": _is_json_text},
    "tool_call_result": {"tool_call_id": _is_text, "content": _is_text},
    "update_agent": {"agent_config": _is_object},
    "metadata": {"metadata": _is_object},
}
_OPTIONAL: Final[dict[str, Fields]] = {
    "response": {**_ACTIONS, "show_transferee_as_caller": _is_bool},
    "agent_interrupt": _ACTIONS,
    "tool_call_result": {"successful": _is_bool},
}
_NESTED: Final[dict[str, tuple[str, Fields]]] = {
    "config": (
        "config",
        {"auto_reconnect": _is_bool, "call_details": _is_bool, "transcript_with_tool_calls": _is_bool},
    ),
    "update_agent": (
        "agent_config",
        {
            "responsiveness": _is_share,
            "interruption_sensitivity": _is_share,
            "reminder_trigger_ms": _is_positive,
            "reminder_max_count": _is_count,
        },
    ),
}


def read_frame(message: WSMessage) -> tuple[Frame | None, list[str]]:
    """The frame in ``message`` and what is wrong with it; None when Retell would make nothing of it."""
    if message.type is not WSMsgType.TEXT:
        return None, ["a frame was not text"]
    try:
        frame = json.loads(message.data)
    except ValueError:
        return None, ["a frame was not JSON"]
    if type(frame) is not dict:
        return None, ["a frame was not a JSON object"]
    required = _REQUIRED.get(str(frame.get("response_type")), {"response_type": lambda _: False})
    usable = all(name in frame and fits(frame[name]) for name, fits in required.items())
    return (frame if usable else None), check(frame)


def check(frame: Frame) -> list[str]:
    """Every deviation of ``frame`` from the type rules; names and types only, never what was said."""
    kind = frame.get("response_type")
    if type(kind) is not str:
        return ["a frame has no response_type"]
    if kind not in _REQUIRED:
        return [f"response_type {kind[:40]!r} is unknown"]
    found = [f"{kind}: {name} is missing" for name in _REQUIRED[kind] if name not in frame]
    found += _wrong(kind, frame, {**_REQUIRED[kind], **_OPTIONAL.get(kind, {})}, envelope=True)
    if kind in _NESTED:
        name, fields = _NESTED[kind]
        inner = frame.get(name)
        if isinstance(inner, dict):
            found += _wrong(f"{kind}.{name}", inner, fields)
    actions = [name for name in ("end_call", "transfer_number", "digit_to_press") if frame.get(name)]
    if len(actions) > 1:
        found.append(f"{kind}: more than one action ({', '.join(actions)})")
    return found


def _wrong(label: str, given: Frame, fields: Fields, *, envelope: bool = False) -> list[str]:
    found = []
    for name, value in given.items():
        if name in fields:
            if not fields[name](value):
                found.append(f"{label}: {name} may not be a {type(value).__name__} like this")
        elif not (envelope and name == "response_type"):
            found.append(f"{label}: {name[:40]!r} is unknown")
    return found

"""Reading Retell's record of a call: what was said, how it ended, what is worth keeping. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from interview.alignment import Heard
from interview.delivery import SpokenWord
from interview.events import Speaker
from interview.model import SessionStatus
from storage.runs import Ending

HANG_UP_MS: Final = 30_000
"""Who hangs up before this was interrupted rather than done."""
OVER: Final = frozenset({"ended", "error", "not_connected"})
NEVER_JOINED: Final = frozenset({"error_user_not_joined", "registered_call_timeout", "user_declined"})
BROKEN_OFF: Final = frozenset(
    {
        "inactivity",
        "concurrency_limit_reached",
        "no_valid_payment",
        "credit_exhausted",
        "budget_reached",
        "scam_detected",
        "manual_stopped",
    }
)
KEPT: Final = (
    "call_id",
    "call_type",
    "call_status",
    "agent_id",
    "agent_version",
    "start_timestamp",
    "end_timestamp",
    "duration_ms",
    "disconnection_reason",
    "recording_url",
    "recording_multi_channel_url",
    "call_analysis",
    "latency",
    "call_cost",
)
"""What is stored of the record. Its transcript is laid over our own; tokens and logs are left out."""
_SPEAKERS: Final = {"agent": Speaker.INTERVIEWER, "user": Speaker.CANDIDATE}


def heard_in(call: Mapping[str, Any]) -> list[Heard]:
    """The transcript with the times of its words; items of other roles and of other shapes are left out."""
    items = call.get("transcript_object")
    found: list[Heard] = []
    for item in items if isinstance(items, list) else []:
        if not isinstance(item, Mapping):
            continue
        speaker, text = _SPEAKERS.get(str(item.get("role"))), item.get("content")
        if speaker is not None and isinstance(text, str):
            found.append(Heard(speaker, text, _words(item.get("words"))))
    return found


def ending_of(call: Mapping[str, Any], *, finished: bool, now: datetime) -> Ending | None:
    """How the call ended; None while it goes on, or when the record does not say.

    ``finished``: our own flow came to its goodbye. Reasons that are new to us count as a normal end.
    """
    status, reason = call.get("call_status"), call.get("disconnection_reason")
    if not isinstance(reason, str) or not reason:
        reason = ""
    if status not in OVER and not reason:
        return None
    at = _instant(call.get("end_timestamp")) or now
    return Ending(_status(status, reason, call.get("duration_ms"), finished), reason or str(status), at)


def _status(status: object, reason: str, duration_ms: object, finished: bool) -> SessionStatus:
    if finished:
        return SessionStatus.COMPLETED
    if reason in NEVER_JOINED or status == "not_connected":
        return SessionStatus.ABANDONED
    short = isinstance(duration_ms, int | float) and duration_ms < HANG_UP_MS
    if reason.startswith("error") or reason in BROKEN_OFF or (reason == "user_hangup" and short):
        return SessionStatus.INTERRUPTED
    return SessionStatus.INTERRUPTED if status == "error" and not reason else SessionStatus.COMPLETED


def details_of(call: Mapping[str, Any]) -> dict[str, Any]:
    return {key: call[key] for key in KEPT if call.get(key) is not None}


def _words(raw: object) -> tuple[SpokenWord, ...]:
    found: list[SpokenWord] = []
    for item in raw if isinstance(raw, list) else []:
        if not isinstance(item, Mapping):
            continue
        word, start, end = item.get("word"), _number(item.get("start")), _number(item.get("end"))
        if isinstance(word, str) and start is not None and end is not None and 0 <= start <= end:
            found.append(SpokenWord(word, start, end))
    return tuple(found)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _instant(epoch_ms: object) -> datetime | None:
    ms = _number(epoch_ms)
    if ms is None or not 0 < ms < 4e12:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC)

"""What the synthesisers of vendors share: the mapping of failures. Nothing here retries."""

from __future__ import annotations

from typing import Final

from audio.tts import TtsError, TtsRefused, TtsUnavailable

CONNECT_S: Final = 3.0
READ_S: Final = 8.0
"""A vendor that sends nothing for this long while it has something to speak is given up."""


def status_error(adapter: str, status: int) -> TtsError:
    """The error for an HTTP status that is not success; 0: it could not even be read."""
    if status in (408, 425, 429) or status >= 500 or status == 0:
        return TtsUnavailable(adapter, f"status {status}")
    hint = ": check the key" if status in (401, 403) else ""
    return TtsRefused(adapter, f"status {status}{hint}")


def network_error(adapter: str, error: Exception) -> TtsError:
    """The error for a failed connection or an elapsed limit; names the cause by type only."""
    if isinstance(error, TimeoutError):
        return TtsUnavailable(adapter, f"nothing came within {READ_S:g} s")
    return TtsUnavailable(adapter, type(error).__name__)

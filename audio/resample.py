"""Sample rates, changed as the sound streams: one stream per direction, no seam between chunks."""

from __future__ import annotations

from typing import Final

import numpy as np
import soxr

QUALITY: Final = "LQ"
"""16-bit quality with the shortest delay soxr has; more is not heard in speech (libsoxr, "Quality")."""


class Resampler:
    """PCM at ``rate_in`` in, PCM at ``rate_out`` out: mono, 16 bit, little-endian.

    Chunks may be of any size, odd bytes included: half a sample waits for its other half. What comes out
    lags by the filter's few milliseconds until `flush`, after which the stream begins anew.
    """

    def __init__(self, rate_in: int, rate_out: int) -> None:
        if not (8_000 <= rate_in <= 192_000 and 8_000 <= rate_out <= 192_000):
            raise ValueError(f"sample rates go from 8000 to 192000, not {rate_in} to {rate_out}")
        self._stream = (
            None
            if rate_in == rate_out
            else soxr.ResampleStream(rate_in, rate_out, 1, dtype="int16", quality=QUALITY)
        )
        self._half = b""

    def push(self, pcm: bytes) -> bytes:
        if self._half or len(pcm) % 2:
            pcm = self._half + pcm
            self._half = pcm[len(pcm) & ~1 :]
            pcm = pcm[: len(pcm) & ~1]
        if self._stream is None or not pcm:
            return pcm
        return bytes(self._stream.resample_chunk(np.frombuffer(pcm, "<i2")).tobytes())

    def flush(self) -> bytes:
        """What the filter still holds."""
        self._half = b""
        if self._stream is None:
            return b""
        rest = bytes(self._stream.resample_chunk(np.zeros(0, np.int16), last=True).tobytes())
        self._stream.clear()
        return rest

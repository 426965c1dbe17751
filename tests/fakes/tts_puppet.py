"""A synthesiser process that does what its text says: speaks, takes its time, dies, hangs, raises."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

from audio.engine_frames import WorkerError
from audio.tts_worker import Emit, Order, Synthesise, serve

HALF_A_SECOND = b"\x10\x00" * 8000


def load(config: Mapping[str, Any]) -> tuple[Synthesise, int]:
    if config["mode"] == "missing":
        raise WorkerError("not here: viva models pull puppet", "missing")
    return speak, 16_000


def speak(order: Order, emit: Emit) -> None:
    if order.text == "hang":
        threading.Event().wait()
    if order.text == "slow":
        threading.Event().wait(0.2)
    if order.text.startswith("raise"):
        raise ValueError(order.text)
    while emit(HALF_A_SECOND, []) and order.text == "endless":
        pass
    if order.text.startswith("die"):
        os._exit(3)


if __name__ == "__main__":
    serve(load)

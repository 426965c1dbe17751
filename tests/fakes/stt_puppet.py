"""An engine process that does what its owner's configuration says: answer, die, hang or talk nonsense."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from typing import Any

from audio.engine_frames import WorkerError
from audio.stt_worker import Ask, Handler, Reply, serve


def load(fields: dict[str, Any]) -> tuple[Handler, str]:
    """``lives``: a file of what each process in turn is to do; the last line holds for all later ones."""
    lives = Path(fields["lives"])
    todo, *later = lives.read_text(encoding="utf-8").split()
    if later:
        lives.write_text(" ".join(later), encoding="utf-8")
    if todo == "missing":
        raise WorkerError("not installed: get it", "missing")
    if todo == "dies-loading":
        os._exit(3)
    if todo == "waits-loading":
        Path(fields["lives"]).with_name("gate").read_bytes()  # a pipe: ends when the test lets go of it
    if todo == "hangs-loading":
        threading.Event().wait()

    def handle(ask: Ask, pcm: bytes) -> Reply:
        match todo:
            case "dies":
                os._exit(3)
            case "hangs":
                threading.Event().wait()
            case "garbage":
                socket.socket(fileno=os.dup(0)).sendall(b"\xff" * 64)
                threading.Event().wait()
            case "refuses":
                raise WorkerError("no", "refused")
            case "fails":
                raise RuntimeError("PRIVATE")
            case _:
                pass
        return Reply(text=f"{len(pcm)} bytes", words=[("bytes", 0.0, 0.1, None)])

    return handle, todo


if __name__ == "__main__":
    serve(load)

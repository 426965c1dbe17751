"""Moonshine in a process of its own: a piece of speech in, text out, with word times of our own estimate."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from audio.engine_frames import WorkerError
from audio.pcm import EAR_RATE
from audio.stt_worker import Ask, Handler, Reply, serve

MODEL: Final = "assets/tiny-en"
"""The English model that comes inside the package, so that nothing has to be fetched."""
QUIET: Final = 0.005
"""Peak amplitude of 1; nobody's speech stays below it."""
_LOOP: Final = re.compile(r"\b(?P<stretch>\S+(?:\s+\S+){0,3}?)(?:\s+(?P=stretch)){3,}(?=\s|$)", re.IGNORECASE)


def load(fields: dict[str, Any]) -> tuple[Handler, str]:
    found = find_spec("moonshine_voice")
    if found is None or found.origin is None:
        raise WorkerError("not installed: pip install 'viva[moonshine]'", "missing")
    folder = Path(found.origin).parent / MODEL
    if not (folder / "decoder_model_merged.ort").is_file():
        raise WorkerError(
            "this version holds no model: pip install 'viva[moonshine]' brings one that does", "missing"
        )
    try:
        from moonshine_voice.moonshine_api import ModelArch
        from moonshine_voice.transcriber import Transcriber

        model = Transcriber(str(folder), ModelArch.TINY, options={"identify_speakers": "false"})
    except Exception as trouble:
        raise WorkerError(f"the model cannot be loaded ({type(trouble).__name__})", "missing") from None
    return _handler(model), "cpu"


def _handler(model: Any) -> Handler:
    import numpy as np

    from audio.word_times import spread

    def handle(ask: Ask, pcm: bytes) -> Reply:
        sound = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768.0
        heard = model.transcribe_without_streaming(sound.tolist(), EAR_RATE)
        texts: list[str] = []
        words: list[tuple[str, float, float, float | None]] = []
        for line in heard.lines:
            text = unlooped(line.text.strip())
            begin = int(line.start_time * EAR_RATE)
            piece = sound[begin : begin + int(line.duration * EAR_RATE)]
            if not any(letter.isalnum() for letter in text) or float(np.abs(piece).max(initial=0.0)) < QUIET:
                continue  # a breath is heard as "?", silence as "You"
            texts.append(text)
            words += [(*word, None) for word in spread(text.split(), piece, EAR_RATE, line.start_time)]
        return Reply(text=" ".join(texts), words=words)

    return handle


def unlooped(text: str) -> str:
    """``text`` with a stretch of up to four words that comes four times or more in a row said once.

    Small models of this kind fall into such loops; people do not.
    """
    return _LOOP.sub(lambda loop: loop["stretch"], text)


if __name__ == "__main__":
    serve(load)

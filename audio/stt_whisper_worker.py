"""faster-whisper in a process of its own: a piece of speech in, words with times out. Never the network."""

from __future__ import annotations

import math
import os
from typing import Any

from audio.engine_frames import WorkerError
from audio.pcm import EAR_RATE
from audio.stt_worker import Ask, Handler, Reply, serve


def load(fields: dict[str, Any]) -> tuple[Handler, str]:
    """``path``: the model's folder; ``threads``: cores; ``device``: ``auto``, ``cpu``, ``cuda``."""
    # Before the import: a folder without a tokenizer would send the library to its hub, which may hang.
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        import ctranslate2
        import numpy as np
        from faster_whisper import WhisperModel
    except ImportError:
        raise WorkerError("not installed: pip install faster-whisper", "missing") from None

    def made(device: str) -> Any:
        model = WhisperModel(
            fields["path"],
            device=device,
            compute_type="int8" if device == "cpu" else "float16",
            cpu_threads=fields["threads"],
            num_workers=1,
            local_files_only=True,
        )
        # A graphics processor whose libraries are missing shows only at the first pass.
        model.encode(np.zeros((model.feature_extractor.mel_filters.shape[0], 3000), dtype=np.float32))
        return model

    device = fields["device"]
    if device == "auto":
        device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
    try:
        try:
            model = made(device)
        except (RuntimeError, ValueError):
            if device == "cpu" or fields["device"] != "auto":
                raise
            device = "cpu"
            model = made(device)
    except Exception as trouble:
        raise WorkerError(f"the model cannot be loaded ({type(trouble).__name__})", "missing") from None
    return _handler(model, beam=1 if device == "cpu" else 5), device


def _handler(model: Any, beam: int) -> Handler:
    import numpy as np

    def handle(ask: Ask, pcm: bytes) -> Reply:
        language = ask.fields["language"]
        if not model.model.is_multilingual and language != "en":
            raise WorkerError(f"this model knows English only, not {language}", "refused")
        if model.model.is_multilingual and language not in model.supported_languages:
            raise WorkerError(f"the model does not know the language {language}", "refused")
        sound = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768.0
        segments, _ = model.transcribe(
            sound,
            language=language,
            beam_size=beam,
            temperature=0.0,  # trying again with more chance would take a conversation's patience
            condition_on_previous_text=False,
            word_timestamps=True,
            vad_filter=False,
            without_timestamps=False,
        )
        return reply_of(list(segments), len(sound) / EAR_RATE)

    return handle


def reply_of(heard: list[Any], length_s: float) -> Reply:
    """faster-whisper's segments as a reply, for a piece that sounds ``length_s``."""
    # It looks at half a minute whatever it is given: what it hears past the end of the sound is invented.
    segments = [segment for segment in heard if segment.start < length_s]
    words: list[tuple[str, float, float, float | None]] = [
        (w.word.strip(), float(w.start), float(w.end), float(w.probability))
        for segment in segments
        for w in segment.words or ()
        if w.word.strip()
    ]
    length = sum(s.end - s.start for s in segments)
    sure = sum(math.exp(min(s.avg_logprob, 0.0)) * (s.end - s.start) for s in segments)
    text = " ".join(s.text.strip() for s in segments if s.text.strip())
    return Reply(text=text, words=words, confidence=float(sure / length) if length else None)


if __name__ == "__main__":
    serve(load)

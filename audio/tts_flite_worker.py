"""Flite in a process of its own: text in, sound and word times out as they are made.

Its library rather than its program: a program would take the words as an argument, where every user of the
machine can read them, and keeps the word times to itself. Its interface: ``flite.h`` of Flite 2.2.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from ctypes import RTLD_GLOBAL, c_char_p, c_float, c_int, c_short, c_void_p
from typing import Any, Final

from audio.engine_frames import WorkerError
from audio.tts_worker import Emit, Order, Synthesise, serve

RATE: Final = 16_000
_CHUNK: Final = 1600
_CONTINUE, _STOP = 0, -1
# Where a token begins: the end of the segment before its first word's first sound.
_BEGIN: Final = b"daughter1.R:SylStructure.daughter1.daughter1.R:Segment.p.end"


class _Wave(ctypes.Structure):
    _fields_ = (
        ("type", c_char_p),
        ("sample_rate", c_int),
        ("num_samples", c_int),
        ("num_channels", c_int),
        ("samples", ctypes.POINTER(c_short)),
    )


class _Streaming(ctypes.Structure):
    _fields_ = (
        ("min_buffsize", c_int),
        ("asc", c_void_p),
        ("utt", c_void_p),
        ("item", c_void_p),
        ("userdata", c_void_p),
    )


_Callback = ctypes.CFUNCTYPE(c_int, ctypes.POINTER(_Wave), c_int, c_int, c_int, ctypes.POINTER(_Streaming))


class _Voice(ctypes.Structure):
    _fields_ = (("name", c_char_p), ("features", c_void_p))


def load(config: Mapping[str, Any]) -> tuple[Synthesise, int]:
    try:
        core = ctypes.CDLL("libflite.so.1", mode=RTLD_GLOBAL)
        for part in ("cmulex", "usenglish"):
            ctypes.CDLL(f"libflite_{part}.so.1", mode=RTLD_GLOBAL)
        core.flite_init()
        _declare(core)
        voices = {name: _register(name) for name in config["voices"]}
    except (OSError, AttributeError):
        raise WorkerError("its library is not here: apt-get install flite", "missing") from None
    return _Engine(core, voices).speak, RATE


def _declare(core: ctypes.CDLL) -> None:
    for name, result, arguments in (
        ("flite_synth_text", c_void_p, (c_char_p, c_void_p)),
        ("new_audio_streaming_info", ctypes.POINTER(_Streaming), ()),
        ("audio_streaming_info_val", c_void_p, (ctypes.POINTER(_Streaming),)),
        ("feat_set", None, (c_void_p, c_char_p, c_void_p)),
        ("utt_relation", c_void_p, (c_void_p, c_char_p)),
        ("relation_head", c_void_p, (c_void_p,)),
        ("item_next", c_void_p, (c_void_p,)),
        ("item_feat_string", c_char_p, (c_void_p, c_char_p)),
        ("ffeature_float", c_float, (c_void_p, c_char_p)),
        ("feat_set_float", None, (c_void_p, c_char_p, c_float)),
        ("delete_utterance", None, (c_void_p,)),
    ):
        function = getattr(core, name)
        function.restype, function.argtypes = result, arguments


def _register(name: str) -> Any:
    register = getattr(ctypes.CDLL(f"libflite_cmu_us_{name}.so.1"), f"register_cmu_us_{name}")
    register.restype = ctypes.POINTER(_Voice)
    return register(None)


class _Engine:
    def __init__(self, core: ctypes.CDLL, voices: Mapping[str, Any]) -> None:
        self._core, self._voices = core, voices
        self._emit: Emit = _nobody
        self._words: list[tuple[str, int]] | None = None
        # Kept, or the library would call freed memory.
        self._callback = _Callback(self._made)
        for voice in voices.values():
            streaming = core.new_audio_streaming_info()
            streaming.contents.min_buffsize = _CHUNK
            streaming.contents.asc = ctypes.cast(self._callback, c_void_p)
            value = core.audio_streaming_info_val(streaming)
            core.feat_set(voice.contents.features, b"streaming_info", value)

    def speak(self, order: Order, emit: Emit) -> None:
        """``voice``: a name, then how much of the voice's own length, as in ``slt:1.05``."""
        name, stretch = order.voice.split(":")
        voice = self._voices.get(name)
        if voice is None:
            raise WorkerError(f"has no voice {name}", "refused")
        self._emit, self._words = emit, None
        length = float(stretch) / order.speed
        self._core.feat_set_float(voice.contents.features, b"duration_stretch", length)
        utterance = self._core.flite_synth_text(order.text.encode(), ctypes.cast(voice, c_void_p))
        if not utterance:
            raise WorkerError("could not begin")
        self._core.delete_utterance(utterance)
        self._emit = _nobody

    def _made(self, wave: Any, start: int, size: int, _last: int, streaming: Any) -> int:
        if wave.contents.sample_rate != RATE:
            return _STOP
        if self._words is None:
            self._words = self._token_times(streaming.contents.utt)
        end_ms = (start + size) * 1000 // RATE
        words = [word for word in self._words if word[1] < end_ms]
        self._words = self._words[len(words) :]
        first = ctypes.addressof(wave.contents.samples.contents) + start * 2 if size > 0 else 0
        pcm = ctypes.string_at(first, size * 2) if size > 0 else b""
        return _CONTINUE if self._emit(pcm, words) else _STOP

    def _token_times(self, utterance: int) -> list[tuple[str, int]]:
        """Of the whole utterance: its durations are settled before its first sound is made."""
        words: list[tuple[str, int]] = []
        relation = self._core.utt_relation(utterance, b"Token")
        token = self._core.relation_head(relation) if relation else None
        while token:
            text = self._core.item_feat_string(token, b"name").decode(errors="replace")
            at_ms = round(self._core.ffeature_float(token, _BEGIN) * 1000)
            words.append((text, max(at_ms, words[-1][1] if words else 0)))
            token = self._core.item_next(token)
        return words


def _nobody(_pcm: bytes, _words: list[tuple[str, int]]) -> bool:
    return False


if __name__ == "__main__":
    serve(load)

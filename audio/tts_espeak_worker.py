"""eSpeak NG in a process of its own: text in, sound and word times out as they are made.

The library is under the GPL; it is loaded here and nowhere else, and spoken to over a socket only. Its
interface: ``speak_lib.h`` of eSpeak NG 1.52.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any, Final

from audio.engine_frames import WorkerError
from audio.tts_worker import Emit, Order, Synthesise, serve

_AUDIO_OUTPUT_SYNCHRONOUS: Final = 2
_CHARS_UTF8: Final = 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_EVENT_END, _EVENT_WORD = 0, 1
_CHUNK_MS: Final = 60
_WORDS_PER_MINUTE: Final = 165
"""A little under its own 175: what is heard for the first time is better heard slowly."""


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),  # in characters, from 1
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # milliseconds
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


def load(_: Mapping[str, Any]) -> tuple[Synthesise, int]:
    try:
        import espeakng_loader
    except ImportError:
        raise WorkerError("not installed: pip install 'viva[espeak]'", "missing") from None
    try:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path()
    except (OSError, RuntimeError):
        raise WorkerError("its library cannot be loaded: reinstall espeakng-loader", "missing") from None
    rate = library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, _CHUNK_MS, data.encode(), 0)
    if rate <= 0:
        raise WorkerError("its data cannot be read: reinstall espeakng-loader", "missing")
    return _Engine(library).speak, rate


class _Engine:
    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._order = Order("speak")
        self._emit: Emit = _nobody
        # Kept, or the library would call freed memory.
        self._callback = _Callback(self._made)
        library.espeak_SetSynthCallback(self._callback)

    def speak(self, order: Order, emit: Emit) -> None:
        """``voice``: an eSpeak voice with variant, then pitch and range (0–100), as in ``en-us+f3:55:60``."""
        self._order, self._emit = order, emit
        name, pitch, spread = order.voice.split(":")
        if self._library.espeak_SetVoiceByName(name.encode()):
            raise WorkerError(f"has no voice {name}", "refused")
        for parameter, value in (
            (_RATE, round(_WORDS_PER_MINUTE * order.speed)),
            (_PITCH, int(pitch)),
            (_RANGE, int(spread)),
        ):
            self._library.espeak_SetParameter(parameter, value, 0)
        text = order.text.encode()
        if self._library.espeak_Synth(text, len(text) + 1, 0, 1, 0, _CHARS_UTF8, None, None):
            raise WorkerError("could not begin")
        self._emit = _nobody

    def _made(self, samples: Any, count: int, events: Any) -> int:
        words = []
        n = 0
        while events[n].type != _EVENT_END:
            event = events[n]
            if event.type == _EVENT_WORD:
                start = max(event.text_position - 1, 0)
                words.append((self._order.text[start : start + event.length], event.audio_position))
            n += 1
        pcm = ctypes.string_at(samples, count * 2) if samples and count > 0 else b""
        return 0 if self._emit(pcm, words) else 1


def _nobody(_pcm: bytes, _words: list[tuple[str, int]]) -> bool:
    return False


if __name__ == "__main__":
    serve(load)

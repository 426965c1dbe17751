"""One PocketSphinx decoder in a process of its own: pieces of a segment in, the text so far out."""

from __future__ import annotations

from typing import Any

from audio.engine_frames import WorkerError
from audio.stt_worker import Ask, Handler, Reply, serve

FRAMES_PER_S = 100


def load(_: dict[str, Any]) -> tuple[Handler, str]:
    try:
        import pocketsphinx
    except ImportError:
        raise WorkerError("not installed: pip install pocketsphinx", "missing") from None
    decoder = pocketsphinx.Decoder(loglevel="FATAL")
    return _Segments(decoder).handle, "en-US"


class _Segments:
    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder
        self._begun = False

    def handle(self, ask: Ask, pcm: bytes) -> Reply:
        if ask.kind == "begin" and self._begun:  # the segment before was given up
            self._decoder.end_utt()
            self._begun = False
        if not self._begun:
            self._decoder.start_utt()
            self._begun = True
        if pcm:
            self._decoder.process_raw(pcm, False, False)
        if ask.kind != "end":
            return Reply(text=self._text())
        self._decoder.end_utt()
        self._begun = False
        return Reply(text=self._text(), words=self._words())

    def _text(self) -> str:
        found = self._decoder.hyp()
        return found.hypstr if found is not None else ""

    def _words(self) -> list[tuple[str, float, float, float | None]]:
        # Its posteriors are near 1 for wrong words too, so they are not passed on as confidence.
        return [
            (s.word.split("(")[0], s.start_frame / FRAMES_PER_S, (s.end_frame + 1) / FRAMES_PER_S, None)
            for s in self._decoder.seg() or ()
            if s.word[0] not in "<["
        ]


if __name__ == "__main__":
    serve(load)

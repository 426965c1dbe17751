"""``python -m bench.interruptions``: what voice alone tells of who speaks over the interviewer.

A listener's "yeah" is to be let go, a speaker is to get the floor. Without words there is only how long the
voice lasts. Printed: how much of each kind would be taken for an interruption after so much voice. Words are
flite's, in four voices, and short human ones (spoken letters and digits); coughs are bursts of noise.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from audio.hearing import QUIET_MS, SUSTAINED_MS
from audio.vad import WINDOW_MS, SpeechGate
from audio.vad_silero import Silero
from bench.endpointing_sweep import probabilities
from server.simulate.candidate_sound import cough, read_wav
from tests.fakes.human_speech import FOLDER, PACKAGE, Pcm, here, in_room, join, prompt, silence, trimmed

THRESHOLDS: Final = (160, 256, 352, 448, SUSTAINED_MS)
LISTENERS: Final = ("uh huh", "yeah", "right", "sure", "okay", "I see", "mm hmm")
VOICES: Final = ("slt", "rms", "awb", "kal")
SHIFTS_MS: Final = (0, 11, 22)
"""Where in a window a sound begins is luck; each is tried in three places."""


def longest_voice_ms(said: Sequence[float]) -> int:
    """As `Hearing` counts it, until a silence settles the suspicion."""
    gate, voice_ms, silent_ms, longest = SpeechGate(), 0, WINDOW_MS, 0
    for probability in said:
        if gate.push(probability):
            voice_ms += WINDOW_MS if silent_ms == 0 else 2 * WINDOW_MS
            silent_ms, longest = 0, max(longest, voice_ms)
        else:
            silent_ms += WINDOW_MS
            voice_ms = 0 if silent_ms >= QUIET_MS else voice_ms
    return longest


def spoken(text: str) -> Iterator[Pcm]:
    with tempfile.TemporaryDirectory(prefix="viva-bench-") as folder:
        for voice in VOICES:
            path = Path(folder) / f"{voice}.wav"
            subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True, timeout=30)
            yield trimmed(np.frombuffer(read_wav(path), "<i2"))


def kinds() -> dict[str, list[Pcm]]:
    words = [
        trimmed(prompt(f"{folder}/{file.stem}"))
        for folder in ("letters", "digits")
        for file in sorted((FOLDER / folder).glob("*.g722"))
    ]
    coughs = [np.frombuffer(cough(seconds), "<i2") for seconds in (0.1, 0.16, 0.25, 0.4)]
    talk = [
        trimmed(prompt(name))[:32_000] for name in ("demo-congrats", "demo-nogo", "vm-intro", "vm-goodbye")
    ]
    return {
        "coughs": coughs,
        **{f'"{text}"': list(spoken(text)) for text in LISTENERS},
        "short words, human": [word for word in words if 0 < len(word) < 16_000],
        "two seconds of speech, human": talk,
    }


def table() -> list[tuple[str, ...]]:
    """Percent of each kind that so much voice would take for an interruption; the head first."""
    silero = Silero()
    rows = [("% taken for an interruption after", *(f"{ms} ms" for ms in THRESHOLDS))]
    for name, sounds in kinds().items():
        placed = [
            in_room(join(silence(1000 + shift), sound, silence(1000)))
            for sound in sounds
            for shift in SHIFTS_MS
        ]
        lasted = [longest_voice_ms(said) for said in probabilities(silero, placed)]
        shares = [100 * sum(ms >= least for ms in lasted) / len(lasted) for least in THRESHOLDS]
        rows.append((name, *(f"{share:.0f}" for share in shares)))
    return rows


def main() -> int:
    if not here():
        print(f"interruptions: human speech is missing: apt-get install {PACKAGE}", file=sys.stderr)
        return 1
    for name, *cells in table():
        print(f"{name:<34}" + "".join(f"{cell:>8}" for cell in cells))
    return 0


if __name__ == "__main__":
    sys.exit(main())

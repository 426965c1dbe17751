"""The browser of the run, and what its microphone says."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.browser.harness import WebBrowser

ANSWER = "In my last project I moved our billing service to a queue, and the errors went away."


@pytest.fixture(scope="session")
def spoken_answer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A WAV file in which somebody answers, then is silent for a while."""
    flite = shutil.which("flite")
    if flite is None:
        pytest.skip("flite is not installed: nobody speaks into the browser's microphone")
    folder = tmp_path_factory.mktemp("microphone")
    spoken, path = folder / "spoken.wav", folder / "microphone.wav"
    subprocess.run([flite, "-voice", "slt", "-t", ANSWER, "-o", str(spoken)], check=True)
    import numpy as np
    import soundfile

    samples, rate = soundfile.read(spoken, dtype="int16")
    soundfile.write(path, np.concatenate([samples, np.zeros(3 * rate, "int16")]), rate)
    return path


@pytest.fixture(scope="session")
def browser(spoken_answer: Path) -> Iterator[WebBrowser]:
    """Chromium with a microphone that says an answer, over and over."""
    pytest.importorskip(
        "playwright", reason="playwright is not installed: the pages are not tried in a browser"
    )
    from tests.browser.harness import CHROMIUM, WebBrowser

    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}: the pages are not tried in a browser")
    opened = WebBrowser(spoken_answer)
    yield opened
    opened.close()

"""The network in numpy says what the reference model says, over real speech, for every stream of a batch."""

from __future__ import annotations

import importlib.util
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from audio import vad_silero
from audio.vad_silero import BATCH, CONTEXT, STATE, WINDOW, Floats, Silero
from tests.fakes.human_speech import in_room, join, needed, prompt, silence

PROMPTS = ["demo-congrats", "vm-options", "conf-adminmenu-18", "basic-pbx-ivr-main"]


@pytest.fixture(scope="module")
def silero() -> Silero:
    return Silero()


def windows_of(samples: np.ndarray) -> Floats:
    """Rows of CONTEXT + WINDOW samples, as a stream would see them."""
    padded = np.concatenate([np.zeros(CONTEXT, np.int16), samples])
    count = len(samples) // WINDOW
    rows = np.stack([padded[i * WINDOW : i * WINDOW + CONTEXT + WINDOW] for i in range(count)])
    return (rows / 32768).astype(np.float32)


def run(silero: Silero, rows: Floats) -> Floats:
    h, c = np.zeros((1, STATE), np.float32), np.zeros((1, STATE), np.float32)
    return np.array([silero.judge(row[None], h, c)[0] for row in rows])


def test_equals_the_reference_model_over_real_speech(silero: Silero) -> None:
    needed()
    spec = importlib.util.find_spec("faster_whisper")
    if spec is None or spec.origin is None:
        pytest.skip("needs the reference model: pip install 'viva[whisper]'")
    import onnxruntime

    file = Path(spec.origin).with_name("assets") / "silero_vad_v6.onnx"
    reference = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    for name in PROMPTS:
        rows = windows_of(join(in_room(prompt(name)), silence(500)))
        h, c = np.zeros((1, 1, STATE), np.float32), np.zeros((1, 1, STATE), np.float32)
        expected = []
        for row in rows:
            said, h, c = reference.run(None, {"input": row[None], "h": h, "c": c})
            expected.append(said.item())
        assert max(expected) > 0.9
        assert np.abs(run(silero, rows) - np.array(expected)).max() < 1e-5


def test_the_weights_are_those_the_exporter_writes() -> None:
    spec = importlib.util.find_spec("faster_whisper")
    if spec is None or spec.origin is None:
        pytest.skip("needs the reference model: pip install 'viva[whisper]'")
    data = Path(str(files("audio"))) / "data"
    exporter = importlib.util.spec_from_file_location("export_silero", data / "export_silero.py")
    assert exporter is not None
    assert exporter.loader is not None
    module = importlib.util.module_from_spec(exporter)
    exporter.loader.exec_module(module)
    fresh = module.weights(Path(spec.origin).with_name("assets") / "silero_vad_v6.onnx")
    stored = np.load(data / "silero_v6.npz")
    assert set(stored.files) == set(fresh)
    assert all((stored[name] == fresh[name]).all() for name in fresh)
    assert "MIT" in (data / "silero_v6.LICENSE.txt").read_text(encoding="utf-8")


def test_numpy_without_the_loop_of_its_own_transforms_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = np.random.default_rng(3).standard_normal((3, 4, 256)).astype(np.float32)
    by_loop, by_rfft = np.zeros((2, 3, 4, 129), np.complex64)
    vad_silero.transform()(frames, by_loop)

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(vad_silero, "import_module", missing)
    vad_silero.transform()(frames, by_rfft)
    assert np.abs(by_loop).max() > 1
    assert np.abs(by_loop - by_rfft).max() < 1e-5
    assert np.abs(by_loop - np.fft.rfft(frames.astype(np.float64))).max() < 1e-4


def test_streams_of_a_batch_do_not_touch_each_other(silero: Silero) -> None:
    needed()
    speech = windows_of(prompt("demo-congrats"))
    streams = 5
    starts = [7 * i for i in range(streams)]
    alone = [run(silero, speech[start : start + 40]) for start in starts]
    h, c = np.zeros((streams, STATE), np.float32), np.zeros((streams, STATE), np.float32)
    together = np.stack([silero.judge(speech[[s + i for s in starts]], h, c) for i in range(40)])
    for i in range(streams):
        assert np.abs(together[:, i] - alone[i]).max() < 1e-5


@pytest.mark.parametrize("rows", [1, 2, BATCH])
@pytest.mark.parametrize("sound", ["nothing", "full scale", "noise", "one sample"])
def test_any_sound_gives_a_probability(silero: Silero, rows: int, sound: str) -> None:
    random = np.random.default_rng(1)
    windows = np.zeros((rows, CONTEXT + WINDOW), np.float32)
    if sound == "full scale":
        windows[:] = np.where(np.arange(CONTEXT + WINDOW) // 8 % 2, 1, -1)
    elif sound == "noise":
        windows[:] = random.uniform(-1, 1, windows.shape)
    elif sound == "one sample":
        windows[:, 300] = 1
    h, c = np.zeros((rows, STATE), np.float32), np.zeros((rows, STATE), np.float32)
    for _ in range(50):
        said = np.array(silero.judge(windows, h, c))
        assert said.shape == (rows,)
        assert np.isfinite(said).all()
        assert ((said >= 0) & (said <= 1)).all()
        assert np.isfinite(h).all()
        assert np.isfinite(c).all()

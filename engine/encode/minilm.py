"""Texts to sentence vectors: all-MiniLM-L6-v2, mean pooling (Reimers and Gurevych, 2019)."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from engine import models
from engine.arrays import unit_rows
from engine.encode.onnx import Network
from engine.models import ModelRow
from engine.ports import Encoder, Payload, TextRule
from engine.types import Modality, Space, Vectors

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MODEL = "minilm"
DIM = 384
MAX_TOKENS = 256
_PREPARATION = "minilm-1: 256 tokens, mean pooling"


def encoders(_row: ModelRow) -> tuple[Encoder, ...]:
    """The model's one encoder; all figures of its row are written down in this file."""
    return (MiniLM(),)


class MiniLM:
    """English sentences; the weights are read at the first use."""

    modality = Modality.TEXT
    rule = TextRule(max_characters=800)
    weights = (MODEL,)
    at_once = 16

    @property
    def space(self) -> Space:
        """384 components; equal meaning, near vectors."""
        return Space("minilm", DIM, f"{models.locked(MODEL).digest}:{_PREPARATION}:{self.rule}")

    def prepare(self, payload: Payload) -> Any:  # noqa: ANN401  (token ids)
        """Token ids of a text, at most 256."""
        return np.array(self._tokenizer.encode(str(payload)).ids, dtype=np.int64)

    def encode(self, prepared: Sequence[Any]) -> Vectors:
        """Unit rows (n, 384)."""
        if not prepared:
            return np.empty((0, DIM), np.float32)
        width = max(len(ids) for ids in prepared)
        ids = np.zeros((len(prepared), width), np.int64)
        mask = np.zeros((len(prepared), width), np.int64)
        for row, one in enumerate(prepared):
            ids[row, : len(one)] = one
            mask[row, : len(one)] = 1
        return unit_rows(self._network.run(ids=ids, mask=mask)[0])

    @cached_property
    def _network(self) -> Network:
        return Network(models.ready(MODEL) / "minilm.onnx")

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(models.ready(MODEL) / "tokenizer.json"))
        # The file pads every text to 128 tokens and cuts there; the model reads 256.
        tokenizer.no_padding()
        tokenizer.enable_truncation(MAX_TOKENS)
        return tokenizer

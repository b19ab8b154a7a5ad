"""The bridges of the profile `starter`: fitted once from shipped anchors, then read from the cache.

Pictures, sounds and words meet in `anchored`, a space of its own that all are carried into; texts
that are searched by a picture or a sound are met in `minilm` itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine import models
from engine.align import anchored, heard
from engine.align.conse import ConSE
from engine.arrays import unit_rows
from engine.encode import encoders
from engine.encode.efficientnet import EfficientNet, pooled_part
from engine.encode.soundfx import SoundFx
from engine.types import Modality, Space, Vectors

MODEL = "starter-bridges"

PICTURE_TEMPERATURE, PICTURE_TOP = 1.5, 50

FEATURE_LENGTH = 13.73
"""Mean length of the features before they are made unit, which the classifier expects."""

CONSE_SHARE = 0.06
"""Weight of the class part beside the anchored part in the score of the space `anchored`."""

PRIOR_ROWS = 200

Arrays = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class Bridge:
    """A map between two of the starter's spaces; its numbers are read at the first use."""

    source: Space
    target: Space
    name: str
    loss: float
    carry: Callable[[Arrays, Vectors], Vectors]
    mean: Callable[[Arrays], Vectors]
    asked_mean: Callable[[Arrays], Vectors]
    weights: tuple[str, ...] = (MODEL,)
    modality: Modality | None = None

    @property
    def fingerprint(self) -> str:
        """Digest of the anchors and of the way they are used."""
        return f"{self.name}-2:{models.locked(MODEL).digest}:{self.source.fingerprint}"

    @property
    def prior_mean(self) -> Vectors:
        """Mean of mapped rows in general, (target.dim,)."""
        return self.mean(_numbers())

    @property
    def prior_rows(self) -> int:
        """How many rows of the user's own that mean is worth."""
        return PRIOR_ROWS

    @property
    def query_mean(self) -> Vectors:
        """Mean of queries that come from the target space itself, (target.dim,)."""
        return self.asked_mean(_numbers())

    def prepare(self, _saw: Callable[[int, int], None]) -> None:
        """Nothing: the numbers were fitted when the weights were made ready."""

    def arrival(self, _count: int, _mean: Vectors | None) -> Vectors:
        """The mean in general: the map is not linear, so a mean does not map to a mean."""
        return self.prior_mean

    def apply(self, vectors: Vectors) -> Vectors:
        """Unit rows (n, target.dim) for rows (n, source.dim)."""
        return unit_rows(self.carry(_numbers(), vectors))


def anchored_space() -> Space:
    """Where pictures and words meet: the anchored part, then the class part."""
    fingerprint = f"anchored-2:{models.locked(MODEL).digest}"
    return Space("anchored", anchored.RANK + word_space().dim, fingerprint)


def word_space() -> Space:
    """Where words are: MiniLM's."""
    (minilm,) = encoders(models.registry().model("minilm"))
    return minilm.space


def efficientnet_anchored() -> Bridge:
    """Pictures into the space they share with words."""
    return Bridge(
        EfficientNet().space, anchored_space(), "efficientnet-anchored", 0.4, _picture_rows,
        _no_mean(anchored_space()), _no_mean(anchored_space()),
    )  # fmt: skip


def minilm_anchored() -> Bridge:
    """Words into the space they share with pictures."""
    return Bridge(
        word_space(), anchored_space(), "minilm-anchored", 0.4, _word_rows,
        _no_mean(anchored_space()), _no_mean(anchored_space()),
    )  # fmt: skip


def efficientnet_minilm() -> Bridge:
    """Pictures among words, by the classes they may belong to."""
    return Bridge(
        EfficientNet().space, word_space(), "efficientnet-minilm", 1.0, _picture_classes,
        lambda numbers: numbers["picture_classes"].mean(axis=0), lambda n: n["word_mean"],
    )  # fmt: skip


def soundfx_anchored() -> Bridge:
    """Sounds into the space where pictures and words meet."""
    return Bridge(
        SoundFx().space, anchored_space(), "soundfx-anchored", 0.4, _sounds_anchored,
        _no_mean(anchored_space()), _no_mean(anchored_space()),
    )  # fmt: skip


def soundfx_minilm() -> Bridge:
    """Sounds among words."""
    return Bridge(
        SoundFx().space, word_space(), "soundfx-minilm", 1.0, _sounds_worded,
        _no_mean(word_space()), lambda n: n["word_mean"],
    )  # fmt: skip


def _picture_rows(numbers: Arrays, features: Vectors) -> Vectors:
    classes = _picture_classes(numbers, features) - numbers["picture_classes"].mean(axis=0)
    return _joined(anchored.pictures(numbers, features), unit_rows(classes))


def _word_rows(numbers: Arrays, words: Vectors) -> Vectors:
    centred = unit_rows(words - numbers["word_mean"])
    return _joined(anchored.queries(numbers, centred), centred)


def _joined(anchored_part: Vectors, class_part: Vectors) -> Vectors:
    """One vector for both parts: inner products add up, the second weighed by its share."""
    return np.concatenate([anchored_part, np.sqrt(CONSE_SHARE) * class_part], axis=1)


def _picture_classes(numbers: Arrays, features: Vectors) -> Vectors:
    pooled = FEATURE_LENGTH * pooled_part(features)
    logits = pooled @ numbers["head_weight"].T + numbers["head_bias"]
    classes = ConSE(numbers["picture_classes"], PICTURE_TEMPERATURE, PICTURE_TOP)
    return classes.combine(np.asarray(logits, dtype=np.float32))


def _sounds_anchored(numbers: Arrays, features: Vectors) -> Vectors:
    met, plain = _sound_words(numbers, "anchored"), _sound_words(numbers, "words")
    joined = heard.Words(
        tuple(_joined(*both) for both in zip(met.outputs, plain.outputs, strict=True)),
        _joined(met.anchors, plain.anchors),
    )
    return heard.rows(heard.explain(numbers, features), joined)


def _sounds_worded(numbers: Arrays, features: Vectors) -> Vectors:
    explained = heard.explain(numbers, features)
    return heard.rows(explained, _sound_words(numbers, "words"))


def _sound_words(numbers: Arrays, space: str) -> heard.Words:
    """The words of outputs and anchors as `anchored` queries, or centred in MiniLM's space."""
    outputs = tuple(numbers[f"outputs_{head}_{space}"] for head in range(heard.HEADS))
    return heard.Words(outputs, numbers[f"anchors_{space}"])


def _no_mean(space: Space) -> Callable[[Arrays], Vectors]:
    return lambda _numbers: np.zeros(space.dim, np.float32)


class _Numbers(dict[str, npt.NDArray[np.float32]]):
    """Arrays of a safetensors file, each read when it is asked for: a query needs few of them."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    def __missing__(self, name: str) -> npt.NDArray[np.float32]:
        from safetensors import safe_open

        with safe_open(self._file, "np") as stored:
            self[name] = np.asarray(stored.get_tensor(name), dtype=np.float32)
        return self[name]


@cache
def _numbers() -> Arrays:
    return _Numbers(models.ready(MODEL) / "bridges.safetensors")

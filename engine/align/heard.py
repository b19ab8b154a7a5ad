"""Sounds reach words by two ways: the categories they may belong to, and named sounds like them.

Each head of the classifier gives a ConSE row (Norouzi 2014) of its own. Anchors are named sounds; a
sound is explained by them in kernel ridge regression on the heads' outputs, which say more of what
is heard than the features below them. The kernel is exp(gamma (cosine - 1)). All rows are linear in
the words' vectors, so that one explanation serves every space that words are known in.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.arrays import unit_rows
from engine.types import Vectors

TEMPERATURE = 3.0
GAMMA = 4.0
RIDGE = 0.5
ANCHOR_SHARE = 1.5
"""Weight of the anchors' row; the row of each head has 1."""

LENGTH = 26.8
"""Mean length of the features before they are made unit, which the heads expect."""

HEADS, LAYERS = 3, (0, 2, 4)

Arrays = Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """What explains some sounds.

    Attributes:
        likely: for each head the probabilities of its outputs, (n, c).
        near: kernel with every anchor, (n, a).
    """

    likely: tuple[Vectors, ...]
    near: Vectors


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """The words of outputs and anchors in one space.

    Attributes:
        outputs: for each head a row for every output, around their mean, (c, dim).
        anchors: what each anchor adds, (a, dim).
    """

    outputs: tuple[Vectors, ...]
    anchors: Vectors


def fit(layers: Arrays, features: Vectors, names: Sequence[object]) -> dict[str, Vectors]:
    """Fit the anchors.

    Args:
        layers: weights and biases of the heads, `head_<head>.<layer>.weight` and `.bias`.
        features: of the anchors, (a, d), unit rows.
        names: what each anchor is called; sounds of one name share their weight.

    Returns:
        for `explain`: said (a, outputs of all heads); for `words_in`: solved (a, a).
    """
    said = _said([_logits(layers, head, features) for head in range(HEADS)])
    count = Counter(names)
    weights = np.array([count[name] ** -0.5 for name in names])
    kernel = _kernel(said, said).astype(np.float64)
    kernel[np.diag_indices(len(kernel))] += RIDGE / weights
    solved = np.linalg.inv(kernel)
    # The anchors' mean says what was at hand, not what a sound is.
    solved -= np.outer(solved.sum(axis=1), weights / weights.sum())
    return {"said": said, "solved": np.asarray(solved, dtype=np.float32)}


def words_in(solved: Vectors, outputs: Sequence[Vectors], anchors: Vectors) -> Words:
    """Words for `rows`, from the vectors of all outputs and anchors in the space."""
    return Words(tuple(one - one.mean(axis=0) for one in outputs), solved @ anchors)


def explain(fitted: Arrays, features: Vectors) -> Explained:
    """Explain sounds by features (n, d), unit rows."""
    logits = [_logits(fitted, head, features) for head in range(HEADS)]
    return Explained(tuple(_softmax(one) for one in logits), _kernel(_said(logits), fitted["said"]))


def rows(explained: Explained, words: Words) -> Vectors:
    """Unit rows (n, dim) in the space of the words."""
    parts = [
        unit_rows(likely @ outputs)
        for likely, outputs in zip(explained.likely, words.outputs, strict=True)
    ]
    return unit_rows(sum(parts, ANCHOR_SHARE * unit_rows(explained.near @ words.anchors)))


def _logits(layers: Arrays, head: int, features: Vectors) -> Vectors:
    row: npt.NDArray[np.floating] = features * np.float32(LENGTH)
    for layer in LAYERS:
        row = row @ layers[f"head_{head}.{layer}.weight"].T + layers[f"head_{head}.{layer}.bias"]
        row = np.maximum(row, 0) if layer != LAYERS[-1] else row
    return np.asarray(row, dtype=np.float32)


def _softmax(logits: Vectors) -> Vectors:
    likely = np.exp((logits - logits.max(axis=1, keepdims=True)) / TEMPERATURE)
    return np.asarray(likely / likely.sum(axis=1, keepdims=True), dtype=np.float32)


def _said(logits: Sequence[Vectors]) -> Vectors:
    """Unit rows of what all heads say, each counting alike."""
    centred = [unit_rows(one - one.mean(axis=1, keepdims=True)) for one in logits]
    return unit_rows(np.concatenate(centred, axis=1))


def _kernel(said: Vectors, others: Vectors) -> Vectors:
    return np.asarray(np.exp(np.float32(GAMMA) * (said @ others.T - 1)), dtype=np.float32)

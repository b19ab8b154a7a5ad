"""Anchored kernel bridge: two spaces meet in a third, through things that are known in both.

Anchors are pairs (u, t): a picture (or a class of pictures) and its words. A picture x is first
explained by the anchors, in kernel ridge regression: a(x) = (K_u + diag(ridge / w))^-1 k_u(x). A
query q then scores k_t(q)' a(x) / sqrt(a' K_t a). Both kernels are exp(gamma (cosine - 1)). With a
linear text side a third of the right answers at rank 1 are lost, so the kernel is kept and the
score factored: balanced truncation (Moore 1981) keeps the directions that matter between a bank of
plain queries and the anchors' own left-out vectors. What remains are two maps into one space.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.arrays import unit_rows
from engine.types import Vectors

PICTURE_GAMMA = 3.0
ROOT_SHARE = 0.4
"""Weight of the second view of a picture, the square roots of its features."""

WORD_GAMMA = 4.0
RIDGE = 0.5
CLASS_WEIGHT = 3.0
"""A class of the classifier stands for many pictures: it counts as three anchors."""

RANK = 1024

Arrays = Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class Anchors:
    """What the bridge is fitted on; n classes come first, then m pictures.

    Attributes:
        classes: rows of the classifier, (n, d), centred, unit.
        features: features of the pictures, (m, d), unit rows.
        sources: which collection each picture is from, (m,); each is centred on its own mean.
        words: vectors of the words of all n + m, each part centred, unit.
        bank: vectors of plain queries that are no anchors' words, centred, unit.
    """

    classes: Vectors
    features: Vectors
    sources: npt.NDArray[np.int8]
    words: Vectors
    bank: Vectors


def fit(anchors: Anchors, rank: int = RANK) -> dict[str, npt.NDArray[np.float32]]:
    """Fit both sides.

    Returns:
        for `pictures`: feature_mean (d,), root_mean (d,), first (n + m, d), second (m, d),
        readout (n + m, rank); for `words`: words (n + m, 384), lift (n + m, rank).
    """
    first, second = _views_by_source(anchors)
    first = np.concatenate([anchors.classes, first])
    count, classes = len(first), len(anchors.classes)
    weights = np.ones(count, np.float32)
    weights[:classes] = CLASS_WEIGHT
    kernel = _picture_kernel(first, _root_rows(first, second, classes), first, second)
    kernel[np.diag_indices(count)] += RIDGE / weights
    inverse = np.linalg.inv(kernel)
    gram = _kernel(anchors.words, anchors.words, WORD_GAMMA)
    basis, lift = _truncate(inverse, gram, anchors, classes, rank)
    roots = np.sqrt(np.maximum(anchors.features, 0))
    return {
        "feature_mean": anchors.features.mean(axis=0),
        "root_mean": roots.mean(axis=0),
        "first": first,
        "second": second,
        "readout": inverse @ basis,
        "words": anchors.words,
        "lift": lift,
    }


def pictures(fitted: Arrays, features: Vectors) -> Vectors:
    """Unit rows (n, rank) for features (n, d), unit rows themselves."""
    first = unit_rows(features - fitted["feature_mean"])
    second = unit_rows(np.sqrt(np.maximum(features, 0)) - fitted["root_mean"])
    kernel = _picture_kernel(first, second, fitted["first"], fitted["second"])
    return unit_rows(kernel @ fitted["readout"])


def queries(fitted: Arrays, words: Vectors) -> Vectors:
    """Query rows (n, rank) for centred unit word vectors (n, 384); their length carries weight."""
    return _kernel(words, fitted["words"], WORD_GAMMA) @ fitted["lift"]


def _truncate(
    inverse: Vectors, gram: Vectors, anchors: Anchors, classes: int, rank: int
) -> tuple[Vectors, Vectors]:
    """Readout basis (n + m, rank), orthonormal under `gram`, and the lift that goes with it."""
    left_out = (np.eye(len(gram), dtype=np.float32) - inverse / np.diag(inverse)[:, None])[classes:]
    left_out /= np.sqrt(np.maximum(np.einsum("ij,ij->i", left_out @ gram, left_out), 1e-9))[:, None]
    asked = _kernel(anchors.bank, anchors.words, WORD_GAMMA)
    left, sizes, right = _leading(asked @ left_out.T, rank)
    scale = np.sqrt(sizes)
    toward = left_out.T @ (right.T / scale)
    away = asked.T @ (left / scale)
    # Lengths must keep their meaning on the picture side, so its basis is orthonormal under gram.
    root = np.linalg.cholesky(gram.astype(np.float64) + 1e-5 * np.eye(len(gram)))
    orthonormal, mixing = np.linalg.qr(np.linalg.solve(root, away))
    return _single(root @ orthonormal), _single(toward @ mixing.T)


def _leading(matrix: Vectors, rank: int) -> tuple[Vectors, Vectors, Vectors]:
    """The leading singular triples, by randomised range finding (Halko et al. 2011)."""
    random = np.random.default_rng(0)
    probe = random.normal(size=(matrix.shape[1], min(rank + 50, *matrix.shape)))
    found, _ = np.linalg.qr(matrix @ _single(probe))
    found, _ = np.linalg.qr(matrix @ (matrix.T @ found))
    left, sizes, right = np.linalg.svd(found.T @ matrix, full_matrices=False)
    return (found @ left)[:, :rank], sizes[:rank], right[:rank]


def _views_by_source(anchors: Anchors) -> tuple[Vectors, Vectors]:
    roots = np.sqrt(np.maximum(anchors.features, 0))
    first, second = np.empty_like(anchors.features), np.empty_like(roots)
    for source in np.unique(anchors.sources):
        mine = anchors.sources == source
        first[mine] = unit_rows(anchors.features[mine] - anchors.features[mine].mean(axis=0))
        second[mine] = unit_rows(roots[mine] - roots[mine].mean(axis=0))
    return first, second


def _root_rows(first: Vectors, second: Vectors, classes: int) -> Vectors:
    """The second view of all anchors; a class has none."""
    return np.concatenate([np.zeros_like(first[:classes]), second])


def _picture_kernel(first: Vectors, second: Vectors, anchors: Vectors, roots: Vectors) -> Vectors:
    """Kernel of rows with all anchors; only pictures among the anchors, the last ones, have roots.

    A class row has no second view: its second vector is all zero, and that part of its kernel too.
    """
    kernel = (1 - ROOT_SHARE) * _kernel(first, anchors, PICTURE_GAMMA)
    seen = second.any(axis=1, keepdims=True)
    kernel[:, len(anchors) - len(roots) :] += (
        ROOT_SHARE * seen * _kernel(second, roots, PICTURE_GAMMA)
    )
    return _single(kernel)


def _kernel(rows: Vectors, others: Vectors, gamma: float) -> Vectors:
    return _single(np.exp(np.float32(gamma) * (rows @ others.T - 1)))


def _single(rows: npt.NDArray[np.floating]) -> Vectors:
    return np.asarray(rows, dtype=np.float32)

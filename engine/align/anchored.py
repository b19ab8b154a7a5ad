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
SHARES = {"pooled": 0.4, "roots": 0.25, "depths": 0.35}
"""Weights of the views of a picture: its pooled features, their square roots, earlier stages."""

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
        features: features of the pictures, unit rows (m, d + e): d as the classifier reads them,
            then e of earlier stages.
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
        for `pictures`: classes (n, d), and for each view NAME of width v NAME_mean (v,),
        NAME_spread (v,), NAME_rows (m, v); readout (n + m, rank); for `words`: words (n + m, 384),
        lift (n + m, rank).
    """
    fitted: dict[str, Vectors] = {"classes": anchors.classes, "words": anchors.words}
    for name, rows in _views(anchors.features, anchors.classes.shape[1]).items():
        fitted[f"{name}_mean"] = rows.mean(axis=0)
        fitted[f"{name}_spread"] = _spread(name, rows)
        fitted[f"{name}_rows"] = _by_source(rows / fitted[f"{name}_spread"], anchors.sources)
    kernel = _anchors_kernel(fitted)
    weights = np.ones(len(kernel), np.float32)
    weights[: len(anchors.classes)] = CLASS_WEIGHT
    kernel[np.diag_indices(len(kernel))] += RIDGE / weights
    inverse = np.linalg.inv(kernel)
    gram = _kernel(anchors.words, anchors.words, WORD_GAMMA)
    basis, lift = _truncate(inverse, gram, anchors, len(anchors.classes), rank)
    fitted["readout"], fitted["lift"] = _single(inverse @ basis), lift
    return fitted


def pictures(fitted: Arrays, features: Vectors) -> Vectors:
    """Unit rows (n, rank) for features (n, d + e), unit rows themselves."""
    views = {
        name: unit_rows((rows - fitted[f"{name}_mean"]) / fitted[f"{name}_spread"])
        for name, rows in _views(features, fitted["classes"].shape[1]).items()
    }
    kernel = np.concatenate(
        [_class_kernel(views["pooled"], fitted["classes"]), _picture_kernel(views, fitted)], axis=1
    )
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


def _views(features: Vectors, width: int) -> dict[str, Vectors]:
    """What is seen of features (n, d + e), of which the classifier reads the first `width`."""
    pooled = unit_rows(features[:, :width])
    return {
        "pooled": pooled,
        "roots": np.sqrt(np.maximum(pooled, 0)),
        "depths": unit_rows(features[:, width:]),
    }


def _spread(name: str, rows: Vectors) -> Vectors:
    """What components are divided by: earlier stages have some that would drown the others."""
    return _single(rows.std(axis=0) + 1e-6) if name == "depths" else np.ones_like(rows[0])


def _by_source(rows: Vectors, sources: npt.NDArray[np.int8]) -> Vectors:
    """Unit rows, each collection taken from its own mean."""
    centred = np.empty_like(rows)
    for source in np.unique(sources):
        mine = sources == source
        centred[mine] = unit_rows(rows[mine] - rows[mine].mean(axis=0))
    return centred


def _anchors_kernel(fitted: Arrays) -> Vectors:
    """Kernel of all anchors with each other, classes first."""
    classes = fitted["classes"]
    across = _class_kernel(fitted["pooled_rows"], classes)
    pictures = _picture_kernel({name: fitted[f"{name}_rows"] for name in SHARES}, fitted)
    return np.block([[_class_kernel(classes, classes), across.T], [across, pictures]])


def _class_kernel(pooled: Vectors, classes: Vectors) -> Vectors:
    """A class has pooled features only; the other views say nothing about it."""
    return _single(SHARES["pooled"] * _kernel(pooled, classes, PICTURE_GAMMA))


def _picture_kernel(views: Arrays, fitted: Arrays) -> Vectors:
    kernels = (
        share * _kernel(views[name], fitted[f"{name}_rows"], PICTURE_GAMMA)
        for name, share in SHARES.items()
    )
    return _single(np.asarray(sum(kernels)))


def _kernel(rows: Vectors, others: Vectors, gamma: float) -> Vectors:
    return _single(np.exp(np.float32(gamma) * (rows @ others.T - 1)))


def _single(rows: npt.NDArray[np.floating]) -> Vectors:
    return np.asarray(rows, dtype=np.float32)

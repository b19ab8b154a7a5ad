"""Hubness: what is near to every query is held back by a bias, one number for each row.

Given the inner products R (m, n) of a bank of queries with the rows of a gallery, every method
here is a bias b (n,), and a row then scores s - b. As one more component of the rows, with the
query's set to 1, inner-product search stays exact.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from engine.types import Scores

Bias: TypeAlias = Callable[[npt.NDArray[np.float32]], Scores]
"""From the products (m, n) of bank and rows to a bias for each row (n,)."""


def nnn(products: npt.NDArray[np.float32], *, alpha: float = 0.5, near: int = 16) -> Scores:
    """Nearest neighbour normalisation: alpha times the mean of a row's best `near` products.

    Chowdhury et al., Nearest Neighbor Normalization Improves Multimodal Retrieval, EMNLP 2024.
    """
    return np.asarray(alpha * _best(products, near).mean(axis=0), dtype=np.float32)


def csls(products: npt.NDArray[np.float32], *, near: int = 10) -> Scores:
    """Cross-domain similarity local scaling, 2 s - r_query - r_row: half of r_row for each row.

    What belongs to the query moves all rows alike. Conneau et al., Word Translation Without
    Parallel Data, ICLR 2018.
    """
    return nnn(products, alpha=0.5, near=near)


def inverted_softmax(products: npt.NDArray[np.float32], *, beta: float = 20.0) -> Scores:
    """Log of the sum over the bank of exp(beta product), over beta.

    Smith et al., Offline Bilingual Word Vectors, ICLR 2017.
    """
    scaled = beta * products
    peak = scaled.max(axis=0)
    total = np.log(np.exp(scaled - peak).sum(axis=0))
    return np.asarray((peak + total) / beta, dtype=np.float32)


METHODS: dict[str, Bias] = {"nnn": nnn, "csls": csls, "inverted-softmax": inverted_softmax}


def _best(products: npt.NDArray[np.float32], near: int) -> npt.NDArray[np.float32]:
    near = min(near, len(products))
    first = len(products) - near
    by_row = np.ascontiguousarray(products.T)  # along the last axis it takes 3/5 of the time
    return np.partition(by_row, first, axis=1)[:, first:].T

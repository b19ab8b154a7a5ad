"""ConSE: a classifier's probabilities weigh the word vectors of its classes (Norouzi 2014)."""

from dataclasses import dataclass

import numpy as np

from engine.arrays import unit_rows
from engine.types import Vectors


@dataclass(frozen=True, slots=True, eq=False)
class ConSE:
    """The convex combination of class vectors.

    Attributes:
        classes: word vectors of the classes, unit rows (c, dim).
        temperature: above 1 the classifier's lesser guesses weigh more.
        top: how many of the likeliest classes count.
    """

    classes: Vectors
    temperature: float
    top: int

    def combine(self, logits: Vectors) -> Vectors:
        """Unit rows (n, dim) for logits (n, c)."""
        scaled = (logits - logits.max(axis=1, keepdims=True)) / self.temperature
        likely = np.exp(scaled)
        if self.top < likely.shape[1]:
            floor = np.partition(likely, -self.top, axis=1)[:, -self.top]
            likely = np.where(likely >= floor[:, None], likely, 0.0)
        weights = likely / likely.sum(axis=1, keepdims=True)
        return unit_rows(weights @ self.classes)

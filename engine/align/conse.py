"""ConSE: what is likely at the one side weighs what stands for it at the other.

f(x) = sum_t p_t y_t / |sum_t p_t y_t| with p the softmax over the k largest scores s_t / tau
(Norouzi et al., Zero-shot learning by convex combination of semantic embeddings, 2014). In the
starter, the scores are a classifier's logits and y its classes' word vectors; as a method of
alignment, they are cosines to the left anchors and y the right ones. Weights are not used, but rows
without a say are left out. Cost: none to fit, n_anchors (dl + dr) for each left row. Prefer it
where few things come many times, as classes do; it finds nothing outside what the anchors span.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.align.bridge import Bridge
from engine.align.maps import Centred, Mixed, likeliest
from engine.align.moments import moments
from engine.align.pairs import Pairs
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
        return unit_rows(likeliest(logits, self.temperature, self.top) @ self.classes)


@dataclass(frozen=True, slots=True)
class Convex:
    """Attributes.

    temperature: tau.
    top: k.
    anchors: how many of the pairs are kept at most, spread evenly.
    """

    temperature: float = 0.05
    top: int = 10
    anchors: int = 10_000

    name = "conse"
    complexity = 1

    def variants(self, pairs: Pairs) -> Sequence["Convex"]:
        """Few neighbours or more of them."""
        tops = dict.fromkeys(min(top, len(pairs)) for top in (10, 50))
        return tuple(replace(self, top=top) for top in tops)

    def fit(self, pairs: Pairs) -> Bridge:
        """Keep the anchors."""
        moments(pairs)
        left, right = pairs.means
        kept = pairs.directions().some(self.anchors)
        mixed = Mixed(left, kept.left, kept.right, self.temperature, self.top)
        return Bridge(mixed, Centred(right), self.name)

"""Relative representations: an item is how near it is to the pairs, and both sides know the pairs.

f(x)_i = max(0, cos(x, a_i))^p for the k nearest anchors a_i and 0 for all others; the right side
likewise with the other halves of the anchors; the score is the cosine of f (Norelli et al., ASIF:
coupled data turns unimodal models to multimodal without training, 2023; Moschella et al., Relative
representations enable zero-shot latent space communication, 2023). Weights are not used, but rows
without a say are left out. Cost: none to fit; n_anchors d for each row, and rows as wide as there
are anchors. Prefer it where pairs come and go, as each can be taken out again; with many anchors
that lie close to what is asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.align.bridge import Bridge
from engine.align.maps import Relative as Map
from engine.align.moments import moments
from engine.align.pairs import Pairs


@dataclass(frozen=True, slots=True)
class Relative:
    """Attributes.

    top: k.
    power: p.
    anchors: how many of the pairs are kept at most, spread evenly.
    """

    top: int = 800
    power: float = 8.0
    anchors: int = 2_000

    name = "relative"
    complexity = 1

    def variants(self, pairs: Pairs) -> Sequence["Relative"]:
        """All anchors or the nearest tenth of them."""
        most = min(len(pairs), self.anchors)
        tops = dict.fromkeys((min(self.top, most), max(1, most // 10)))
        return tuple(Relative(top, self.power, self.anchors) for top in tops)

    def fit(self, pairs: Pairs) -> Bridge:
        """Keep the anchors."""
        moments(pairs)
        left, right = pairs.means
        kept = pairs.directions().some(self.anchors)
        settings = self.top, self.power
        return Bridge(Map(left, kept.left, *settings), Map(right, kept.right, *settings), self.name)

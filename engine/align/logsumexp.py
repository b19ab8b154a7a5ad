"""LogSumExp bridge: two items go together if one same anchor is near to both.

score(a, v) = log sum_t exp((cos(a, x_t) + cos(v, y_t)) / tau) over a bank of pairs (x_t, y_t),
mostly texts that both sides read: the smooth maximum (Boyd and Vandenberghe, Convex optimization,
2004, 3.1.5) over what may link them. That it is used for bridges we know at second hand only.
The sum is an inner product of exp(cos(a, x_t) / tau) and exp(cos(v, y_t) / tau), so each side maps
alone and the logarithm, which keeps order, is left out. Rows are made unit, which takes away the
popularity of an item that is near to all anchors: the order of right items can differ from the raw
score's. Weights are not used, but rows without a say are left out. Cost: none to fit; n_anchors d
for each row, and rows as wide as there are anchors. Prefer it with a large bank of texts close to
what is asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.align.bridge import Bridge
from engine.align.maps import Exponential
from engine.align.moments import moments
from engine.align.pairs import Pairs


@dataclass(frozen=True, slots=True)
class LogSumExp:
    """Attributes.

    temperature: tau.
    anchors: how many of the pairs are kept at most, spread evenly.
    """

    temperature: float = 0.05
    anchors: int = 2_000

    name = "logsumexp"
    complexity = 1

    def variants(self, pairs: Pairs) -> Sequence["LogSumExp"]:
        """Soft, and nearly the nearest anchor alone."""
        del pairs
        return tuple(replace(self, temperature=one) for one in (0.1, 0.05, 0.02))

    def fit(self, pairs: Pairs) -> Bridge:
        """Keep the anchors."""
        moments(pairs)
        left, right = pairs.means
        kept = pairs.directions().some(self.anchors)
        return Bridge(
            Exponential(left, kept.left, self.temperature),
            Exponential(right, kept.right, self.temperature),
            self.name,
        )

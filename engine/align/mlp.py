"""Two perceptrons, trained to tell each pair from all others of its batch.

f(x) = unit(x A + max(0, x W + b) V) on both sides, minimising the symmetric cross-entropy of
softmax_j(s f(x_i)'g(y_j)) (InfoNCE: van den Oord et al., Representation learning with contrastive
predictive coding, 2018; symmetric: Radford et al., Learning transferable visual models from natural
language supervision, 2021). A starts as the canonical directions (engine/align/cca.py) and V as
nought, so training starts at `cca` and adds what bends. Rows of one group are no negatives of each
other. Feature dropout leaves out components of x; modality dropout leaves the bent path of one
side out, row by row, so that neither side leans on the other's (Neverova et al., ModDrop, 2016).
A tenth of the groups is held out, and the epoch with the best mean reciprocal rank there is kept,
the start among them. Cost: minutes on a CPU for 10,000 pairs; a GPU is used when there is one.
Prefer it above a few thousand pairs, if it beats `cca` there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from engine.align import cca
from engine.align.bridge import Bridge
from engine.align.maps import Head, Linear
from engine.align.moments import single
from engine.align.pairs import Pairs, PairsError
from engine.types import Vectors

if TYPE_CHECKING:
    from torch import Tensor

LEAST_GROUPS = 50
"""Of which five are held out; fewer say nothing about when to stop."""

WORTH = 1_000
"""Pairs below which it is not tried."""

_HELD_OUT = 10
_JUDGED = 2_000
_SHARPNESS = 15.0
_DECAY = 0.01


@dataclass(frozen=True, slots=True)
class Perceptron:
    """Attributes.

    hidden: columns of W.
    rank: columns of A and V at most.
    epochs: at most so many.
    patience: epochs without a better one before it ends.
    batch: pairs in a batch, all of which are told apart.
    rate: learning rate of AdamW.
    dropout: share of components, and of bent paths, left out in training.
    seed: of batches, dropout and W.
    """

    hidden: int = 512
    rank: int = cca.RANK
    epochs: int = 40
    patience: int = 6
    batch: int = 512
    rate: float = 1e-3
    dropout: float = 0.1
    seed: int = 0

    name = "mlp"
    complexity = 5

    def variants(self, pairs: Pairs) -> Sequence["Perceptron"]:
        """More or less dropout; none below 1,000 pairs."""
        if len(pairs) < WORTH:
            return ()
        return tuple(replace(self, dropout=dropout) for dropout in (0.3, 0.1))

    def fit(self, pairs: Pairs) -> Bridge:
        """Train; the report holds the mean reciprocal rank of each epoch, that of `cca` first."""
        groups = len(np.unique(pairs.groups))
        if groups < LEAST_GROUPS:
            raise PairsError(
                f"{groups} pairs of different things are too few for mlp.",
                hint=f"It takes {LEAST_GROUPS}, and is worth trying from {WORTH:,}.",
            )
        ordered = pairs.ordered()
        judged = _held_out(ordered)
        start = cca.Canonical(rank=self.rank).fit(ordered.take(~judged))
        trained, found = _Training(self, start, ordered, judged).run()
        left, right = (Head(mean, *side) for mean, side in zip(pairs.means, trained, strict=True))
        return Bridge(left, right, self.name, {"held_out_mrr": found})


def _held_out(pairs: Pairs) -> npt.NDArray[np.bool_]:
    """Every tenth group, (n,): of the pairs proper, unless they are too few to judge by."""
    own = pairs.telling & (pairs.blocks == pairs.blocks.min())
    if len(np.unique(pairs.groups[own])) < LEAST_GROUPS:
        own = pairs.telling
    groups = pairs.groups[own]
    _, first = np.unique(groups, return_index=True)
    return np.isin(pairs.groups, groups[np.sort(first)][::_HELD_OUT])


class _Training:
    """One run: rows and weights where torch has them."""

    def __init__(
        self, settings: Perceptron, start: Bridge, pairs: Pairs, judged: npt.NDArray[np.bool_]
    ) -> None:
        import torch

        self.settings = settings
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.drawn = torch.Generator().manual_seed(settings.seed)
        centred = pairs.apart()
        self.scales = [float(np.sqrt(np.mean(side**2))) for side in centred]
        self.rows = [
            self._tensor(single(side / scale))
            for side, scale in zip(centred, self.scales, strict=True)
        ]
        self.groups = self._tensor(pairs.groups)
        self.weights = self._tensor(pairs.weights)
        self.taught = torch.from_numpy(np.flatnonzero(~judged))
        self.judged = torch.from_numpy(np.flatnonzero(judged)[:_JUDGED])
        self.sides = [
            self._side(one.matrix * scale)
            for one, scale in zip(_straight(start), self.scales, strict=True)
        ]
        self.sharpness = self._tensor(np.log([_SHARPNESS])).float().requires_grad_()

    def run(self) -> tuple[list[tuple[Vectors, ...]], list[float]]:
        """Both sides' weights at their best, and the mean reciprocal rank of each epoch."""
        import torch

        leaves = [*self.sides[0], *self.sides[1], self.sharpness]
        optimiser = torch.optim.AdamW(leaves, lr=self.settings.rate, weight_decay=_DECAY)
        found, best = [self._judge()], self._weights()
        for _ in range(self.settings.epochs):
            for batch in self._batches():
                optimiser.zero_grad()
                self._loss(batch).backward()  # type: ignore[no-untyped-call]
                optimiser.step()
            found.append(self._judge())
            if found[-1] > max(found[:-1]):
                best = self._weights()
            if len(found) - 1 - int(np.argmax(found)) >= self.settings.patience:
                break
        return best, [round(one, 6) for one in found]

    def _side(self, straight: Vectors) -> "list[Tensor]":
        """A, W, b and V of one side; W for rows whose components vary by 1."""
        import torch

        width, hidden = len(straight), self.settings.hidden
        inner = torch.randn(width, hidden, generator=self.drawn) / width**0.5
        leaves = (
            torch.from_numpy(straight),
            inner,
            torch.zeros(hidden),
            torch.zeros(hidden, straight.shape[1]),
        )
        return [one.to(self.device).requires_grad_() for one in leaves]

    def _batches(self) -> "Iterator[Tensor]":
        """Places of the pairs of each batch; a last single one would teach nothing."""
        import torch

        mixed = self.taught[torch.randperm(len(self.taught), generator=self.drawn)]
        starts = range(0, len(mixed) - 1, self.settings.batch)
        return (mixed[start : start + self.settings.batch] for start in starts)

    def _loss(self, batch: "Tensor") -> "Tensor":
        """Cross-entropy in both directions, each pair by its weight."""
        from torch.nn.functional import cross_entropy

        left, right = (self._mapped(side, batch, self.settings.dropout) for side in (0, 1))
        weights = self.weights[batch]
        logits = self._rivals(self.sharpness.exp() * left @ right.T, batch)
        own = self._tensor(np.arange(len(batch)))
        lost = sum(cross_entropy(one, own, reduction="none") for one in (logits, logits.T))
        return (lost * weights).sum() / weights.sum()

    def _mapped(self, side: int, places: "Tensor", dropout: float = 0.0) -> "Tensor":
        """Unit rows of one side."""
        from torch.nn.functional import normalize

        straight, inner, bias, outer = self.sides[side]
        rows = self.rows[side][places]
        rows = rows * self._kept(rows.shape, dropout)
        bent = (rows @ inner + bias).relu() @ outer
        return normalize(rows @ straight + bent * self._kept((len(bent), 1), dropout))

    def _rivals(self, scores: "Tensor", places: "Tensor") -> "Tensor":
        """Scores of pairs and of what is of other groups; no others of a pair's own group."""
        groups = self.groups[places]
        alike = groups[:, None] == groups
        alike.fill_diagonal_(fill_value=False)
        return scores.masked_fill(alike, float("-inf"))

    def _kept(self, shape: tuple[int, ...], dropout: float) -> "Tensor | float":
        """What is left in, so much larger that the mean stays."""
        import torch

        if not dropout:
            return 1.0
        kept = torch.rand(shape, generator=self.drawn) >= dropout
        return kept.to(self.device) / (1 - dropout)

    def _judge(self) -> float:
        """Mean reciprocal rank of the held-out pairs among each other, both directions."""
        import torch

        with torch.no_grad():
            scores = self._mapped(0, self.judged) @ self._mapped(1, self.judged).T
            scores = self._rivals(scores, self.judged)
        own = scores.diagonal()
        ranks = [1 + (one > own[:, None]).sum(dim=1) for one in (scores, scores.T)]
        return float(torch.stack(ranks).double().reciprocal().mean())

    def _weights(self) -> list[tuple[Vectors, ...]]:
        """A, W, b, V of both sides for rows as they come, before scaling."""
        found: list[tuple[Vectors, ...]] = []
        for leaves, scale in zip(self.sides, self.scales, strict=True):
            straight, inner, bias, outer = (
                single(one.detach().cpu().numpy().copy()) for one in leaves
            )
            found.append((straight / scale, inner / scale, bias, outer))
        return found

    def _tensor(self, rows: npt.NDArray[Any]) -> "Tensor":
        import torch

        return torch.from_numpy(rows).to(self.device)


def _straight(start: Bridge) -> tuple[Linear, Linear]:
    """Both maps of a canonical bridge."""
    return cast("Linear", start.left), cast("Linear", start.right)

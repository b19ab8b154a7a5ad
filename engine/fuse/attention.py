"""Cross-attention over modality tokens, one block: what is there asks each modality what it adds.

Tokens t_m = W_m x_m + b_m. The mean q of those that are there asks: a = softmax over the modalities
that are there of (q Q)(t_m K)' / sqrt(h), h = sum of a_m t_m V, then a feed-forward layer with a
residual, after normalising (Vaswani et al., 2017; one head). The weights are a. Choose it over the
gate only where its card shows a gain.
"""

from collections.abc import Mapping, Sequence
from types import ModuleType

from engine.fuse.network import HIDDEN, Network, Numbers, Tensor, Tensors, masked_softmax, widths_of
from engine.fuse.normalise import Floats
from engine.fuse.training import learnt
from engine.fuse.views import Views


def formula(
    xp: ModuleType, p: Tensors, blocks: Sequence[Tensor], there: Tensor
) -> tuple[Tensor, Tensor]:
    """Logits (n, c) and attention (n, m); see `engine.fuse.network.Formula`."""
    masks = [there[:, m : m + 1] for m in range(len(blocks))]
    tokens = [
        (x @ p[f"map.{m}"] + p[f"at.{m}"]) * mask
        for m, (x, mask) in enumerate(zip(blocks, masks, strict=True))
    ]
    asks = (sum(tokens) / (sum(masks) + 1e-12)) @ p["query"]
    logits = [(asks * (one @ p["key"])).sum(axis=1) / HIDDEN**0.5 for one in tokens]
    weights = masked_softmax(xp, xp.stack(logits, axis=1), there)
    h = sum(weights[:, m : m + 1] * (one @ p["value"]) for m, one in enumerate(tokens))
    inner = _level(h) @ p["inner"] + p["inner.bias"]
    h = h + (inner * (inner > 0)) @ p["outer"] + p["outer.bias"]
    return _level(h) @ p["out"] + p["out.bias"], weights


def shapes(widths: Mapping[str, int], classes: int) -> dict[str, tuple[int, ...]]:
    """Of all that is learnt; modalities by their place among the sorted names."""
    found: dict[str, tuple[int, ...]] = dict.fromkeys(
        ("query", "key", "value", "inner", "outer"), (HIDDEN, HIDDEN)
    )
    found |= {"inner.bias": (HIDDEN,), "outer.bias": (HIDDEN,)}
    for at, name in enumerate(sorted(widths)):
        found |= {f"map.{at}": (widths[name], HIDDEN), f"at.{at}": (HIDDEN,)}
    return found | {"out": (HIDDEN, classes), "out.bias": (classes,)}


def fit(views: Views, classes: Numbers, count: int, *, weights: Floats, seed: int = 0) -> Network:
    """Learn to tell `count` classes; see `engine.fuse.training.learnt`."""
    return learnt(formula, shapes(widths_of(views), count), views, (classes, weights), seed)


def _level(rows: Tensor) -> Tensor:
    """Each row less its mean, over its deviation (Ba, Kiros and Hinton, 2016)."""
    moved = rows - rows.mean(axis=1, keepdims=True)
    return moved / ((moved * moved).mean(axis=1, keepdims=True) + 1e-5) ** 0.5

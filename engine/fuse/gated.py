"""The gated fusion network: how much a modality counts depends on what all of them say.

h = sum over m of g_m W_m x_m, g = softmax over the modalities that are there of V [x; mask], and
the classes are linear in relu(h) (after Arevalo et al., Gated Multimodal Units, 2017). A missing
modality has no part in h, and the gate is told that it is missing. Better than one weight per
modality where their worth differs from row to row and some hundred rows show how.
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
    """Logits (n, c) and gates (n, m); see `engine.fuse.network.Formula`."""
    seen = [x * there[:, m : m + 1] for m, x in enumerate(blocks)]
    asked = there @ p["gate.mask"] + p["gate.bias"]
    gates = masked_softmax(xp, asked + sum(x @ p[f"gate.{m}"] for m, x in enumerate(seen)), there)
    h = sum(gates[:, m : m + 1] * (x @ p[f"map.{m}"] + p[f"at.{m}"]) for m, x in enumerate(seen))
    return (h * (h > 0)) @ p["out"] + p["out.bias"], gates


def shapes(widths: Mapping[str, int], classes: int) -> dict[str, tuple[int, ...]]:
    """Of all that is learnt; modalities by their place among the sorted names."""
    m = len(widths)
    found: dict[str, tuple[int, ...]] = {"gate.mask": (m, m), "gate.bias": (m,)}
    for at, name in enumerate(sorted(widths)):
        found |= {f"gate.{at}": (widths[name], m), f"map.{at}": (widths[name], HIDDEN)}
        found |= {f"at.{at}": (HIDDEN,)}
    return found | {"out": (HIDDEN, classes), "out.bias": (classes,)}


def fit(views: Views, classes: Numbers, count: int, *, weights: Floats, seed: int = 0) -> Network:
    """Learn to tell `count` classes; see `engine.fuse.training.learnt`."""
    return learnt(formula, shapes(widths_of(views), count), views, (classes, weights), seed)

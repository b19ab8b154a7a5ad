"""What answers: one modality or late fusion, features side by side, or a fusion network."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from engine.classify.linear import Linear
from engine.fuse import attention, gated
from engine.fuse.network import Arrays, Deviations, Network, log_softmax
from engine.fuse.normalise import Floats
from engine.fuse.views import Mask, Views, present, shares
from engine.types import Vectors

Subset: TypeAlias = tuple[str, ...]

NETWORKS = {"gated": gated, "attention": attention}


class Head(Protocol):
    """Log-probabilities and weights of rows, some of whose modalities may be missing."""

    @property
    def names(self) -> Subset:
        """The modalities that it looks at, sorted."""
        ...

    def __call__(self, views: Views) -> tuple[Floats, Floats]:
        """Log-probabilities (n, c) and the weight of each modality (n, m).

        Without any modality all classes are alike, and all weights 0.
        """
        ...

    def arrays(self) -> Arrays:
        """All numbers by name, of which `unpacked` makes the head again."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Late:
    """Weighted log-probabilities of one linear model per modality; of one alone, just that.

    log p = sharp sum of w_m log p_m, the weights scaled to sum to 1 over what is there: the
    logarithmic opinion pool (Genest and Zidek, Statistical Science, 1986).

    Attributes:
        names: sorted, (m,).
        models: one for each.
        weights: at least 0, (m,).
        sharp: 1 / temperature.
    """

    names: Subset
    models: tuple[Linear, ...]
    weights: Floats
    sharp: float

    def __call__(self, views: Views) -> tuple[Floats, Floats]:
        """See `Head`."""
        there = present(views, self.names)
        ways = zip(self.names, self.models, strict=True)
        likely = [log_softmax(model(views[name])) for name, model in ways]
        return log_softmax(self.sharp * pooled(likely, self.weights, there)), shares(
            self.weights, there
        )

    def arrays(self) -> Arrays:
        """See `Head`."""
        found = _packed(self.models)
        return found | {
            "weights": self.weights.astype(np.float32),
            "sharp": np.array([self.sharp], np.float32),
        }


def pooled(likely: list[Floats], weights: Floats, there: Mask) -> Floats:
    """Weighted mean (n, c) of log-probabilities (n, c) of each modality, over what is there."""
    held = shares(weights, there)
    parts = [np.nan_to_num(one) * held[:, m : m + 1] for m, one in enumerate(likely)]
    return np.asarray(sum(parts), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Concat:
    """A linear model on the features of all modalities side by side, and one for each subset.

    A row is answered by the model of just those modalities that it has, so that nothing stands in
    for what is missing. The weight of a modality is its share of the absolute contributions to the
    logit of the class that wins.

    Attributes:
        names: sorted, (m,).
        subsets: sorted names, largest subsets first, (s,).
        models: one for each subset.
    """

    names: Subset
    subsets: tuple[Subset, ...]
    models: tuple[Linear, ...]

    def __call__(self, views: Views) -> tuple[Floats, Floats]:
        """See `Head`."""
        there = present(views, self.names)
        count = len(self.models[0].bias)
        logits, weights = np.zeros((len(there), count)), np.zeros(there.shape)
        left = np.ones(len(there), np.bool_)
        for subset, model in zip(self.subsets, self.models, strict=True):
            columns = np.array([self.names.index(name) for name in subset])
            at = left & there[:, columns].all(axis=1)
            rows = side_by_side(views, subset)[at]
            logits[at] = model(rows)
            weights[np.ix_(at, columns)] = _parts(rows, subset, views, model)
            left &= ~at
        return log_softmax(logits), weights

    def arrays(self) -> Arrays:
        """See `Head`."""
        members = np.array([[n in one for n in self.names] for one in self.subsets], np.float32)
        return _packed(self.models) | {"subsets": members}


def side_by_side(views: Views, names: Subset) -> Vectors:
    """Features of several modalities in one row, (n, sum of d); all NaN where one is missing."""
    rows = np.concatenate([views[name] for name in names], axis=1)
    return np.where(np.isnan(rows).any(axis=1, keepdims=True), np.float32(np.nan), rows)


def _parts(rows: Vectors, subset: Subset, views: Views, model: Linear) -> Floats:
    if not len(rows):
        return np.zeros((0, len(subset)))
    wins = model(rows).argmax(axis=1)
    each = model.scale(rows) * model.coef.T[wins]
    ends = np.cumsum([views[name].shape[1] for name in subset])[:-1]
    sums = np.stack([np.abs(x.sum(axis=1)) for x in np.split(each, ends, axis=1)], axis=1)
    return shares(sums.astype(np.float64), np.ones(sums.shape, np.bool_))


@dataclass(frozen=True, slots=True, eq=False)
class Net:
    """A fusion network, gated or attention.

    Attributes:
        kind: a key of `NETWORKS`.
        network: after it has learnt; its temperature is part of its last layer.
    """

    kind: str
    network: Network

    @property
    def names(self) -> Subset:
        """See `Head`."""
        return self.network.names

    def __call__(self, views: Views) -> tuple[Floats, Floats]:
        """See `Head`."""
        return self.network({name: views[name] for name in self.names})

    def arrays(self) -> Arrays:
        """See `Head`."""
        found = {f"net.{name}": one for name, one in self.network.arrays.items()}
        for at, scale in enumerate(self.network.scales):
            found |= {f"{at}.mean": scale.mean, f"{at}.by": scale.by}
        return found


def sharpened(net: Net, by: float) -> Net:
    """The same with all logits times a factor."""
    old = net.network
    last = {name: old.arrays[name] * np.float32(by) for name in ("out", "out.bias")}
    return Net(net.kind, Network(old.names, old.formula, old.scales, old.arrays | last))


def unpacked(kind: str, names: Subset, arrays: Mapping[str, Vectors], *, unit: bool) -> Head:
    """The head whose `arrays` these are; KeyError for one that is not there."""
    if kind in NETWORKS:
        scales = tuple(_scale(arrays, at) for at in range(len(names)))
        numbers = {key[4:]: one for key, one in arrays.items() if key.startswith("net.")}
        return Net(kind, Network(names, NETWORKS[kind].formula, scales, numbers))
    if kind == "concat":
        members = arrays["subsets"] > 0
        subsets = tuple(tuple(np.array(names)[one].tolist()) for one in members)
        return Concat(names, subsets, _models(arrays, len(subsets), unit=unit))
    weights = arrays["weights"].astype(np.float64)
    return Late(names, _models(arrays, len(names), unit=unit), weights, float(arrays["sharp"][0]))


def _packed(models: tuple[Linear, ...]) -> Arrays:
    found: Arrays = {}
    for at, one in enumerate(models):
        found |= {f"{at}.mean": one.scale.mean, f"{at}.by": one.scale.by}
        found |= {f"{at}.coef": one.coef, f"{at}.bias": one.bias}
    return found


def _models(arrays: Mapping[str, Vectors], count: int, *, unit: bool) -> tuple[Linear, ...]:
    return tuple(
        Linear(_scale(arrays, at), arrays[f"{at}.coef"], arrays[f"{at}.bias"], unit)
        for at in range(count)
    )


def _scale(arrays: Mapping[str, Vectors], at: int) -> Deviations:
    return Deviations(arrays[f"{at}.mean"], arrays[f"{at}.by"])

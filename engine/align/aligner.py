"""Aligners: every method that fits a bridge, by name, with the laws that all of them keep."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Protocol, cast

from engine.align.bridge import Bridge
from engine.align.pairs import Pairs
from engine.registry import adapter


class Aligner(Protocol):
    """A way to fit a bridge, with its settings.

    Laws:
        `fit` returns a value, there is no unfitted object; a planted rotation is recovered;
        shuffling the pairs changes nothing; shuffling one side against the other ruins held-out
        recall; pairs keep what they are.
    """

    @property
    def name(self) -> str:
        """As it is typed, and as a bridge names its method."""
        ...

    @property
    def complexity(self) -> int:
        """Where it stands between simple (1) and not: of equals, the simpler is chosen."""
        ...

    def variants(self, pairs: Pairs) -> Sequence["Aligner"]:
        """The settings that are worth trying on as many pairs of these widths, simplest first."""
        ...

    def fit(self, pairs: Pairs) -> Bridge:
        """Fit both maps; PairsError where these pairs are too few for it."""
        ...


METHODS = {
    "procrustes": "engine.align.procrustes:Procrustes",
    "ridge": "engine.align.ridge:Ridge",
    "relative": "engine.align.relative:Relative",
    "logsumexp": "engine.align.logsumexp:LogSumExp",
    "conse": "engine.align.conse:Convex",
    "whitened": "engine.align.whitened:Whitened",
    "cca": "engine.align.cca:Canonical",
    "gcca": "engine.align.gcca:Generalised",
    "joint": "engine.align.joint:Joint",
    "lasso": "engine.align.lasso:Lasso",
    "bilinear": "engine.align.bilinear:Bilinear",
    "nystroem": "engine.align.nystroem:Nystroem",
    "kcca": "engine.align.kcca:Exact",
    "kernel-gauss": "engine.align.fourier:Gauss",
    "kernel-laplace": "engine.align.fourier:Laplace",
    "mlp": "engine.align.mlp:Perceptron",
}
"""The order in which `auto` tries them, and in which they are listed."""


def aligner(name: str, **settings: Any) -> Aligner:  # noqa: ANN401  (each method's own)
    """The method of that name; UsageError when there is none."""
    return cast("Aligner", adapter(METHODS, name, "method")(**settings))


def summary(name: str) -> str:
    """What a method is, in a line: the first sentence of its module."""
    module, _, _ = METHODS[name].partition(":")
    return (import_module(module).__doc__ or "").partition("\n")[0]

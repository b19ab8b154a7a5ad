"""Making one ranking of several, and one score of several modalities."""

from engine.fuse.answers import Answers
from engine.fuse.comb import comb_max, comb_mnz, comb_sum
from engine.fuse.convex import Convex
from engine.fuse.learned import DEFAULT, KINDS, Card, fit, report
from engine.fuse.normalise import Isotonic, isotonic, min_max, rank, z
from engine.fuse.rrf import rrf
from engine.fuse.views import Fused, Learned, Views

__all__ = [
    "DEFAULT",
    "KINDS",
    "Answers",
    "Card",
    "Convex",
    "Fused",
    "Isotonic",
    "Learned",
    "Views",
    "comb_max",
    "comb_mnz",
    "comb_sum",
    "fit",
    "isotonic",
    "min_max",
    "rank",
    "report",
    "rrf",
    "z",
]

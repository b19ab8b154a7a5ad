"""Making one ranking of several."""

from engine.fuse.comb import comb_max, comb_sum

__all__ = ["comb_max", "comb_sum"]

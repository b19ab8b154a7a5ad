"""How folders become a library."""

from indexer.pipeline import index
from indexer.report import IndexReport, Progress, Skip

__all__ = ["IndexReport", "Progress", "Skip", "index"]

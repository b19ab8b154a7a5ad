"""How folders become a library."""

from indexer.pipeline import index
from indexer.report import IndexReport, Progress, Skip
from indexer.switch import MoveReport, move

__all__ = ["IndexReport", "MoveReport", "Progress", "Skip", "index", "move"]

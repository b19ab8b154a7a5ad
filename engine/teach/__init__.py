"""What a person teaches a library: pairs of things that belong together, and labels of things."""

from engine.teach.gather import Gathered, rows_of
from engine.teach.tables import Labelled, Pair, read_labels, read_pairs

__all__ = ["Gathered", "Labelled", "Pair", "read_labels", "read_pairs", "rows_of"]

"""What a person teaches a library: pairs of things that belong together, and labels of things."""

from engine.teach.bridging import Lesson, Recipe, teach
from engine.teach.captions import caption_pairs
from engine.teach.gather import Gathered, rows_of
from engine.teach.tables import Labelled, Pair, read_labels, read_pairs
from engine.teach.using import (
    Listed,
    bridges_of,
    check_new,
    drop,
    hand_out,
    recall,
    stop_using,
    take_in,
    use,
)

__all__ = [
    "Gathered",
    "Labelled",
    "Lesson",
    "Listed",
    "Pair",
    "Recipe",
    "bridges_of",
    "caption_pairs",
    "check_new",
    "drop",
    "hand_out",
    "read_labels",
    "read_pairs",
    "recall",
    "rows_of",
    "stop_using",
    "take_in",
    "teach",
    "use",
]

"""What may be found, and how a list is to be made."""

from dataclasses import dataclass, field

from engine.rank.steps import ALL_STEPS, Steps
from engine.store.records import Found
from engine.types import Ids, Modality

LINE = 0.9
"""Relevance where a list ends: of plain queries, a tenth find something as good by chance."""

NEAREST = 5
"""How many files below the line are told, so that a person may judge."""


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """Which files may be found.

    Attributes:
        wanted: modalities of the files.
        without: contents to leave out, such as the query's own.
        files: the only files that may be found, sorted ids (n,); None for all.
        never: files that may not be found.
        captions: whether media are found by captions, subtitles and sidecars beside them.
    """

    wanted: frozenset[Modality]
    without: frozenset[int] = frozenset()
    files: Ids | None = None
    never: frozenset[int] = frozenset()
    captions: bool = True
    _known: frozenset[int] = field(init=False, default=frozenset())

    def __post_init__(self) -> None:
        if self.files is not None:
            object.__setattr__(self, "_known", frozenset(self.files.tolist()))

    def admits(self, found: Found) -> bool:
        """Whether a file may be a hit."""
        if found.modality not in self.wanted or found.content_id in self.without:
            return False
        if found.file_id in self.never or (found.caption and not self.captions):
            return False
        return self.files is None or found.file_id in self._known


@dataclass(frozen=True, slots=True)
class Listing:
    """How the list is made of what was found.

    Attributes:
        k: how many hits at most.
        least: relevance below which a file is no hit.
        balance: some of each modality, as far as there are any.
        moments: each hit is a moment of a recording; a recording may have several.
        steps: what ranking does.
    """

    k: int = 10
    least: float = LINE
    balance: bool = False
    moments: bool = False
    steps: Steps = ALL_STEPS

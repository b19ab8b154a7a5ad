"""The values that cross a boundary: frozen, and checked when they are made."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Vectors: TypeAlias = npt.NDArray[np.float32]
"""Rows of one space: float32, shape (n, dim)."""

Ids: TypeAlias = npt.NDArray[np.int64]
"""Segment or vector ids: int64, shape (n,)."""

Scores: TypeAlias = npt.NDArray[np.float32]
"""One score per id: float32, shape (n,); higher is better, always."""

UNIT_TOLERANCE = 1e-2
"""How far a row's length may be from 1; float16 storage alone accounts for about 1e-3."""


BLOCK_ROWS = 2048
"""Rows that are looked at together where all would be too many: what they become stays small."""


class Modality(StrEnum):
    """What kind of thing a person sees or hears."""

    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    TEXT = "text"


class SpanUnit(StrEnum):
    """What the two ends of a span count."""

    MILLISECONDS = "ms"
    CHARACTERS = "characters"


class Origin(StrEnum):
    """Where the words of a segment come from."""

    OWN = ""
    """The segment itself: words only where it is a passage of a text."""
    SEEN = "seen"
    """Read in a picture, or in a shot of a video."""
    HEARD = "heard"
    """Spoken in a recording, or in the sound of a video."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a recording (milliseconds) or of a text (characters), end excluded."""

    start: int
    end: int
    unit: SpanUnit = SpanUnit.MILLISECONDS

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"a span needs 0 <= start < end, not {self.start}, {self.end}")


@dataclass(frozen=True, slots=True)
class Space:
    """A vector space. Equal spaces, and only those, hold vectors that may be compared.

    Attributes:
        name: short and stable, for example ``minilm``.
        dim: number of components, at least 1.
        fingerprint: digest of the weights, preprocessing and windowing that define it.
    """

    name: str
    dim: int
    fingerprint: str

    def __post_init__(self) -> None:
        if self.dim < 1:
            raise ValueError(f"space {self.name} needs a dim of at least 1, not {self.dim}")


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """Rows of one space with the id each belongs to; rows have unit length, ids are unique."""

    space: Space
    ids: Ids
    vectors: Vectors

    def __post_init__(self) -> None:
        shape = (len(self.ids), self.space.dim)
        if self.vectors.shape != shape:
            raise ValueError(f"space {self.space.name} wants {shape}, not {self.vectors.shape}")
        if not np.isfinite(self.vectors).all():
            raise ValueError(f"a vector of space {self.space.name} is not finite")
        lengths = np.linalg.norm(self.vectors, axis=1)
        if lengths.size and np.abs(lengths - 1).max() > UNIT_TOLERANCE:
            raise ValueError(f"a vector of space {self.space.name} is not of unit length")
        if (np.diff(np.sort(self.ids)) == 0).any():  # np.unique would import numpy.ma: 30 ms
            raise ValueError("ids are not unique")

    def __len__(self) -> int:
        return len(self.ids)

    def blocks(self) -> Iterator["Embeddings"]:
        """The same rows, a few at a time."""
        for at in range(0, len(self), BLOCK_ROWS):
            part = slice(at, at + BLOCK_ROWS)
            yield Embeddings(self.space, self.ids[part], self.vectors[part])


@dataclass(frozen=True, slots=True)
class Source:
    """Where a ranking comes from: which query term, found in which space, among what."""

    term: str
    space: str
    gallery: str

    def __str__(self) -> str:
        return f"{self.term} -> {self.gallery} in {self.space}"


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Ids with scores, best first; scores never rise, ties are ordered by id."""

    source: Source
    ids: Ids
    scores: Scores

    def __post_init__(self) -> None:
        if self.ids.shape != self.scores.shape:
            raise ValueError(f"{len(self.ids)} ids but {len(self.scores)} scores")
        if np.any(np.diff(self.scores) > 0):
            raise ValueError("the scores of a ranking may not rise")

    def __len__(self) -> int:
        return len(self.ids)

"""The values that cross a boundary: frozen, and checked when they are made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from engine.errors import UsageError

Vectors: TypeAlias = npt.NDArray[np.float32]
"""Rows of one space: float32, shape (n, dim)."""

Ids: TypeAlias = npt.NDArray[np.int64]
"""Segment or vector ids: int64, shape (n,)."""

Scores: TypeAlias = npt.NDArray[np.float32]
"""One score per id: float32, shape (n,); higher is better, always."""

UNIT_TOLERANCE = 1e-2
"""How far a row's length may be from 1; float16 storage alone accounts for about 1e-3."""


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


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a query: words, or the path of a file of the given modality."""

    modality: Modality
    payload: str | Path

    def __str__(self) -> str:
        if isinstance(self.payload, Path):
            return self.payload.name
        return f'"{self.payload}"'


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for: words, a picture, a sound, a video, or several of these at once.

    Example:
        >>> Query("a dog on a beach").terms[0].modality
        <Modality.TEXT: 'text'>
    """

    text: str | None = None
    image: str | Path | None = None
    audio: str | Path | None = None
    text_file: str | Path | None = None
    video: str | Path | None = None

    def __post_init__(self) -> None:
        if not self.terms:
            raise UsageError(
                "The query is empty.", hint="Give some words, a picture, a sound or a video."
            )

    @property
    def terms(self) -> tuple[Term, ...]:
        """The parts of the query: the words first, then the files."""
        files = (
            (Modality.IMAGE, self.image),
            (Modality.AUDIO, self.audio),
            (Modality.VIDEO, self.video),
            (Modality.TEXT, self.text_file),
        )
        words = (self.text or "").strip()
        return (
            *([Term(Modality.TEXT, words)] if words else []),
            *(Term(m, Path(file).expanduser()) for m, file in files if file is not None),
        )


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason for a hit: the ranking it was found in, its rank there (from 1) and its score."""

    source: Source
    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Hit:
    """One file in a result, with its best segment and the reasons why it is there.

    Attributes:
        path: absolute path of the file.
        modality: of the file.
        score: standard deviations above what this query scores on average in the library.
        span: the best moment (recordings) or passage (texts); None for the whole file.
        because: at least one reason, strongest first.
        snippet: the words of the passage or caption that matched, or an empty string.
        same: paths of other files with the same bytes.
    """

    path: Path
    modality: Modality
    score: float
    span: Span | None
    because: tuple[Evidence, ...]
    snippet: str = ""
    same: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if not self.because:
            raise ValueError("a hit must say why it is there")


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The hits of a query, best first, and how long each step took in milliseconds."""

    query: Query
    hits: tuple[Hit, ...]
    timings_ms: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

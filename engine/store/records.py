"""The values that go into the catalogue and come out of it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import numpy as np

from engine.rank.landmarks import Codes
from engine.types import Embeddings, Modality, Space, Span, Vectors


class State(StrEnum):
    """What became of a file; every file that was found has exactly one state."""

    INDEXED = "indexed"
    FAILED = "failed"
    SKIPPED = "skipped"


class WordKind(StrEnum):
    """Where words were found."""

    NAME = "name"
    """Of the file or of its folders."""
    TAG = "tag"
    TITLE = "title"
    CAPTION = "caption"
    """What somebody wrote about it: a text beside it, a description, an artist."""
    PASSAGE = "passage"
    """A part of a text file."""
    SUBTITLE = "subtitle"
    SEEN = "seen"
    """Read in a picture."""
    HEARD = "heard"
    """Recognised speech."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells a file from an earlier self without reading it."""

    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One path of the catalogue.

    Attributes:
        root: absolute folder that the user indexed.
        path: relative to the root, as bytes.
        digest: of the content; None unless the state is indexed.
    """

    root: Path
    path: bytes
    stamp: Stamp
    state: State
    reason: str = ""
    digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """What a folder looked like when all its files had come to their end.

    Attributes:
        digest: of the names, sizes, times and inodes of all that lies in it.
        files: how many of these the catalogue has.
        indexed: how many of those could be indexed.
    """

    digest: bytes
    files: int
    indexed: int


@dataclass(frozen=True, slots=True, eq=False)
class SegmentRecord:
    """One segment; `words` is the text of a passage.

    Attributes:
        kind: how the words were found; None for what follows from the content (passages of a
            text, subtitles, words read in a picture, words heard in a recording).
    """

    span: Span | None
    words: str = ""
    kind: WordKind | None = None


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Segments of a content that were cut in one way, with a vector for each in every space.

    Attributes:
        segments: at least one.
        vectors: a space and its unit rows (len(segments), space.dim), for each space; none where
            only words were found, as on a sign in a picture.
    """

    segments: tuple[SegmentRecord, ...]
    vectors: tuple[tuple[Space, Vectors], ...]

    def __post_init__(self) -> None:
        ids = np.arange(len(self.segments), dtype=np.int64)
        for space, rows in self.vectors:
            Embeddings(space, ids, rows)  # raises unless each segment has one finite unit row


@dataclass(frozen=True, slots=True, eq=False)
class ContentRecord:
    """New bytes: what they are, and what is seen or heard in them.

    Attributes:
        info: JSON values: `engine.facts.Facts.as_info`, and `partial` where damage was met.
        views: one for most media; a video has its pictures and its sound; a sidecar may have none.
        peaks: of what is heard in it (engine.rank.landmarks); None where nothing was listened to.
    """

    digest: bytes
    modality: Modality
    format: str
    info: Mapping[str, Any]
    views: tuple[View, ...]
    peaks: Codes | None = None

    @property
    def segments(self) -> tuple[SegmentRecord, ...]:
        """The segments of all views, in order."""
        return tuple(segment for view in self.views for segment in view.segments)


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes that the catalogue knows, and every file that holds them."""

    id: int
    digest: bytes
    modality: Modality
    format: str
    files: list[FileRecord]


@dataclass(frozen=True, slots=True)
class Found:
    """Where a vector leads: a segment of a content, in one file that holds it."""

    vector_id: int
    file_id: int
    root: Path
    path: bytes
    modality: Modality
    content_id: int
    span: Span | None
    words: str
    caption: bool = False
    digest: bytes = b""

    @classmethod
    def of_file(cls, row: Any) -> Self:  # noqa: ANN401  (a row of a query)
        """A file as a whole: no vector led to it."""
        return cls(
            vector_id=0,
            file_id=row.file_id,
            root=Path(os.fsdecode(row.root_path)),
            path=row.path,
            modality=Modality(row.modality),
            content_id=row.content_id,
            span=None,
            words="",
            digest=row.digest,
        )


@dataclass(frozen=True, slots=True)
class WordHit:
    """A file in whose names, facts, captions or texts words were found.

    Attributes:
        path: relative to the root, as bytes.
        score: higher is better; of one query's hits alone can it be compared.
        kind: where the best of it was found.
        span: the passage or the moment of that; None for the whole file.
        snippet: the words around it.
        coverage: share of the query's words that occur in it, each counted by its rarity; 0 to 1.
        caption: found by what describes it, a caption, subtitle or sidecar.
    """

    file_id: int
    content_id: int
    modality: Modality
    root: Path
    path: bytes
    score: float
    kind: WordKind
    span: Span | None
    snippet: str
    coverage: float
    caption: bool = False
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Guess:
    """A label that a classifier gives to a content.

    Attributes:
        probability: 0 to 1.
        weights: how much each modality counted, by its name.
        segment: the id of the part that has the label; None for the whole content.
    """

    label: str
    probability: float
    weights: Mapping[str, float] = field(default_factory=dict)
    segment: int | None = None


@dataclass(frozen=True, slots=True)
class SnapshotRecord:
    """The receipt of a derived file: what it holds, up to which commit, and its digest."""

    gallery: str
    fingerprint: str
    seq: int
    rows: int
    name: str
    size: int
    sha256: str

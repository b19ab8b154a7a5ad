"""The contents of a library, each with one vector: what collections are made of."""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.arrays import unit_rows
from engine.store.records import Content, FileRecord, Found
from engine.types import Embeddings, Modality, Vectors


@dataclass(frozen=True, slots=True)
class Scope:
    """Which files are looked at.

    Attributes:
        wanted: modalities of the files.
        under: absolute folders; empty for everywhere.
    """

    wanted: frozenset[Modality]
    under: tuple[Path, ...] = ()

    def admits(self, path: Path) -> bool:
        """Whether a file lies where it should."""
        return not self.under or any(path.is_relative_to(folder) for folder in self.under)


@dataclass(frozen=True, slots=True)
class Item:
    """Bytes that the library knows, with the files that hold them, the oldest first."""

    id: int
    modality: Modality
    files: tuple[FileRecord, ...]

    @property
    def path(self) -> Path:
        """The file that stands for all: the oldest, of equally old ones the shortest path."""
        return path_of(self.files[0])


def path_of(record: FileRecord) -> Path:
    """Where a file lies."""
    return record.root / os.fsdecode(record.path)


def found_path(found: Found) -> Path:
    """Where a found file lies."""
    return found.root / os.fsdecode(found.path)


def items_of(contents: Iterable[Content], scope: Scope) -> list[Item]:
    """The items whose files a scope admits, in the order of contents."""
    found = []
    for one in contents:
        files = [f for f in one.files if scope.admits(path_of(f))]
        if files:
            files.sort(key=lambda f: (f.stamp.mtime_ns, len(f.path), f.path))
            found.append(Item(one.id, one.modality, tuple(files)))
    return found


def mean_rows(rows: Embeddings, found: Sequence[Found], wanted: Collection[int]) -> "Rows":
    """One unit row for each wanted content: the mean direction of its segments' rows."""
    content_of = {one.vector_id: one.content_id for one in found if not one.caption}
    owners = np.array([content_of.get(int(i), -1) for i in rows.ids], dtype=np.int64)
    kept = np.isin(owners, np.fromiter(wanted, dtype=np.int64, count=len(wanted)))
    ids, places = np.unique(owners[kept], return_inverse=True)
    sums = np.zeros((len(ids), rows.space.dim), dtype=np.float32)
    np.add.at(sums, places, rows.vectors[kept])
    return Rows(tuple(ids.tolist()), unit_rows(sums))


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Unit rows (n, dim), one for each content.

    Attributes:
        ids: of the contents, ascending, (n,).
    """

    ids: tuple[int, ...]
    vectors: Vectors

    @property
    def places(self) -> Mapping[int, int]:
        """Which row is of which content."""
        return {one: place for place, one in enumerate(self.ids)}

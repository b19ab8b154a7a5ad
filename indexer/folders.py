"""Folders that look as they did when all their files had come to their end are not compared."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.store.catalogue import CatalogueReader
from engine.store.paths import folder_of
from engine.store.records import FileRecord, Listing, State
from engine.store.writer import CatalogueWriter
from indexer.plan import is_barred
from indexer.scan import Scan, scan


@dataclass(frozen=True, slots=True)
class Walked:
    """A walk of a root, or of what lies below a folder of it."""

    root: Path
    below: Path
    found: Scan

    @classmethod
    def of(cls, catalogue: CatalogueReader, root: Path, below: Path) -> "Walked":
        """Walk now."""
        return cls(root, below, scan(root, below, catalogue.listings(root)))

    @property
    def kept(self) -> int:
        """Files that are indexed in folders that look the same."""
        return sum(one.indexed for one in self.found.same.values())

    def rows(self, catalogue: CatalogueReader) -> list[FileRecord]:
        """What the catalogue has here, without the folders that look the same."""
        relative = os.fsencode(self.below.relative_to(self.root))
        scope = b"" if relative == b"." else relative
        same = self.found.same
        kept = sum(one.files for one in same.values())
        if not self.found.files and catalogue.file_count(self.root, scope) == kept:
            return []
        return catalogue.files(self.root, scope, without=same)

    def lacking(self, catalogue: CatalogueReader) -> Iterator[FileRecord]:
        """Files that could not be indexed in folders that look the same."""
        same = self.found.same
        if any(one.files > one.indexed for one in same.values()):
            for row in catalogue.lacking_files(self.root):
                if folder_of(row.path) in same:
                    yield row


def remember(
    writer: CatalogueWriter, walks: Sequence[Walked], failed: Iterable[FileRecord]
) -> None:
    """Note what folders look like, now that all their files have come to their end.

    Args:
        writer: of the catalogue.
        walks: what was found.
        failed: of that, what could not be indexed. A folder with a file that is to be tried again,
            changed or not, is not noted.
    """
    barred, lacking = set[tuple[Path, bytes]](), Counter[tuple[Path, bytes]]()
    for row in failed:
        place = (row.root, folder_of(row.path))
        lacking[place] += row.state is State.FAILED
        if is_barred(row):
            barred.add(place)
    seen: dict[Path, dict[bytes, Listing]] = {}
    for walk in walks:
        files = Counter(folder_of(one.path) for one in walk.found.files)
        for folder, digest in walk.found.looks.items():
            place = (walk.root, folder)
            if place not in barred:
                listing = Listing(digest, files[folder], files[folder] - lacking[place])
                seen.setdefault(walk.root, {})[folder] = listing
    if seen:
        writer.set_listings(seen)

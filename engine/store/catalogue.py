"""Reading the catalogue: rows become values."""

import json
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import EngineError, LibraryDamagedError, LibraryVersionError
from engine.query import Field, Filter
from engine.rank.landmarks import Codes
from engine.store import (
    checks,
    filters,
    labels,
    landmarks,
    layout,
    links,
    listings,
    vectors,
    views,
    words,
)
from engine.store.checks import Status
from engine.store.chunks import chunks
from engine.store.connect import mapped_errors
from engine.store.newest import newest
from engine.store.paths import folder_of
from engine.store.records import (
    Content,
    FileRecord,
    Found,
    Guess,
    Listing,
    SnapshotRecord,
    Stamp,
    State,
    WordHit,
    WordKind,
)
from engine.store.resolve import resolve
from engine.store.session import ReadingEngine, Session
from engine.store.vectors import Stored
from engine.store.windows import Windows, contents_in, windows_of
from engine.types import Embeddings, Ids, Modality, Space

if TYPE_CHECKING:
    from sqlalchemy import Engine

_OLDER = "An older seehear wrote this library: it has no words and no facts of files to search by"
_UNLABELLED = "An older seehear wrote this library: it has no labels to search by"
_UPGRADE = "bring it up to date with: seehear rebuild"


class CatalogueReader:
    """Everything that can be asked of a catalogue, through one connection that cannot write."""

    def __init__(self, path: Path, engine: "ReadingEngine | Engine") -> None:
        self.path = path
        self._engine = engine

    def close(self) -> None:
        """Give the connection back; the catalogue cannot be used afterwards."""
        self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        with mapped_errors(self.path), self._engine.connect() as connection:
            try:
                yield connection
            except (
                TypeError,
                ValueError,
            ) as error:  # a row that no writer of ours can have written
                raise LibraryDamagedError(self.path, str(error)) from error

    def check_format(self) -> None:
        """Raise LibraryVersionError or LibraryDamagedError for a file that is not ours to read."""
        with self._reading() as connection:
            application = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
            version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        if application != layout.APPLICATION_ID:
            raise LibraryDamagedError(self.path, "it is not a seehear catalogue")
        if version > layout.FORMAT_VERSION:
            raise LibraryVersionError(self.path, version, layout.FORMAT_VERSION)

    def format(self) -> int:
        """The version of the format that it has."""
        with self._reading() as connection:
            return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())

    def data_version(self) -> int:
        """A number that changes when another connection has committed."""
        with self._reading() as connection:
            return int(connection.exec_driver_sql("PRAGMA data_version").scalar_one())

    def setting(self, key: str) -> str | None:
        """The value of a setting, or None."""
        query = "SELECT value FROM setting WHERE key = ?"
        with self._reading() as connection:
            value: str | None = connection.exec_driver_sql(query, (key,)).scalar_one_or_none()
        return value

    def settings(self, beginning: str) -> dict[str, str]:
        """Settings whose names begin so, without that beginning."""
        with self._reading() as connection:
            rows = connection.exec_driver_sql("SELECT key, value FROM setting").all()
        return {
            row.key.removeprefix(beginning): row.value
            for row in rows
            if row.key.startswith(beginning)
        }

    def seq(self) -> int:
        """The number of the last commit."""
        return int(self.setting("seq") or 0)

    def roots(self) -> tuple[Path, ...]:
        """The indexed folders, in the order they were added."""
        with self._reading() as connection:
            rows = connection.exec_driver_sql("SELECT path FROM root ORDER BY id")
            return tuple(Path(os.fsdecode(row.path)) for row in rows)

    def spaces(self) -> dict[str, Space]:
        """The spaces that hold vectors, by name."""
        with self._reading() as connection:
            rows = connection.exec_driver_sql("SELECT name, dim, fingerprint FROM space").all()
        return {row.name: Space(row.name, row.dim, row.fingerprint) for row in rows}

    def files(
        self, root: Path, below: bytes = b"", *, without: Collection[bytes] = ()
    ) -> list[FileRecord]:
        """Every file of a root, in the order of its path.

        Args:
            root: an indexed folder.
            below: a relative path: only that file, or those below that folder.
            without: folders, relative to the root, whose own files are left out.
        """
        where, values = _lies(below)
        query = f"{_FILES} WHERE r.path = ? AND {where} ORDER BY f.path"
        with self._reading() as connection:
            return [
                _file_record(root, row)
                for row in connection.exec_driver_sql(query, (os.fsencode(root), *values))
                if not without or folder_of(row.path) not in without
            ]

    def file_count(self, root: Path, below: bytes = b"") -> int:
        """How many files a root has, or one of its folders."""
        where, values = _lies(below)
        query = f"{_COUNT} WHERE r.path = ? AND {where}"
        with self._reading() as connection:
            found = connection.exec_driver_sql(query, (os.fsencode(root), *values))
            return int(found.scalar_one())

    def lacking_files(self, root: Path) -> list[FileRecord]:
        """The files of a root that could not be indexed, in the order of their paths."""
        query = f"{_FILES} WHERE r.path = ? AND f.state != 'indexed' ORDER BY f.path"
        with self._reading() as connection:
            rows = connection.exec_driver_sql(query, (os.fsencode(root),))
            return [_file_record(root, row) for row in rows]

    def listings(self, root: Path) -> dict[bytes, Listing]:
        """What the folders of a root looked like, by their relative paths."""
        with self._reading() as connection:
            return listings.read(connection, root)

    def file_at(self, path: Path) -> FileRecord | None:
        """The record of an absolute path, or None when it was never indexed."""
        for root in self.roots():
            if not path.is_relative_to(root):
                continue
            values = (os.fsencode(root), os.fsencode(path.relative_to(root)))
            query = f"{_FILES} WHERE r.path = ? AND f.path = ?"
            with self._reading() as connection:
                row = connection.exec_driver_sql(query, values).one_or_none()
                if row is not None:
                    return _file_record(root, row)
        return None

    def digests(self) -> set[bytes]:
        """The digests of all contents."""
        with self._reading() as connection:
            return set(connection.exec_driver_sql("SELECT digest FROM content").scalars())

    def content_at(self, digest: bytes) -> int | None:
        """The id of a content, or None."""
        query = "SELECT id FROM content WHERE digest = ?"
        with self._reading() as connection:
            found: int | None = connection.exec_driver_sql(query, (digest,)).scalar_one_or_none()
        return found

    def contents_after(self, content_id: int, modalities: Iterable[Modality]) -> list[Content]:
        """Contents of these modalities with greater ids, in order, each with its files."""
        values = (content_id, json.dumps([m.value for m in modalities]))
        found: dict[int, Content] = {}
        with self._reading() as connection:
            for row in connection.exec_driver_sql(_CONTENTS_AFTER, values):
                one = found.get(row.id)
                if one is None:
                    one = Content(row.id, row.digest, Modality(row.modality), row.format, [])
                    found[row.id] = one
                stamp = Stamp(row.size, row.mtime_ns, row.inode)
                root = Path(os.fsdecode(row.root_path))
                one.files.append(
                    FileRecord(root, row.path, stamp, State.INDEXED, digest=row.digest)
                )
        return list(found.values())

    def held(self, digests: Iterable[bytes]) -> set[bytes]:
        """Those of the digests that are there."""
        query = "SELECT digest FROM content WHERE digest IN ({})"
        with self._reading() as connection:
            return {
                digest
                for part in chunks(list(digests))
                for digest in connection.exec_driver_sql(
                    query.format(", ".join("?" * len(part))), tuple(part)
                ).scalars()
            }

    def stored(self, space: Space, modality: Modality, seq: int = 0) -> Stored:
        """The living vectors of a space and modality committed after `seq`, to be read in parts."""
        return Stored(self.path, self._reading, space, modality, seq)

    def vectors_since(self, space: Space, modality: Modality, seq: int) -> Embeddings:
        """The same at once, as they are now.

        LibraryDamagedError when a vector does not match its checksum.
        """
        return vectors.joined(space, self.stored(space, modality, seq).blocks())

    def vectors_of(self, digest: bytes, space: Space) -> Embeddings:
        """The vectors of one content in a space, in the order of its segments."""
        with self._reading() as connection:
            return vectors.of_content(connection, self.path, digest, space)

    def vectors_with(self, vector_ids: Ids, space: Space) -> Embeddings:
        """The vectors of these ids in a space, by vector id; ids that are gone are left out."""
        with self._reading() as connection:
            return vectors.with_ids(connection, self.path, vector_ids, space)

    def beside(self, contents: Sequence[int]) -> list[tuple[int, int]]:
        """Each of these media with the captions and subtitles that describe it, as contents."""
        with self._reading() as connection:
            return views.beside(connection, contents) if _is_derived(connection) else []

    def standing_alone(self) -> set[int]:
        """Contents with a file that describes no medium."""
        with self._reading() as connection:
            return views.standing_alone(connection)

    def words_found(self, contents: Sequence[int], kind: WordKind) -> dict[int, str]:
        """The words seen or heard in each of these contents; those without are left out."""
        with self._reading() as connection:
            return views.words_found(connection, contents, kind) if _is_derived(connection) else {}

    def tombstones_since(self, seq: int) -> Ids:
        """Ids of the vectors removed after `seq`, sorted."""
        query = "SELECT vector_id FROM tombstone WHERE seq > ? ORDER BY vector_id"
        with self._reading() as connection:
            return filters.ids_of(connection, query, (seq,))

    def snapshots(self, gallery: str | None = None) -> tuple[SnapshotRecord, ...]:
        """Receipts of derived files, newest first; of one gallery, or of all."""
        with self._reading() as connection:
            return tuple(
                SnapshotRecord(r.gallery, r.fingerprint, r.seq, r.rows, r.name, r.size, r.sha256)
                for r in connection.exec_driver_sql("SELECT * FROM snapshot ORDER BY id DESC")
                if gallery in {None, r.gallery}
            )

    def resolve(self, vector_ids: Sequence[int]) -> list[Found]:
        """Where vectors lead: every indexed file that holds the segment, captions to their media.

        A caption or subtitle (`engine.store.paths.described`) also yields the media it describes,
        marked as found by caption; of its spans only moments are kept. Order is not kept; unknown
        ids are left out.
        """
        with self._reading() as connection:
            return resolve(connection, vector_ids, derived=_is_derived(connection))

    def remarks(self) -> tuple[str, ...]:
        """What a person should know of a catalogue that an older seehear wrote."""
        with self._reading() as connection:
            return () if _is_derived(connection) else (f"{_OLDER}; {_UPGRADE}",)

    def admitted(self, filters_: Sequence[Filter]) -> Ids:
        """Ids of the indexed files that pass all filters, sorted; sidecars are no files here.

        EngineError when there are filters and an older seehear wrote the catalogue; UsageError
        for a value that its field cannot take.
        """
        with self._reading() as connection:
            version = _version(connection)
            if not filters_ and version < layout.DERIVED_SINCE:
                query = "SELECT id FROM file WHERE state = 'indexed' ORDER BY id"
                return filters.ids_of(connection, query, ())
            by_label = any(one.field is Field.LABEL for one in filters_)
            if version >= (layout.LABELS_SINCE if by_label else layout.DERIVED_SINCE):
                return filters.admitted(connection, filters_)
        lack = _OLDER if version < layout.DERIVED_SINCE else _UNLABELLED
        raise EngineError(f"{lack}.", hint=f"To use conditions, {_UPGRADE}")

    def vectors_of_files(self, file_ids: Ids, space: Space, modality: Modality) -> Ids:
        """Ids of the vectors of these files' contents in a space, sorted."""
        with self._reading() as connection:
            derived = _is_derived(connection)
            return links.vectors_of_files(connection, file_ids, space, modality, derived=derived)

    def captions_of(self, file_ids: Ids) -> Ids:
        """Ids of the captions and subtitles that describe these media, sorted."""
        with self._reading() as connection:
            if not _is_derived(connection):
                return np.zeros(0, dtype=np.int64)
            return links.captions_of(connection, file_ids)

    def find_words(
        self, text: str, *, phrases: Sequence[str] = (), limit: int, among: Ids | None = None
    ) -> list[WordHit]:
        """Files in whose names, facts, captions or texts words occur, best first.

        What a caption, subtitle or sidecar says is also found in the media it describes. Words
        of `engine.store.texts.STOP_WORDS` find nothing by themselves; singular and plural find
        each other. A catalogue that an older seehear wrote has no words (`remarks`).

        Args:
            text: words, in any signs; a file with one of them is a hit.
            phrases: each must occur as it stands, accents and case aside, somewhere in what
                belongs to the file; one in its name and another in its caption will do.
            limit: how many at most.
            among: ids of the files to look at; None for all.
        """
        with self._reading() as connection:
            if not _is_derived(connection):
                return []
            return words.find_words(connection, text, phrases, limit, among)

    def files_with_id(self, prefix: str) -> list[tuple[Path, Modality]]:
        """Files whose content's digest begins with these hexadecimal digits; in a fixed order."""
        with self._reading() as connection:
            return links.files_with_id(connection, prefix)

    def newest(self, file_ids: Ids, limit: int) -> list[Found]:
        """These files, by when they were taken, else modified; the newest first."""
        with self._reading() as connection:
            return newest(connection, file_ids, limit)

    def label_counts(self) -> dict[str, int]:
        """Of how many contents each classifier said something, by its name."""
        with self._reading() as connection:
            return labels.counts(connection) if _is_labelled(connection) else {}

    def labels_of(self, content_id: int) -> list[tuple[str, Guess]]:
        """What classifiers said of a content, by their names, the most probable label first."""
        with self._reading() as connection:
            return labels.of_content(connection, content_id) if _is_labelled(connection) else []

    def contents_in(self, space: Space, modality: Modality) -> int:
        """How many contents have vectors of a modality in a space."""
        with self._reading() as connection:
            return contents_in(connection, space, modality)

    def windows(self, content_ids: Sequence[int], space: Space) -> Windows:
        """The segments of these contents that have a vector in a space, in order."""
        with self._reading() as connection:
            return windows_of(connection, content_ids, space)

    def peaks_since(self, seq: int) -> list[tuple[int, Codes]]:
        """The peaks of what is heard in contents, by their ids, committed after `seq`."""
        with self._reading() as connection:
            has = _version(connection) >= layout.LANDMARKS_SINCE
            return landmarks.peaks_since(connection, self.path, seq) if has else []

    def peaks_kept(self, seq: int) -> tuple[int, int]:
        """How many contents have peaks committed until `seq`, and the bytes of those since."""
        with self._reading() as connection:
            return landmarks.kept_until(connection, seq)

    def unheard(self) -> list[int]:
        """Ids of sounds and videos whose peaks are not known: an older seehear indexed them."""
        with self._reading() as connection:
            if _version(connection) >= layout.LANDMARKS_SINCE:
                return landmarks.unheard(connection)
        return [one.id for one in self.contents_after(0, (Modality.AUDIO, Modality.VIDEO))]

    def files_of(self, content_ids: Collection[int]) -> list[Found]:
        """Every indexed file that holds one of these contents, in the order of ids."""
        with self._reading() as connection:
            return landmarks.files_of(connection, content_ids)

    def status(self) -> Status:
        """Counts of everything, and the files that could not be indexed."""
        profile, roots, seq = self.setting("profile") or "", self.roots(), self.seq()
        with self._reading() as connection:
            return checks.status_of(connection, profile, roots, seq)

    def check_structure(self, *, deeply: bool = False) -> None:
        """Raise LibraryDamagedError when SQLite finds its own structure broken.

        Args:
            deeply: also compare every index with its table.
        """
        pragma = "PRAGMA integrity_check(1)" if deeply else "PRAGMA quick_check(1)"
        with self._reading() as connection:
            finding = str(connection.exec_driver_sql(pragma).scalar_one())
        if finding != "ok":
            raise LibraryDamagedError(self.path, finding)

    def living_vectors(self) -> Ids:
        """Ids of all vectors, sorted."""
        with self._reading() as connection:
            return filters.ids_of(connection, "SELECT id FROM vector ORDER BY id", ())

    def broken_vectors(self) -> list[str]:
        """Sentences about vectors that fail their checksums; empty when all is well."""
        with self._reading() as connection:
            return checks.broken_vectors(connection)

    def inconsistencies(self) -> list[str]:
        """Sentences about rows that do not fit together; empty when all is well."""
        with self._reading() as connection:
            found = checks.inconsistencies(connection, derived=_is_derived(connection))
            return found + (checks.lost_labels(connection) if _is_labelled(connection) else [])


def _version(connection: Session) -> int:
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def _is_derived(connection: Session) -> bool:
    return _version(connection) >= layout.DERIVED_SINCE


def _is_labelled(connection: Session) -> bool:
    return _version(connection) >= layout.LABELS_SINCE


_FILES = """
SELECT f.path, f.size, f.mtime_ns, f.inode, f.state, f.reason, c.digest
FROM file AS f JOIN root AS r ON r.id = f.root_id LEFT JOIN content AS c ON c.id = f.content_id
"""

_COUNT = "SELECT count(*) FROM file AS f JOIN root AS r ON r.id = f.root_id"

_CONTENTS_AFTER = """
SELECT c.id, c.digest, c.modality, c.format, r.path AS root_path, f.path, f.size, f.mtime_ns,
       f.inode
FROM content AS c JOIN file AS f ON f.content_id = c.id JOIN root AS r ON r.id = f.root_id
WHERE c.id > ? AND c.modality IN (SELECT value FROM json_each(?)) ORDER BY c.id, f.id
"""


def _lies(below: bytes) -> tuple[str, tuple[bytes, ...]]:
    """Whether a file is at a relative path or below it, as SQL with its values."""
    if not below:
        return "1", ()
    return "(f.path = ? OR (f.path >= ? AND f.path < ?))", (below, *listings.within(below))


def _file_record(root: Path, row: Any) -> FileRecord:  # noqa: ANN401  (a row of a typed query)
    stamp = Stamp(row.size, row.mtime_ns, row.inode)
    return FileRecord(root, row.path, stamp, State(row.state), row.reason, row.digest)

"""Reading the catalogue: rows become values."""

import json
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
)

from engine.errors import EngineError, LibraryDamagedError, LibraryVersionError
from engine.query import Field, Filter
from engine.rank.landmarks import Codes
from engine.store import (
    checks,
    filters,
    labels,
    landmarks,
    links,
    listings,
    schema,
    vectors,
    views,
    words,
)
from engine.store.checks import Status
from engine.store.chunks import chunks
from engine.store.connect import mapped_errors
from engine.store.newest import newest
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
from engine.store.vectors import Stored
from engine.store.windows import Windows, contents_in, windows_of
from engine.types import Embeddings, Ids, Modality, Space

_OLDER = "An older seehear wrote this library: it has no words and no facts of files to search by"
_UNLABELLED = "An older seehear wrote this library: it has no labels to search by"
_UPGRADE = "bring it up to date with: seehear rebuild"


class CatalogueReader:
    """Everything that can be asked of a catalogue, through one connection that cannot write."""

    def __init__(self, path: Path, engine: Engine) -> None:
        self.path = path
        self._engine = engine

    def close(self) -> None:
        """Give the connection back; the catalogue cannot be used afterwards."""
        self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
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
        if application != schema.APPLICATION_ID:
            raise LibraryDamagedError(self.path, "it is not a seehear catalogue")
        if version > schema.FORMAT_VERSION:
            raise LibraryVersionError(self.path, version, schema.FORMAT_VERSION)

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
        query = select(schema.setting.c.value).where(schema.setting.c.key == key)
        with self._reading() as connection:
            return connection.execute(query).scalar_one_or_none()

    def settings(self, beginning: str) -> dict[str, str]:
        """Settings whose names begin so, without that beginning."""
        query = select(schema.setting).where(schema.setting.c.key.startswith(beginning))
        with self._reading() as connection:
            rows = connection.execute(query).all()
        return {row.key.removeprefix(beginning): row.value for row in rows}

    def seq(self) -> int:
        """The number of the last commit."""
        return int(self.setting("seq") or 0)

    def roots(self) -> tuple[Path, ...]:
        """The indexed folders, in the order they were added."""
        with self._reading() as connection:
            rows = connection.execute(select(schema.root.c.path).order_by(schema.root.c.id))
            return tuple(Path(os.fsdecode(row.path)) for row in rows)

    def spaces(self) -> dict[str, Space]:
        """The spaces that hold vectors, by name."""
        with self._reading() as connection:
            rows = connection.execute(select(schema.space)).all()
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
        query = (
            select(schema.file, schema.content.c.digest)
            .join(schema.root)
            .outerjoin(schema.content, schema.content.c.id == schema.file.c.content_id)
            .where(schema.root.c.path == os.fsencode(root), _lies(below))
            .order_by(schema.file.c.path)
        )
        with self._reading() as connection:
            return [
                _file_record(root, row)
                for row in connection.execute(query)
                if not without or listings.outside(without, row.path)
            ]

    def file_count(self, root: Path, below: bytes = b"") -> int:
        """How many files a root has, or one of its folders."""
        query = (
            select(func.count())
            .select_from(schema.file.join(schema.root))
            .where(schema.root.c.path == os.fsencode(root), _lies(below))
        )
        with self._reading() as connection:
            return int(connection.execute(query).scalar_one())

    def lacking_files(self, root: Path) -> list[FileRecord]:
        """The files of a root that could not be indexed, in the order of their paths."""
        query = (
            select(schema.file, literal(None).label("digest"))
            .join(schema.root)
            .where(
                schema.root.c.path == os.fsencode(root),
                schema.file.c.state != literal_column("'indexed'"),  # as the index has it
            )
            .order_by(schema.file.c.path)
        )
        with self._reading() as connection:
            return [_file_record(root, row) for row in connection.execute(query)]

    def listings(self, root: Path) -> dict[bytes, Listing]:
        """What the folders of a root looked like, by their relative paths."""
        with self._reading() as connection:
            return listings.read(connection, root)

    def file_at(self, path: Path) -> FileRecord | None:
        """The record of an absolute path, or None when it was never indexed."""
        for root in self.roots():
            if not path.is_relative_to(root):
                continue
            relative = os.fsencode(path.relative_to(root))
            query = (
                select(schema.file, schema.content.c.digest)
                .join(schema.root)
                .outerjoin(schema.content, schema.content.c.id == schema.file.c.content_id)
                .where(schema.root.c.path == os.fsencode(root), schema.file.c.path == relative)
            )
            with self._reading() as connection:
                row = connection.execute(query).one_or_none()
                if row is not None:
                    return _file_record(root, row)
        return None

    def digests(self) -> set[bytes]:
        """The digests of all contents."""
        with self._reading() as connection:
            return set(connection.execute(select(schema.content.c.digest)).scalars())

    def content_at(self, digest: bytes) -> int | None:
        """The id of a content, or None."""
        query = select(schema.content.c.id).where(schema.content.c.digest == digest)
        with self._reading() as connection:
            return connection.execute(query).scalar_one_or_none()

    def contents_after(self, content_id: int, modalities: Iterable[Modality]) -> list[Content]:
        """Contents of these modalities with greater ids, in order, each with its files."""
        content, file = schema.content.c, schema.file.c
        query = (
            select(
                content.id, content.digest, content.modality, content.format,
                schema.root.c.path.label("root_path"), file.path, file.size, file.mtime_ns,
                file.inode,
            )
            .select_from(schema.content.join(schema.file).join(schema.root))
            .where(content.id > content_id, content.modality.in_([m.value for m in modalities]))
            .order_by(content.id, file.id)
        )  # fmt: skip
        found: dict[int, Content] = {}
        with self._reading() as connection:
            for row in connection.execute(query):
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
        column = schema.content.c.digest
        with self._reading() as connection:
            return {
                digest
                for part in chunks(list(digests))
                for digest in connection.execute(select(column).where(column.in_(part))).scalars()
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
        query = (
            vectors.of_space(space)
            .join(schema.segment)
            .join(schema.content)
            .where(schema.content.c.digest == digest)
            .order_by(schema.segment.c.ordinal)
        )
        return self._embeddings(space, query)

    def vectors_with(self, vector_ids: Ids, space: Space) -> Embeddings:
        """The vectors of these ids in a space, by vector id; ids that are gone are left out."""
        wanted = func.json_each(json.dumps(vector_ids.tolist())).table_valued("value")
        chosen = schema.vector.c.id.in_(select(wanted.c.value))
        query = vectors.of_space(space).where(chosen).order_by(schema.vector.c.id)
        return self._embeddings(space, query)

    def _embeddings(self, space: Space, query: Select[tuple[int, bytes, int]]) -> Embeddings:
        with self._reading() as connection:
            return vectors.joined(space, vectors.read(connection, self.path, space, query))

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
        column = schema.tombstone.c
        query = select(column.vector_id).where(column.seq > seq).order_by(column.vector_id)
        with self._reading() as connection:
            return np.array(connection.execute(query).scalars().all(), dtype=np.int64)

    def snapshots(self, gallery: str | None = None) -> tuple[SnapshotRecord, ...]:
        """Receipts of derived files, newest first; of one gallery, or of all."""
        query = select(schema.snapshot).order_by(schema.snapshot.c.id.desc())
        if gallery is not None:
            query = query.where(schema.snapshot.c.gallery == gallery)
        with self._reading() as connection:
            return tuple(
                SnapshotRecord(r.gallery, r.fingerprint, r.seq, r.rows, r.name, r.size, r.sha256)
                for r in connection.execute(query)
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
            if not filters_ and version < schema.DERIVED_SINCE:
                query = "SELECT id FROM file WHERE state = 'indexed' ORDER BY id"
                return filters.ids_of(connection, query, ())
            by_label = any(one.field is Field.LABEL for one in filters_)
            if version >= (schema.LABELS_SINCE if by_label else schema.DERIVED_SINCE):
                return filters.admitted(connection, filters_)
        lack = _OLDER if version < schema.DERIVED_SINCE else _UNLABELLED
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
            has = _version(connection) >= schema.LANDMARKS_SINCE
            return landmarks.peaks_since(connection, self.path, seq) if has else []

    def peaks_kept(self, seq: int) -> tuple[int, int]:
        """How many contents have peaks committed until `seq`, and the bytes of those since."""
        with self._reading() as connection:
            return landmarks.kept_until(connection, seq)

    def unheard(self) -> list[int]:
        """Ids of sounds and videos whose peaks are not known: an older seehear indexed them."""
        with self._reading() as connection:
            if _version(connection) >= schema.LANDMARKS_SINCE:
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
        query = select(schema.vector.c.id).order_by(schema.vector.c.id)
        with self._reading() as connection:
            return np.array(connection.execute(query).scalars().all(), dtype=np.int64)

    def broken_vectors(self) -> list[str]:
        """Sentences about vectors that fail their checksums; empty when all is well."""
        with self._reading() as connection:
            return checks.broken_vectors(connection)

    def inconsistencies(self) -> list[str]:
        """Sentences about rows that do not fit together; empty when all is well."""
        with self._reading() as connection:
            found = checks.inconsistencies(connection, derived=_is_derived(connection))
            return found + (checks.lost_labels(connection) if _is_labelled(connection) else [])


def _version(connection: Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def _is_derived(connection: Connection) -> bool:
    return _version(connection) >= schema.DERIVED_SINCE


def _is_labelled(connection: Connection) -> bool:
    return _version(connection) >= schema.LABELS_SINCE


def _lies(below: bytes) -> ColumnElement[bool]:
    """Whether a file is at a relative path or below it."""
    if not below:
        return true()
    path, (first, last) = schema.file.c.path, listings.within(below)
    return or_(path == below, (path >= first) & (path < last))


def _file_record(root: Path, row: Any) -> FileRecord:  # noqa: ANN401  (a row of a typed query)
    stamp = Stamp(row.size, row.mtime_ns, row.inode)
    return FileRecord(root, row.path, stamp, State(row.state), row.reason, row.digest)

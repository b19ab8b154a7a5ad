"""Reading the catalogue: rows become values."""

import json
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from sqlalchemy import Connection, Engine, Select, func, or_, select, tuple_

from engine.arrays import unit_rows
from engine.errors import LibraryDamagedError, LibraryVersionError
from engine.store import schema
from engine.store.connect import mapped_errors
from engine.store.records import Content, FileRecord, Found, SnapshotRecord, Stamp, State
from engine.types import Embeddings, Ids, Modality, Space, Span, SpanUnit

CAPTION_SUFFIX = b".txt"
"""A text of this suffix beside media of the same name describes that media."""

_CHUNK = 500
"""Bound parameters in one statement; SQLite's own limit is far above."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Status:
    """What a library holds.

    Attributes:
        profile: name of the profile that encodes.
        roots: the indexed folders.
        files: number of files by modality (indexed ones).
        segments: number of segments by modality.
        problems: files that could not be indexed, with the reason.
        seq: number of the last commit.
    """

    profile: str
    roots: tuple[Path, ...]
    files: dict[Modality, int]
    segments: dict[Modality, int]
    contents: int
    problems: tuple[tuple[Path, str], ...]
    seq: int


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

    def files(self, root: Path) -> list[FileRecord]:
        """Every file of a root, in the order of its path."""
        query = (
            select(schema.file, schema.content.c.digest)
            .join(schema.root)
            .outerjoin(schema.content, schema.content.c.id == schema.file.c.content_id)
            .where(schema.root.c.path == os.fsencode(root))
            .order_by(schema.file.c.path)
        )
        with self._reading() as connection:
            return [_file_record(root, row) for row in connection.execute(query)]

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

    def vectors_since(self, space: Space, modality: Modality, seq: int) -> Embeddings:
        """All living vectors of a space and modality committed after `seq`, by vector id.

        LibraryDamagedError when a vector does not match its checksum.
        """
        vector = schema.vector.c
        query = (
            select(vector.id, vector.half, vector.crc32)
            .join(schema.space)
            .where(
                schema.space.c.name == space.name,
                schema.space.c.fingerprint == space.fingerprint,
                vector.modality == modality.value,
                vector.seq > seq,
            )
            .order_by(vector.id)
        )
        return self._embeddings(space, query)

    def vectors_of(self, digest: bytes, space: Space) -> Embeddings:
        """The vectors of one content in a space, in the order of its segments."""
        vector = schema.vector.c
        query = (
            select(vector.id, vector.half, vector.crc32)
            .join(schema.space)
            .join(schema.segment)
            .join(schema.content)
            .where(
                schema.content.c.digest == digest,
                schema.space.c.name == space.name,
                schema.space.c.fingerprint == space.fingerprint,
            )
            .order_by(schema.segment.c.ordinal)
        )
        return self._embeddings(space, query)

    def _embeddings(self, space: Space, query: Select[tuple[int, bytes, int]]) -> Embeddings:
        with self._reading() as connection:
            rows = connection.execute(query).all()
        for row in rows:
            if zlib.crc32(row.half) != row.crc32 or len(row.half) != 2 * space.dim:
                raise LibraryDamagedError(self.path, f"vector {row.id} fails its checksum")
        ids = np.fromiter((row.id for row in rows), dtype=np.int64, count=len(rows))
        half = np.frombuffer(b"".join(row.half for row in rows), dtype="<f2")
        vectors = half.reshape(len(rows), space.dim).astype(np.float32)
        return Embeddings(space, ids, unit_rows(vectors))

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

        A text file with `CAPTION_SUFFIX` beside media of the same name also yields that media,
        marked as found by caption. Order is not kept; unknown ids are left out.
        """
        with self._reading() as connection:
            found = [
                _found(row)
                for part in chunks(list(vector_ids))
                for row in connection.execute(_RESOLVE.where(schema.vector.c.id.in_(part)))
            ]
            return found + self._captioned(connection, found)

    def _captioned(self, connection: Connection, found: list[Found]) -> list[Found]:
        captions: dict[tuple[bytes, bytes], list[Found]] = {}
        for one in found:
            if one.modality is Modality.TEXT and one.path.endswith(CAPTION_SUFFIX):
                key = (os.fsencode(one.root), one.path.removesuffix(CAPTION_SUFFIX))
                captions.setdefault(key, []).append(one)
        owners = []
        for part in chunks(list(captions)):
            for row in connection.execute(_media_named(part)):
                named = [(row.root_path, row.stem), (row.root_path, row.path)]
                owners += [
                    replace(
                        caption,
                        file_id=row.id,
                        path=row.path,
                        modality=Modality(row.modality),
                        content_id=row.content_id,
                        span=None,
                        caption=True,
                    )
                    for key in dict.fromkeys(named)
                    for caption in captions.get(key, ())
                ]
        return owners

    def status(self) -> Status:
        """Counts of everything, and the files that could not be indexed."""
        file, content, segment = schema.file.c, schema.content.c, schema.segment.c
        files = (
            select(content.modality, func.count())
            .select_from(schema.file.join(schema.content))
            .group_by(content.modality)
        )
        segments = (
            select(content.modality, func.count(segment.id))
            .select_from(schema.segment.join(schema.content))
            .group_by(content.modality)
        )
        problems = (
            select(schema.root.c.path.label("root_path"), file.path, file.reason)
            .join(schema.root)
            .where(file.state == State.FAILED.value)
            .order_by(schema.root.c.path, file.path)
        )
        profile, roots, seq = self.setting("profile") or "", self.roots(), self.seq()
        with self._reading() as connection:
            return Status(
                profile=profile,
                roots=roots,
                files={Modality(m): n for m, n in connection.execute(files)},
                segments={Modality(m): n for m, n in connection.execute(segments)},
                contents=connection.execute(select(func.count(content.id))).scalar_one(),
                problems=tuple(
                    (_absolute(row.root_path, row.path), row.reason)
                    for row in connection.execute(problems)
                ),
                seq=seq,
            )

    def quick_check(self) -> None:
        """Raise LibraryDamagedError when SQLite finds its own structure broken."""
        with self._reading() as connection:
            finding = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one())
        if finding != "ok":
            raise LibraryDamagedError(self.path, finding)

    def living_vectors(self) -> Ids:
        """Ids of all vectors, sorted."""
        query = select(schema.vector.c.id).order_by(schema.vector.c.id)
        with self._reading() as connection:
            return np.array(connection.execute(query).scalars().all(), dtype=np.int64)

    def inconsistencies(self) -> list[str]:
        """Sentences about rows that do not fit together; empty when all is well."""
        checks = {
            "indexed files have no content": select(func.count(schema.file.c.id)).where(
                schema.file.c.state == State.INDEXED.value, schema.file.c.content_id.is_(None)
            ),
            "contents belong to no file": select(func.count(schema.content.c.id)).where(
                ~schema.content.c.id.in_(
                    select(schema.file.c.content_id).where(schema.file.c.content_id.is_not(None))
                )
            ),
            "segments have no vector": select(func.count(schema.segment.c.id)).where(
                ~schema.segment.c.id.in_(select(schema.vector.c.segment_id))
            ),
            "removed vectors are still there": select(func.count(schema.vector.c.id)).where(
                schema.vector.c.id.in_(select(schema.tombstone.c.vector_id))
            ),
        }
        with self._reading() as connection:
            counts = {
                text: connection.execute(query).scalar_one() for text, query in checks.items()
            }
        return [f"{count} {text}" for text, count in counts.items() if count]


_OWNER = (
    schema.root.c.path.label("root_path"),
    schema.file.c.path,
    schema.content.c.modality,
)

_RESOLVE = (
    select(
        schema.vector.c.id.label("vector_id"),
        schema.file.c.id,
        schema.file.c.content_id,
        schema.segment.c.start,
        schema.segment.c.end,
        schema.segment.c.unit,
        schema.segment.c.words,
        *_OWNER,
    )
    .select_from(
        schema.vector.join(schema.segment)
        .join(schema.content, schema.content.c.id == schema.segment.c.content_id)
        .join(schema.file, schema.file.c.content_id == schema.content.c.id)
        .join(schema.root, schema.root.c.id == schema.file.c.root_id)
    )
    .where(schema.file.c.state == State.INDEXED.value)
)


def _media_named(keys: Sequence[tuple[bytes, bytes]]) -> Select[Any]:
    """Media whose path without suffix (`x` of x.jpg) or whole path (x.jpg.txt) is a key."""
    root, file, content = schema.root.c, schema.file.c, schema.content.c
    return (
        select(file.id, file.stem, file.content_id, *_OWNER)
        .select_from(schema.file.join(schema.root).join(schema.content))
        .where(
            content.modality != Modality.TEXT.value,
            file.state == State.INDEXED.value,
            or_(
                tuple_(root.path, file.stem).in_(keys),
                tuple_(root.path, file.path).in_(keys),
            ),
        )
    )


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Parts small enough to be the parameters of one statement."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def _absolute(root: bytes, path: bytes) -> Path:
    return Path(os.fsdecode(root)) / os.fsdecode(path)


def _file_record(root: Path, row: Any) -> FileRecord:  # noqa: ANN401  (a row of a typed query)
    stamp = Stamp(row.size, row.mtime_ns, row.inode)
    return FileRecord(root, row.path, stamp, State(row.state), row.reason, row.digest)


def _found(row: Any) -> Found:  # noqa: ANN401  (a row of _RESOLVE)
    if not (isinstance(row.words, str) and isinstance(row.path, bytes)):
        raise TypeError(f"segment {row.vector_id} has no words or no path")
    span = None if row.start is None else Span(row.start, row.end, SpanUnit(row.unit))
    return Found(
        vector_id=row.vector_id,
        file_id=row.id,
        root=Path(os.fsdecode(row.root_path)),
        path=row.path,
        modality=Modality(row.modality),
        content_id=row.content_id,
        span=span,
        words=row.words,
    )


def encode_info(info: object) -> str:
    """Facts about a content as compact JSON."""
    return json.dumps(info, separators=(",", ":"), sort_keys=True)

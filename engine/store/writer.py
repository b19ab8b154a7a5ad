"""Writing the catalogue: one transaction per batch, the only commit point there is."""

import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, delete, func, insert, literal, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from engine.errors import SpaceMismatchError
from engine.store import schema
from engine.store.catalogue import CatalogueReader, encode_info
from engine.store.connect import mapped_errors, open_writer
from engine.store.records import ContentRecord, FileRecord, SegmentRecord, SnapshotRecord
from engine.types import Space

Key = Mapping[str, int | bytes]
"""Columns and values that name one file row."""


class CatalogueWriter(CatalogueReader):
    """A catalogue that may be changed; the caller holds the library's lock."""

    @classmethod
    def open(cls, path: Path) -> "CatalogueWriter":
        """Open for writing; makes the tables when the file is new."""
        with mapped_errors(path):
            engine = open_writer(path)
            with engine.begin() as connection:
                version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
                if version == 0:
                    _create(connection)
        writer = cls(path, engine)
        writer.check_format()
        return writer

    @contextmanager
    def _writing(self) -> Iterator[tuple[Connection, int]]:
        """One transaction with its sequence number; all of it is committed, or nothing."""
        with mapped_errors(self.path), self._engine.begin() as connection:
            yield connection, _next_seq(connection)

    def set_setting(self, key: str, value: str) -> None:
        """Remember a setting."""
        with self._writing() as (connection, _):
            _set(connection, key, value)

    def adopt_space(self, space: Space) -> None:
        """Make a space known; SpaceMismatchError when its name has another fingerprint."""
        stored = self.spaces().get(space.name)
        if stored is None:
            with self._writing() as (connection, _):
                row = {"name": space.name, "dim": space.dim, "fingerprint": space.fingerprint}
                connection.execute(insert(schema.space), row)
        elif stored != space:
            raise SpaceMismatchError(space.name, stored.fingerprint, space.fingerprint)

    def adopt_root(self, root: Path) -> None:
        """Make a folder a root; roots inside it become part of it, and keep their files."""
        inside = [old for old in self.roots() if old != root and old.is_relative_to(root)]
        with self._writing() as (connection, _):
            row = {"path": os.fsencode(root)}
            connection.execute(upsert(schema.root).values(row).on_conflict_do_nothing())
            for old in inside:
                _move_root(connection, old, root)

    def write(
        self,
        files: Sequence[FileRecord],
        contents: Sequence[ContentRecord] = (),
        removed: Sequence[FileRecord] = (),
    ) -> int:
        """Commit one batch: new contents with their vectors, files, and files that are gone.

        A content that no file holds any longer goes with its vectors, in the same transaction.

        Returns:
            the sequence number of the commit; when this returns, the batch is on disk.
        """
        with self._writing() as (connection, seq):
            for one in contents:
                _insert_content(connection, one, seq)
            orphans = _upsert_files(connection, files)
            orphans |= _delete_files(connection, removed)
            _delete_orphans(connection, orphans, seq)
        return seq

    def forget_root(self, root: Path) -> None:
        """Forget a root; its files must have been removed before."""
        with self._writing() as (connection, _):
            connection.execute(delete(schema.root).where(schema.root.c.path == os.fsencode(root)))

    def add_snapshot(self, record: SnapshotRecord, *, keep: int) -> tuple[str, ...]:
        """Write the receipt of a derived file and drop older ones of its gallery beyond `keep`.

        Returns:
            names of the files whose receipts were dropped.
        """
        table = schema.snapshot
        with self._writing() as (connection, _):
            connection.execute(
                insert(table),
                asdict(record),
            )
            newest = select(table.c.name).where(table.c.gallery == record.gallery)
            names = connection.execute(newest.order_by(table.c.id.desc())).scalars().all()
            dropped = tuple(names[keep:])
            connection.execute(delete(table).where(table.c.name.in_(dropped)))
            _drop_old_tombstones(connection)
        return dropped

    def drop_snapshots(self) -> None:
        """Forget every derived file."""
        with self._writing() as (connection, _):
            connection.execute(delete(schema.snapshot))

    def checkpoint(self) -> None:
        """Fold the write-ahead log into the catalogue."""
        # The raw connection, because a checkpoint must stand outside any transaction.
        with mapped_errors(self.path), closing(self._engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _create(connection: Connection) -> None:
    schema.metadata.create_all(connection)
    connection.exec_driver_sql(f"PRAGMA application_id={schema.APPLICATION_ID}")
    connection.exec_driver_sql(f"PRAGMA user_version={schema.FORMAT_VERSION}")


def _set(connection: Connection, key: str, value: str) -> None:
    statement = upsert(schema.setting).values(key=key, value=value)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["key"], set_={"value": value})
    )


def _next_seq(connection: Connection) -> int:
    query = select(schema.setting.c.value).where(schema.setting.c.key == "seq")
    seq = int(connection.execute(query).scalar_one_or_none() or 0) + 1
    _set(connection, "seq", str(seq))
    return seq


def _insert_content(connection: Connection, one: ContentRecord, seq: int) -> None:
    """A content that is there already is left as it is: two files may bring the same bytes."""
    known = select(schema.content.c.id).where(schema.content.c.digest == one.digest)
    if connection.execute(known).first() is not None:
        return
    statement = insert(schema.content).values(
        digest=one.digest,
        modality=one.modality.value,
        format=one.format,
        info=encode_info(dict(one.info)),
    )
    content_id = connection.execute(statement.returning(schema.content.c.id)).scalar_one()
    space = select(schema.space.c.id).where(
        schema.space.c.name == one.space.name, schema.space.c.fingerprint == one.space.fingerprint
    )
    space_id = connection.execute(space).scalar_one()
    for ordinal, (segment, row) in enumerate(zip(one.segments, one.vectors, strict=True)):
        segment_id = _insert_segment(connection, content_id, ordinal, segment)
        half = row.astype("<f2").tobytes()
        vector = insert(schema.vector).values(
            segment_id=segment_id,
            space_id=space_id,
            modality=one.modality.value,
            seq=seq,
            half=half,
            crc32=zlib.crc32(half),
        )
        connection.execute(vector)


def _insert_segment(
    connection: Connection, content_id: int, ordinal: int, segment: SegmentRecord
) -> int:
    span = segment.span
    statement = insert(schema.segment).values(
        content_id=content_id,
        ordinal=ordinal,
        start=None if span is None else span.start,
        end=None if span is None else span.end,
        unit=None if span is None else span.unit.value,
        words=segment.words,
    )
    return int(connection.execute(statement.returning(schema.segment.c.id)).scalar_one())


def _upsert_files(connection: Connection, files: Sequence[FileRecord]) -> set[int]:
    """Write the rows; returns the contents that a file held before and does not hold now."""
    roots = _root_ids(connection)
    left: set[int] = set()
    for one in files:
        content_id = _content_id(connection, one.digest)
        key: Key = {"root_id": roots[os.fsencode(one.root)], "path": one.path}
        before = _content_of(connection, key)
        if before is not None and before != content_id:
            left.add(before)
        values = {
            "stem": stem_of(one.path),
            "size": one.stamp.size,
            "mtime_ns": one.stamp.mtime_ns,
            "inode": one.stamp.inode,
            "content_id": content_id,
            "state": one.state.value,
            "reason": one.reason,
        }
        statement = upsert(schema.file).values(**key, **values)
        connection.execute(
            statement.on_conflict_do_update(index_elements=["root_id", "path"], set_=values)
        )
    return left


def _delete_files(connection: Connection, removed: Sequence[FileRecord]) -> set[int]:
    """Delete the rows; returns the contents that they held."""
    roots = _root_ids(connection)
    left: set[int] = set()
    for one in removed:
        key: Key = {"root_id": roots[os.fsencode(one.root)], "path": one.path}
        before = _content_of(connection, key)
        if before is not None:
            left.add(before)
        connection.execute(delete(schema.file).where(*_matches(key)))
    return left


def _delete_orphans(connection: Connection, candidates: set[int], seq: int) -> None:
    held = select(schema.file.c.content_id).where(schema.file.c.content_id.in_(candidates))
    orphans = sorted(candidates - set(connection.execute(held).scalars()))
    vectors = (
        select(schema.vector.c.id, literal(seq))
        .join(schema.segment)
        .where(schema.segment.c.content_id.in_(orphans))
    )
    connection.execute(insert(schema.tombstone).from_select(["vector_id", "seq"], vectors))
    connection.execute(delete(schema.content).where(schema.content.c.id.in_(orphans)))


def _drop_old_tombstones(connection: Connection) -> None:
    """A tombstone older than every snapshot has nothing left to hide."""
    oldest = select(func.min(schema.snapshot.c.seq)).scalar_subquery()
    connection.execute(delete(schema.tombstone).where(schema.tombstone.c.seq <= oldest))


def _move_root(connection: Connection, old: Path, new: Path) -> None:
    """Hand the files of a root to a root above it, under their longer relative paths."""
    roots = _root_ids(connection)
    old_id, new_id = roots[os.fsencode(old)], roots[os.fsencode(new)]
    prefix = os.fsencode(old.relative_to(new)) + b"/"
    file = schema.file
    rows = connection.execute(select(file.c.id, file.c.path).where(file.c.root_id == old_id)).all()
    for row in rows:
        path = prefix + row.path
        moved = {"root_id": new_id, "path": path, "stem": stem_of(path)}
        connection.execute(update(file).where(file.c.id == row.id).values(**moved))
    connection.execute(delete(schema.root).where(schema.root.c.id == old_id))


def _root_ids(connection: Connection) -> dict[bytes, int]:
    rows = connection.execute(select(schema.root.c.path, schema.root.c.id)).tuples()
    return dict(rows.all())


def _content_id(connection: Connection, digest: bytes | None) -> int | None:
    if digest is None:
        return None
    query = select(schema.content.c.id).where(schema.content.c.digest == digest)
    return int(connection.execute(query).scalar_one())


def _content_of(connection: Connection, key: Key) -> int | None:
    query = select(schema.file.c.content_id).where(*_matches(key))
    return connection.execute(query).scalar_one_or_none()


def _matches(key: Key) -> list[ColumnElement[bool]]:
    return [schema.file.c[name] == value for name, value in key.items()]


def stem_of(path: bytes) -> bytes:
    """The path without the suffix of its last part; `.hidden` has no suffix."""
    return os.path.splitext(path)[0]  # noqa: PTH122  (pathlib takes no bytes)

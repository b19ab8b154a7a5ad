"""Writing the catalogue: one transaction per batch, the only commit point there is."""

import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from engine.errors import SpaceMismatchError
from engine.store import schema
from engine.store.catalogue import CatalogueReader, chunks, encode_info
from engine.store.connect import mapped_errors, open_writer
from engine.store.records import (
    ContentRecord,
    FileRecord,
    SegmentRecord,
    SnapshotRecord,
    View,
)
from engine.types import Modality, Space, Vectors

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

    def set_settings(self, settings: Mapping[str, str]) -> None:
        """Remember several settings in one commit."""
        with self._writing() as (connection, _):
            for key, value in settings.items():
                _set(connection, key, value)

    def adopt_space(self, space: Space) -> None:
        """Make a space known; SpaceMismatchError when its name has another fingerprint."""
        stored = self.spaces().get(space.name)
        if stored is None:
            with self._writing() as (connection, _):
                row = {"name": space.name, "dim": space.dim, "fingerprint": space.fingerprint}
                connection.execute(insert(schema.space), row)
        elif stored != space:
            profile = self.setting("profile") or "NAME"
            made = stored.fingerprint
            raise SpaceMismatchError(space.name, made, space.fingerprint, profile)

    def set_aside(self, space: Space) -> None:
        """Give the stored space of this name another name, so that the given one can be adopted.

        Its vectors stay until they are dropped; nothing finds them meanwhile.
        """
        stored = self.spaces().get(space.name)
        if stored is None or stored == space:
            return
        with self._writing() as (connection, _):
            table = schema.space
            same = table.c.name == stored.name
            row = connection.execute(select(table.c.id).where(same)).scalar_one()
            connection.execute(update(table).where(same).values(name=f"{stored.name}@{row}"))

    def add_views(self, views: Mapping[int, Sequence[View]], settings: Mapping[str, str]) -> int:
        """Commit more views of contents that are there already, and settings with them.

        A view takes the place of one that the content has in the same spaces.

        Returns:
            the sequence number of the commit.
        """
        with self._writing() as (connection, seq):
            kinds = _modalities(connection, list(views))
            for content_id, more in views.items():
                _drop_segments(connection, _segments_like(connection, content_id, more), seq)
            owned = [
                OwnedView(content_id, kinds[content_id], view, first)
                for content_id, more in views.items()
                if content_id in kinds
                for view, first in _numbered(more, _next_ordinal(connection, content_id))
            ]
            _insert_views(connection, owned, seq)
            for key, value in settings.items():
                _set(connection, key, value)
        return seq

    def keep_only(
        self, spaces: Mapping[Modality, Sequence[frozenset[str]]], settings: Mapping[str, str]
    ) -> int:
        """Drop every segment that is not in exactly one of its modality's sets of spaces.

        Args:
            spaces: names of spaces whose vectors a segment must have, all of a set and no other.
            settings: written in the same transaction; an empty value removes the setting.

        Returns:
            how many segments were dropped.
        """
        with self._writing() as (connection, seq):
            gone = _foreign_segments(connection, spaces)
            _drop_segments(connection, gone, seq)
            used = select(schema.vector.c.space_id)
            connection.execute(
                delete(schema.space).where(
                    schema.space.c.id.not_in(used), schema.space.c.name.contains("@")
                )
            )
            for key, value in settings.items():
                _set(connection, key, value)
            connection.execute(delete(schema.setting).where(schema.setting.c.value == ""))
        return len(gone)

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
            _insert_contents(connection, contents, seq)
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


def _insert_contents(connection: Connection, contents: Sequence[ContentRecord], seq: int) -> None:
    """Insert contents, then their segments, then their vectors: three statements in all.

    A content that is there already is left as it is: two files may bring the same bytes.
    """
    known = _content_ids(connection, [one.digest for one in contents])
    new = list({one.digest: one for one in contents if one.digest not in known}.values())
    if not new:
        return
    content_ids = _insert(connection, schema.content, [_content_row(one) for one in new])
    views = [
        OwnedView(content_id, one.modality, view, first)
        for content_id, one in zip(content_ids, new, strict=True)
        for view, first in _numbered(one.views, 0)
    ]
    _insert_views(connection, views, seq)


@dataclass(frozen=True, slots=True, eq=False)
class OwnedView:
    """A view with the content it belongs to and the number of its first segment there."""

    content_id: int
    modality: Modality
    view: View
    first: int


def _numbered(views: Sequence[View], first: int) -> Iterator[tuple[View, int]]:
    for view in views:
        yield view, first
        first += len(view.segments)


def _insert_views(connection: Connection, views: Sequence[OwnedView], seq: int) -> None:
    rows = [
        _segment_row(one.content_id, ordinal, segment)
        for one in views
        for ordinal, segment in enumerate(one.view.segments, start=one.first)
    ]
    ids = iter(_insert(connection, schema.segment, rows))
    spaces = dict(connection.execute(select(schema.space.c.name, schema.space.c.id)).all())
    vectors = [
        {"segment_id": segment_id, "seq": seq, **_vector_row(spaces[space.name], one.modality, row)}
        for one in views
        for segment_ids in [list(islice(ids, len(one.view.segments)))]
        for space, matrix in one.view.vectors
        for segment_id, row in zip(segment_ids, matrix, strict=True)
    ]
    if vectors:
        connection.execute(insert(schema.vector), vectors)


def _modalities(connection: Connection, ids: Sequence[int]) -> dict[int, Modality]:
    content = schema.content.c
    return {
        row.id: Modality(row.modality)
        for part in chunks(ids)
        for row in connection.execute(
            select(content.id, content.modality).where(content.id.in_(part))
        )
    }


def _next_ordinal(connection: Connection, content_id: int) -> int:
    segment = schema.segment.c
    query = select(func.max(segment.ordinal)).where(segment.content_id == content_id)
    last = connection.execute(query).scalar_one_or_none()
    return 0 if last is None else int(last) + 1


_BETWEEN = "\x1f"

_SPACES_OF_SEGMENTS = (
    select(
        schema.vector.c.segment_id,
        func.min(schema.vector.c.modality).label("modality"),
        func.group_concat(schema.space.c.name, _BETWEEN).label("names"),
    )
    .join(schema.space)
    .group_by(schema.vector.c.segment_id)
)


def _foreign_segments(
    connection: Connection, spaces: Mapping[Modality, Sequence[frozenset[str]]]
) -> list[int]:
    """Segments whose spaces are none of their modality's sets."""
    return [
        row.segment_id
        for row in connection.execute(_SPACES_OF_SEGMENTS)
        if frozenset(row.names.split(_BETWEEN)) not in spaces.get(Modality(row.modality), ())
    ]


def _segments_like(connection: Connection, content_id: int, views: Sequence[View]) -> list[int]:
    """Segments of a content that have vectors in just the spaces of one of these views."""
    sets = [frozenset(space.name for space, _ in view.vectors) for view in views]
    own = select(schema.segment.c.id).where(schema.segment.c.content_id == content_id)
    rows = connection.execute(_SPACES_OF_SEGMENTS.where(schema.vector.c.segment_id.in_(own)))
    return [row.segment_id for row in rows if frozenset(row.names.split(_BETWEEN)) in sets]


def _drop_segments(connection: Connection, segments: Sequence[int], seq: int) -> None:
    """Delete segments with their vectors, and leave tombstones."""
    for part in chunks(segments):
        vector = schema.vector.c
        found = select(vector.id, literal(seq)).where(vector.segment_id.in_(part))
        connection.execute(insert(schema.tombstone).from_select(["vector_id", "seq"], found))
        connection.execute(delete(schema.segment).where(schema.segment.c.id.in_(part)))


def _insert(connection: Connection, table: Table, rows: list[dict[str, object]]) -> list[int]:
    """Insert rows and return their new ids, in the same order."""
    if not rows:
        return []
    statement = insert(table).returning(table.c.id, sort_by_parameter_order=True)
    return [int(found) for found in connection.execute(statement, rows).scalars()]


def _content_row(one: ContentRecord) -> dict[str, object]:
    return {
        "digest": one.digest,
        "modality": one.modality.value,
        "format": one.format,
        "info": encode_info(dict(one.info)),
    }


def _segment_row(content_id: int, ordinal: int, segment: SegmentRecord) -> dict[str, object]:
    span = segment.span
    return {
        "content_id": content_id,
        "ordinal": ordinal,
        "start": None if span is None else span.start,
        "end": None if span is None else span.end,
        "unit": None if span is None else span.unit.value,
        "words": segment.words,
    }


def _vector_row(space_id: int, modality: Modality, row: Vectors) -> dict[str, object]:
    half = row.astype("<f2").tobytes()
    crc32 = zlib.crc32(half)
    return {"space_id": space_id, "modality": modality.value, "half": half, "crc32": crc32}


def _upsert_files(connection: Connection, files: Sequence[FileRecord]) -> set[int]:
    """Write the rows; returns the contents that a file held before and does not hold now."""
    roots = _root_ids(connection)
    digests = [one.digest for one in files if one.digest is not None]
    contents = _content_ids(connection, digests)
    left: set[int] = set()
    rows = []
    for one in files:
        content_id = None if one.digest is None else contents[one.digest]
        key: Key = {"root_id": roots[os.fsencode(one.root)], "path": one.path}
        before = _content_of(connection, key)
        if before is not None and before != content_id:
            left.add(before)
        rows.append({**key, **_file_row(one), "content_id": content_id})
    if rows:
        statement = upsert(schema.file)
        kept = ("stem", "size", "mtime_ns", "inode", "content_id", "state", "reason")
        changed = {name: statement.excluded[name] for name in kept}
        statement = statement.on_conflict_do_update(["root_id", "path"], set_=changed)
        connection.execute(statement, rows)
    return left


def _file_row(one: FileRecord) -> dict[str, object]:
    return {
        "stem": stem_of(one.path),
        **asdict(one.stamp),
        "state": one.state.value,
        "reason": one.reason,
    }


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
    """Delete contents that no file holds, and leave tombstones for their vectors."""
    for part in chunks(sorted(candidates)):
        held = select(schema.file.c.content_id).where(schema.file.c.content_id.in_(part))
        orphans = set(part) - set(connection.execute(held).scalars())
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
    rows = connection.execute(select(schema.root.c.path, schema.root.c.id))
    return dict(rows.all())


def _content_ids(connection: Connection, digests: Sequence[bytes]) -> dict[bytes, int]:
    content = schema.content.c
    query = select(content.digest, content.id).where(content.digest.in_(digests))
    return dict(connection.execute(query).all())


def _content_of(connection: Connection, key: Key) -> int | None:
    query = select(schema.file.c.content_id).where(*_matches(key))
    return connection.execute(query).scalar_one_or_none()


def _matches(key: Key) -> list[ColumnElement[bool]]:
    return [schema.file.c[name] == value for name, value in key.items()]


def stem_of(path: bytes) -> bytes:
    """The path without the suffix of its last part; `.hidden` has no suffix."""
    return os.path.splitext(path)[0]  # noqa: PTH122  (pathlib takes no bytes)

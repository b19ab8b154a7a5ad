"""Files as rows: written, removed, handed to another root, with what is derived from them."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Connection, delete, insert, literal, select
from sqlalchemy.dialects.sqlite import insert as upsert

from engine.store import derived, listings, schema
from engine.store.chunks import chunks
from engine.store.folders import drop_empty_folders
from engine.store.paths import Place, stem_of
from engine.store.records import FileRecord
from engine.store.segments import content_ids_of

_AT = """
WITH wanted(root_id, path) AS (VALUES {})
SELECT f.root_id, f.path, f.id, f.content_id
FROM wanted CROSS JOIN file AS f ON f.root_id = wanted.root_id AND f.path = wanted.path
"""

_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    content_id: int | None


def change_files(
    connection: Connection, files: Sequence[FileRecord], removed: Sequence[FileRecord], seq: int
) -> None:
    """Write files and remove others; contents that no file holds any longer go too."""
    roots = _root_ids(connection)
    written = [(roots[os.fsencode(one.root)], one.path) for one in files]
    gone = [(roots[os.fsencode(one.root)], one.path) for one in removed]
    before = _rows_at(connection, [*written, *gone])
    _upsert(connection, written, files)
    _remove(connection, gone)
    listings.drop(connection, [*written, *gone])
    now = _rows_at(connection, written) if written else {}
    touched = {row.id for row in now.values()}
    derived.refresh(connection, touched | derived.owners(connection, [*written, *gone]))
    left = {row.content_id for row in before.values() if row.content_id is not None}
    kept = {row.content_id for row in now.values()}
    if gone or left - kept:
        drop_empty_folders(connection)
        _delete_orphans(connection, left - kept, seq)


def move_root(connection: Connection, old: Path, new: Path) -> None:
    """Hand the files of a root to a root above it, under their longer relative paths."""
    roots = _root_ids(connection)
    old_id, new_id = roots[os.fsencode(old)], roots[os.fsencode(new)]
    prefix = os.fsencode(old.relative_to(new)) + b"/"
    file = schema.file.c
    rows = connection.execute(select(file.id, file.path).where(file.root_id == old_id)).all()
    moved = [(new_id, prefix + row.path, stem_of(prefix + row.path), row.id) for row in rows]
    if moved:
        statement = "UPDATE file SET root_id = ?, path = ?, stem = ? WHERE id = ?"
        connection.exec_driver_sql(statement, moved)
    places = [(root_id, path) for root_id, path, _, _ in moved]
    derived.refresh(connection, {row.id for row in rows} | derived.owners(connection, places))
    connection.execute(delete(schema.root).where(schema.root.c.id == old_id))


def _rows_at(connection: Connection, places: Sequence[Place]) -> dict[Place, _Row]:
    """What is known of these paths."""
    found = {}
    for start in range(0, len(places), _AT_ONCE):
        part = places[start : start + _AT_ONCE]
        query = _AT.format(", ".join(["(?, ?)"] * len(part)))
        values = tuple(value for place in part for value in place)
        for row in connection.exec_driver_sql(query, values):
            found[row.root_id, row.path] = _Row(row.id, row.content_id)
    return found


def _upsert(connection: Connection, places: Iterable[Place], files: Sequence[FileRecord]) -> None:
    contents = content_ids_of(connection, [one.digest for one in files if one.digest is not None])
    rows = [
        {
            "root_id": root_id,
            "path": path,
            **_file_row(one),
            "content_id": None if one.digest is None else contents[one.digest],
        }
        for (root_id, path), one in zip(places, files, strict=True)
    ]
    if rows:
        statement = upsert(schema.file)
        kept = ("stem", "size", "mtime_ns", "inode", "content_id", "state", "reason")
        changed = {name: statement.excluded[name] for name in kept}
        statement = statement.on_conflict_do_update(["root_id", "path"], set_=changed)
        connection.execute(statement, rows)


def _file_row(one: FileRecord) -> dict[str, object]:
    return {
        "stem": stem_of(one.path),
        **asdict(one.stamp),
        "state": one.state.value,
        "reason": one.reason,
    }


def _remove(connection: Connection, places: list[Place]) -> None:
    if places:
        connection.exec_driver_sql("DELETE FROM file WHERE root_id = ? AND path = ?", places)


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


def _root_ids(connection: Connection) -> dict[bytes, int]:
    rows = connection.execute(select(schema.root.c.path, schema.root.c.id))
    return dict(rows.all())

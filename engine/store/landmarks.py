"""The peaks of recordings in the catalogue: committed with a content, read to be looked up."""

import json
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.sqlite import insert as upsert

from engine.errors import LibraryDamagedError
from engine.rank.landmarks import VERSION, Codes
from engine.store import schema
from engine.store.chunks import chunks
from engine.store.records import Found, State
from engine.types import Modality

_SOUNDING = (Modality.AUDIO.value, Modality.VIDEO.value)

_FILES = """
SELECT f.id AS file_id, r.path AS root_path, f.path, c.modality, c.id AS content_id, c.digest
FROM json_each(?) AS wanted CROSS JOIN content AS c ON c.id = wanted.value
CROSS JOIN file AS f INDEXED BY file_content ON f.content_id = c.id
JOIN root AS r ON r.id = f.root_id
WHERE f.state = ? ORDER BY f.id
"""


def insert_peaks(connection: Connection, peaks: Mapping[int, Codes], seq: int) -> None:
    """Keep the peaks of contents in place of those that they had."""
    rows = [
        {
            "content_id": one,
            "version": VERSION,
            "seq": seq,
            "peaks": data,
            "crc32": zlib.crc32(data),
        }
        for one, codes in peaks.items()
        for data in [codes.astype("<u2").tobytes()]
    ]
    if rows:
        statement = upsert(schema.landmark)
        new = {name: statement.excluded[name] for name in ("version", "seq", "peaks", "crc32")}
        keyed = statement.on_conflict_do_update(index_elements=["content_id"], set_=new)
        connection.execute(keyed, rows)


def peaks_since(connection: Connection, path: Path, seq: int) -> list[tuple[int, Codes]]:
    """The peaks committed after `seq`, by id of content; LibraryDamagedError for a damaged row."""
    table = schema.landmark.c
    query = select(schema.landmark).where(table.version == VERSION, table.seq > seq)
    rows = connection.execute(query.order_by(table.content_id)).all()
    for row in rows:
        if zlib.crc32(row.peaks) != row.crc32:
            raise LibraryDamagedError(
                path, f"the landmarks of content {row.content_id} are damaged"
            )
    return [(row.content_id, np.frombuffer(row.peaks, dtype="<u2")) for row in rows]


def kept_until(connection: Connection, seq: int) -> tuple[int, int]:
    """How many contents have peaks committed until then, and the bytes of those since."""
    table = schema.landmark.c
    until = select(func.count()).where(table.version == VERSION, table.seq <= seq)
    size = func.coalesce(func.sum(func.length(table.peaks)), 0)
    since = select(size).where(table.version == VERSION, table.seq > seq)
    return connection.execute(until).scalar_one(), connection.execute(since).scalar_one()


def unheard(connection: Connection) -> list[int]:
    """Ids of contents with sound, perhaps, whose peaks are not known."""
    content, table = schema.content.c, schema.landmark.c
    known = select(table.content_id).where(table.version == VERSION)
    query = select(content.id).where(content.modality.in_(_SOUNDING), content.id.not_in(known))
    return list(connection.execute(query.order_by(content.id)).scalars())


def files_of(connection: Connection, content_ids: Collection[int]) -> list[Found]:
    """Every indexed file that holds one of these contents, in the order of ids."""
    rows = [
        row
        for part in chunks(sorted(content_ids))
        for row in connection.exec_driver_sql(_FILES, (json.dumps(list(part)), State.INDEXED.value))
    ]
    return [Found.of_file(row) for row in rows]

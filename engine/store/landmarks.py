"""The peaks of recordings in the catalogue: committed with a content, read to be looked up."""

import json
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from engine.errors import LibraryDamagedError
from engine.rank.landmarks import VERSION, Codes
from engine.store.chunks import chunks
from engine.store.records import Found, State
from engine.store.session import Session

_FILES = """
SELECT f.id AS file_id, r.path AS root_path, f.path, c.modality, c.id AS content_id, c.digest
FROM json_each(?) AS wanted CROSS JOIN content AS c ON c.id = wanted.value
CROSS JOIN file AS f INDEXED BY file_content ON f.content_id = c.id
JOIN root AS r ON r.id = f.root_id
WHERE f.state = ? ORDER BY f.id
"""


_INSERT = """
INSERT OR REPLACE INTO landmark (content_id, version, seq, peaks, crc32) VALUES (?, ?, ?, ?, ?)
"""


def insert_peaks(connection: Session, peaks: Mapping[int, Codes], seq: int) -> None:
    """Keep the peaks of contents in place of those that they had."""
    columns = ((one, codes.astype("<u2").tobytes()) for one, codes in peaks.items())
    rows = [(one, VERSION, seq, data, zlib.crc32(data)) for one, data in columns]
    if rows:
        connection.exec_driver_sql(_INSERT, rows)


_SINCE = """
SELECT content_id, peaks, crc32 FROM landmark WHERE version = ? AND seq > ? ORDER BY content_id
"""


def peaks_since(connection: Session, path: Path, seq: int) -> list[tuple[int, Codes]]:
    """The peaks committed after `seq`, by id of content; LibraryDamagedError for a damaged row."""
    rows = connection.exec_driver_sql(_SINCE, (VERSION, seq)).all()
    for row in rows:
        if zlib.crc32(row.peaks) != row.crc32:
            raise LibraryDamagedError(
                path, f"the landmarks of content {row.content_id} are damaged"
            )
    return [(row.content_id, np.frombuffer(row.peaks, dtype="<u2")) for row in rows]


_KEPT = """
SELECT (SELECT count(*) FROM landmark WHERE version = ?1 AND seq <= ?2) AS until,
       (SELECT coalesce(sum(length(peaks)), 0) FROM landmark WHERE version = ?1 AND seq > ?2)
       AS since
"""


def kept_until(connection: Session, seq: int) -> tuple[int, int]:
    """How many contents have peaks committed until then, and the bytes of those since."""
    row = connection.exec_driver_sql(_KEPT, (VERSION, seq)).one_or_none()
    return int(row.until), int(row.since)


_UNHEARD = """
SELECT id FROM content WHERE modality IN ('audio', 'video')
AND id NOT IN (SELECT content_id FROM landmark WHERE version = ?) ORDER BY id
"""


def unheard(connection: Session) -> list[int]:
    """Ids of contents with sound, perhaps, whose peaks are not known."""
    return list(connection.exec_driver_sql(_UNHEARD, (VERSION,)).scalars())


def files_of(connection: Session, content_ids: Collection[int]) -> list[Found]:
    """Every indexed file that holds one of these contents, in the order of ids."""
    rows = [
        row
        for part in chunks(sorted(content_ids))
        for row in connection.exec_driver_sql(_FILES, (json.dumps(list(part)), State.INDEXED.value))
    ]
    return [Found.of_file(row) for row in rows]

"""From many files to what belongs to them, in one statement each, and from an id to files."""

import json
from pathlib import Path

import numpy as np

from engine.store.checks import absolute
from engine.store.filters import ids_of
from engine.store.session import Session
from engine.types import Ids, Modality, Space

# CROSS JOIN keeps the order: SQLite takes a list of ids for shorter than it is.
_VECTORS_OF_FILES = """
SELECT DISTINCT v.id FROM json_each(?) AS wanted
CROSS JOIN file AS f ON f.id = wanted.value
CROSS JOIN segment AS s INDEXED BY segment_content ON s.content_id = f.content_id
CROSS JOIN vector AS v INDEXED BY {index} ON v.segment_id = s.id
WHERE v.space_id = (SELECT id FROM space WHERE name = ? AND fingerprint = ?) AND v.modality = ?
"""

_CAPTIONS_OF_FILES = """
SELECT DISTINCT b.text_id FROM json_each(?) AS wanted
CROSS JOIN beside AS b INDEXED BY beside_media ON b.media_id = wanted.value
CROSS JOIN fact ON fact.file_id = b.text_id
"""

_FILES_WITH_ID = """
SELECT r.path AS root, f.path, c.modality FROM content AS c
JOIN file AS f ON f.content_id = c.id JOIN root AS r ON r.id = f.root_id
WHERE c.digest BETWEEN ? AND ? AND f.state = 'indexed' ORDER BY c.digest, r.path, f.path
"""

_LAST = b"\xff" * 64


def vectors_of_files(
    connection: Session, file_ids: Ids, space: Space, modality: Modality, *, derived: bool
) -> Ids:
    """Ids of the vectors of these files' contents in a space, sorted."""
    query = _VECTORS_OF_FILES.format(index="vector_place" if derived else "vector_segment")
    wanted = json.dumps(file_ids.tolist())
    values = (wanted, space.name, space.fingerprint, modality.value)
    return np.sort(ids_of(connection, query, values))


def captions_of(connection: Session, file_ids: Ids) -> Ids:
    """Ids of the captions and subtitles that describe these media, sorted."""
    return np.sort(ids_of(connection, _CAPTIONS_OF_FILES, (json.dumps(file_ids.tolist()),)))


def files_with_id(connection: Session, prefix: str) -> list[tuple[Path, Modality]]:
    """Files whose content's digest begins with these hexadecimal digits."""
    try:
        first = bytes.fromhex(prefix + "0" * (len(prefix) % 2))
        last = bytes.fromhex(prefix + "f" * (len(prefix) % 2)) + _LAST
    except ValueError:
        return []
    rows = connection.exec_driver_sql(_FILES_WITH_ID, (first, last)) if prefix else ()
    return [(absolute(row.root, row.path), Modality(row.modality)) for row in rows]

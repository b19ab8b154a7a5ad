"""What belongs to contents besides their own vectors: captions beside them, words found in them."""

import json
from collections.abc import Sequence

from engine.store.records import WordKind
from engine.store.session import Session

_BESIDE = """
SELECT DISTINCT m.content_id AS media, t.content_id AS text FROM json_each(?) AS wanted
CROSS JOIN file AS m INDEXED BY file_content ON m.content_id = wanted.value
CROSS JOIN beside AS b INDEXED BY beside_media ON b.media_id = m.id
CROSS JOIN file AS t ON t.id = b.text_id
ORDER BY m.content_id, t.content_id
"""

_ALONE = """
SELECT DISTINCT content_id FROM file
WHERE state = 'indexed' AND id NOT IN (SELECT text_id FROM beside)
"""

_FOUND = """
SELECT s.content_id, s.words FROM json_each(?) AS wanted
CROSS JOIN segment AS s INDEXED BY segment_content ON s.content_id = wanted.value
WHERE s.kind = ? ORDER BY s.content_id, s.ordinal
"""


def beside(connection: Session, contents: Sequence[int]) -> list[tuple[int, int]]:
    """Each of these media with the texts that describe it, as contents."""
    rows = connection.exec_driver_sql(_BESIDE, (json.dumps(list(contents)),))
    return [(row.media, row.text) for row in rows]


def standing_alone(connection: Session) -> set[int]:
    """Contents with a file that describes no medium."""
    return set(connection.exec_driver_sql(_ALONE).scalars())


def words_found(connection: Session, contents: Sequence[int], kind: WordKind) -> dict[int, str]:
    """The words seen or heard in each of these contents, in order; those without are left out."""
    found: dict[int, str] = {}
    for row in connection.exec_driver_sql(_FOUND, (json.dumps(list(contents)), kind.value)):
        found[row.content_id] = f"{found.get(row.content_id, '')} {row.words}".strip()
    return found

"""Files by their date, newest first: what conditions alone ask for."""

import json

from engine.store.records import Found
from engine.store.session import Session
from engine.types import Ids

_NEWEST = """
SELECT f.file_id, r.path AS root_path, file.path, f.modality, file.content_id, content.digest
FROM json_each(?) AS wanted
JOIN fact AS f ON f.file_id = wanted.value
JOIN file ON file.id = f.file_id
JOIN root AS r ON r.id = file.root_id
JOIN content ON content.id = file.content_id
ORDER BY coalesce(f.taken, f.modified) DESC, f.file_id
LIMIT ?
"""


def newest(connection: Session, file_ids: Ids, limit: int) -> list[Found]:
    """These files, by when they were taken, else modified; the newest first, at most `limit`."""
    rows = connection.exec_driver_sql(_NEWEST, (json.dumps(file_ids.tolist()), limit))
    return [Found.of_file(row) for row in rows]

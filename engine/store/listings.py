"""What folders looked like, so that those which have not changed are not compared file by file."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from engine.store.paths import Place, folder_of
from engine.store.records import Listing
from engine.store.session import Session

_READ = """
SELECT l.path, l.digest, l.files, l.indexed
FROM listing AS l JOIN root AS r ON r.id = l.root_id WHERE r.path = ?
"""

_WRITE = """
INSERT OR REPLACE INTO listing (root_id, path, digest, files, indexed)
SELECT id, ?, ?, ?, ? FROM root WHERE path = ?
"""


def read(connection: Session, root: Path) -> dict[bytes, Listing]:
    """What is known of the folders of a root, by their relative paths."""
    rows = connection.exec_driver_sql(_READ, (os.fsencode(root),))
    return {row.path: Listing(row.digest, row.files, row.indexed) for row in rows}


def write(connection: Session, root: Path, seen: Mapping[bytes, Listing]) -> None:
    """Remember what folders look like, in place of what is known of them."""
    place = os.fsencode(root)
    rows = [(path, one.digest, one.files, one.indexed, place) for path, one in seen.items()]
    if rows:
        connection.exec_driver_sql(_WRITE, rows)


def drop(connection: Session, places: Iterable[Place]) -> None:
    """Forget what the folders of these files look like."""
    folders = {(root_id, folder_of(path)) for root_id, path in places}
    if folders:
        statement = "DELETE FROM listing WHERE root_id = ? AND path = ?"
        connection.exec_driver_sql(statement, sorted(folders))


def within(scope: bytes) -> tuple[bytes, bytes]:
    """The first relative path below a folder, and the first that comes after all of them."""
    return scope + b"/", scope + b"0"  # 0 follows / among bytes

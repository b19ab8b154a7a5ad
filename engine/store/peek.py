"""One setting of a catalogue, read with the standard library: SQLAlchemy takes 150 ms to import."""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote


def peek(catalogue: Path, key: str) -> str | None:
    """The value of a setting; None when it is not there, or cannot be read just now."""
    try:
        uri = f"file:{quote(bytes(catalogue.absolute()))}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            found = connection.execute("SELECT value FROM setting WHERE key = ?", (key,)).fetchone()
    except sqlite3.Error:
        return None
    return str(found[0]) if found else None

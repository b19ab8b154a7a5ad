"""An older catalogue becomes one of today's format; nothing is changed before a copy is safe."""

import os
import shutil
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, Engine

from engine.errors import DiskFullError
from engine.points import reached
from engine.store import derived, layout, schema
from engine.store.snapshots import sync_folder


def migrate(path: Path, engine: Engine, version: int) -> None:
    """Bring a catalogue of this older format up to date, in one transaction.

    A copy of it as it was is kept beside it (`copy_of`); DiskFullError when there is no room.
    """
    _keep_copy(path, engine, copy_of(path, version))
    with engine.begin() as connection:
        schema.metadata.create_all(
            connection
        )  # labels and landmarks too: the next `index` listens to what is there
        if version < layout.DERIVED_SINCE:
            _add_derived(connection)
        for index in schema.file.indexes:
            index.create(connection, checkfirst=True)
        connection.exec_driver_sql(f"PRAGMA user_version={layout.FORMAT_VERSION}")
        reached("before-migrating")
    reached("after-migrating")


def copy_of(path: Path, version: int) -> Path:
    """Where the copy of a catalogue of an older format is kept."""
    return path.with_name(f"{path.stem}.format{version}{path.suffix}")


def _keep_copy(path: Path, engine: Engine, copy: Path) -> None:
    temporary = copy.with_name(copy.name + ".tmp")
    temporary.unlink(missing_ok=True)
    if shutil.disk_usage(path.parent).free < 3 * path.stat().st_size:
        raise DiskFullError(path.parent)
    # The raw connection, because VACUUM must stand outside any transaction.
    with closing(engine.raw_connection()) as connection:
        connection.cursor().execute("VACUUM INTO ?", (os.fsdecode(temporary),))
    reached("copy-written")
    with temporary.open("rb") as written:
        os.fsync(written.fileno())
    temporary.replace(copy)
    sync_folder(copy.parent)
    reached("copy-renamed")


def _add_derived(connection: Connection) -> None:
    """From format 1 to 2."""
    connection.exec_driver_sql("ALTER TABLE segment ADD COLUMN kind TEXT")
    for index in schema.vector.indexes:
        index.create(connection, checkfirst=True)
    derived.rebuild(connection)

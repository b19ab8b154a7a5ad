"""How SQLite is opened: one writer, any number of readers, foreign errors mapped to ours."""

import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from engine.errors import DiskError, DiskFullError, EngineError, LibraryDamagedError
from engine.store.filters import km_between
from engine.store.session import ReadingEngine
from engine.store.texts import fits

if TYPE_CHECKING:
    from sqlalchemy import Engine

PAGE_SIZE = 8192
"""Two float16 rows of 1608 components fit on such a page; on 4096 bytes only one would."""

_NO_TEXT = "Could not decode to UTF-8"
"""How Python begins to say that the bytes of a text are none."""

_LEAST_FREE = 2**17
"""SQLite lets the file of its shared memory grow by 32 KiB, and the log by some pages."""

_WRITER_SETTINGS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "busy_timeout=5000",
    "wal_autocheckpoint=1000",
    "trusted_schema=OFF",
)

_READER_SETTINGS = ("busy_timeout=5000", "query_only=ON", "trusted_schema=OFF")


def open_writer(path: Path) -> "Engine":
    """The one connection that writes; the caller holds the library's lock."""
    from sqlalchemy import create_engine, event, pool

    # A stop while a connection is closed is nothing to be logged with a traceback; it goes on.
    logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())
    connect = partial(_connect, path, "rwc", (f"page_size={PAGE_SIZE}", *_WRITER_SETTINGS))
    engine = create_engine("sqlite+pysqlite://", creator=connect, poolclass=pool.StaticPool)

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:  # noqa: ANN401  (SQLAlchemy passes its own connection)
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def open_reader(path: Path) -> ReadingEngine:
    """A connection that only reads and never waits for the writer."""
    mode = "ro&immutable=1" if _is_fixed(path) else "ro"
    return ReadingEngine(partial(_connect, path, mode, _READER_SETTINGS))


def copy_catalogue(source: Path, target: Path) -> None:
    """Copy a catalogue as it is now, safely to disk; another process may write meanwhile.

    All pages are read in one transaction, so a commit can neither tear the copy nor begin it anew.
    Receipts of snapshots, which are not copied, are left out.
    """
    engine = open_reader(source)
    try:
        with mapped_errors(source), closing(sqlite3.connect(target)) as copied:
            engine.connection.backup(copied)
            copied.execute("DELETE FROM snapshot")
            copied.commit()
    finally:
        engine.dispose()
    with target.open("rb") as written:
        os.fsync(written.fileno())


def has_reset_bug(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> bool:
    """Whether this SQLite may damage a log that two connections fold in at the same time.

    From 3.7.0 on, mended in 3.51.3, 3.50.7 and 3.44.6 (sqlite.org/wal.html, "the WAL-reset bug").
    """
    mended: dict[tuple[int, ...], tuple[int, ...]] = {(3, 50): (3, 50, 7), (3, 44): (3, 44, 6)}
    return (3, 7) <= version < mended.get(version[:2], (3, 51, 3))


def sqlite_told() -> str:
    """The version of SQLite, and what it means for a library, in words."""
    found = sqlite3.sqlite_version
    if not has_reset_bug():
        return f"{found}, without the WAL-reset bug"
    return f"{found}, with the WAL-reset bug, avoided by writing with one connection"


def word_search_lacks() -> str:
    """What this Python's SQLite lacks to search words, in one sentence; empty when nothing."""
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute("CREATE VIRTUAL TABLE t USING fts5(x, tokenize='trigram')")
            connection.execute("SELECT value FROM json_each('[1]')")
        except sqlite3.OperationalError as error:
            found = sqlite3.sqlite_version
            return f"SQLite {found} of this Python cannot search words: {error}"
    return ""


def require_word_search() -> None:
    """Raise EngineError when `word_search_lacks` says something."""
    if lack := word_search_lacks():
        raise EngineError(
            f"{lack}.", hint="Use a Python whose SQLite is 3.38 or newer and has FTS5."
        )


def _is_fixed(path: Path) -> bool:
    """Whether nobody writes and SQLite could not lay its own files beside the catalogue.

    It would refuse to read a catalogue on a read-only disk unless told that nothing changes.
    """
    log, index = (path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))
    pending = index.exists() or (log.exists() and log.stat().st_size > 0)
    return not os.access(path.parent, os.W_OK) and not pending


def _connect(path: Path, mode: str, settings: tuple[str, ...]) -> sqlite3.Connection:
    # A path may hold ? and #, so it is quoted into the URI that sqlite3 itself takes.
    uri = f"file:{quote(bytes(path.absolute()))}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
    for line in settings:
        connection.execute(f"PRAGMA {line}")
    connection.create_function("km_between", 4, km_between, deterministic=True)
    connection.create_function("fits", 2, fits, deterministic=True)
    return connection


@contextmanager
def mapped_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours; everything else passes."""
    try:
        yield
    except Exception as error:
        cause = getattr(error, "orig", None) or error  # SQLAlchemy puts its own around the driver's
        if not isinstance(cause, sqlite3.DatabaseError):
            raise
        raise _translate(path, cause) from error


def _translate(path: Path, error: BaseException) -> EngineError:
    name = getattr(error, "sqlite_errorname", "") or ""
    failed = name.startswith("SQLITE_IOERR")
    if name.startswith("SQLITE_FULL") or (failed and _is_full(path)):
        return DiskFullError(path)
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or str(error).startswith(_NO_TEXT):
        return LibraryDamagedError(path, str(error))
    if failed:
        return DiskError(path, f"{error} ({name})")
    return EngineError(
        f"The catalogue {path} could not be used: {error} ({name or 'SQLite'}).",
        hint="Nothing that was acknowledged is lost; see: seehear verify",
    )


def _is_full(path: Path) -> bool:
    """Whether there is no room for what SQLite wanted to write, which it calls an I/O error."""
    try:
        return shutil.disk_usage(path.parent).free < _LEAST_FREE
    except OSError:
        return False

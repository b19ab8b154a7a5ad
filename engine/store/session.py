"""Reading with the driver alone: SQLAlchemy takes longer to import than most searches take.

What reads the catalogue is written in SQL and needs a `Session`; a connection of SQLAlchemy, with
which the writer reads what it is about to change, is one too.
"""

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Protocol, cast


class Session(Protocol):
    """A transaction in which a catalogue is read."""

    def exec_driver_sql(self, statement: str, parameters: Any = ...) -> Any:  # noqa: ANN401
        """What a statement finds: a `Result`, or what SQLAlchemy has in its place."""
        ...


class Result:
    """Rows whose columns are attributes, each row read once."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self.cursor = cursor

    def __iter__(self) -> Iterator[Any]:
        return map(self._row, self.cursor)

    @property
    def _row(self) -> Callable[[Sequence[Any]], Any]:
        return _row_type(tuple(column[0] for column in self.cursor.description))

    def all(self) -> list[Any]:
        """Every row."""
        return list(self)

    def partitions(self, size: int) -> Iterator[list[Any]]:
        """Rows, so many at a time."""
        while rows := self.cursor.fetchmany(size):
            yield list(map(self._row, rows))

    def scalars(self) -> Iterator[Any]:
        """The first column of every row."""
        return (row[0] for row in self.cursor)

    def one_or_none(self) -> Any:  # noqa: ANN401  (a row)
        """The only row, or None; ValueError when there are more."""
        rows = self.cursor.fetchmany(2)
        if len(rows) > 1:
            raise ValueError("there is more than one row")
        return self._row(rows[0]) if rows else None

    def scalar_one_or_none(self) -> Any:  # noqa: ANN401  (a value)
        """The first column of the only row, or None."""
        row = self.one_or_none()
        return None if row is None else row[0]

    def scalar_one(self) -> Any:  # noqa: ANN401  (a value)
        """The first column of the only row; ValueError when there is none."""
        row = self.one_or_none()
        if row is None:
            raise ValueError("there is no row")
        return row[0]


@lru_cache(maxsize=256)
def _row_type(columns: tuple[str, ...]) -> Callable[[Sequence[Any]], Any]:
    make: Any = namedtuple  # noqa: PYI024  (its columns are not known before it is read)
    return cast("Callable[[Sequence[Any]], Any]", make("Row", columns, rename=True)._make)


class ReadingEngine:
    """One connection that only reads, opened when it is first needed."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._connection: sqlite3.Connection | None = None

    @property
    def connection(self) -> sqlite3.Connection:
        """The driver's own."""
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    @contextmanager
    def connect(self) -> Iterator[Session]:
        """Read in one transaction: one state of the catalogue."""
        connection = self.connection
        connection.execute("BEGIN")
        try:
            yield _Reading(connection)
        finally:
            connection.rollback()

    def dispose(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Reading:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def exec_driver_sql(self, statement: str, parameters: Sequence[Any] = ()) -> Result:
        return Result(self._connection.execute(statement, parameters))

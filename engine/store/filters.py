"""Conditions on files, answered by the catalogue: which files pass all of them."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from math import asin, cos, radians, sin, sqrt
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from engine.errors import UsageError
from engine.query import Box, Field, Filter, Given, Near, Range, Value
from engine.store import texts
from engine.store.folders import components
from engine.store.session import Session
from engine.types import Ids

EARTH_KM = 6371.0
"""Mean radius of the earth."""

_KM_PER_DEGREE = 111.0
"""A little less than a degree of latitude has, so that a band of latitudes is never too narrow."""

_MOST = 2**63 - 1

_Condition: TypeAlias = tuple[str, list[Any]]
"""SQL on a row of `fact`, true where it fits, and its parameters; NULL is as good as false."""

_NEVER: _Condition = ("0", [])


def admitted(connection: Session, filters: Sequence[Filter]) -> Ids:
    """Ids of the files that pass all filters, sorted."""
    conditions = [_condition(connection, one) for one in filters]
    sql = _balanced([f"({one})" for one, _ in conditions], "AND") or "1"
    values = tuple(value for _, some in conditions for value in some)
    query = f"SELECT file_id FROM fact WHERE {sql} ORDER BY file_id"  # noqa: S608
    return ids_of(connection, query, values)


def ids_of(connection: Session, query: str, values: tuple[Any, ...]) -> Ids:
    """The first column of what a query finds."""
    # The driver's own rows: SQLAlchemy's take three times as long for 100,000.
    found = connection.exec_driver_sql(query, values).cursor.fetchall()
    return np.fromiter((row[0] for row in found), dtype=np.int64, count=len(found))


def _condition(connection: Session, one: Filter) -> _Condition:
    known = _CONDITIONS[one.field]
    parts = [known(connection, value) for value in one.any_of]
    sql = _balanced([f"({part})" for part, _ in parts], "OR") or "0"
    fits = f"coalesce(({sql}), 0)"
    return f"NOT {fits}" if one.negated else fits, [v for _, some in parts for v in some]


def _balanced(parts: Sequence[str], operator: str) -> str:
    """The parts joined so that brackets nest little: SQLite takes a depth of 1,000."""
    if len(parts) <= 2:  # noqa: PLR2004  (two sides)
        return f" {operator} ".join(parts)
    half = len(parts) // 2
    sides = (_balanced(parts[:half], operator), _balanced(parts[half:], operator))
    return f"({sides[0]}) {operator} ({sides[1]})"


# --- one alternative of each field ---------------------------------------------------------------

_Make: TypeAlias = Callable[[Session, Value], _Condition]


def _text(field: Field, value: Value) -> str:
    if not isinstance(value, str):
        raise UsageError(f"The condition '{field}' wants a word, not {value!r}.")
    return texts.fold(value)


def _equal(field: Field, *columns: str) -> _Make:
    def make(_: Session, value: Value) -> _Condition:
        word = _text(field, value).removeprefix("." if field is Field.FORMAT else "")
        return " OR ".join(f"{column} = ?" for column in columns), [word] * len(columns)

    return make


def _part(field: Field, column: str) -> _Make:
    def make(_: Session, value: Value) -> _Condition:
        word = _text(field, value)
        if field is Field.NAME and "*" in word:
            return f"fits({column}, ?)", [f"*{word}*"]
        return f"instr({column}, ?) > 0", [word]

    return make


def _range(field: Field, column: str) -> _Make:
    def make(_: Session, value: Value) -> _Condition:
        if not isinstance(value, Range):
            raise UsageError(f"The condition '{field}' wants a range of numbers, not {value!r}.")
        sql, values = f"{column} IS NOT NULL", []
        if value.least is not None:
            if value.least > _MOST:
                return _NEVER
            sql += f" AND {column} >= ?"
            values.append(max(value.least, -_MOST - 1))
        if value.below is not None and value.below <= _MOST:
            if value.below < -_MOST:
                return _NEVER
            sql += f" AND {column} < ?"
            values.append(value.below)
        return sql, values

    return make


_SQUARE = "50 * abs(width - height) < max(width, height)"
"""Sides that differ by less than 2 %."""

_SHAPES = {
    "square": _SQUARE,
    "portrait": f"height > width AND NOT ({_SQUARE})",
    "landscape": f"width > height AND NOT ({_SQUARE})",
}


def _shape(_: Session, value: Value) -> _Condition:
    word = _text(Field.SHAPE, value)
    return (_SHAPES[word], []) if word in _SHAPES else _NEVER


def _tag(_: Session, value: Value) -> _Condition:
    sql = "file_id IN (SELECT file_id FROM tag WHERE folded = ?)"
    return sql, [_text(Field.TAG, value)]


def _label(_: Session, value: Value) -> _Condition:
    if not isinstance(value, Given):
        raise UsageError(f"The condition '{Field.LABEL}' wants a label, not {value!r}.")
    parts, values = ["l.folded = ?"], [texts.fold(value.label)]
    if value.classifier:
        parts.append("l.classifier = ?")
        values.append(texts.fold(value.classifier))
    if value.least is None:
        parts.append("l.place = 0")
    else:
        parts.append(f"l.probability {'>' if value.above else '>='} ?")
    given = [] if value.least is None else [value.least]
    return f"file_id IN ({_LABELLED} WHERE {' AND '.join(parts)})", [*values, *given]


_LABELLED = "SELECT f.id FROM label AS l JOIN file AS f ON f.content_id = l.content_id"


def _place(_: Session, value: Value) -> _Condition:
    if isinstance(value, Near):
        band = value.km / _KM_PER_DEGREE
        sql = "latitude BETWEEN ? AND ? AND km_between(latitude, longitude, ?, ?) <= ?"
        north, east = value.latitude, value.longitude
        return sql, [north - band, north + band, north, east, value.km]
    if isinstance(value, Box):
        across = "OR" if value.west > value.east else "AND"
        sql = f"latitude BETWEEN ? AND ? AND (longitude >= ? {across} longitude <= ?)"
        return sql, [value.south, value.north, value.west, value.east]
    raise UsageError(f"The condition '{Field.PLACE}' wants a circle or a box, not {value!r}.")


def km_between(
    north: float | None, east: float | None, other_north: float, other_east: float
) -> float | None:
    """The great circle between two places in degrees, in kilometres, by the haversine formula."""
    if north is None or east is None:
        return None
    a, b = radians(north), radians(other_north)
    half = sin((b - a) / 2) ** 2 + cos(a) * cos(b) * sin(radians(other_east - east) / 2) ** 2
    return 2 * EARTH_KM * asin(min(1.0, sqrt(half)))


# --- folders -------------------------------------------------------------------------------------


def _folder(connection: Session, value: Value) -> _Condition:
    wanted = [name for name in _text(Field.FOLDER, value).split("/") if name]
    return _among_folders(
        one
        for one, root, path in _all_folders(connection)
        if wanted and _follow([texts.fold(name) for name in components(root, path)], wanted)
    )


def _follow(names: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether names that follow one another fit the wanted ones."""
    starts = range(len(names) - len(wanted) + 1)
    return any(
        all(texts.fits(names[start + i], one) for i, one in enumerate(wanted)) for start in starts
    )


def _under(connection: Session, value: Value) -> _Condition:
    if not isinstance(value, str):
        raise UsageError(f"The condition '{Field.UNDER}' wants a folder, not {value!r}.")
    try:
        above = os.path.join(os.fsencode(Path(value)), b"")  # noqa: PTH118  (bytes)
    except UnicodeEncodeError:  # no file system has such a name
        return _NEVER
    return _among_folders(
        one
        for one, root, path in _all_folders(connection)
        if os.path.join(root, path, b"").startswith(above)  # noqa: PTH118
    )


def _all_folders(connection: Session) -> Iterator[tuple[int, bytes, bytes]]:
    query = (
        "SELECT f.id, r.path AS root, f.path FROM folder AS f JOIN root AS r ON r.id = f.root_id"
    )
    for row in connection.exec_driver_sql(query):
        yield row.id, row.root, row.path


def _among_folders(folder_ids: Iterator[int]) -> _Condition:
    wanted = json.dumps(list(folder_ids))
    return "folder_id IN (SELECT value FROM json_each(?))", [wanted]


_CONDITIONS: dict[Field, _Make] = {
    Field.KIND: _equal(Field.KIND, "modality"),
    Field.FOLDER: _folder,
    Field.UNDER: _under,
    Field.NAME: _part(Field.NAME, "name"),
    Field.FORMAT: _equal(Field.FORMAT, "suffix", "format"),
    Field.DATE: _range(Field.DATE, "coalesce(taken, modified)"),
    Field.TAKEN: _range(Field.TAKEN, "taken"),
    Field.MODIFIED: _range(Field.MODIFIED, "modified"),
    Field.DURATION: _range(Field.DURATION, "duration_ms"),
    Field.SIZE: _range(Field.SIZE, "size"),
    Field.WIDTH: _range(Field.WIDTH, "width"),
    Field.HEIGHT: _range(Field.HEIGHT, "height"),
    Field.SHAPE: _shape,
    Field.CAMERA: _part(Field.CAMERA, "camera"),
    Field.PLACE: _place,
    Field.TAG: _tag,
    Field.LABEL: _label,
    Field.RATING: _range(Field.RATING, "rating"),
}

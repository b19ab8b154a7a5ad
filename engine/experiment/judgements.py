"""Reads which files answer which queries, from a table or from JSON."""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import UsageError

_NAMES = {
    "query": "query", "caption": "query", "description": "query", "text": "query",
    "path": "path", "file": "path", "relevant": "path", "paths": "path",
    "grade": "grade", "relevance": "grade",
    "group": "group", "source": "group",
}  # fmt: skip
"""What a column may be called, and what it is."""

_POSITIONS = ("query", "path", "grade", "group")

_SHAPES = (
    "A table has lines of query, tab, path, and perhaps tab, grade. "
    'JSON has objects like {"query": "a red car", "relevant": ["a.jpg", "b.jpg"]}.'
)


@dataclass(frozen=True, slots=True)
class Row:
    """One answer to one query, as it was written.

    Attributes:
        query: words, or the path of a file.
        path: of the relevant file.
        grade: how relevant it is, above 0.
        group: queries of one group are not independent of each other; empty for none.
    """

    query: str
    path: str
    grade: float = 1.0
    group: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file of judgements, and the names of the columns that were not used."""

    rows: tuple[Row, ...]
    unused: tuple[str, ...] = ()


def read_judgements(file: Path) -> Table:
    """Read a table (tabs between columns) or JSON, told apart by how the text begins.

    The columns of a table are query, path, grade and group, in this order, or in any order under
    a first line that names them. A grade of 0 says that a file is not relevant; it is left out.

    Raises:
        UsageError: the file cannot be read, is empty, or has a line that does not fit.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is no UTF-8 text.", hint=_SHAPES) from error
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error
    table = _from_json(file, text) if text.lstrip()[:1] in {"{", "["} else _from_table(file, text)
    if not table.rows:
        raise UsageError(f"{file} has no queries in it.", hint=_SHAPES)
    return table


def _from_table(file: Path, text: str) -> Table:
    lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        return Table(())
    names = [one.strip().lower() for one in lines[0][1].split("\t")]
    columns: Sequence[str | None] = _POSITIONS
    unused: tuple[str, ...] = ()
    if any(one in _NAMES for one in names) and len(names) > 1:
        columns, unused = _named(file, names)
        lines = lines[1:]
    return Table(tuple(_rows(file, lines, columns)), unused)


def _named(file: Path, names: list[str]) -> tuple[list[str | None], tuple[str, ...]]:
    columns: list[str | None] = [_NAMES.get(one) for one in names]
    for wanted in ("query", "path"):
        if columns.count(wanted) != 1:
            count = "no" if wanted not in columns else "more than one"
            raise UsageError(
                f"{file} has {count} column for the {wanted}; it has: {', '.join(names)}.",
                hint=_SHAPES,
            )
    return columns, tuple(n for n, of in zip(names, columns, strict=True) if of is None)


def _rows(
    file: Path, lines: Iterable[tuple[int, str]], columns: Sequence[str | None]
) -> Iterator[Row]:
    for number, line in lines:
        cells = [one.strip() for one in line.split("\t")]
        if not 2 <= len(cells) <= len(columns):  # noqa: PLR2004  (query and path)
            raise UsageError(
                f"Line {number} of {file} has {len(cells)} columns, not 2 to {len(columns)}.",
                hint=_SHAPES,
            )
        fields = {of: cell for of, cell in zip(columns, cells, strict=False) if of is not None}
        row = _row(fields, f"Line {number} of {file}")
        if row is not None:
            yield row


def _from_json(file: Path, text: str) -> Table:
    unused: dict[str, None] = {}
    rows = []
    for number, item in enumerate(_items(file, text), 1):
        where = f"Entry {number} of {file}"
        if not isinstance(item, dict):
            raise UsageError(f"{where} is no object.", hint=_SHAPES)
        fields = {_NAMES[key]: value for key, value in item.items() if key in _NAMES}
        unused |= dict.fromkeys(key for key in item if key not in _NAMES)
        rows += [
            row
            for path, grade in _answers(fields.get("path"), fields.get("grade", 1))
            if (row := _row({**fields, "path": path, "grade": grade}, where)) is not None
        ]
    return Table(tuple(rows), tuple(unused))


def _items(file: Path, text: str) -> list[Any]:
    """The entries of a JSON array, of an object of query and answers, or of lines of JSON."""
    try:
        whole = json.loads(text)
    except ValueError:
        return [_loaded(line, f"Line {n} of {file}") for n, line in _full_lines(text)]
    if isinstance(whole, dict) and isinstance(whole.get("queries"), list):
        return list(whole["queries"])
    if isinstance(whole, dict) and "query" not in whole:
        return [{"query": query, "relevant": answers} for query, answers in whole.items()]
    return whole if isinstance(whole, list) else [whole]


def _full_lines(text: str) -> Iterator[tuple[int, str]]:
    return ((n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip())


def _loaded(line: str, where: str) -> object:
    try:
        return json.loads(line)
    except ValueError as error:
        raise UsageError(f"{where} is no JSON: {error}.", hint=_SHAPES) from error


def _answers(given: object, grade: object) -> list[tuple[object, object]]:
    """Pairs of path and grade from a path, some paths, `{path: grade}`, or rows with both."""
    match given:
        case dict() if "path" in given:
            return [(given["path"], given.get("grade", grade))]
        case dict():
            return list(given.items())
        case list():
            return [pair for one in given for pair in _answers(one, grade)]
        case _:
            return [(given, grade)]


def _row(fields: Mapping[str, Any], where: str) -> Row | None:
    """None where the grade is 0."""
    for name in ("query", "path"):
        if not isinstance(fields.get(name), str) or not fields[name].strip():
            raise UsageError(f"{where} has no {name}.", hint=_SHAPES)
    grade = _number(fields.get("grade") or ("1" if fields.get("grade") != 0 else 0), where)
    group = str(fields.get("group") or "")
    return Row(fields["query"].strip(), fields["path"].strip(), grade, group) if grade else None


def _number(given: object, where: str) -> float:
    convert: Callable[[Any], float] = float
    try:
        grade = convert(given)
    except (TypeError, ValueError):
        grade = math.nan
    if not 0 <= grade <= _MOST:
        raise UsageError(f"{where} has the grade {given!r}, which is no number from 0 to {_MOST}.")
    return grade


_MOST = 30
"""The gain of a grade is 2^grade - 1, so that greater ones would hide all else."""

"""Reads a person's tables: which files have which labels, and which things belong together."""

import csv
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from engine.errors import UsageError
from engine.media.formats import modality_of_suffix

Item: TypeAlias = Path | str
"""A file by its absolute path, or words."""

WORDS = "text:"
"""Before a cell: it is words, even where a file is called so."""

_PATHS = ("./", "../", "/", "~/")
_DIALECTS = {".csv": "excel", ".tsv": "excel-tab", ".tab": "excel-tab"}
_JSON_LINES = (".jsonl", ".ndjson")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two things that belong together.

    Attributes:
        left: a file or words.
        right: a file or words.
        group: pairs of one group (a patient, a recording) are not independent; empty for none.
        line: where it stands in its table, from 1.
    """

    left: Item
    right: Item
    group: str
    line: int


@dataclass(frozen=True, slots=True)
class Labelled:
    """A thing with the label that a person gave it.

    Attributes:
        item: a file or words.
        label: as it was written, without blanks around it.
        group: things of one group (a speaker, a session) are not independent; empty for none.
        line: where it stands in its table, from 1.
    """

    item: Item
    label: str
    group: str
    line: int


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns that a table must have, in order, and what else they may be called."""

    needed: tuple[str, ...]
    called: Mapping[str, str]

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.needed, "group")

    @property
    def shape(self) -> str:
        line = ",".join(self.needed)
        keys = ", ".join(f'"{one}": "..."' for one in self.needed)
        return f"Lines are {line} or {line},group (.csv; .tsv with tabs), or {{{keys}}} (.jsonl)."


_PAIRS = _Columns(("left", "right"), {"left": "left", "right": "right", "group": "group"})
_LABELS = _Columns(
    ("path", "label"), {"path": "path", "text": "path", "label": "label", "group": "group"}
)


def read_pairs(file: Path) -> tuple[Pair, ...]:
    """The pairs of a table: left, right, and perhaps a group.

    A first line that names the columns may stand in any order. A cell is a file when one is there,
    when it begins with `./`, `../`, `/` or `~/`, or ends like a medium (`.jpg`); relative paths
    start at the table's folder. All else, and what follows `text:`, is words.

    Raises:
        UsageError: the table cannot be read, is empty, or has a line that does not fit.
    """
    folder = _folder(file)
    return tuple(
        Pair(_item(cells["left"], folder), _item(cells["right"], folder), cells["group"], line)
        for line, cells in _rows(file, _PAIRS)
    )


def read_labels(file: Path) -> tuple[Labelled, ...]:
    """The labelled things of a table: path (or text), label, and perhaps a group.

    Cells of the first column are read as `read_pairs` reads them. What stands twice with one label
    is kept once.

    Raises:
        UsageError: as for `read_pairs`; and a thing has two labels.
    """
    folder = _folder(file)
    found: dict[Item, Labelled] = {}
    for line, cells in _rows(file, _LABELS):
        one = Labelled(_item(cells["path"], folder), cells["label"], cells["group"], line)
        before = found.setdefault(one.item, one)
        if before.label != one.label:
            raise UsageError(
                f"Line {line} of {file} labels {cells['path']} as '{one.label}', "
                f"line {before.line} as '{before.label}'.",
                hint="A thing has one label: take one of the lines out.",
            )
    return tuple(found.values())


def _folder(file: Path) -> Path:
    return Path(os.path.abspath(file)).parent  # noqa: PTH100  (links are left as they are)


def _item(cell: str, folder: Path) -> Item:
    if cell.startswith(WORDS):
        return cell.removeprefix(WORDS).strip()
    path = os.path.abspath(folder / os.path.expanduser(cell))  # noqa: PTH100, PTH111
    is_meant = cell.startswith(_PATHS) or (
        "\n" not in cell and modality_of_suffix(cell) is not None
    )
    is_there = os.path.isfile(path)  # noqa: PTH113  (pathlib fails on what is no path at all)
    return Path(path) if is_meant or is_there else cell


def _rows(file: Path, columns: _Columns) -> Iterator[tuple[int, dict[str, str]]]:
    """Each line's number and its cells by column; only that of the group may be empty."""
    read = _reader(file)
    found = False
    for line, cells in read(file, columns):
        where = f"Line {line} of {file}"
        empty = [one for one in columns.needed if not cells.get(one)]
        if empty:
            raise UsageError(f"{where} has no {empty[0]}.", hint=columns.shape)
        found = True
        yield line, {one: cells.get(one, "") for one in columns.all}
    if not found:
        raise UsageError(f"{file} has no lines to read.", hint=columns.shape)


_Read: TypeAlias = Callable[[Path, _Columns], Iterator[tuple[int, dict[str, str]]]]


def _reader(file: Path) -> _Read:
    suffix = file.suffix.lower()
    if suffix in _JSON_LINES:
        return _from_json_lines
    if suffix in _DIALECTS:
        return _from_table
    known = ", ".join((*_DIALECTS, *_JSON_LINES))
    raise UsageError(f"{file} is no table by its name.", hint=f"Its name should end in: {known}")


def _from_table(file: Path, columns: _Columns) -> Iterator[tuple[int, dict[str, str]]]:
    names: Sequence[str] = columns.all
    for number, (line, cells) in enumerate(_lines(file)):
        if number == 0 and (named := _header(file, cells, columns)):
            names = named
            continue
        if not len(columns.needed) <= len(cells) <= len(names):
            raise UsageError(
                f"Line {line} of {file} has {len(cells)} columns, "
                f"not {len(columns.needed)} to {len(names)}.",
                hint=columns.shape,
            )
        yield line, dict(zip(names, cells, strict=False))


def _lines(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Each record that holds anything, with the number of the line that it begins on."""
    begins = 1
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.reader(opened, _DIALECTS[file.suffix.lower()], strict=True)
            for record in reader:
                cells = [one.strip() for one in record]
                if any(cells):
                    yield begins, cells
                begins = reader.line_num + 1
    except csv.Error as error:
        raise UsageError(f"Line {begins} of {file} cannot be read: {error}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(file, error) from error


def _header(file: Path, cells: Sequence[str], columns: _Columns) -> list[str]:
    """The columns that a first line names; empty when it names none."""
    names = [columns.called.get(one.lower(), one) for one in cells]
    if set(columns.needed) <= set(names):
        return names
    if names[0] in columns.needed:
        lacking = next(one for one in columns.needed if one not in names)
        raise UsageError(
            f"{file} has no column '{lacking}'; it has: {', '.join(cells)}.", hint=columns.shape
        )
    return []


def _from_json_lines(file: Path, columns: _Columns) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(file, error) from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, _object(line, f"Line {number} of {file}", columns)


def _object(line: str, where: str, columns: _Columns) -> dict[str, str]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise UsageError(f"{where} is no JSON: {error}.", hint=columns.shape) from error
    if not isinstance(found, dict):
        raise UsageError(f"{where} is no object.", hint=columns.shape)
    known = ((columns.called.get(key), value) for key, value in found.items())
    cells = {name: value for name, value in known if name is not None and value is not None}
    for name, value in cells.items():
        if not isinstance(value, str | int):
            raise UsageError(f"{where} has a {name} that is no word.", hint=columns.shape)
    return {name: str(value).strip() for name, value in cells.items()}


def _unreadable(file: Path, error: OSError | UnicodeDecodeError) -> UsageError:
    if isinstance(error, UnicodeDecodeError):
        return UsageError(f"{file} is no UTF-8 text.", hint="Save it as UTF-8.")
    return UsageError(f"{file} cannot be read: {error.strerror}.", hint="Check the spelling.")

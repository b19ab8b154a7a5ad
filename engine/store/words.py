"""Which files words lead to: matches in the tables of words, carried over to files and ranked."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.store import texts
from engine.store.layout import UNITS, Unit
from engine.store.records import WordHit
from engine.store.session import Session
from engine.store.wordhits import Best, word_hits
from engine.types import Ids

Weights = npt.NDArray[np.float64]

_WEIGHTS = np.zeros(UNITS)
_WEIGHTS[[Unit.NAME, Unit.FOLDER, Unit.TAG]] = 3.0, 1.0, 2.5
_WEIGHTS[[Unit.TITLE, Unit.ABOUT, Unit.SEGMENT]] = 3.0, 1.5, 1.0
"""How much a match counts, by what it is in: a name says more than a passage."""

_CAPTION = 2.0
"""A caption counts so much more for what it describes than a passage for its text."""

_DEEP = 0.7
"""A passage after the first, or a moment of a recording."""

_PART_OF_WORD = 0.5
"""A match inside a longer word."""

_LEAST_LETTERS = 3
"""Shorter parts are in no table: it holds three letters each."""

_LONG_WORD = 5
"""A word of so many letters that no text has may be a part of one: sunset in beachsunset."""

_MATCHES = """
SELECT t.rowid, -bm25({table}), coalesce(s.content_id, -1),
       CASE WHEN s.id IS NULL THEN 0 WHEN s.unit = 'ms' THEN 2 WHEN s.ordinal > 0 THEN 1 ELSE 0 END
FROM {table} AS t LEFT JOIN segment AS s ON (t.rowid & 7) = 5 AND s.id = t.rowid >> 3
WHERE {table} MATCH ?
"""

# CROSS JOIN keeps the order: SQLite takes a list of ids for shorter than it is.
_OF_CONTENTS = """
SELECT f.content_id, f.id, 0 FROM json_each(?) AS wanted
CROSS JOIN file AS f ON f.content_id = wanted.value CROSS JOIN fact ON fact.file_id = f.id
UNION ALL
SELECT f.content_id, b.media_id, 1 FROM json_each(?) AS wanted
CROSS JOIN file AS f ON f.content_id = wanted.value CROSS JOIN beside AS b ON b.text_id = f.id
"""

_OF_FOLDERS = """
SELECT f.folder_id, f.file_id, 0 FROM json_each(?) AS wanted
CROSS JOIN fact AS f ON f.folder_id = wanted.value
"""


@dataclass(frozen=True, slots=True)
class _Item:
    """One thing to look for: a word in its forms, or a phrase that must occur."""

    forms: tuple[str, ...]
    required: bool = False

    @property
    def is_serial(self) -> bool:
        """Whether it may stand inside a longer word, as a part of a number plate does."""
        text = self.forms[0]
        whole = len(text) >= _LEAST_LETTERS and " " not in text
        return whole and any(c.isdigit() for c in text)

    @property
    def may_be_part(self) -> bool:
        """Whether to look inside longer words when no text has it as a word."""
        least = _LONG_WORD if self.forms[0].isascii() else _LEAST_LETTERS
        return not self.required and len(self.forms[0]) >= least


@dataclass(frozen=True, slots=True, eq=False)
class _Matches:
    """Where one item was found: a unit, a file, a score each; led: through a caption."""

    units: Ids
    files: Ids
    scores: Weights
    led: npt.NDArray[np.bool_]


def find_words(
    connection: Session, words: str, phrases: Sequence[str], limit: int, among: Ids | None
) -> list[WordHit]:
    """Files that words lead to, best first; see `CatalogueReader.find_words`."""
    items = [_Item(tuple(texts.forms(word))) for word in texts.query_words(words)]
    items += [_Item((text, *_apart(text)), required=True) for text in map(texts.fold, phrases)]
    found = [_matches(connection, item) for item in items]
    ranked = _rank(connection, items, found, limit, among)
    return word_hits(connection, ranked, [form for item in items for form in item.forms])


def _apart(phrase: str) -> list[str]:
    split = texts.name_words(phrase)
    return [] if split == phrase else [split]


# --- matches -------------------------------------------------------------------------------------


def _matches(connection: Session, item: _Item) -> _Matches:
    rows = _rows(connection, "fts_words", texts.expression(item.forms), 1.0)
    if item.is_serial or (not len(rows) and item.may_be_part):
        inside = texts.expression([texts.letters(item.forms[0])])
        rows = np.concatenate([rows, _rows(connection, "fts_letters", inside, _PART_OF_WORD)])
    return _carried(connection, rows)


def _rows(connection: Session, table: str, expression: str, factor: float) -> Weights:
    """Matches as rows of unit, score, content or -1, and where in the content (see _MATCHES)."""
    query = _MATCHES.format(table=table)
    found = connection.exec_driver_sql(query, (expression,)).cursor.fetchall()
    rows = np.array(found, dtype=np.float64).reshape(-1, 4)
    rows[:, 1] *= factor
    return rows


def _carried(connection: Session, rows: Weights) -> _Matches:
    """Carry matches in names, folders, contents and segments over to files."""
    units = rows[:, 0].astype(np.int64)
    kinds, owners = units % UNITS, units // UNITS
    scores = rows[:, 1] * _WEIGHTS[kinds] * np.where(rows[:, 3] > 0, _DEEP, 1.0)
    contents = np.where(kinds == Unit.SEGMENT, rows[:, 2].astype(np.int64), owners)
    is_name, is_folder = kinds == Unit.NAME, kinds == Unit.FOLDER
    in_content = ~(is_name | is_folder)
    written = (kinds == Unit.SEGMENT) & (rows[:, 3] != 2)  # noqa: PLR2004  (a moment)
    parts = [(np.flatnonzero(is_name), owners[is_name], np.zeros(is_name.sum(), bool))]
    for which, keys, query in (
        (is_folder, owners, _OF_FOLDERS),
        (in_content, contents, _OF_CONTENTS),
    ):
        at = np.flatnonzero(which)
        step, files, led = _files_of(connection, keys[at], query)
        parts.append((at[step], files, led))
    at, files, led = (np.concatenate(column) for column in zip(*parts, strict=True))
    weights = np.where(led & written[at], _CAPTION, 1.0)
    return _Matches(units[at], files, scores[at] * weights, led)


def _files_of(connection: Session, keys: Ids, query: str) -> tuple[Ids, Ids, npt.NDArray[np.bool_]]:
    """Pairs of key and file that belong together: place of the key, file, whether led."""
    wanted = json.dumps(sorted(set(keys.tolist())))
    found = (
        connection.exec_driver_sql(query, (wanted,) * query.count("?")).cursor.fetchall()
        if len(keys)
        else []
    )
    table = np.array(found, dtype=np.int64).reshape(-1, 3)
    table = table[np.argsort(table[:, 0], kind="stable")]
    first = np.searchsorted(table[:, 0], keys, "left")
    counts = np.searchsorted(table[:, 0], keys, "right") - first
    step = np.repeat(np.arange(len(keys)), counts)
    before = np.repeat(np.cumsum(counts) - counts, counts)
    at = np.arange(len(step)) - before + np.repeat(first, counts)
    return step, table[at, 1], table[at, 2] > 0


# --- ranking -------------------------------------------------------------------------------------


def _rank(
    connection: Session,
    items: Sequence[_Item],
    found: Sequence[_Matches],
    limit: int,
    among: Ids | None,
) -> list[Best]:
    """The best files: half by each item's best match, half by the one unit that has most of them.

    An item counts for coverage with its idf, ln(1 + (N - n + 1/2) / (n + 1/2)), where n of the
    N files have it (Robertson and Zaragoza 2009, as in Lucene: never below zero).
    """
    files = _distinct(np.concatenate([one.files for one in found])) if found else _NO_IDS
    total, covered, kept = np.zeros(len(files)), np.zeros(len(files)), np.ones(len(files), bool)
    count = connection.exec_driver_sql("SELECT count(*) FROM fact").scalar_one()
    rarities = 0.0
    for item, one in zip(items, found, strict=True):
        best = np.zeros(len(files))
        np.maximum.at(best, np.searchsorted(files, one.files), one.scores)
        has = best > 0
        rarity = np.log1p((count - has.sum() + 0.5) / (has.sum() + 0.5))
        total, covered, rarities = total + best, covered + has * rarity, rarities + rarity
        kept &= has | (not item.required)
    unit, in_unit, led = _best_units(files, found)
    kept &= _is_among(files, among)
    scores = (total + in_unit) / 2
    order = np.flatnonzero(kept)
    order = order[np.lexsort((files[order], -scores[order]))][:limit]
    return [
        Best(
            int(files[i]),
            int(unit[i]),
            float(scores[i]),
            float(covered[i] / rarities),
            bool(led[i]),
        )
        for i in order
    ]


_NO_IDS: Ids = np.zeros(0, dtype=np.int64)


def _best_units(
    files: Ids, found: Sequence[_Matches]
) -> tuple[Ids, Weights, npt.NDArray[np.bool_]]:
    """Of each file the unit whose matches weigh most together, the weight, and led."""
    if not found:
        return _NO_IDS, np.zeros(0), np.zeros(0, bool)
    units = np.concatenate([one.units for one in found])
    at = np.searchsorted(files, np.concatenate([one.files for one in found]))
    scores = np.concatenate([one.scores for one in found])
    led = np.concatenate([one.led for one in found])
    order = np.lexsort((led, units, at))
    units, at, scores, led = units[order], at[order], scores[order], led[order]
    new = np.ones(len(at), bool)
    new[1:] = (np.diff(at) != 0) | (np.diff(units) != 0) | (led[1:] != led[:-1])
    starts = np.flatnonzero(new)
    sums = np.add.reduceat(scores, starts) if len(starts) else scores
    units, at, led = units[starts], at[starts], led[starts]
    order = np.lexsort((units, -sums, at))
    first = order[np.searchsorted(at[order], np.arange(len(files)))]
    return units[first], sums[first], led[first]


def _distinct(values: Ids) -> Ids:
    """Sorted, each once; np.unique would import numpy.ma: 30 ms."""
    values = np.sort(values)
    return values[np.concatenate([[True], values[1:] != values[:-1]])] if len(values) else values


def _is_among(files: Ids, among: Ids | None) -> npt.NDArray[np.bool_]:
    if among is None:
        return np.ones(len(files), bool)
    if not len(among):
        return np.zeros(len(files), bool)
    sorted_ = np.sort(among)
    at = np.minimum(np.searchsorted(sorted_, files), len(sorted_) - 1)
    return np.equal(sorted_[at], files)

"""What filters and word search read, kept in step with the rows it is made from.

Everything here runs inside the transaction that changes those rows.
"""

import json
import time
from calendar import timegm
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import Connection

from engine.facts import Facts
from engine.store import schema, texts
from engine.store.folders import folder_ids
from engine.store.layout import UNITS, Unit
from engine.store.paths import (
    SIDECAR_FORMAT,
    Place,
    described,
    describes,
    folder_of,
    name_of,
    stem_of,
)
from engine.store.records import WordKind
from engine.types import Modality

_PART = 5_000
"""Files that are looked at together; a list of ids is one parameter, as JSON."""

_FILES = """
SELECT f.id, f.root_id, f.path, f.size, f.mtime_ns, c.modality, c.format, c.info
FROM json_each(?) AS wanted CROSS JOIN file AS f ON f.id = wanted.value
CROSS JOIN content AS c ON c.id = f.content_id
WHERE f.state = 'indexed'
"""

# Two joins that an index answers; as one with OR they would be compared row by row.
_NEAR = """
SELECT m.id AS media_id, m.path AS media, s.id AS text_id, s.path, cs.format, cs.info
FROM json_each(?) AS wanted CROSS JOIN file AS m ON m.id = wanted.value
CROSS JOIN content AS cm ON cm.id = m.content_id
CROSS JOIN file AS s INDEXED BY file_stem ON s.root_id = m.root_id AND {}
CROSS JOIN content AS cs ON cs.id = s.content_id
WHERE m.state = 'indexed' AND s.state = 'indexed' AND s.id <> m.id
  AND cm.modality <> 'text' AND cm.format <> 'xmp'
  AND (cs.modality = 'text' OR cs.format = 'xmp')
"""
_BESIDE = " UNION ALL ".join((
    _NEAR.format("s.stem = m.stem"),
    _NEAR.format(
        "s.stem > CAST(m.stem || '.' AS BLOB) AND s.stem < CAST(m.stem || '/' AS BLOB)"
    ),
))  # fmt: skip

# Media alone: a text with such a name would have to bring along what it describes itself.
_OWNER = """
SELECT f.id FROM wanted
CROSS JOIN file AS f ON f.root_id = wanted.root_id AND f.{} = wanted.name
CROSS JOIN content AS c ON c.id = f.content_id WHERE c.modality <> 'text' AND c.format <> 'xmp'
"""
_OWNERS = "WITH wanted(root_id, name) AS (VALUES {})" + " UNION ".join(
    _OWNER.format(column) for column in ("stem", "path")
)
_OWNERS_AT_ONCE = 200


def create_words(connection: Connection) -> None:
    """Make the tables of words, empty, and what keeps them free of rows that are gone."""
    for statement in schema.WORD_TABLES:
        connection.exec_driver_sql(statement)


def rebuild(connection: Connection) -> None:
    """Throw the derived tables away and make them from the others."""
    for statement in schema.DROP_WORD_TABLES:
        connection.exec_driver_sql(statement)
    for table in schema.DERIVED:
        connection.execute(table.delete())
    connection.exec_driver_sql("DELETE FROM gone")
    create_words(connection)
    contents = connection.exec_driver_sql("SELECT id, info FROM content")
    while rows := contents.fetchmany(_PART):
        add_contents(connection, [(row.id, json.loads(row.info)) for row in rows])
    segments = connection.exec_driver_sql(
        "SELECT s.id, s.words, s.kind, c.modality FROM segment AS s "
        "CROSS JOIN content AS c ON c.id = s.content_id WHERE s.words <> ''"
    )
    while rows := segments.fetchmany(_PART):
        add_segments(
            connection, [(r.id, r.words, _is_seen(r.kind, Modality(r.modality))) for r in rows]
        )
    files = connection.exec_driver_sql("SELECT id FROM file").scalars().all()
    refresh(connection, set(files))


# --- words of contents and segments ----------------------------------------------------------


def add_contents(connection: Connection, contents: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
    """Make the tags, titles and descriptions of new contents (id, info) searchable."""
    _add_words(
        connection,
        [
            (content_id * UNITS + unit, texts.searchable(text))
            for content_id, info in contents
            for unit, text in texts.unit_texts(Facts.from_info(info)).items()
            if text
        ],
    )


def replace_infos(connection: Connection, infos: Mapping[int, Mapping[str, Any]]) -> None:
    """Give contents other info, and make what derives from it again; those gone are left out."""
    known = "SELECT id FROM content WHERE id IN (SELECT value FROM json_each(?))"
    there = set(connection.exec_driver_sql(known, (json.dumps(list(infos)),)).scalars())
    infos = {content_id: infos[content_id] for content_id in sorted(there)}
    if not infos:
        return
    wanted = json.dumps(list(infos))
    changed = [(encode_info(dict(info)), content_id) for content_id, info in infos.items()]
    connection.exec_driver_sql("UPDATE content SET info = ? WHERE id = ?", changed)
    units = [(content_id * UNITS + unit,) for content_id in infos for unit in _OF_CONTENT]
    connection.exec_driver_sql("DELETE FROM fts_words WHERE rowid = ?", units)
    add_contents(connection, infos.items())
    query = (
        "SELECT id, root_id, path FROM file WHERE content_id IN (SELECT value FROM json_each(?))"
    )
    files = _all(connection, query, wanted)
    places = [(row.root_id, row.path) for row in files]
    refresh(connection, {row.id for row in files} | owners(connection, places))


_OF_CONTENT = (Unit.TAG, Unit.TITLE, Unit.ABOUT)


def encode_info(info: object) -> str:
    """Facts about a content as compact JSON."""
    return json.dumps(info, separators=(",", ":"), sort_keys=True)


def add_segments(connection: Connection, segments: Iterable[tuple[int, str, bool]]) -> None:
    """Make the words of new segments searchable: id, words, whether read in a picture."""
    found = [(one * UNITS + Unit.SEGMENT, words, seen) for one, words, seen in segments if words]
    _add_words(connection, [(unit, texts.searchable(words)) for unit, words, _ in found])
    _add_letters(connection, [(unit, texts.letters(words)) for unit, words, seen in found if seen])


def is_seen(kind: WordKind | None, modality: Modality) -> bool:
    """Whether the words of a segment were read in a picture."""
    return kind is WordKind.SEEN or (kind is None and modality is Modality.IMAGE)


def _is_seen(kind: str | None, modality: Modality) -> bool:
    return is_seen(None if kind is None else WordKind(kind), modality)


def drop_words_of_the_gone(connection: Connection) -> None:
    """Drop the words of what was deleted in this transaction."""
    if connection.exec_driver_sql("SELECT EXISTS (SELECT 1 FROM gone)").scalar_one():
        for table in ("fts_words", "fts_letters"):
            gone = "SELECT unit FROM gone"
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE rowid IN ({gone})")  # noqa: S608
        connection.exec_driver_sql("DELETE FROM gone")


def _add_words(connection: Connection, rows: list[tuple[int, str]]) -> None:
    if rows:
        connection.exec_driver_sql("INSERT INTO fts_words (rowid, text) VALUES (?, ?)", rows)


def _add_letters(connection: Connection, rows: list[tuple[int, str]]) -> None:
    if rows:
        connection.exec_driver_sql("INSERT INTO fts_letters (rowid, text) VALUES (?, ?)", rows)


# --- files ---------------------------------------------------------------------------------------


def owners(connection: Connection, places: Iterable[Place]) -> set[int]:
    """Files that one of these paths may describe."""
    names = sorted({(root, name) for root, path in places for name in described(path)})
    found: set[int] = set()
    for start in range(0, len(names), _OWNERS_AT_ONCE):
        part = names[start : start + _OWNERS_AT_ONCE]
        query = _OWNERS.format(", ".join(["(?, ?)"] * len(part)))
        values = tuple(value for pair in part for value in pair)
        found |= set(connection.exec_driver_sql(query, values).scalars())
    return found


def refresh(connection: Connection, file_ids: Collection[int]) -> None:
    """Make anew what is derived from these files and from what lies beside them.

    Of a file that describes others, `owners` must be among the ids.
    """
    wanted = sorted(file_ids)
    for start in range(0, len(wanted), _PART):
        _refresh(connection, json.dumps(wanted[start : start + _PART]))


def _refresh(connection: Connection, wanted: str) -> None:
    rows = [row for row in _all(connection, _FILES, wanted) if row.format != SIDECAR_FORMAT]
    pairs = [p for p in _all(connection, _BESIDE, wanted) if describes(p.path, p.media)]
    before = {row.file_id for row in _all(connection, _KNOWN, wanted)}
    for statement in _FORGET:
        connection.exec_driver_sql(statement, (wanted,))
    _forget_names(connection, before - {row.id for row in rows})
    _add_names(connection, [(row.id, row.path) for row in rows if row.id not in before])
    _add_facts(connection, rows, _sidecars(pairs))
    if pairs:
        found = {(pair.text_id, pair.media_id) for pair in pairs}
        connection.exec_driver_sql("INSERT INTO beside VALUES (?, ?)", sorted(found))


_KNOWN = "SELECT file_id FROM json_each(?) AS wanted CROSS JOIN fact ON fact.file_id = wanted.value"

_FORGET = tuple(
    f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))"  # noqa: S608
    for table, column in (
        ("fact", "file_id"), ("tag", "file_id"), ("beside", "media_id"), ("beside", "text_id"),
    )
)  # fmt: skip


def _all(connection: Connection, query: str, wanted: str) -> Sequence[Any]:
    values = (wanted,) * query.count("?")
    return connection.exec_driver_sql(query, values).all()


def _add_names(connection: Connection, files: Iterable[tuple[int, bytes]]) -> None:
    named = [(one * UNITS + Unit.NAME, texts.decoded(name_of(path))) for one, path in files]
    _add_words(connection, [(u, texts.name_words(texts.without_suffix(name))) for u, name in named])
    _add_letters(connection, [(unit, texts.letters(name)) for unit, name in named])


def _forget_names(connection: Connection, file_ids: Iterable[int]) -> None:
    units = [(one * UNITS + Unit.NAME,) for one in file_ids]
    for table in ("fts_words", "fts_letters") if units else ():
        connection.exec_driver_sql(f"DELETE FROM {table} WHERE rowid = ?", units)  # noqa: S608


# --- facts ---------------------------------------------------------------------------------------


def _sidecars(pairs: Iterable[Any]) -> dict[int, list[Facts]]:
    """Facts of the sidecars of each file; the one that names it with its suffix comes last."""
    found = [pair for pair in pairs if pair.format == SIDECAR_FORMAT]
    found.sort(key=lambda p: (p.media_id, stem_of(p.path) == p.media, p.path))
    return {
        media: [Facts.from_info(json.loads(pair.info)) for pair in part]
        for media, part in groupby(found, key=lambda pair: pair.media_id)
    }


def merged(own: Facts, sidecar: Facts) -> Facts:
    """The facts of a file with those of its sidecar, which wins; tags are united."""
    said = {one.name: getattr(sidecar, one.name) for one in fields(sidecar)}
    known = {name: value for name, value in said.items() if value not in (None, "", ())}
    tags = tuple(dict.fromkeys((*own.tags, *sidecar.tags)))
    about = tuple({**dict(own.about), **dict(sidecar.about)}.items())
    return replace(own, **{**known, "tags": tags, "about": about})


def _add_facts(
    connection: Connection, rows: Sequence[Any], sidecars: Mapping[int, list[Facts]]
) -> None:
    if not rows:
        return
    folders, new = folder_ids(connection, {(row.root_id, folder_of(row.path)) for row in rows})
    _add_words(connection, [(one * UNITS + Unit.FOLDER, words) for one, words in new])
    facts, tags = [], []
    for row in rows:
        own = Facts.from_info(json.loads(row.info))
        for sidecar in sidecars.get(row.id, ()):
            own = merged(own, sidecar)
        facts.append((*_file_columns(row, folders), *_fact_columns(own)))
        tags += [(row.id, folded) for folded in {texts.fold(one) for one in own.tags}]
    marks = ", ".join("?" * len(facts[0]))
    connection.exec_driver_sql(f"INSERT INTO fact VALUES ({marks})", facts)  # noqa: S608
    if tags:
        connection.exec_driver_sql("INSERT INTO tag VALUES (?, ?)", tags)


def _file_columns(row: Any, folders: Mapping[Place, int]) -> tuple[Any, ...]:  # noqa: ANN401
    name = texts.decoded(name_of(row.path))
    return (
        row.id,
        folders[row.root_id, folder_of(row.path)],
        texts.fold(name),
        texts.fold(PurePosixPath(name).suffix.removeprefix(".")),
        row.modality,
        texts.fold(row.format),
        row.size,
        _wall_clock(row.mtime_ns // 10**9),
    )


def _fact_columns(facts: Facts) -> tuple[Any, ...]:
    whole = (facts.taken, facts.width, facts.height, facts.duration_ms)
    return (
        *map(_stored, whole),
        texts.fold(facts.camera) or None,
        *_position(facts),
        _stored(facts.rating),
    )


_MOST = 2**63


def _stored(number: int | None) -> int | None:
    """A number, or None where SQLite has no room for it."""
    return number if number is not None and -_MOST <= number < _MOST else None


def _position(facts: Facts) -> tuple[float | None, float | None]:
    """Latitude and longitude, or neither."""
    north, east = facts.latitude, facts.longitude
    if north is None or east is None or not (abs(north) <= 90 and abs(east) <= 180):  # noqa: PLR2004
        return None, None
    return north, east


def _wall_clock(seconds: int) -> int:
    """A moment as the clock on this machine's wall showed it, in seconds since 1970."""
    try:
        return timegm(time.localtime(seconds))
    except (OverflowError, OSError, ValueError):  # a year that no calendar here has
        return seconds

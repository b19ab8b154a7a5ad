"""The best matches of a search for words, with what a person is shown of them."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.facts import Facts
from engine.store import texts
from engine.store.folders import components
from engine.store.layout import UNITS, Unit
from engine.store.records import WordHit, WordKind
from engine.store.resolve import span_of, span_through
from engine.store.session import Session
from engine.types import Modality, Span, SpanUnit


@dataclass(frozen=True, slots=True)
class Best:
    """A file with the unit that has most of what was looked for; led: it describes the file."""

    file_id: int
    unit: int
    score: float
    coverage: float
    led: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """What is shown of a unit."""

    kind: WordKind
    text: str
    span: Span | None = None


_FILES = """
SELECT f.id, f.content_id, f.path, c.modality, c.digest, r.path AS root
FROM json_each(?) AS wanted JOIN file AS f ON f.id = wanted.value
JOIN content AS c ON c.id = f.content_id JOIN root AS r ON r.id = f.root_id
"""

_QUERIES = {
    Unit.NAME: "SELECT f.id, f.path FROM json_each(?) AS w JOIN file AS f ON f.id = w.value",
    Unit.FOLDER: (
        "SELECT f.id, r.path AS root, f.path FROM json_each(?) AS w "
        "JOIN folder AS f ON f.id = w.value JOIN root AS r ON r.id = f.root_id"
    ),
    Unit.TAG: "SELECT c.id, c.info FROM json_each(?) AS w JOIN content AS c ON c.id = w.value",
    Unit.SEGMENT: """
        SELECT s.id, s.words, s.start, s.end, s.unit, s.kind, c.modality, c.format
        FROM json_each(?) AS w JOIN segment AS s ON s.id = w.value
        JOIN content AS c ON c.id = s.content_id
    """,
}
_QUERIES[Unit.TITLE] = _QUERIES[Unit.ABOUT] = _QUERIES[Unit.TAG]


def word_hits(connection: Session, ranked: Sequence[Best], words: Sequence[str]) -> list[WordHit]:
    """The hits of a ranking, in its order.

    Raises:
        ValueError: words are there whose file or text is not: the catalogue is damaged.
    """
    files = {row.id: row for row in _rows(connection, _FILES, [one.file_id for one in ranked])}
    places = _places(connection, {one.unit for one in ranked})
    for one in ranked:
        if one.file_id not in files or one.unit not in places:
            raise ValueError(f"file {one.file_id} has words and is not there (unit {one.unit})")
    return [_hit(one, files[one.file_id], places[one.unit], words) for one in ranked]


def _hit(one: Best, row: Any, place: _Place, words: Sequence[str]) -> WordHit:  # noqa: ANN401
    is_caption = one.led and place.kind is WordKind.PASSAGE
    return WordHit(
        file_id=one.file_id,
        content_id=row.content_id,
        modality=Modality(row.modality),
        root=Path(os.fsdecode(row.root)),
        path=row.path,
        score=one.score,
        kind=WordKind.CAPTION if is_caption else place.kind,
        span=span_through(place.span) if one.led else place.span,
        snippet=texts.snippet(texts.clean(place.text), words),
        coverage=one.coverage,
        caption=one.led,
        digest=row.digest,
    )


def _places(connection: Session, units: set[int]) -> Mapping[int, _Place]:
    found = {}
    for kind in Unit:
        owners = [one // UNITS for one in units if one % UNITS == kind]
        for row in _rows(connection, _QUERIES[kind], owners):
            found[row.id * UNITS + kind] = _place(kind, row)
    return found


def _place(kind: Unit, row: Any) -> _Place:  # noqa: ANN401  (a row of _QUERIES)
    match kind:
        case Unit.NAME:
            return _Place(WordKind.NAME, texts.decoded(row.path.rpartition(b"/")[2]))
        case Unit.FOLDER:
            return _Place(WordKind.NAME, "/".join(components(row.root, row.path)))
        case Unit.SEGMENT:
            return _Place(_kind(row), row.words, span_of(row))
        case Unit.TAG | Unit.TITLE | Unit.ABOUT:
            text = texts.unit_texts(Facts.from_info(json.loads(row.info)))[kind]
            return _Place(_FACTS[kind], text)


_FACTS = {Unit.TAG: WordKind.TAG, Unit.TITLE: WordKind.TITLE, Unit.ABOUT: WordKind.CAPTION}

_OF_MODALITY = {
    Modality.TEXT: WordKind.PASSAGE,
    Modality.IMAGE: WordKind.SEEN,
    Modality.AUDIO: WordKind.HEARD,
    Modality.VIDEO: WordKind.HEARD,
}


def _kind(row: Any) -> WordKind:  # noqa: ANN401  (a row of _QUERIES)
    kind = WordKind(row.kind) if row.kind else _OF_MODALITY[Modality(row.modality)]
    timed = row.unit == SpanUnit.MILLISECONDS
    return WordKind.SUBTITLE if kind is WordKind.PASSAGE and timed else kind


def _rows(connection: Session, query: str, ids: Sequence[int]) -> Sequence[Any]:
    return connection.exec_driver_sql(query, (json.dumps(ids),)).all() if ids else []

"""Where vectors lead: to segments, to the files that hold them, and to what these describe."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.store.chunks import chunks
from engine.store.paths import SIDECAR_FORMAT, described
from engine.store.records import Found
from engine.store.session import Session
from engine.types import Modality, Span, SpanUnit


def resolve(connection: Session, vector_ids: Sequence[int], *, derived: bool = True) -> list[Found]:
    """Where vectors lead; see `CatalogueReader.resolve`.

    Args:
        connection: to the catalogue.
        vector_ids: any.
        derived: whether the catalogue knows what describes what; an older one does not.
    """
    rows = connection.exec_driver_sql(_RESOLVE, (json.dumps(list(vector_ids)),)).all()
    found = [_found(row) for row in rows]
    own = [one for one, row in zip(found, rows, strict=True) if row.format != SIDECAR_FORMAT]
    texts = [one for one in found if one.modality is Modality.TEXT]
    return own + (_captioned(connection, texts) if derived else _by_names(connection, texts))


def span_of(row: Any) -> Span | None:  # noqa: ANN401  (a row with the columns of segment)
    """The span of a segment."""
    return None if row.start is None else Span(row.start, row.end, SpanUnit(row.unit))


def span_through(span: Span | None) -> Span | None:
    """What a span of a caption or subtitle says of the media that it describes: a moment."""
    return span if span is not None and span.unit is SpanUnit.MILLISECONDS else None


def _captioned(connection: Session, texts: list[Found]) -> list[Found]:
    """The media that texts describe, each as found by the text."""
    captions: dict[int, list[Found]] = {}
    for one in texts:
        captions.setdefault(one.file_id, []).append(one)
    rows = connection.exec_driver_sql(_DESCRIBED, (json.dumps(list(captions)),))
    return [_led_on(caption, row) for row in rows for caption in captions[row.text_id]]


def _by_names(connection: Session, texts: list[Found]) -> list[Found]:
    """The same in a catalogue that knows names alone."""
    captions: dict[tuple[bytes, bytes], list[Found]] = {}
    for one in texts:
        for name in described(one.path):
            captions.setdefault((os.fsencode(one.root), name), []).append(one)
    owners: list[Found] = []
    for part in chunks(list(captions)):
        asked = {key: captions[key] for key in part}
        for row in _media_named(connection, part):
            named = ((row.root_path, row.stem), (row.root_path, row.path))
            mine = (caption for key in named for caption in asked.get(key, ()))
            owners += [_led_on(caption, row) for caption in dict.fromkeys(mine)]
    return owners


def _led_on(caption: Found, row: Any) -> Found:  # noqa: ANN401  (a row of _media_named)
    """What a caption says, as found in the media that it describes."""
    return replace(
        caption,
        file_id=row.id,
        path=row.path,
        modality=Modality(row.modality),
        content_id=row.content_id,
        digest=row.digest,
        span=span_through(caption.span),
        caption=True,
    )


# CROSS JOIN keeps the order: SQLite takes a list of ids for shorter than it is.
_RESOLVE = """
SELECT v.id AS vector_id, f.id, f.content_id, s.start, s."end", s.unit, s.words, c.digest,
       c.format, r.path AS root_path, f.path, c.modality
FROM json_each(?) AS wanted CROSS JOIN vector AS v ON v.id = wanted.value
CROSS JOIN segment AS s ON s.id = v.segment_id CROSS JOIN content AS c ON c.id = s.content_id
CROSS JOIN file AS f INDEXED BY file_content ON f.content_id = c.id
CROSS JOIN root AS r ON r.id = f.root_id
WHERE f.state = 'indexed'
"""

_DESCRIBED = """
SELECT b.text_id, f.id, f.content_id, c.digest, r.path AS root_path, f.path, c.modality
FROM json_each(?) AS wanted CROSS JOIN beside AS b ON b.text_id = wanted.value
CROSS JOIN file AS f ON f.id = b.media_id CROSS JOIN root AS r ON r.id = f.root_id
CROSS JOIN content AS c ON c.id = f.content_id
WHERE f.state = 'indexed' AND c.modality <> 'text' AND c.format <> 'xmp'
"""

_MEDIA_NAMED = """
WITH named(root, name) AS (VALUES {})
SELECT DISTINCT f.id, f.stem, f.content_id, c.digest, r.path AS root_path, f.path, c.modality
FROM named CROSS JOIN root AS r ON r.path = named.root
CROSS JOIN file AS f ON f.root_id = r.id AND (f.stem = named.name OR f.path = named.name)
CROSS JOIN content AS c ON c.id = f.content_id
WHERE f.state = 'indexed' AND c.modality <> 'text' AND c.format <> 'xmp'
ORDER BY f.id
"""


def _media_named(connection: Session, keys: Sequence[tuple[bytes, bytes]]) -> Sequence[Any]:
    """Media whose path without suffix (`x` of x.jpg) or whole path (x.jpg.txt) is a key."""
    query = _MEDIA_NAMED.format(", ".join(["(?, ?)"] * len(keys)))
    values = tuple(value for key in keys for value in key)
    return list(connection.exec_driver_sql(query, values))


@lru_cache(maxsize=64)
def _root(path: bytes) -> Path:
    return Path(os.fsdecode(path))


def _found(row: Any) -> Found:  # noqa: ANN401  (a row of _RESOLVE)
    if not (isinstance(row.words, str) and isinstance(row.path, bytes)):
        raise TypeError(f"segment {row.vector_id} has no words or no path")
    return Found(
        vector_id=row.vector_id,
        file_id=row.id,
        root=_root(row.root_path),
        path=row.path,
        modality=Modality(row.modality),
        content_id=row.content_id,
        span=span_of(row),
        words=row.words,
        digest=row.digest,
    )

"""Where vectors lead: to segments, to the files that hold them, and to what these describe."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, or_, select, tuple_

from engine.store import schema
from engine.store.chunks import chunks
from engine.store.paths import SIDECAR_FORMAT, described
from engine.store.records import Found, State
from engine.types import Modality, Span, SpanUnit


def resolve(
    connection: Connection, vector_ids: Sequence[int], *, derived: bool = True
) -> list[Found]:
    """Where vectors lead; see `CatalogueReader.resolve`.

    Args:
        connection: to the catalogue.
        vector_ids: any.
        derived: whether the catalogue knows what describes what; an older one does not.
    """
    rows = connection.execute(_RESOLVE, {"wanted": json.dumps(list(vector_ids))}).all()
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


def _captioned(connection: Connection, texts: list[Found]) -> list[Found]:
    """The media that texts describe, each as found by the text."""
    captions: dict[int, list[Found]] = {}
    for one in texts:
        captions.setdefault(one.file_id, []).append(one)
    rows = connection.execute(_DESCRIBED, {"wanted": json.dumps(list(captions))})
    return [_led_on(caption, row) for row in rows for caption in captions[row.text_id]]


def _by_names(connection: Connection, texts: list[Found]) -> list[Found]:
    """The same in a catalogue that knows names alone."""
    captions: dict[tuple[bytes, bytes], list[Found]] = {}
    for one in texts:
        for name in described(one.path):
            captions.setdefault((os.fsencode(one.root), name), []).append(one)
    owners: list[Found] = []
    for part in chunks(list(captions)):
        asked = {key: captions[key] for key in part}
        for row in connection.execute(_media_named(part)):
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


_WANTED = func.json_each(bindparam("wanted")).table_valued("value").c.value
"""Ids, as a list in JSON: a statement with a parameter for each would be made anew each time."""

_OWNER = (
    schema.root.c.path.label("root_path"),
    schema.file.c.path,
    schema.content.c.modality,
)

_RESOLVE = (
    select(
        schema.vector.c.id.label("vector_id"),
        schema.file.c.id,
        schema.file.c.content_id,
        schema.segment.c.start,
        schema.segment.c.end,
        schema.segment.c.unit,
        schema.segment.c.words,
        schema.content.c.digest,
        schema.content.c.format,
        *_OWNER,
    )
    .select_from(
        schema.vector.join(schema.segment)
        .join(schema.content, schema.content.c.id == schema.segment.c.content_id)
        .join(schema.file, schema.file.c.content_id == schema.content.c.id)
        .join(schema.root, schema.root.c.id == schema.file.c.root_id)
    )
    .where(
        schema.file.c.state == State.INDEXED.value,
        schema.vector.c.id.in_(select(_WANTED)),
    )
)

_DESCRIBED = (
    select(
        schema.beside.c.text_id,
        schema.file.c.id,
        schema.file.c.content_id,
        schema.content.c.digest,
        *_OWNER,
    )
    .select_from(
        schema.beside.join(schema.file, schema.file.c.id == schema.beside.c.media_id)
        .join(schema.root, schema.root.c.id == schema.file.c.root_id)
        .join(schema.content, schema.content.c.id == schema.file.c.content_id)
    )
    .where(
        schema.beside.c.text_id.in_(select(_WANTED)),
        schema.file.c.state == State.INDEXED.value,
        schema.content.c.modality != Modality.TEXT.value,
        schema.content.c.format != SIDECAR_FORMAT,
    )
)


def _media_named(keys: Sequence[tuple[bytes, bytes]]) -> Select[Any]:
    """Media whose path without suffix (`x` of x.jpg) or whole path (x.jpg.txt) is a key."""
    root, file, content = schema.root.c, schema.file.c, schema.content.c
    return (
        select(file.id, file.stem, file.content_id, content.digest, *_OWNER)
        .select_from(schema.file.join(schema.root).join(schema.content))
        .where(
            content.modality != Modality.TEXT.value,
            content.format != SIDECAR_FORMAT,
            file.state == State.INDEXED.value,
            or_(
                tuple_(root.path, file.stem).in_(keys),
                tuple_(root.path, file.path).in_(keys),
            ),
        )
    )


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

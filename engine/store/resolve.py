"""Where vectors lead: to segments, to the files that hold them, and to what these describe."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, or_, select, tuple_

from engine.store import schema
from engine.store.chunks import chunks
from engine.store.paths import SIDECAR_FORMAT, described
from engine.store.records import Found, State
from engine.types import Modality, Span, SpanUnit


def resolve(connection: Connection, vector_ids: Sequence[int]) -> list[Found]:
    """Where vectors lead; see `CatalogueReader.resolve`."""
    rows = [
        row
        for part in chunks(list(vector_ids))
        for row in connection.execute(_RESOLVE.where(schema.vector.c.id.in_(part)))
    ]
    found = [_found(row) for row in rows]
    own = [one for one, row in zip(found, rows, strict=True) if row.format != SIDECAR_FORMAT]
    return own + _captioned(connection, found)


def span_of(row: Any) -> Span | None:  # noqa: ANN401  (a row with the columns of segment)
    """The span of a segment."""
    return None if row.start is None else Span(row.start, row.end, SpanUnit(row.unit))


def span_through(span: Span | None) -> Span | None:
    """What a span of a caption or subtitle says of the media that it describes: a moment."""
    return span if span is not None and span.unit is SpanUnit.MILLISECONDS else None


def _captioned(connection: Connection, found: list[Found]) -> list[Found]:
    captions: dict[tuple[bytes, bytes], list[Found]] = {}
    for one in found:
        for name in described(one.path) if one.modality is Modality.TEXT else ():
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
    .where(schema.file.c.state == State.INDEXED.value)
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


def _found(row: Any) -> Found:  # noqa: ANN401  (a row of _RESOLVE)
    if not (isinstance(row.words, str) and isinstance(row.path, bytes)):
        raise TypeError(f"segment {row.vector_id} has no words or no path")
    return Found(
        vector_id=row.vector_id,
        file_id=row.id,
        root=Path(os.fsdecode(row.root_path)),
        path=row.path,
        modality=Modality(row.modality),
        content_id=row.content_id,
        span=span_of(row),
        words=row.words,
        digest=row.digest,
    )

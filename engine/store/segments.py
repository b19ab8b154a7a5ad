"""Contents, segments and vectors as rows, written in few statements."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection, Table, delete, func, insert, literal, select

from engine.store import derived, schema
from engine.store.chunks import chunks
from engine.store.landmarks import insert_peaks
from engine.store.records import ContentRecord, SegmentRecord, View, WordKind
from engine.types import Modality, Vectors


def insert_contents(connection: Connection, contents: Sequence[ContentRecord], seq: int) -> None:
    """Insert contents, then their segments, then their vectors: three statements in all.

    A content that is there already is left as it is: two files may bring the same bytes.
    """
    known = content_ids_of(connection, [one.digest for one in contents])
    new = list({one.digest: one for one in contents if one.digest not in known}.values())
    if not new:
        return
    content_ids = _insert(connection, schema.content, [_content_row(one) for one in new])
    derived.add_contents(
        connection, [(i, one.info) for i, one in zip(content_ids, new, strict=True)]
    )
    views = [
        OwnedView(content_id, one.modality, view, first)
        for content_id, one in zip(content_ids, new, strict=True)
        for view, first in numbered(one.views, 0)
    ]
    insert_views(connection, views, seq)
    heard = zip(content_ids, new, strict=True)
    insert_peaks(connection, {i: one.peaks for i, one in heard if one.peaks is not None}, seq)


@dataclass(frozen=True, slots=True, eq=False)
class OwnedView:
    """A view with the content it belongs to and the number of its first segment there."""

    content_id: int
    modality: Modality
    view: View
    first: int


def numbered(views: Sequence[View], first: int) -> Iterator[tuple[View, int]]:
    """Views, each with the number of its first segment."""
    for view in views:
        yield view, first
        first += len(view.segments)


def insert_views(connection: Connection, views: Sequence[OwnedView], seq: int) -> None:
    """Insert the segments of views with their words, then their vectors."""
    rows = [
        _segment_row(one, ordinal, segment)
        for one in views
        for ordinal, segment in enumerate(one.view.segments, start=one.first)
    ]
    made = _insert(connection, schema.segment, rows)
    _insert_words(connection, views, made)
    ids = iter(made)
    spaces = dict(connection.execute(select(schema.space.c.name, schema.space.c.id)).all())
    vectors = [
        {"segment_id": segment_id, "seq": seq, **_vector_row(spaces[space.name], one.modality, row)}
        for one in views
        for segment_ids in [list(islice(ids, len(one.view.segments)))]
        for space, matrix in one.view.vectors
        for segment_id, row in zip(segment_ids, matrix, strict=True)
    ]
    if vectors:
        connection.execute(insert(schema.vector), vectors)


def _insert_words(connection: Connection, views: Sequence[OwnedView], ids: Sequence[int]) -> None:
    segments = ((one.modality, segment) for one in views for segment in one.view.segments)
    derived.add_segments(
        connection,
        [
            (segment_id, segment.words, derived.is_seen(segment.kind, modality))
            for segment_id, (modality, segment) in zip(ids, segments, strict=True)
            if segment.words
        ],
    )


def modalities(connection: Connection, ids: Sequence[int]) -> dict[int, Modality]:
    """What contents are, by id."""
    content = schema.content.c
    return {
        row.id: Modality(row.modality)
        for part in chunks(ids)
        for row in connection.execute(
            select(content.id, content.modality).where(content.id.in_(part))
        )
    }


def next_ordinal(connection: Connection, content_id: int) -> int:
    """The number that a content's next segment gets."""
    segment = schema.segment.c
    query = select(func.max(segment.ordinal)).where(segment.content_id == content_id)
    last = connection.execute(query).scalar_one_or_none()
    return 0 if last is None else int(last) + 1


_BETWEEN = "\x1f"

_SPACES_OF_SEGMENTS = (
    select(
        schema.vector.c.segment_id,
        func.min(schema.vector.c.modality).label("modality"),
        func.group_concat(schema.space.c.name, _BETWEEN).label("names"),
    )
    .join(schema.space)
    .group_by(schema.vector.c.segment_id)
)


def foreign_segments(
    connection: Connection, spaces: Mapping[Modality, Sequence[frozenset[str]]]
) -> list[int]:
    """Segments whose spaces are none of their modality's sets."""
    return [
        row.segment_id
        for row in connection.execute(_SPACES_OF_SEGMENTS)
        if frozenset(row.names.split(_BETWEEN)) not in spaces.get(Modality(row.modality), ())
    ]


def segments_like(connection: Connection, content_id: int, views: Sequence[View]) -> list[int]:
    """Segments of a content that have vectors in just the spaces of one of these views."""
    sets = [frozenset(space.name for space, _ in view.vectors) for view in views]
    own = select(schema.segment.c.id).where(schema.segment.c.content_id == content_id)
    rows = connection.execute(_SPACES_OF_SEGMENTS.where(schema.vector.c.segment_id.in_(own)))
    found = [row.segment_id for row in rows if frozenset(row.names.split(_BETWEEN)) in sets]
    return found + _words_like(connection, content_id, views)


def _words_like(connection: Connection, content_id: int, views: Sequence[View]) -> list[int]:
    """Segments of a content that have words only, of a kind that one of these views brings."""
    modality = modalities(connection, [content_id]).get(content_id)
    kinds = {
        _kind(segment, modality)
        for view in views
        if modality is not None and not view.vectors
        for segment in view.segments
    }
    return words_of_kind(connection, content_id, [WordKind(one) for one in kinds])


def words_of_kind(connection: Connection, content_id: int, kinds: Sequence[WordKind]) -> list[int]:
    """Segments of a content that have words only, of these kinds."""
    segment = schema.segment.c
    told = segment.kind.in_([one.value for one in kinds])
    bare = segment.id.not_in(select(schema.vector.c.segment_id))
    query = select(segment.id).where(segment.content_id == content_id, told, bare)
    return list(connection.execute(query).scalars())


def drop_segments(connection: Connection, segments: Sequence[int], seq: int) -> None:
    """Delete segments with their vectors, and leave tombstones."""
    for part in chunks(segments):
        vector = schema.vector.c
        found = select(vector.id, literal(seq)).where(vector.segment_id.in_(part))
        connection.execute(insert(schema.tombstone).from_select(["vector_id", "seq"], found))
        connection.execute(delete(schema.segment).where(schema.segment.c.id.in_(part)))


def _insert(connection: Connection, table: Table, rows: list[dict[str, object]]) -> list[int]:
    """Insert rows and return their new ids, in the same order."""
    if not rows:
        return []
    statement = insert(table).returning(table.c.id, sort_by_parameter_order=True)
    return [int(found) for found in connection.execute(statement, rows).scalars()]


def _content_row(one: ContentRecord) -> dict[str, object]:
    return {
        "digest": one.digest,
        "modality": one.modality.value,
        "format": one.format,
        "info": derived.encode_info(dict(one.info)),
    }


_KINDS = {
    Modality.TEXT: WordKind.PASSAGE,
    Modality.IMAGE: WordKind.SEEN,
    Modality.AUDIO: WordKind.HEARD,
    Modality.VIDEO: WordKind.HEARD,
}


def _kind(segment: SegmentRecord, modality: Modality) -> str:
    return (segment.kind or _KINDS[modality]).value


def _segment_row(one: OwnedView, ordinal: int, segment: SegmentRecord) -> dict[str, object]:
    span = segment.span
    told = segment.kind is not None or not one.view.vectors
    return {
        "content_id": one.content_id,
        "ordinal": ordinal,
        "start": None if span is None else span.start,
        "end": None if span is None else span.end,
        "unit": None if span is None else span.unit.value,
        "words": segment.words,
        "kind": _kind(segment, one.modality) if told else None,
    }


def _vector_row(space_id: int, modality: Modality, row: Vectors) -> dict[str, object]:
    half = row.astype("<f2").tobytes()
    crc32 = zlib.crc32(half)
    return {"space_id": space_id, "modality": modality.value, "half": half, "crc32": crc32}


def content_ids_of(connection: Connection, digests: Sequence[bytes]) -> dict[bytes, int]:
    """Ids of the contents that are there, by digest."""
    content = schema.content.c
    query = select(content.digest, content.id).where(content.digest.in_(digests))
    return dict(connection.execute(query).all())

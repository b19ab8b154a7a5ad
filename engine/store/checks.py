"""What a catalogue holds, counted, and whether its rows fit together."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Select, func, or_, select

from engine.store import schema
from engine.store.paths import SIDECAR_FORMAT
from engine.store.records import State
from engine.types import Modality


@dataclass(frozen=True, slots=True)
class Status:
    """What a library holds.

    Attributes:
        profile: name of the profile that encodes.
        roots: the indexed folders.
        files: number of files by modality (indexed ones).
        segments: number of segments by modality.
        problems: files that could not be indexed, with the reason.
        seq: number of the last commit.
    """

    profile: str
    roots: tuple[Path, ...]
    files: dict[Modality, int]
    segments: dict[Modality, int]
    contents: int
    problems: tuple[tuple[Path, str], ...]
    seq: int


def status_of(connection: Connection, profile: str, roots: tuple[Path, ...], seq: int) -> Status:
    """Counts of everything, and the files that could not be indexed."""
    file, content, segment = schema.file.c, schema.content.c, schema.segment.c
    files = (
        select(content.modality, func.count())
        .select_from(schema.file.join(schema.content))
        .group_by(content.modality)
    )
    segments = (
        select(content.modality, func.count(segment.id))
        .select_from(schema.segment.join(schema.content))
        .group_by(content.modality)
    )
    problems = (
        select(schema.root.c.path.label("root_path"), file.path, file.reason)
        .join(schema.root)
        .where(file.state == State.FAILED.value)
        .order_by(schema.root.c.path, file.path)
    )
    return Status(
        profile=profile,
        roots=roots,
        files={Modality(m): n for m, n in connection.execute(files)},
        segments={Modality(m): n for m, n in connection.execute(segments)},
        contents=connection.execute(select(func.count(content.id))).scalar_one(),
        problems=tuple(
            (absolute(row.root_path, row.path), row.reason) for row in connection.execute(problems)
        ),
        seq=seq,
    )


def inconsistencies(connection: Connection, *, derived: bool) -> list[str]:
    """Sentences about rows that do not fit together; empty when all is well.

    `derived` says whether the catalogue has the derived tables.
    """
    checks = {
        "indexed files have no content": select(func.count(schema.file.c.id)).where(
            schema.file.c.state == State.INDEXED.value, schema.file.c.content_id.is_(None)
        ),
        "contents belong to no file": select(func.count(schema.content.c.id)).where(
            ~schema.content.c.id.in_(
                select(schema.file.c.content_id).where(schema.file.c.content_id.is_not(None))
            )
        ),
        "segments have no vector": select(func.count(schema.segment.c.id)).where(
            ~schema.segment.c.id.in_(select(schema.vector.c.segment_id)),
            *([schema.segment.c.kind.is_(None)] if derived else []),  # else they have words only
        ),
        "removed vectors are still there": select(func.count(schema.vector.c.id)).where(
            schema.vector.c.id.in_(select(schema.tombstone.c.vector_id))
        ),
    }
    if derived:
        checks["indexed files have no facts (seehear rebuild brings them back)"] = (
            select(func.count(schema.file.c.id))
            .join(schema.content)
            .where(
                schema.file.c.state == State.INDEXED.value,
                schema.content.c.format != SIDECAR_FORMAT,
                ~schema.file.c.id.in_(select(schema.fact.c.file_id)),
            )
        )
    return _told(connection, checks)


def lost_labels(connection: Connection) -> list[str]:
    """Sentences about labels of what is not there; empty when all is well."""
    label = schema.label.c
    gone = ~label.content_id.in_(select(schema.content.c.id))
    cut = label.segment_id.is_not(None) & ~label.segment_id.in_(select(schema.segment.c.id))
    counted = select(func.count(label.id))
    return _told(connection, {"labels belong to no content": counted.where(or_(gone, cut))})


def _told(connection: Connection, checks: Mapping[str, Select[int]]) -> list[str]:
    counts = {text: connection.execute(query).scalar_one() for text, query in checks.items()}
    return [f"{count} {text}" for text, count in counts.items() if count]


def absolute(root: bytes, path: bytes) -> Path:
    """The path of a file."""
    return Path(os.fsdecode(root)) / os.fsdecode(path)

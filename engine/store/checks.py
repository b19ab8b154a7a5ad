"""What a catalogue holds, counted, and whether its rows fit together."""

import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.store.session import Session
from engine.types import Modality

_ROWS = 1_000
"""Read at once where every row is looked at."""


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


def status_of(connection: Session, profile: str, roots: tuple[Path, ...], seq: int) -> Status:
    """Counts of everything, and the files that could not be indexed."""
    problems = connection.exec_driver_sql(_PROBLEMS).all()
    return Status(
        profile=profile,
        roots=roots,
        files={Modality(row[0]): row[1] for row in connection.exec_driver_sql(_FILES)},
        segments={Modality(row[0]): row[1] for row in connection.exec_driver_sql(_SEGMENTS)},
        contents=connection.exec_driver_sql("SELECT count(*) FROM content").scalar_one(),
        problems=tuple((absolute(row.root_path, row.path), row.reason) for row in problems),
        seq=seq,
    )


_FILES = """
SELECT c.modality, count(*) FROM file AS f JOIN content AS c ON c.id = f.content_id
GROUP BY c.modality
"""

_SEGMENTS = """
SELECT c.modality, count(*) FROM segment AS s JOIN content AS c ON c.id = s.content_id
GROUP BY c.modality
"""

_PROBLEMS = """
SELECT r.path AS root_path, f.path, f.reason FROM file AS f JOIN root AS r ON r.id = f.root_id
WHERE f.state = 'failed' ORDER BY r.path, f.path
"""


_CHECKS = {
    "indexed files have no content": """
        SELECT count(*) FROM file WHERE state = 'indexed' AND content_id IS NULL
    """,
    "contents belong to no file": """
        SELECT count(*) FROM content
        WHERE id NOT IN (SELECT content_id FROM file WHERE content_id IS NOT NULL)
    """,
    "removed vectors are still there": """
        SELECT count(*) FROM vector WHERE id IN (SELECT vector_id FROM tombstone)
    """,
}

_SEGMENTS_ALONE = "SELECT count(*) FROM segment WHERE id NOT IN (SELECT segment_id FROM vector)"

_CHECKS_DERIVED = {
    "segments have no vector": f"{_SEGMENTS_ALONE} AND kind IS NULL",  # else they have words only
    "indexed files have no facts (seehear rebuild brings them back)": """
        SELECT count(*) FROM file AS f JOIN content AS c ON c.id = f.content_id
        WHERE f.state = 'indexed' AND c.format <> 'xmp'
        AND f.id NOT IN (SELECT file_id FROM fact)
    """,
}

_CHECKS_PLAIN = {"segments have no vector": _SEGMENTS_ALONE}

_LOST_LABELS = """
SELECT count(*) FROM label WHERE content_id NOT IN (SELECT id FROM content)
OR (segment_id IS NOT NULL AND segment_id NOT IN (SELECT id FROM segment))
"""


def inconsistencies(connection: Session, *, derived: bool) -> list[str]:
    """Sentences about rows that do not fit together; empty when all is well.

    `derived` says whether the catalogue has the derived tables.
    """
    return _told(connection, _CHECKS | (_CHECKS_DERIVED if derived else _CHECKS_PLAIN))


def lost_labels(connection: Session) -> list[str]:
    """Sentences about labels of what is not there; empty when all is well."""
    return _told(connection, {"labels belong to no content": _LOST_LABELS})


def _told(connection: Session, checks: Mapping[str, str]) -> list[str]:
    counts = {text: connection.exec_driver_sql(sql).scalar_one() for text, sql in checks.items()}
    return [f"{count} {text}" for text, count in counts.items() if count]


def broken_vectors(connection: Session) -> list[str]:
    """Sentences about vectors that fail their checksums; empty when all is well."""
    found = connection.exec_driver_sql("SELECT half, crc32 FROM vector").partitions(_ROWS)
    count = sum(zlib.crc32(row.half) != row.crc32 for rows in found for row in rows)
    return [f"{count} vectors fail their checksums"] if count else []


def absolute(root: bytes, path: bytes) -> Path:
    """The path of a file."""
    return Path(os.fsdecode(root)) / os.fsdecode(path)

"""The segments of contents in the order of time, for moments and for the lengths of recordings."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.store.session import Session
from engine.types import Ids, Modality, Space, SpanUnit

# In this order, whatever SQLite thinks: few contents are asked for, and a space has millions.
_WINDOWS = """
SELECT s.content_id, v.id, s.start, s."end", s.unit
FROM json_each(?) AS wanted
CROSS JOIN segment AS s INDEXED BY segment_content ON s.content_id = wanted.value
CROSS JOIN vector AS v INDEXED BY vector_segment ON v.segment_id = s.id
WHERE v.space_id = (SELECT id FROM space WHERE name = ? AND fingerprint = ?)
ORDER BY s.content_id, s.ordinal
"""


_CONTENTS_IN = """
SELECT count(DISTINCT s.content_id) FROM vector AS v
JOIN space AS p ON p.id = v.space_id JOIN segment AS s ON s.id = v.segment_id
WHERE p.name = ? AND p.fingerprint = ? AND v.modality = ?
"""


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Segments of some contents that have vectors in one space, by content and in order.

    Attributes:
        contents: ids, (n,).
        vectors: ids, (n,).
        starts: milliseconds, (n,); -1 for a segment that has no time.
        ends: milliseconds, (n,).
    """

    contents: Ids
    vectors: Ids
    starts: Ids
    ends: Ids

    @property
    def timed(self) -> npt.NDArray[np.bool_]:
        """Which have a time, (n,)."""
        return np.asarray(self.starts >= 0)

    def counts(self, content_ids: Sequence[int]) -> Ids:
        """How many segments each of these contents has, (len(content_ids),)."""
        ordered = np.sort(self.contents)
        first = np.searchsorted(ordered, content_ids, side="left")
        return np.asarray(np.searchsorted(ordered, content_ids, side="right") - first)


def windows_of(connection: Session, content_ids: Sequence[int], space: Space) -> Windows:
    """The segments of these contents that have a vector in a space, by content and in order."""
    asked = (json.dumps(sorted(set(content_ids))), space.name, space.fingerprint)
    rows = connection.exec_driver_sql(_WINDOWS, asked).all()
    timed = [row.unit == SpanUnit.MILLISECONDS for row in rows]
    columns = [
        [row.content_id for row in rows],
        [row.id for row in rows],
        [row.start if has else -1 for row, has in zip(rows, timed, strict=True)],
        [row.end if has else -1 for row, has in zip(rows, timed, strict=True)],
    ]
    return Windows(*(np.array(column, dtype=np.int64) for column in columns))


def contents_in(connection: Session, space: Space, modality: Modality) -> int:
    """How many contents have vectors of a modality in a space."""
    counted = connection.exec_driver_sql(_CONTENTS_IN, (space.name, space.fingerprint, modality))
    return int(counted.scalar_one())

"""What classifiers said of contents: written by one classifier at a time, gone with the content.

A classifier can be run again, but only where it and its vectors are, so these rows are kept when
everything derived is made anew.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.query import LEAST_CHANCE
from engine.store.chunks import chunks
from engine.store.records import Guess
from engine.store.session import Session
from engine.store.texts import clean, fold


def replace(connection: Session, classifier: str, given: Mapping[int, Sequence[Guess]]) -> None:
    """What a classifier says of these contents takes the place of what it said of them before.

    Contents that are gone are left out. Labels less probable than `LEAST_CHANCE` are not kept,
    but for the most probable of each content or segment.
    """
    for part in chunks(list(given)):
        wanted = json.dumps(list(part))
        connection.exec_driver_sql(_DROP_SOME, (classifier, wanted))
        there = list(connection.exec_driver_sql(_THERE, (wanted,)).scalars())
        rows = [row for one in there for row in _rows(classifier, one, given[one])]
        if rows:
            connection.exec_driver_sql(_INSERT, rows)


_DROP_SOME = """
DELETE FROM label WHERE classifier = ? AND content_id IN (SELECT value FROM json_each(?))
"""

_THERE = "SELECT id FROM content WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"

_INSERT = """
INSERT INTO label
(classifier, content_id, segment_id, label, folded, place, probability, weights)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""


def _rows(classifier: str, content: int, guesses: Sequence[Guess]) -> Iterator[tuple[Any, ...]]:
    order = sorted(guesses, key=lambda one: -one.probability)
    seen: dict[int | None, int] = {}
    for one in order:
        place = seen.setdefault(one.segment, 0)
        seen[one.segment] += 1
        if place == 0 or one.probability >= LEAST_CHANCE:
            label, folded = clean(one.label), fold(one.label)
            weights = json.dumps(dict(one.weights))
            chance = one.probability
            yield classifier, content, one.segment, label, folded, place, chance, weights


def drop(connection: Session, classifier: str) -> int:
    """Forget all that a classifier said; returns of how many contents."""
    count = counts(connection).get(classifier, 0)
    connection.exec_driver_sql("DELETE FROM label WHERE classifier = ?", (classifier,))
    return count


def counts(connection: Session) -> dict[str, int]:
    """Of how many contents each classifier said something."""
    query = "SELECT classifier, count(DISTINCT content_id) AS many FROM label GROUP BY classifier"
    return {row.classifier: row.many for row in connection.exec_driver_sql(query)}


_OF_CONTENT = """
SELECT classifier, label, probability, weights, segment_id FROM label WHERE content_id = ?
ORDER BY classifier, segment_id, place
"""


def of_content(connection: Session, content: int) -> list[tuple[str, Guess]]:
    """What classifiers said of a content, by their names, the most probable label first."""
    rows = connection.exec_driver_sql(_OF_CONTENT, (content,))
    return [
        (row.classifier, Guess(row.label, row.probability, json.loads(row.weights), row.segment_id))
        for row in rows
    ]

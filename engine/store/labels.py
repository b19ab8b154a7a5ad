"""What classifiers said of contents: written by one classifier at a time, gone with the content.

A classifier can be run again, but only where it and its vectors are, so these rows are kept when
everything derived is made anew.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from engine.query import LEAST_CHANCE
from engine.store import schema
from engine.store.chunks import chunks
from engine.store.records import Guess
from engine.store.texts import clean, fold


def replace(connection: Connection, classifier: str, given: Mapping[int, Sequence[Guess]]) -> None:
    """What a classifier says of these contents takes the place of what it said of them before.

    Contents that are gone are left out. Labels less probable than `LEAST_CHANCE` are not kept,
    but for the most probable of each content or segment.
    """
    table = schema.label
    ids = schema.content.c.id
    for part in chunks(list(given)):
        of_these = (table.c.classifier == classifier, table.c.content_id.in_(part))
        connection.execute(delete(table).where(*of_these))
        there = connection.execute(select(ids).where(ids.in_(part))).scalars().all()
        rows = [row for one in there for row in _rows(classifier, one, given[one])]
        if rows:
            connection.execute(insert(table), rows)


def _rows(classifier: str, content: int, guesses: Sequence[Guess]) -> Iterator[dict[str, Any]]:
    order = sorted(guesses, key=lambda one: -one.probability)
    seen: dict[int | None, int] = {}
    for one in order:
        place = seen.setdefault(one.segment, 0)
        seen[one.segment] += 1
        if place == 0 or one.probability >= LEAST_CHANCE:
            yield {
                "classifier": classifier,
                "content_id": content,
                "segment_id": one.segment,
                "label": clean(one.label),
                "folded": fold(one.label),
                "place": place,
                "probability": one.probability,
                "weights": json.dumps(dict(one.weights)),
            }


def drop(connection: Connection, classifier: str) -> int:
    """Forget all that a classifier said; returns of how many contents."""
    count = counts(connection).get(classifier, 0)
    connection.execute(delete(schema.label).where(schema.label.c.classifier == classifier))
    return count


def counts(connection: Connection) -> dict[str, int]:
    """Of how many contents each classifier said something."""
    table = schema.label.c
    query = select(table.classifier, func.count(table.content_id.distinct()))
    return dict(connection.execute(query.group_by(table.classifier)).all())


def of_content(connection: Connection, content: int) -> list[tuple[str, Guess]]:
    """What classifiers said of a content, by their names, the most probable label first."""
    table = schema.label.c
    query = select(schema.label).where(table.content_id == content)
    rows = connection.execute(query.order_by(table.classifier, table.segment_id, table.place))
    return [
        (row.classifier, Guess(row.label, row.probability, json.loads(row.weights), row.segment_id))
        for row in rows
    ]

"""Lists of any length, cut so that each part fits into one statement."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

CHUNK = 500
"""Bound parameters in one statement; SQLite's own limit is far above."""

T = TypeVar("T")


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Parts small enough to be the parameters of one statement."""
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]

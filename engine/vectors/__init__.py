"""Vector indexes by name; each is loaded only when it is asked for."""

from collections.abc import Mapping
from typing import Protocol, cast

from engine.bundle import Array, Sink
from engine.ports import VectorIndex
from engine.registry import adapter
from engine.types import Ids
from engine.vectors.rows import Rows

_ADAPTERS = {
    "flat": "engine.vectors.flat:FlatIndex",
    "scan": "engine.vectors.scan:ScanIndex",
    "faiss": "engine.vectors.faiss:FaissIndex",
}


class VectorIndexKind(Protocol):
    """How an adapter makes an index of rows whose ids ascend."""

    def build(self, ids: Ids, rows: Rows, sink: Sink) -> VectorIndex:
        """An index of these rows; what it needs besides them goes to the sink."""
        ...

    def load(self, ids: Ids, rows: Rows, arrays: Mapping[str, Array]) -> VectorIndex:
        """The index that `build` made, from the same rows and what the sink took."""
        ...


SMALL = 1_000_000
"""Components up to which comparing all rows is as fast as looking at codes first."""


def names() -> tuple[str, ...]:
    """Every kind there is."""
    return tuple(_ADAPTERS)


def kind(name: str) -> VectorIndexKind:
    """The adapter of that name; UsageError when there is none."""
    return cast("VectorIndexKind", adapter(_ADAPTERS, name, "vector index"))


def fitting(rows: int, dim: int) -> str:
    """The kind for so many rows."""
    return "flat" if rows * dim <= SMALL else "scan"

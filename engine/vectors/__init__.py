"""Vector indexes by name; each is loaded only when it is asked for."""

from typing import Protocol, cast

from engine.ports import VectorIndex
from engine.registry import adapter

_ADAPTERS = {
    "flat": "engine.vectors.flat:FlatIndex",
    "faiss": "engine.vectors.faiss:FaissIndex",
}


class VectorIndexKind(Protocol):
    """How an adapter makes an index, empty or from the bytes of an earlier one."""

    def __call__(self, dim: int) -> VectorIndex:
        """An empty index for rows of `dim` components."""
        ...

    def load(self, dumped: bytes | memoryview) -> VectorIndex:
        """The index that `dump` wrote; ValueError when the bytes are not one."""
        ...


SMALL = 3_000_000
"""Components up to which `flat` answers as fast as FAISS, which takes 60 ms to import."""


def names() -> tuple[str, ...]:
    """Every kind there is."""
    return tuple(_ADAPTERS)


def kind(name: str) -> VectorIndexKind:
    """The adapter of that name; UsageError when there is none."""
    return cast("VectorIndexKind", adapter(_ADAPTERS, name, "vector index"))


def fitting(rows: int, dim: int) -> VectorIndexKind:
    """The kind for so many rows; both kinds are exact."""
    return kind("flat" if rows * dim <= SMALL else "faiss")


def of(dumped: bytes | memoryview) -> VectorIndexKind:
    """The kind that made a dump: `flat` writes archives, which begin with PK."""
    return kind("flat" if bytes(dumped[:2]) == b"PK" else "faiss")

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


def names() -> tuple[str, ...]:
    """Every kind there is."""
    return tuple(_ADAPTERS)


def kind(name: str) -> VectorIndexKind:
    """The adapter of that name; UsageError when there is none."""
    return cast("VectorIndexKind", adapter(_ADAPTERS, name, "vector index"))

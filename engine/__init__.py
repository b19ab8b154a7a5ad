"""What is known about media and how it is found; no terminal, no HTTP."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.align.bridge import Bridge
    from engine.align.fitting import fit
    from engine.classify import Classifier
    from engine.errors import EngineError
    from engine.library import Library
    from engine.query import Query
    from engine.result import Hit, SearchResult
    from engine.types import Modality, Space

__all__ = [
    "Bridge",
    "Classifier",
    "EngineError",
    "Hit",
    "Library",
    "Modality",
    "Query",
    "SearchResult",
    "Space",
    "fit",
]

# Loaded when first asked for, so that `seehear --help` does not wait for SQLAlchemy and numpy.
_HOME = {
    "Bridge": "engine.align.bridge",
    "Classifier": "engine.classify",
    "fit": "engine.align.fitting",
    "EngineError": "engine.errors",
    "Library": "engine.library",
    "Hit": "engine.result",
    "Modality": "engine.types",
    "Query": "engine.query",
    "SearchResult": "engine.result",
    "Space": "engine.types",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  (a module attribute may be anything)
    if name not in _HOME:
        raise AttributeError(f"module 'engine' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)

"""Which module builds what of a model's files, and the child's side of building."""

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engine.errors import EngineError


class Builder(Protocol):
    """Turns a model's verified files into what its encoder loads.

    Laws:
        reads only `sources`, writes only into `into`, needs no network, and builds the same
        whenever its version is the same.
    """

    def __call__(self, sources: Path, into: Path) -> None:
        """Build.

        Args:
            sources: folder of the model's files under plain names; a pickle (`PICKLED`) has a
                ``.safetensors`` of its stem beside it.
            into: an empty folder, renamed into place when this returns; plain files only, of the
                kinds that may be read later (`READABLE`).
        """
        ...


@dataclass(frozen=True, slots=True)
class BuilderRow:
    """Which module builds a model: imported in the child only, so it may need torch.

    Attributes:
        module: its dotted name; it has a function ``build`` that is a `Builder`.
        version: goes up when the same files would be built differently.
    """

    module: str
    version: str


BUILDERS: dict[str, BuilderRow] = {
    "efficientnet-lite2": BuilderRow("engine.models.efficientnet", "2"),
    "soundfx": BuilderRow("engine.models.soundfx", "1"),
    "starter-bridges": BuilderRow("engine.align.shipped", "4"),
    "openclip": BuilderRow("engine.models.openclip", "openclip-1"),
    "clap": BuilderRow("engine.models.clap", "clap-1"),
    "laion": BuilderRow("engine.models.laion", "laion-1"),
    "sentence": BuilderRow("engine.models.sentence", "sentence-1"),
}
"""Rows by the builder's name; the four general ones are named like their adapters, and say so in
their version, so that a folder that is read by another adapter is built anew."""

PICKLED = (".bin", ".pt", ".pth")
"""Names that are converted to safetensors before anything is built."""

READABLE = frozenset({".json", ".onnx", ".safetensors", ".txt"})
"""What the main process ever reads of a model; none of these can hold code."""


def main(module: str, sources: str, into: str) -> None:
    """Build; this runs in the child."""
    try:
        builder: Builder = importlib.import_module(module).build
        builder(Path(sources), Path(into))
    except EngineError as error:
        sys.exit(f"error: {error}")

"""Fits the starter's bridges from the shipped anchors. Runs in the child, once."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from engine.align import anchored
from engine.arrays import through_half, unit_rows
from engine.types import Vectors

_KEPT = ("picture_classes", "sound_classes", "head_weight", "head_bias")


def build(sources: Path, into: Path) -> None:
    """Write bridges.safetensors."""
    stored = load_file(sources / "anchors.safetensors")
    words, bank, features = (_rows(stored, name) for name in ("words", "bank", "features"))
    classes = stored["picture_classes"].astype(np.float32)
    head = stored["head_weight"].astype(np.float32)
    sources_of = stored["sources"]
    named = words.copy()
    for source in np.unique(sources_of):
        named[sources_of == source] = _centred(words[sources_of == source])
    anchors = anchored.Anchors(
        classes=_centred(head),
        features=features,
        sources=sources_of,
        words=np.concatenate([_centred(classes), named]),
        bank=_centred(bank),
    )
    # Rounded to float16, so that no two machines differ; written as float32, which is mapped.
    fitted = {name: through_half(rows) for name, rows in anchored.fit(anchors).items()}
    kept = {name: stored[name] for name in stored if name in _KEPT or name.startswith("sound_")}
    save_file({**fitted, **kept, "word_mean": bank.mean(axis=0)}, into / "bridges.safetensors")


def _centred(rows: Vectors) -> Vectors:
    return unit_rows(rows - rows.mean(axis=0))


def _rows(stored: dict[str, npt.NDArray[np.generic]], name: str) -> Vectors:
    scaled = stored[name].astype(np.float32) * stored[f"{name}_scale"].astype(np.float32)
    return unit_rows(scaled)

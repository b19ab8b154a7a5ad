"""Fits the starter's bridges from the shipped anchors. Runs in the child, once."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from engine.align import anchored, heard
from engine.arrays import through_half, unit_rows
from engine.types import Vectors

_KEPT = ("picture_classes", "head_weight", "head_bias")


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
    kept = {name: stored[name] for name in stored if name in _KEPT}
    word_mean = bank.mean(axis=0)
    sounds = _sounds(load_file(sources / "sound_anchors.safetensors"), word_mean, fitted)
    save_file({**fitted, **kept, **sounds, "word_mean": word_mean}, into / "bridges.safetensors")


def _sounds(
    stored: Mapping[str, npt.NDArray[np.generic]], word_mean: Vectors, fitted: Mapping[str, Vectors]
) -> dict[str, Vectors]:
    """The heads of sounds, what they are fitted on, and their words in both spaces of words."""
    layers = {
        name: rows.astype(np.float32) for name, rows in stored.items() if name.startswith("head_")
    }
    names = [row.tobytes() for row in stored["words"]]
    sounds = heard.fit(layers, _rows(stored, "features"), names)
    solved = sounds.pop("solved")
    categories = unit_rows(stored["categories"].astype(np.float32) - word_mean)
    anchors = unit_rows(_rows(stored, "words") - word_mean)
    outputs = [
        categories[stored[f"outputs_{head}"].astype(np.int64)] for head in range(heard.HEADS)
    ]
    ways: dict[str, Callable[[Vectors], Vectors]] = {
        "words": lambda words: words,
        "anchored": lambda words: anchored.queries(fitted, words),
    }
    found: dict[str, Vectors] = {}
    for space, carried in ways.items():
        known = heard.words_in(solved, [carried(one) for one in outputs], carried(anchors))
        found |= {f"outputs_{head}_{space}": rows for head, rows in enumerate(known.outputs)}
        found[f"anchors_{space}"] = known.anchors
    return layers | {name: through_half(rows) for name, rows in (sounds | found).items()}


def _centred(rows: Vectors) -> Vectors:
    return unit_rows(rows - rows.mean(axis=0))


def _rows(stored: Mapping[str, npt.NDArray[np.generic]], name: str) -> Vectors:
    scaled = stored[name].astype(np.float32) * stored[f"{name}_scale"].astype(np.float32)
    return unit_rows(scaled)

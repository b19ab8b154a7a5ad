"""Published figures of the models, computed again where weights and data are on this computer.

    python -m tests.anchors        (or: make anchors)

Data are brought by you: SEEHEAR_COCO names a folder with dataset_coco.json (Karpathy's splits) and
the pictures of val2014 beside it or below it; SEEHEAR_ESC50 one with meta/esc50.csv and audio/.
What cannot be computed is said loudly, and is no success.
"""

import csv
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine import models
from engine.encode import encoders
from engine.media.pieces import pieces
from engine.media.probe import probe
from engine.models.registry import Anchor, ModelRow
from engine.ports import Encoder, Payload
from engine.types import Modality, Vectors

AT_ONCE = 64


@dataclass(frozen=True)
class NotRun:
    """Why a figure was not computed."""

    reason: str


def main() -> int:
    """Compute every anchor; 0 when all that ran are met and at least one ran."""
    outcomes = [
        (row, anchor, computed(row, anchor))
        for row in models.registry().models.values()
        for anchor in row.anchors
    ]
    for row, anchor, found in outcomes:
        print(_line(row, anchor, found))
    ran = [(anchor, found) for _, anchor, found in outcomes if not isinstance(found, NotRun)]
    print(f"{len(ran)} of {len(outcomes)} anchors were run.")
    met = all(abs(found - anchor.is_) <= anchor.accept for anchor, found in ran)
    return 0 if ran and met else 1


def computed(row: ModelRow, anchor: Anchor) -> float | NotRun:
    """Our figure, or why there is none."""
    if models.must_be_pulled(row.id):
        return NotRun(f"weights are not here: seehear models pull {row.id}")
    for beginning, (variable, measure) in MEASURES.items():
        if anchor.on.startswith(beginning):
            folder = os.environ.get(variable)
            if folder is None or not Path(folder).is_dir():
                return NotRun(f"data are not here: set {variable} to their folder")
            return measure(row, Path(folder))
    return NotRun(f"nobody wrote down how to measure '{anchor.on}'")


def coco(folder: Path) -> tuple[list[Path], list[str], list[int]]:
    """Karpathy's test split: pictures, captions, and for each caption its picture's place."""
    images = json.loads((folder / "dataset_coco.json").read_text())["images"]
    test = [one for one in images if one["split"] == "test"]
    known = {path.name: path for path in folder.rglob("*.jpg")}
    captions = [
        (sentence["raw"].strip(), place)
        for place, one in enumerate(test)
        for sentence in one["sentences"][:5]
    ]
    pictures = [known[one["filename"]] for one in test]
    return pictures, [words for words, _ in captions], [place for _, place in captions]


def words_to_picture(row: ModelRow, folder: Path) -> float:
    """R@1 as CLIP_benchmark counts it: the caption's own picture comes first."""
    pictures, captions, owner = coco(folder)
    seen = of_files(row, Modality.IMAGE, pictures)
    said = of_payloads(_tower(row, Modality.TEXT), captions)
    best = np.concatenate([(part @ seen.T).argmax(axis=1) for part in _blocks(said)])
    return float(np.mean(best == np.array(owner)))


def picture_to_words(row: ModelRow, folder: Path) -> float:
    """R@1 as CLIP_benchmark counts it: any of the picture's captions comes first."""
    pictures, captions, owner = coco(folder)
    seen = of_files(row, Modality.IMAGE, pictures)
    said = of_payloads(_tower(row, Modality.TEXT), captions)
    best = np.concatenate([(part @ said.T).argmax(axis=1) for part in _blocks(seen)])
    return float(np.mean(np.array(owner)[best] == np.arange(len(pictures))))


def esc50(row: ModelRow, folder: Path) -> float:
    """Share of clips whose own class is the nearest, asked as the model's card asks."""
    with (folder / "meta" / "esc50.csv").open() as table:
        clips = list(csv.DictReader(table))
    classes = sorted({one["category"] for one in clips})
    asked = [f"This is a sound of {one.replace('_', ' ')}." for one in classes]
    said = of_payloads(_tower(row, Modality.TEXT), asked)
    heard = of_files(row, Modality.AUDIO, [folder / "audio" / one["filename"] for one in clips])
    best = [classes[place] for place in (heard @ said.T).argmax(axis=1)]
    return float(np.mean([a == one["category"] for a, one in zip(best, clips, strict=True)]))


MEASURES: dict[str, tuple[str, Callable[[ModelRow, Path], float]]] = {
    "COCO 5k, words to picture, R@1": ("SEEHEAR_COCO", words_to_picture),
    "COCO 5k, picture to words, R@1": ("SEEHEAR_COCO", picture_to_words),
    "ESC-50, accuracy": ("SEEHEAR_ESC50", esc50),
}
"""How each task is measured, and which variable names its data."""


def of_files(row: ModelRow, modality: Modality, files: Sequence[Path]) -> Vectors:
    """One unit row for each file: the mean direction of its pieces."""
    tower = _tower(row, modality)
    rows = []
    for file in files:
        payloads = [one.payload for one in pieces(file, probe(file).format, tower.rule)]
        mean = of_payloads(tower, payloads).mean(axis=0)
        rows.append(mean / np.linalg.norm(mean))
    return np.stack(rows)


def of_payloads(tower: Encoder, payloads: Sequence[Payload]) -> Vectors:
    """Unit rows (n, dim), encoded a part at a time."""
    parts = [payloads[start : start + AT_ONCE] for start in range(0, len(payloads), AT_ONCE)]
    return np.concatenate([tower.encode([tower.prepare(one) for one in part]) for part in parts])


def _tower(row: ModelRow, modality: Modality) -> Encoder:
    return next(one for one in encoders(row) if one.modality is modality)


def _blocks(rows: Vectors) -> list[Vectors]:
    return [rows[start : start + 1_000] for start in range(0, len(rows), 1_000)]


def _line(row: ModelRow, anchor: Anchor, found: float | NotRun) -> str:
    published = f"published {anchor.is_:.4f} ± {anchor.accept} ({anchor.source})"
    if isinstance(found, NotRun):
        return f"NOT RUN  {row.id}: {anchor.on}, {published}: {found.reason}"
    verdict = "met    " if abs(found - anchor.is_) <= anchor.accept else "MISSED "
    return f"{verdict}  {row.id}: {anchor.on} = {found:.4f}, {published}"


if __name__ == "__main__":
    sys.exit(main())

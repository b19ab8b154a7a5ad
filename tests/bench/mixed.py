"""One list of pictures, sounds and texts: what each step gives over raw cosine, and imbalance.

    python -m tests.bench.mixed [FOLDER [ladders] [imbalance]]

Raw cosine is the inner product in one space that all are carried into (`minilm`), without centring
and calibration: the problem as GR-CLIP states it. Libraries are kept in FOLDER, if it is given.
"""

import sys
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

import numpy as np
import numpy.typing as npt

from engine import Library, Query
from engine.arrays import unit_rows
from engine.bridges import starter
from engine.evaluate import METRICS, Judged, interval, judge, paired
from engine.gallery import GalleryKey
from engine.library import How
from engine.rank.maxima import typical_maximum
from engine.rank.steps import Steps
from engine.search import path_of
from engine.search.plain import general
from engine.store.records import ContentRecord, FileRecord, SegmentRecord, Stamp, State, View
from engine.types import Modality, Vectors
from tests.bench.galleries import (
    DEPTH,
    Judgements,
    clipart,
    few,
    library_of,
    listed,
    of_kinds,
    sample,
    tux_paint,
)

NDCG = next(one for one in METRICS if one.name == "nDCG@10")
RECALL = next(one for one in METRICS if one.name == "R@10")
KINDS = (Modality.IMAGE, Modality.AUDIO, Modality.TEXT)
MULTIPLIED = (0, 2_000, 20_000)
Values = npt.NDArray[np.float64]
Scores = npt.NDArray[np.float32]
Scoring = Callable[[Vectors, Vectors, Vectors, "Rows"], Scores]
"""From queries (q, dim), plain queries (m, dim) and rows (n, dim) to scores (q, n)."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of one modality in the common space, and the file of each."""

    rows: Vectors
    files: tuple[Path, ...]
    mean: Vectors


def main() -> None:
    """All tables."""
    if len(sys.argv) > 1:
        for name in sys.argv[2:] or PARTS:
            PARTS[name](Path(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as scratch:
        for part in PARTS.values():
            part(Path(scratch))


def ladders(place: Path) -> None:
    """Three libraries of three kinds."""
    names, numbers = place / "tux-names", place / "tux-numbers"
    for at, one in (
        (numbers, tux_paint(numbers, named=False)),
        (names, tux_paint(names, named=True)),
        (place / "sample", sample()),
    ):
        with library_of(one, at) as library:
            ladder(library, one)


def ladder(library: Library, judgements: Judgements) -> None:
    """Step by step from raw cosine to the whole."""
    judgements = few(judgements)
    counts = {one: len(_rows(library, one).files) for one in KINDS}
    print(f"\n{judgements.name}: {len(judgements.asked)} queries, rows {counts}")
    runs = _plainly(library, judgements)
    for name, how in (
        ("whole, without words and calibration", Steps(words=False, calibration=False)),
        ("whole, without words", Steps(words=False)),
        ("whole", Steps()),
    ):
        runs[name] = _lists(library, judgements, steps=how)
    runs["whole, --balance"] = _lists(library, judgements, k=10, balance=True)
    first: Values | None = None
    print(f"  relevant: {_shares([list(a.relevant) for a in judgements.asked], judgements)}")
    for name, lists in runs.items():
        values = _ndcg(lists, judgements)
        first = values if first is None else first
        got, gain = interval(NDCG, values), paired(first, values)
        print(
            f"  {name:38} nDCG@10 {got.value:.3f} [{got.low:.3f}, {got.high:.3f}]  "
            f"over raw {gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]  "
            f"top 10: {_shares([one[:10] for one in lists], judgements)}",
            flush=True,
        )


def _ndcg(lists: Sequence[Sequence[Path]], judgements: Judgements) -> Values:
    judged: list[Judged] = [
        judge(paths, asked.relevant) for paths, asked in zip(lists, judgements.asked, strict=True)
    ]
    return np.array([NDCG.of(one) for one in judged])


def _shares(lists: Sequence[Sequence[Path]], judgements: Judgements) -> str:
    """The mean share of each kind, by the folder that it lies in."""
    kinds = ("pictures", "sounds", "texts")
    tops = [[path.relative_to(judgements.folder).parts[0] for path in one] for one in lists]
    shares = [np.mean([one.count(kind) / len(one) for one in tops if one]) for kind in kinds]
    return " ".join(f"{kind} {share:.2f}" for kind, share in zip(kinds, shares, strict=True))


# --- raw cosine and what is put on it, in numpy --------------------------------------------------


def _raw(queries: Vectors, _plain: Vectors, rows: Vectors, _of: Rows) -> Scores:
    return queries @ rows.T


def _centred(queries: Vectors, plain: Vectors, rows: Vectors, of: Rows) -> Scores:
    return unit_rows(queries - plain.mean(axis=0)) @ unit_rows(rows - of.mean).T


def _calibrated(queries: Vectors, plain: Vectors, rows: Vectors, of: Rows) -> Scores:
    scores = _centred(queries, plain, rows, of)
    spread = scores.std(axis=1, keepdims=True)
    return np.asarray((scores - scores.mean(axis=1, keepdims=True)) / spread, np.float32)


def _levelled(queries: Vectors, plain: Vectors, rows: Vectors, of: Rows) -> Scores:
    return _calibrated(queries, plain, rows, of) - np.float32(typical_maximum(len(set(of.files))))


STEPS: Mapping[str, Scoring] = {
    "raw cosine": _raw,
    "+ centring": _centred,
    "+ calibration": _calibrated,
    "+ level": _levelled,
}


def _plainly(library: Library, judgements: Judgements) -> dict[str, list[list[Path]]]:
    """The lists of each step, in the common space."""
    encoder = library.profile.tracks(Modality.TEXT)[0].encoders[0]
    queries = np.concatenate([encoder.encode([encoder.prepare(a.words)]) for a in judgements.asked])
    known = [_rows(library, one) for one in KINDS]
    return {name: _ordered(scoring, queries, general(encoder), known)
            for name, scoring in STEPS.items()}  # fmt: skip


def _ordered(
    scoring: Scoring, queries: Vectors, plain: Vectors, known: Sequence[Rows]
) -> list[list[Path]]:
    """Files by their best row."""
    files: list[Path] = []
    best: list[Scores] = []
    for one in known:
        order = sorted(range(len(one.files)), key=lambda at: one.files[at])
        ordered = [one.files[at] for at in order]
        first = [at for at, file in enumerate(ordered) if not at or file != ordered[at - 1]]
        scores = scoring(queries, plain, one.rows, one)[:, order]
        best.append(np.maximum.reduceat(scores, first, axis=1))
        own = [ordered[at] for at in first]
        files += own
    places = np.argsort(-np.concatenate(best, axis=1), axis=1, kind="stable")[:, :DEPTH]
    return [[files[at] for at in row] for row in places.tolist()]


def _rows(library: Library, modality: Modality) -> Rows:
    """The rows of all files of a modality, carried into MiniLM's space as they come."""
    native = library.profile.tracks(modality)[0].encoders[0].space
    gallery = library.gallery(GalleryKey(modality, native, native))
    places = {
        one.vector_id: path_of(one)
        for one in library.resolve(gallery.ids.tolist())
        if not one.caption and one.modality is modality
    }
    ids = np.array(sorted(places), dtype=np.int64)
    rows = gallery.rows(ids)
    if modality is Modality.IMAGE:
        rows = starter.efficientnet_minilm().apply(rows)
    if modality is Modality.AUDIO:
        rows = starter.soundfx_minilm().apply(rows)
    return Rows(rows, tuple(places[one] for one in ids.tolist()), rows.mean(axis=0))


# --- imbalance -----------------------------------------------------------------------------------


def imbalance(place: Path) -> None:
    """The right sound's place in the one list while pictures are multiplied."""
    like = place / "clipart"
    with library_of(clipart(like), like) as drawn:
        pictures = _native(drawn)
    few = place / "imbalance"
    judgements = of_kinds(tux_paint(few, named=False), {"sounds"})
    print(f"\nimbalance: {len(judgements.asked)} captions with a sound, numbers for names")
    written = 0
    with library_of(judgements, few) as library:
        for count in MULTIPLIED:
            _multiply(library, pictures, written, count)
            written = count
            _sounds(library, judgements, count)


def _sounds(library: Library, judgements: Judgements, count: int) -> None:
    plainly = _plainly(library, judgements)
    runs = {
        "sounds alone": _lists(library, judgements, k=10, kinds={"audio"}),
        "raw cosine": plainly["raw cosine"],
        "calibrated, not levelled": plainly["+ calibration"],
        "without calibration": _lists(library, judgements, k=10, steps=Steps(calibration=False)),
        "whole": _lists(library, judgements, k=10),
        "whole, --balance": _lists(library, judgements, k=10, balance=True),
    }
    folder = judgements.folder / "sounds"
    for name, lists in runs.items():
        tops = [one[:10] for one in lists]
        judged = [judge(one, a.relevant) for one, a in zip(tops, judgements.asked, strict=True)]
        seen = interval(RECALL, np.array([RECALL.of(one) for one in judged]))
        sounds = np.mean([[folder in path.parents for path in one].count(True) for one in tops])
        print(
            f"  {count:6,} more pictures, {name:24} a right sound in the top 10 {seen.value:.3f} "
            f"[{seen.low:.3f}, {seen.high:.3f}]  sounds in the top 10: {sounds:.1f}",
            flush=True,
        )


def _lists(
    library: Library,
    judgements: Judgements,
    kinds: Collection[str] | None = None,
    **how: Unpack[How],
) -> list[list[Path]]:
    return [listed(library, Query(one.words), kinds, **how) for one in judgements.asked]


def _native(library: Library) -> Vectors:
    space = library.profile.tracks(Modality.IMAGE)[0].encoders[0].space
    gallery = library.gallery(GalleryKey(Modality.IMAGE, space, space))
    return gallery.rows(gallery.ids)


def _multiply(library: Library, pictures: Vectors, start: int, stop: int) -> None:
    """Write rows straight into the catalogue, each four fifths of one real picture's."""
    encoder = library.profile.tracks(Modality.IMAGE)[0].encoders[0]
    random = np.random.default_rng(start)
    root = library.path / "multiplied"
    if start == stop:
        return
    with library.writing() as writer:
        writer.adopt_root(root)
        for at in range(start, stop, 1000):
            one, other = pictures[random.integers(0, len(pictures), (2, 1000))]
            rows = unit_rows(np.where(random.random(one.shape) < 0.8, one, other))
            digests = [(at + n).to_bytes(32, "big") for n in range(1000)]
            contents = [
                ContentRecord(
                    digest, Modality.IMAGE, "jpeg", {},
                    (View((SegmentRecord(None),), ((encoder.space, row[None]),)),),
                )
                for digest, row in zip(digests, rows, strict=True)
            ]  # fmt: skip
            files = [
                FileRecord(root, b"%s.jpg" % d.hex().encode(), Stamp(1, 1, 1), State.INDEXED,
                           digest=d)
                for d in digests
            ]  # fmt: skip
            writer.write(files, contents)
        library.publish(writer)


PARTS: dict[str, Callable[[Path], None]] = {"ladders": ladders, "imbalance": imbalance}

if __name__ == "__main__":
    main()

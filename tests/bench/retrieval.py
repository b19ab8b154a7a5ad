"""Retrieval of the starter profile on the Tux Paint stamps, through the public way alone.

    python -m tests.bench.retrieval

Files are copied under numbers, without captions and folders: only their content can be found.
"""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine import Library, Query
from indexer import index
from tests.bench.stamps import other_sounds, sonic_pi_sounds, stamp_sounds, stamps

RESAMPLES = 10_000
Ranks = npt.NDArray[np.float64]


def numbered(files: Sequence[Path], folder: Path, first: int = 0) -> None:
    """Copy files as 0000.png, 0001.png, ..."""
    folder.mkdir()
    for number, file in enumerate(files, first):
        shutil.copyfile(file, folder / f"{number:04}{file.suffix}")


def ranks(
    library: Library,
    folders: Path | Sequence[Path],
    queries: Sequence[Query],
    relevant: Sequence[set[int]],
    kind: str,
) -> Ranks:
    """Rank of the best relevant file for each query; past the end when there is none."""
    under = [folders] if isinstance(folders, Path) else list(folders)
    count = sum(1 for folder in under for _ in folder.iterdir())
    found = []
    for query, right in zip(queries, relevant, strict=True):
        result = library.search(query, modalities={kind}, under=under, k=count, least=0.0)
        hits = result.hits
        order = [{int(p.stem) for p in (hit.path, *hit.same)} for hit in hits]
        found.append(next((n for n, one in enumerate(order, 1) if one & right), count + 1))
    return np.array(found, dtype=np.float64)


def chance(k: int, gallery: int, relevant: Sequence[set[int]]) -> float:
    """Mean probability that k files drawn at random hold a relevant one."""
    missed = [
        np.prod([max(gallery - len(right) - n, 0) / (gallery - n) for n in range(k)])
        for right in relevant
    ]
    return float(1 - np.mean(missed))


def report(name: str, found: Ranks, gallery: int, relevant: Sequence[set[int]]) -> None:
    """One line: recall with a 95 % bootstrap interval, chance, MRR, median rank."""
    draws = np.random.default_rng(0).integers(0, len(found), (RESAMPLES, len(found)))
    parts = []
    for k in (1, 10):
        hit = (found <= k).astype(np.float64)
        by_chance = chance(k, gallery, relevant)
        low, high = np.percentile(hit[draws].mean(axis=1), [2.5, 97.5])
        parts.append(f"R@{k} {hit.mean():.3f} [{low:.3f}, {high:.3f}] chance {by_chance:.3f}")
    mrr, median = (1 / found).mean(), np.median(found)
    print(f"{name:44} {'  '.join(parts)}  MRR {mrr:.3f}  median {median:.0f}", flush=True)


def main() -> None:
    """Index the stamps, their sounds and other sounds once, then ask."""
    pictures, sounds = stamps(), stamp_sounds()
    with tempfile.TemporaryDirectory() as scratch:
        names = ("pictures", "sounds", "strangers", "anchors")
        folders = {name: Path(scratch) / name for name in names}
        numbered([p for p, _ in pictures], folders["pictures"])
        first = 0
        for name, files in (
            ("sounds", [s for s, _ in sounds]),
            ("strangers", other_sounds()),
            ("anchors", sonic_pi_sounds()),
        ):
            numbered(files, folders[name], first)
            first += len(files)
        with Library.open(Path(scratch) / "library", create=True, profile="starter") as library:
            done = index(library, list(folders.values()))
            print(f"{done.added} files, profile starter, {os.cpu_count()} cores")
            captions = [c for _, c in pictures], [c for _, c in sounds]
            _pictures_by_words(library, folders["pictures"], captions[0])
            _sounds(library, folders, *captions)


def _pictures_by_words(library: Library, folder: Path, pictures: list[str]) -> None:
    alike = [{n for n, other in enumerate(pictures) if other == one} for one in pictures]
    own = [{n} for n in range(len(pictures))]
    words = [Query(one) for one in pictures]
    for name, right in (("same caption counts", alike), ("own picture only", own)):
        found = ranks(library, folder, words, right, "image")
        report(f"caption -> picture, {name}", found, len(pictures), right)
    shuffled = np.random.default_rng(1).permutation(len(pictures))
    wrong = [alike[n] for n in shuffled]
    found = ranks(library, folder, words, wrong, "image")
    report("caption -> picture, answers shuffled", found, len(pictures), wrong)


def _sounds(
    library: Library, folders: dict[str, Path], pictures: list[str], sounds: list[str]
) -> None:
    """Same captions count; larger galleries hold sounds of other collections too."""
    heard = [{s for s, other in enumerate(sounds) if other == one} for one in sounds]
    seen = [{s for s, other in enumerate(sounds) if other == one} for one in pictures]
    asking = [n for n, right in enumerate(seen) if right]
    by_picture = [Query(image=folders["pictures"] / f"{n:04}.png") for n in asking]
    named = ("sounds", "strangers", "anchors")
    for more in range(1, len(named) + 1):
        under = [folders[name] for name in named[:more]]
        count = sum(1 for folder in under for _ in folder.iterdir())
        found = ranks(library, under, [Query(c) for c in sounds], heard, "audio")
        report(f"caption -> sound, {count} sounds", found, count, heard)
        right = [seen[n] for n in asking]
        found = ranks(library, under, by_picture, right, "audio")
        report(f"picture -> sound, {count} sounds", found, count, right)
    drawn = [{n for n, other in enumerate(pictures) if other == one} for one in sounds]
    files = sorted(folders["sounds"].iterdir())
    found = ranks(library, folders["pictures"], [Query(audio=f) for f in files], drawn, "image")
    report("sound -> picture", found, len(pictures), drawn)


if __name__ == "__main__":
    main()

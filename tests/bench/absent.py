"""Whether a list ends where relevance ends: queries with and without an answer in the library.

    python -m tests.bench.absent

Tux Paint stamps and their sounds lie under their own names, or under numbers, without captions.
Twice, a random half of the captions is left out of the library with all its files. Of the
captions left out, those count as absent whose last noun stands in no caption and no name that is
there ("things"); the others ("kin") ask for a red car where there is a blue one. The line is the
default.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from engine import Library, Query
from engine.evaluate import METRICS, interval, roc
from engine.search import LINE
from indexer import index
from tests.bench.stamps import fetched, stamp_sounds, stamps

HALVES = 2
THINGS = """accordion airport ambulance armchair avalanche ballerina bathtub binoculars blender
bulldozer burrito calculator canyon carpenter cemetery chandelier chess chimney clown compass
courtroom croissant dentist desert dragon drill earthquake escalator factory firefighter fireplace
forklift fountain funeral glacier gondola guitar hammock harmonica hospital hovercraft iceberg
judge kitchen laboratory ladder lasagna lighthouse magician marathon mermaid meteor microscope
microwave museum nurse origami oven parachute parade passport pirate platypus plumber pretzel
prison pyramid refrigerator satellite saxophone scarecrow scissors screwdriver skateboard skeleton
skyscraper snorkel stadium stapler stethoscope submarine subway surfboard sushi telescope theater
toaster toothbrush tornado trampoline treadmill trombone tuxedo typewriter vampire violin volcano
waffle walrus waterfall wedding wheelchair windmill wizard wrestler xylophone yacht zipper"""
"""Common things, drawn up without looking at the stamps; those in a caption are not asked for."""


@dataclass(frozen=True)
class Asked:
    """What one query of a half found: relevance of the right answer, and of the best hit."""

    right: float
    best: float
    answered: bool


def main() -> None:
    """Both kinds of names, both kinds of media."""
    print("profile starter")
    files = {"image": stamps(), "audio": stamp_sounds()}
    for named in (True, False):
        for kind, pairs in files.items():
            _measure(kind, pairs, named=named)


def _measure(kind: str, pairs: Sequence[tuple[Path, str]], *, named: bool) -> None:
    present: list[Asked] = []
    absent: dict[str, list[Asked]] = {"things": [], "kin": []}
    for half in range(HALVES):
        captions = sorted({caption for _, caption in pairs})
        kept = set(np.random.default_rng(half).permutation(captions)[::2].tolist())
        with _library([pair for pair in pairs if pair[1] in kept], named=named) as made:
            library, answers = made
            present += [_ask(library, kind, one, answers[one]) for one in sorted(kept)]
            there = [path.stem for path in frozenset().union(*answers.values())]
            for group, words in _absent(captions, kept, there):
                absent[group].append(_ask(library, kind, words, frozenset()))
    print(f"\n{kind}, {'own names' if named else 'numbers for names'}, the default line:")
    _report(present, absent)


def _report(present: Sequence[Asked], absent: Mapping[str, Sequence[Asked]]) -> None:
    held = [float(one.right >= LINE) for one in present]
    ranked = [float(one.right >= LINE) for one in present if one.answered]
    print(f"  present, right answer above it: {_share(held)}")
    print(f"  the same, where it is among the best 10: {_share(ranked)}")
    for group, found in absent.items():
        above = [float(one.best >= LINE) for one in found]
        curve = roc([one.right for one in present], [one.best for one in found])
        print(f"  absent ({group}), some hit above it: {_share(above)}; ROC area {curve.area:.3f}")


def _share(values: Sequence[float]) -> str:
    found = interval(METRICS[0], np.array(values))
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}] of {len(values)}"


@contextmanager
def _library(
    pairs: Sequence[tuple[Path, str]], *, named: bool
) -> Iterator[tuple[Library, Mapping[str, frozenset[Path]]]]:
    """A library of these files alone, and the files that answer each caption."""
    with tempfile.TemporaryDirectory() as place:
        media = Path(place) / "media"
        answers: dict[str, frozenset[Path]] = {}
        for number, (file, caption) in enumerate(pairs):
            own = file.relative_to(_stamps_folder()) if named else Path(f"{number:04}{file.suffix}")
            target = media / own
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
            answers[caption] = answers.get(caption, frozenset()) | {target}
        with Library.open(Path(place) / "library", create=True, profile="starter") as library:
            index(library, [media])
            yield library, answers


def _ask(library: Library, kind: str, words: str, right: frozenset[Path]) -> Asked:
    hits = library.search(Query(words), modalities={kind}, k=50, least=0.0).hits
    paths = [{hit.path, *hit.same} for hit in hits]
    mine = [hit.relevance for hit, found in zip(hits, paths, strict=True) if found & right]
    return Asked(
        max(mine, default=0.0),
        max((hit.relevance for hit in hits), default=0.0),
        any(found & right for found in paths[:10]),
    )


def _absent(
    captions: Sequence[str], kept: set[str], names: Sequence[str]
) -> Iterator[tuple[str, str]]:
    known = {_last(caption) for caption in kept}
    known |= {word.removesuffix("s") for name in names for word in _words(name)}
    for caption in captions:
        if caption not in kept:
            yield ("kin" if _last(caption) in known else "things"), caption
    everything = {word for caption in captions for word in _words(caption)}
    for thing in THINGS.split():
        if not {thing, f"{thing}s"} & everything:
            yield "things", f"{'An' if thing[0] in 'aeiou' else 'A'} {thing}."


@cache
def _stamps_folder() -> Path:
    return fetched("tuxpaint-stamps-default") / "usr/share/tuxpaint/stamps"


def _words(caption: str) -> list[str]:
    return re.findall("[a-z]+", caption.lower())


def _last(caption: str) -> str:
    """The last word of what is named, before any 'with', 'of' or comma."""
    head = re.split(r",| with | of | on | in | and ", caption.lower().rstrip(".!"))[0]
    words = _words(head) or [""]
    return words[-1].removesuffix("s")


if __name__ == "__main__":
    main()

"""Folders of media with judged queries, made of fetched packages, for the benchmarks of ranking."""

import csv
import hashlib
import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Unpack

import numpy as np
from PIL import Image

from engine import Library, Query
from engine.evaluate import Judged, judge
from engine.library import How
from indexer import index
from tests.bench.stamps import ROOT, fetched, stamp_sounds, stamps

SAME, KIN = 2.0, 1.0
"""Grades: what the words name, and what is of the same kind."""

DEPTH = 20
"""How deep a list is looked at; what lies deeper counts as not found."""

QUERIES = 100
"""Queries of a set that are asked, drawn once, where a set has more."""

_CLIPART = ("animals", "buildings", "food", "plants", "recreation", "tools", "transportation")
_LARGE = 60_000
_SIDE = 320


@dataclass(frozen=True)
class Asked:
    """Words, and the grades of the files that answer them."""

    words: str
    relevant: Mapping[Path, float]


@dataclass(frozen=True)
class Judgements:
    """A folder of media and what is asked of it."""

    name: str
    folder: Path
    asked: tuple[Asked, ...]


@contextmanager
def library_of(judgements: Judgements, place: Path) -> Iterator[Library]:
    """A library of that folder, kept in `place`."""
    with Library.open(place / "library", create=True, profile="starter") as library:
        index(library, [judgements.folder])
        yield library


def found(
    library: Library,
    judgements: Judgements,
    kinds: Collection[str] | None = None,
    **how: Unpack[How],
) -> list[Judged]:
    """How good the list of each query is, by the public way."""
    return [
        judge(listed(library, Query(one.words), kinds, **how), one.relevant)
        for one in judgements.asked
    ]


def listed(
    library: Library, query: Query, kinds: Collection[str] | None = None, **how: Unpack[How]
) -> list[Path]:
    """The files of a query's list, best first, whatever the line says."""
    asked: How = {"k": DEPTH, "least": 0.0, **how}
    return [hit.path for hit in library.search(query, modalities=kinds, **asked).hits]


def of_kinds(judgements: Judgements, kinds: Collection[str]) -> Judgements:
    """The queries that files of these kinds (folders) answer, and those answers alone."""
    asked = []
    for one in judgements.asked:
        own = {
            path: grade
            for path, grade in one.relevant.items()
            if path.relative_to(judgements.folder).parts[0] in kinds
        }
        if SAME in own.values():
            asked.append(Asked(one.words, own))
    return Judgements(judgements.name, judgements.folder, tuple(asked))


def tux_paint(place: Path, *, named: bool, kinds: int = 2) -> Judgements:
    """Stamps, their sounds, and glosses of what they show; names or numbers, no captions.

    Asked are the captions with answers in so many kinds of files or more. The same caption is
    graded 2, the same last noun 1.
    """
    folder = place / "media"
    captions: dict[Path, set[str]] = {}
    for kind, pairs in (("pictures", stamps()), ("sounds", stamp_sounds())):
        captions |= _copied(pairs, folder / kind, named=named)
    glosses = _glosses(sorted(set().union(*captions.values())))
    captions |= _written(glosses, folder / "texts")
    everything = sorted(set().union(*captions.values()))
    asked = [Asked(one, _graded(one, captions)) for one in everything]
    several = [one for one in asked if len(_kinds(one, folder)) >= kinds]
    return Judgements(f"Tux Paint, {'own names' if named else 'numbers'}", folder, tuple(several))


def sample() -> Judgements:
    """data/sample: descriptions (own file 2, shared tag 1) and tags that several files have."""
    folder = ROOT / "data" / "sample"
    with (ROOT / "data" / "sample.tsv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    tags = {folder / row["path"]: set(row["tags"].split(",")) for row in rows}
    asked = []
    for row in rows:
        own = folder / row["path"]
        asked.append(Asked(row["description"], _kin(tags[own], tags) | {own: SAME}))
    for tag in sorted(set().union(*tags.values())):
        right = _kin({tag}, tags)
        if len(right) > 1:
            asked.append(Asked(tag, dict.fromkeys(right, SAME)))
    return Judgements("data/sample", folder, tuple(asked))


def clipart(place: Path, *, synonyms: bool = False) -> Judgements:
    """Openclipart drawings under their own names, saved anew without the titles inside them.

    Asked are the nouns that their names begin with, or, as `synonyms`, another word of the same
    WordNet synset, which no name has.
    """
    folder = place / "media"
    root = fetched("openclipart-png") / "usr/share/openclipart/png"
    files: dict[str, dict[Path, float]] = {}
    seen: set[bytes] = set()
    for file in _drawings(root):
        noun = _first_noun(file.stem)
        if noun is None:
            continue
        own = folder / file.relative_to(root)
        _redrawn(file, own)
        digest = hashlib.sha256(own.read_bytes()).digest()
        if digest in seen:
            own.unlink()
            continue
        seen.add(digest)
        files.setdefault(noun, {})[own] = SAME
    asked = [
        Asked(words, right)
        for noun, right in sorted(files.items())
        if (words := _synonym(noun, files) if synonyms else noun)
    ]
    return Judgements(f"openclipart{', synonyms' * synonyms}", folder, tuple(asked))


def few(judgements: Judgements) -> Judgements:
    """At most `QUERIES` of its queries, drawn at random, always the same."""
    order = np.random.default_rng(0).permutation(len(judgements.asked))[:QUERIES]
    chosen = tuple(judgements.asked[at] for at in sorted(order.tolist()))
    return Judgements(judgements.name, judgements.folder, chosen)


def last_noun(caption: str) -> str:
    """The last word of what is named, before any 'with', 'of' or comma."""
    head = re.split(r",| with | of | on | in | and ", caption.lower().rstrip(".!"))[0]
    words = re.findall("[a-z]+", head) or [""]
    return str(words[-1]).removesuffix("s")


def _kinds(asked: Asked, folder: Path) -> set[str]:
    same = (path for path, grade in asked.relevant.items() if grade == SAME)
    return {path.relative_to(folder).parts[0] for path in same}


def _kin(tags: Iterable[str], of: Mapping[Path, set[str]]) -> dict[Path, float]:
    return {path: KIN for path, own in of.items() if own & set(tags)}


def _graded(asked: str, captions: Mapping[Path, set[str]]) -> dict[Path, float]:
    noun = last_noun(asked)
    kin = {path: KIN for path, own in captions.items() if noun in {last_noun(c) for c in own}}
    return kin | {path: SAME for path, own in captions.items() if asked in own}


def _copied(
    pairs: Sequence[tuple[Path, str]], folder: Path, *, named: bool
) -> dict[Path, set[str]]:
    """Each content once, with all the captions that it has."""
    root = fetched("tuxpaint-stamps-default") / "usr/share/tuxpaint/stamps"
    places: dict[bytes, Path] = {}
    captions: dict[Path, set[str]] = {}
    for number, (file, caption) in enumerate(pairs):
        own = file.relative_to(root) if named else Path(f"{number:04}{file.suffix}")
        target = places.setdefault(hashlib.sha256(file.read_bytes()).digest(), folder / own)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        captions.setdefault(target, set()).add(caption)
    return captions


def _written(glosses: Mapping[str, set[str]], folder: Path) -> dict[Path, set[str]]:
    """One numbered text for each gloss."""
    folder.mkdir(parents=True, exist_ok=True)
    captions = {}
    for number, (gloss, own) in enumerate(sorted(glosses.items())):
        target = folder / f"{number:04}.txt"
        target.write_text(gloss, "utf-8")
        captions[target] = own
    return captions


def _glosses(captions: Iterable[str]) -> dict[str, set[str]]:
    """What WordNet says of what the captions name, with the captions."""
    texts: dict[str, set[str]] = {}
    for caption in captions:
        words = re.sub(r"[^a-z ]", "", re.sub(r"^(a|an|the) ", "", caption.lower()))
        known = _senses().get(words.replace(" ", "_")) or _senses().get(last_noun(caption))
        if known:
            texts.setdefault(known[1], set()).add(caption)
    return texts


@cache
def _senses() -> dict[str, tuple[tuple[str, ...], str]]:
    """Of each noun of WordNet: all words of its first sense, and that one's gloss."""
    folder = fetched("wordnet-base") / "usr/share/wordnet"
    synsets = {}
    for line in (folder / "data.noun").read_text("utf-8").splitlines():
        if line[:1] != " ":
            data, _, gloss = line.partition(" | ")
            parts = data.split()
            words = tuple(word.lower() for word in parts[4 : 4 + 2 * int(parts[3], 16) : 2])
            synsets[parts[0]] = words, gloss.split('; "')[0].strip()
    senses = {}
    for line in (folder / "index.noun").read_text("utf-8").splitlines():
        if line[:1] != " ":
            parts = line.split()
            senses[parts[0]] = synsets[parts[-int(parts[2])]]
    return senses


def _drawings(root: Path) -> list[Path]:
    files = (file for name in _CLIPART for file in (root / name).rglob("*.png"))
    return sorted(file for file in files if file.stat().st_size < _LARGE)


def _first_noun(stem: str) -> str | None:
    """The longest noun of WordNet, of up to three words, that a name begins with."""
    words = re.findall("[a-z]+", stem.lower())
    for count in (3, 2, 1):
        noun = "_".join(words[:count])
        if len(words) >= count and len(noun) > 2 and noun in _senses():
            return noun.replace("_", " ")
    return None


def _synonym(noun: str, names: Collection[str]) -> str | None:
    """Another word for it, that shares no word with any name."""
    known = {word for name in names for word in name.split()}
    others = [one.replace("_", " ") for one in _senses()[noun.replace(" ", "_")][0]]
    fresh = [one for one in others if not set(re.findall("[a-z]+", one)) & known]
    return fresh[0] if fresh else None


def _redrawn(file: Path, target: Path) -> None:
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(file) as opened:
        clear = opened.convert("RGBA")
    clear.thumbnail((_SIDE, _SIDE))
    flat = Image.new("RGB", clear.size, "white")
    flat.paste(clear, mask=clear.getchannel("A"))
    flat.save(target)

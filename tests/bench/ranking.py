"""The ablation table: each step of ranking on and off, over the same queries, paired.

    python -m tests.bench.ranking [FOLDER [PART ...]]

Libraries are kept in FOLDER, if it is given. The figures and what follows are in docs/ranking.md.
"""

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engine import Library, Query
from engine.arrays import unit_rows
from engine.evaluate import METRICS, Judged, judge, paired, values
from engine.ports import Encoder
from engine.query import Term
from engine.rank.steps import ALL_STEPS, Steps
from engine.search import centre_of, path_of, query_vector
from engine.types import Modality, Vectors
from tests.bench.galleries import (
    DEPTH,
    QUERIES,
    SAME,
    Asked,
    Judgements,
    clipart,
    few,
    found,
    last_noun,
    library_of,
    listed,
    of_kinds,
    sample,
    tux_paint,
)

RRF = 60
PROMPTS = ("{}", "a photo of {}", "a drawing of {}", "a picture of {}")
ROCCHIO = 0.2
SHIPPED = "mean of scores"
PAIRS = 100
CLASS, LIKED, DRAWS = 8, 3, 5
COLUMNS = {one.name: at for at, one in enumerate(METRICS)}


@dataclass(frozen=True, eq=False)
class Shelved:
    """Judgements with their library, and the steps that are taken unless a row says otherwise."""

    judgements: Judgements
    library: Library
    steps: Steps = ALL_STEPS

    def of(self, kinds: set[str]) -> Judgements:
        """Those of these folders alone."""
        return few(of_kinds(self.judgements, kinds))


def main() -> None:
    """All parts, or those that are named."""
    if len(sys.argv) > 1:
        _table(Path(sys.argv[1]), sys.argv[2:] or list(PARTS))
        return
    with tempfile.TemporaryDirectory() as scratch:
        _table(Path(scratch), list(PARTS))


@dataclass(frozen=True, eq=False)
class Sets:
    """What is measured on: names that tell, names that are numbers, the sample, drawings.

    Attributes:
        tux: Tux Paint under its own names.
        bare: the same under numbers.
        tried: data/sample.
        drawn: openclipart, asked by synonyms of what the names say.
        plain: openclipart, asked by what the names say, but found by content alone.
    """

    tux: Shelved
    bare: Shelved
    tried: Shelved
    drawn: Shelved
    plain: Shelved


def _table(place: Path, parts: Sequence[str]) -> None:
    with ExitStack() as stack:

        def shelved(judgements: Judgements, at: Path) -> Shelved:
            return Shelved(judgements, stack.enter_context(library_of(judgements, at)))

        at = {name: place / name for name in ("tux-names", "tux-numbers", "sample", "clipart")}
        drawn = shelved(few(clipart(at["clipart"], synonyms=True)), at["clipart"])
        sets = Sets(
            tux=shelved(tux_paint(at["tux-names"], named=True, kinds=1), at["tux-names"]),
            bare=shelved(tux_paint(at["tux-numbers"], named=False, kinds=1), at["tux-numbers"]),
            tried=shelved(sample(), at["sample"]),
            drawn=drawn,
            plain=Shelved(clipart(at["clipart"]), drawn.library, Steps(words=False)),
        )
        for part in parts:
            PARTS[part](sets)


def compare(
    step: str, name: str, off: Sequence[Judged], on: Sequence[Judged], metrics: Sequence[str]
) -> None:
    """One line for each measure: off, on, and the difference."""
    before, after = values(off), values(on)
    for one in metrics:
        at = COLUMNS[one]
        gain = paired(before[:, at], after[:, at])
        print(
            f"{step:34} {name:34} {len(off):4} {one:8} {before[:, at].mean():.3f} -> "
            f"{after[:, at].mean():.3f}  {gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]  "
            f"{gain.verdict}",
            flush=True,
        )


ONE, MIXED = ("R@1", "R@10", "MRR"), ("nDCG@10", "MRR")


def steps(sets: Sets) -> None:
    """The switches of `Steps`."""
    tux, bare, tried, drawn, plain = sets.tux, sets.bare, sets.tried, sets.drawn, sets.plain
    pictures, sounds = {"pictures"}, {"sounds"}
    rows: tuple[tuple[str, Shelved, set[str] | None, Judgements, Sequence[str]], ...] = (
        ("calibration", bare, None, tux_several(bare), MIXED),
        ("calibration", tried, None, tried.judgements, MIXED),
        ("words", tux, {"image"}, tux.of(pictures), ONE),
        ("words", tux, None, tux_several(tux), MIXED),
        ("words", tried, None, tried.judgements, MIXED),
        ("words", drawn, {"image"}, drawn.judgements, ONE),
        ("words", bare, {"image"}, bare.of(pictures), ONE),
        ("hubness", bare, {"image"}, bare.of(pictures), ONE),
        ("hubness", plain, {"image"}, few(plain.judgements), ONE),
        ("hubness", bare, {"audio"}, bare.of(sounds), ONE),
        ("length", bare, {"audio"}, bare.of(sounds), ONE),
        ("length", tried, {"audio"}, tried.of(sounds), ONE),
        ("length", tried, {"text"}, tried.of({"texts"}), ONE),
    )
    for step, one, kinds, judgements, metrics in rows:
        switched: Any = {step: False}
        off = found(one.library, judgements, kinds, steps=replace(one.steps, **switched))
        on = found(one.library, judgements, kinds, steps=one.steps)
        what = ", ".join(sorted(kinds)) if kinds else "mixed"
        compare(step, f"{judgements.name}, {what}", off, on, metrics)


def tux_several(one: Shelved) -> Judgements:
    """The captions with answers of two kinds or more."""
    asked = []
    for each in one.judgements.asked:
        same = [path for path, grade in each.relevant.items() if grade == SAME]
        if len({path.relative_to(one.judgements.folder).parts[0] for path in same}) > 1:
            asked.append(each)
    return few(Judgements(one.judgements.name, one.judgements.folder, tuple(asked)))


# --- fusion --------------------------------------------------------------------------------------


def fusion(sets: Sets) -> None:
    """RRF(60) of the list by sense and the list by words, against the sum that is shipped."""
    tux, tried, drawn = sets.tux, sets.tried, sets.drawn
    for one, kinds, judgements, metrics in (
        (tux, {"image"}, tux.of({"pictures"}), ONE),
        (tux, None, tux_several(tux), MIXED),
        (tried, None, tried.judgements, MIXED),
        (drawn, {"image"}, drawn.judgements, ONE),
    ):
        fused = [
            judge(_rrf(one.library, asked, kinds), asked.relevant) for asked in judgements.asked
        ]
        what = ", ".join(sorted(kinds)) if kinds else "mixed"
        on = found(one.library, judgements, kinds)
        compare("RRF(60) -> sum", f"{judgements.name}, {what}", fused, on, metrics)


def _rrf(library: Library, asked: Asked, kinds: set[str] | None) -> list[Path]:
    sense = listed(library, Query(asked.words), kinds, steps=Steps(words=False))
    hits = library.find_words(asked.words, limit=1000)
    words = dict.fromkeys(
        one.root / os.fsdecode(one.path) for one in hits if kinds is None or one.modality in kinds
    )
    scores: dict[Path, float] = {}
    for ranked in (sense, list(words)[:DEPTH]):
        for rank, path in enumerate(ranked, 1):
            scores[path] = scores.get(path, 0.0) + 1 / (RRF + rank)
    return sorted(scores, key=lambda path: (-scores[path], path))[:DEPTH]


# --- steps that are not shipped ------------------------------------------------------------------


def _by_content(sets: Sets) -> tuple[tuple[Shelved, Judgements], ...]:
    return (sets.bare, sets.bare.of({"pictures"})), (sets.plain, few(sets.plain.judgements))


def prompts(sets: Sets) -> None:
    """The mean of the words in some sentences, against the words alone."""
    for one, judgements in _by_content(sets):
        off = found(one.library, judgements, {"image"}, steps=one.steps)
        with _prompted(one.library):
            on = found(one.library, judgements, {"image"}, steps=one.steps)
        compare("prompts", f"{judgements.name}, image", off, on, ONE)


@contextmanager
def _prompted(library: Library) -> Iterator[None]:
    def embed(term: Term, encoder: Encoder) -> Vectors:
        words = str(term.payload).rstrip(".!").lower()
        return encoder.encode([encoder.prepare(one.format(words)) for one in PROMPTS])

    library.embed = embed  # type: ignore[method-assign]
    try:
        yield
    finally:
        del library.embed


class Seen:
    """The pictures of a library as vectors of the space in which words meet them."""

    def __init__(self, library: Library) -> None:
        self.route = library.profile.routes(Modality.TEXT, Modality.IMAGE)[0]
        self.gallery = library.gallery(self.route.gallery)
        self._centre = centre_of(self.route, library.profile, library)
        resolved = library.resolve(self.gallery.ids.tolist())
        self.paths = {one.vector_id: path_of(one) for one in resolved if not one.caption}
        self.ids = {path: one for one, path in self.paths.items()}

    def words(self, words: str) -> Vectors:
        """Words as a query (dim,)."""
        encoder = self.route.encoder
        rows = encoder.encode([encoder.prepare(words)])
        return query_vector(self.route, rows, self._centre)

    def picture(self, path: Path) -> Vectors:
        """A picture as a query (dim,)."""
        row: Vectors = self.gallery.rows(np.array([self.ids[path]]))[0]
        return row

    def listed(self, query: Vectors, without: Sequence[Path] = ()) -> list[Path]:
        """The best pictures."""
        ids, _ = self.gallery.search(query, DEPTH + len(without))
        paths = [self.paths[one] for one in ids.tolist()]
        return [one for one in paths if one not in without][:DEPTH]


def feedback(sets: Sets) -> None:
    """Pseudo relevance feedback: a fifth of the mean of the best five, one round (Rocchio)."""
    for one, judgements in _by_content(sets):
        seen = Seen(one.library)
        off, on = [], []
        for asked in judgements.asked:
            query = seen.words(asked.words)
            first = seen.listed(query)
            best = np.mean([seen.picture(path) for path in first[:5]], axis=0)
            again = unit_rows(((1 - ROCCHIO) * query + ROCCHIO * best)[None])[0]
            off.append(judge(first, asked.relevant))
            on.append(judge(seen.listed(again), asked.relevant))
        compare("pseudo relevance feedback", f"{judgements.name}, image", off, on, ONE)


def negatives(sets: Sets) -> None:
    """Words for two things, less words for the second: it should sink, and the first stay."""
    for one, judgements in _by_content(sets):
        random = np.random.default_rng(0)
        wanted: dict[str, list[Judged]] = {"off": [], "on": []}
        unwanted: dict[str, list[Judged]] = {"off": [], "on": []}
        for _ in range(PAIRS):
            first, second = (judgements.asked[n] for n in random.choice(len(judgements.asked), 2))
            if set(first.relevant) & set(second.relevant):
                continue
            both = Query(f"{first.words.rstrip('.')} and {second.words.lower()}")
            for name, query in (("off", both), ("on", both - Query(second.words))):
                paths = listed(one.library, query, {"image"}, steps=one.steps)
                wanted[name].append(judge(paths, first.relevant))
                unwanted[name].append(judge(paths, second.relevant))
        what = f"{judgements.name}, image"
        compare("X and Y - Y: X", what, wanted["off"], wanted["on"], ("R@10", "MRR"))
        compare("X and Y - Y: Y", what, unwanted["off"], unwanted["on"], ("R@10", "MRR"))


# --- composed queries and likes ------------------------------------------------------------------


@dataclass(frozen=True)
class Composed:
    """A picture, words for what should be otherwise, and what is meant."""

    picture: Path
    words: str
    relevant: dict[Path, float]


def composed(sets: Sets) -> None:
    """Picture and words: the weighted mean of scores that is shipped, parts alone, slerp."""
    for one, asked in (
        (sets.bare, _attributes(sets.bare.judgements)),
        (sets.plain, _others(sets.plain.judgements)),
    ):
        what = f"{one.judgements.name}, image"
        seen = Seen(one.library)
        runs: dict[str, list[Judged]] = {}
        for each in asked[:QUERIES]:
            words, picture = seen.words(each.words), seen.picture(each.picture)
            shipped = {
                "words alone": Query(each.words),
                "picture alone": Query(image=each.picture),
                "0.8 words + 0.2 picture": _both(each, 0.2),
                SHIPPED: _both(each, 0.5),
            }
            lists = {}
            for name, query in shipped.items():
                paths = listed(one.library, query, {"image"}, steps=one.steps)
                lists[name] = [path for path in paths if path != each.picture]
            for share in (0.5, 0.8):
                mixed = slerp(picture, words, share)
                lists[f"slerp {share}"] = seen.listed(mixed, [each.picture])
            for name, paths in lists.items():
                runs.setdefault(name, []).append(judge(paths, each.relevant))
        on = runs.pop(SHIPPED)
        for name, off in runs.items():
            compare(f"{name} -> {SHIPPED}", what, off, on, ("R@10", "MRR"))


def slerp(start: Vectors, end: Vectors, share: float) -> Vectors:
    """The unit vector on the arc, `share` of the way (Shoemake, SIGGRAPH 1985); both (dim,)."""
    angle = np.arccos(np.clip(start @ end, -1, 1))
    ways = np.sin((1 - share) * angle), np.sin(share * angle)
    mixed: Vectors = ((ways[0] * start + ways[1] * end) / np.sin(angle)).astype(np.float32)
    return mixed


def _both(each: Composed, picture: float) -> Query:
    return (1 - picture) * Query(each.words) + picture * Query(image=each.picture)


def _attributes(judgements: Judgements) -> list[Composed]:
    """From another stamp of the same noun, by what the caption says besides the noun."""
    asked = []
    pictures = of_kinds(judgements, {"pictures"}).asked
    for one in pictures:
        noun = last_noun(one.words)
        rest = [w for w in re.findall("[a-z]+", one.words.lower()) if w not in ("a", "an", "the")]
        rest = [word for word in rest if word.removesuffix("s") != noun]
        others = sorted(path for path, grade in one.relevant.items() if grade < SAME)
        right = {path: grade for path, grade in one.relevant.items() if grade == SAME}
        if rest and others:
            asked.append(Composed(others[0], " ".join(rest), right))
    return asked


def _others(judgements: Judgements) -> list[Composed]:
    """From one drawing of a thing, and the word for it, to the others."""
    asked = []
    for each in judgements.asked:
        files = sorted(each.relevant)
        if 2 < len(files) <= CLASS:
            asked.append(Composed(files[0], each.words, dict.fromkeys(files[1:], SAME)))
    return asked


def likes(sets: Sets) -> None:
    """More like three of a folder, against more like one of them; P@10 by the folder."""
    for one, folder in ((sets.tux, "pictures"), (sets.drawn, "")):
        root = one.judgements.folder / folder
        classes: dict[Path, list[Path]] = {}
        for file in sorted(root.rglob("*.png")):
            classes.setdefault(file.parent, []).append(file)
        random = np.random.default_rng(0)
        single, several = [], []
        for members in classes.values():
            for _ in range(DRAWS if len(members) >= CLASS else 0):
                liked = [members[n] for n in random.choice(len(members), LIKED, replace=False)]
                right = dict.fromkeys(set(members) - set(liked), SAME)
                single.append(judge(_more(one.library, liked[:1], liked), right))
                several.append(judge(_more(one.library, liked, liked), right))
        what = f"{one.judgements.name}, image"
        compare("like 1 -> like 3", what, single, several, ("P@10", "nDCG@10"))


def _more(library: Library, liked: Sequence[Path], without: Sequence[Path]) -> list[Path]:
    query = Query(more=tuple(Term(Modality.IMAGE, path) for path in liked))
    hits = library.similar(query, modalities={"image"}, k=30).hits
    return [hit.path for hit in hits if hit.path not in without]


PARTS: dict[str, Callable[[Sets], None]] = {
    one.__name__: one for one in (steps, fusion, prompts, feedback, negatives, composed, likes)
}

if __name__ == "__main__":
    main()

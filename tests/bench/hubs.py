"""What hubness correction gives: words -> pictures by sense alone, with and without each bias.

    python -m tests.bench.hubs FOLDER

FOLDER keeps the indexed libraries. Pictures of one half lie under their own names, which are what
a library's own bank and guard have; those of the other half under numbers, and what they are
called is what is asked. Both halves take each part.
"""

import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from scipy.stats import skew

from engine import Library
from engine.evaluate import Values, paired
from engine.rank.hubness import Bias, csls, inverted_softmax, nnn
from engine.search import Plain, hubs, path_of
from engine.search.plain import general
from engine.store.texts import named
from engine.types import Ids, Modality, Scores, Vectors
from indexer import index
from tests.bench.stamps import fetched, stamps

CLIPART = 1_500


def clipart() -> list[tuple[Path, str]]:
    """Drawings of openclipart with the words of their names, each name once."""
    root = fetched("openclipart-png") / "usr/share/openclipart/png"
    found = {}
    for file in sorted(root.rglob("*.png")):
        words = named(file.name)
        if words:
            found.setdefault(words, file)
    pairs = [(file, words) for words, file in found.items()]
    chosen = np.random.default_rng(0).permutation(len(pairs))[:CLIPART]
    return [pairs[at] for at in sorted(chosen)]


def indexed(place: Path, pairs: list[tuple[Path, str]], half: int) -> None:
    """A library of these pictures, those of one half under numbers; made once."""
    if (place / "library").exists():
        return
    for number, (file, _) in enumerate(pairs):
        folder = place / "media" / f"{number:04}"
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{number:04}.png" if number % 2 == half else file.name
        shutil.copyfile(file, folder / name)
    with Library.open(place / "part", create=True, profile="starter") as library:
        index(library, [place / "media"])
    (place / "asked.txt").write_text("\n".join(words for _, words in pairs), "utf-8")
    (place / "part").rename(place / "library")


@dataclass(frozen=True, slots=True, eq=False)
class Half:
    """One library: its rows, the bank that it has for them, and what is asked."""

    rows: Vectors
    ids: Ids
    general: Vectors
    pairs: hubs.Pairs
    queries: Vectors
    answers: list[frozenset[int]]
    groups: list[str]

    @property
    def bank(self) -> Vectors:
        """General captions and the library's own texts."""
        return np.concatenate([self.general, self.pairs.rows])

    def ranks(self, bias: Bias) -> Values:
        """1 / rank of each query."""
        held = [bias(self.bank @ self.rows.T)]
        return hubs.ranked(self.rows, self.ids, self.queries, self.answers, held)[0]

    def skewness(self, bias: Bias) -> float:
        """Of how often each picture is among the best ten (Radovanovic et al., JMLR 2010)."""
        scores = self.queries @ self.rows.T - bias(self.bank @ self.rows.T)
        best = np.argsort(-scores, axis=1)[:, :10]
        return float(skew(np.bincount(best.ravel(), minlength=len(self.rows))))


def opened(place: Path, asked: list[str], half: int) -> Half:
    """What the library has, and queries for the pictures that lie under numbers."""
    with Library.open(place / "library") as library:
        route = library.profile.routes(Modality.TEXT, Modality.IMAGE)[0]
        plain, gallery = Plain(library.profile, library), library.gallery(route.gallery)
        ids = gallery.ids
        found = list(hubs.found_with_captions(library, ids, route.encoder.space))
        content_of = {one.vector_id: one.content_id for one in found}
        contents = np.array([content_of[one] for one in ids.tolist()])
        texts = hubs.own_texts(found)
        vector_of = {int(path_of(one).parent.name): one.vector_id for one in found}

        def carried(some: Iterable[str]) -> Vectors:
            return plain._asking(route, plain._encoded(route.encoder, list(some)))

        hidden = [n for n in sorted(vector_of) if n % 2 == half]
        alike = [frozenset(v for n, v in vector_of.items() if asked[n] == asked[h]) for h in hidden]
        made = Half(
            gallery.rows(ids), ids, plain._asking(route, general(route.encoder)),
            hubs.pairs_of(texts, carried(texts)), carried([asked[n] for n in hidden]), alike,
            [asked[n] for n in hidden],
        )  # fmt: skip
        alpha = hubs.alpha_that_helps(made.rows, contents, made.general, made.pairs)
        telling = len(made.pairs.telling)
        print(f"  {len(ids)} pictures, {telling} pairs: alpha {alpha}, {gallery.biased=}")
        return made


def compared(name: str, halves: list[Half]) -> None:
    """A line for each bias: figures, gain in each with its paired interval, skewness."""
    groups = [words for one in halves for words in one.groups]
    before = np.concatenate([one.ranks(_none) for one in halves])
    for what, bias in METHODS.items():
        after = np.concatenate([one.ranks(bias) for one in halves])
        parts = []
        for metric, of in MEASURES.items():
            gain = paired(of(before), of(after), groups)
            spread = f"{gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
            parts.append(f"{metric} {of(after).mean():.3f} {spread}")
        skewed = np.mean([one.skewness(bias) for one in halves])
        print(f"{name:8} {what:22} {'  '.join(parts)}  skew {skewed:.2f}", flush=True)


def _none(products: Vectors) -> Scores:
    return np.zeros(products.shape[1], np.float32)


MEASURES: dict[str, Callable[[Values], Values]] = {
    "R@1": lambda found: (found >= 1 / 1.25).astype(np.float64),
    "R@10": lambda found: (found >= 1 / 10.25).astype(np.float64),
    "MRR": lambda found: found,
}

METHODS: dict[str, Bias] = {
    "none": _none,
    **{f"nnn alpha {a}": partial(nnn, alpha=a, near=hubs.NEAR) for a in hubs.ALPHAS},
    "csls": csls,
    "inverted softmax": inverted_softmax,
}


def main() -> None:
    """Both sets, both halves."""
    cache = Path(sys.argv[1])
    for name, pairs in (("stamps", stamps()), ("clipart", clipart())):
        halves, asked = [], []
        for half in (0, 1):
            place = cache / f"{name}-{half}"
            indexed(place, pairs, half)
            asked = (place / "asked.txt").read_text("utf-8").split("\n")
            halves.append(opened(place, asked, half))
        compared(name, halves)


if __name__ == "__main__":
    main()

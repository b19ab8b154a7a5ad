"""One leg of a search: a term, carried over one route, compared with the rows of one gallery."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engine.arrays import unit_rows
from engine.gallery import Gallery, freely
from engine.profile import Route
from engine.query import Term
from engine.rank.background import NEAR
from engine.rank.calibrate import Spread
from engine.rank.maxima import Within, surprise, typical_maximum
from engine.rank.steps import Steps
from engine.rank.windows import peaks
from engine.search.scope import Scope
from engine.search.shelves import Shelves
from engine.store.records import Found
from engine.store.windows import Windows
from engine.types import Ids, Modality, Scores, Source, Span, Vectors

FIRST_DEPTH = 8
"""Segments looked at first for each hit that is wanted: one file may hold several of the best."""

MAX_DEPTH = 65_536
"""Segments looked at when captions leave few files among the best."""

ENOUGH = 64
"""Windows of a recording that say how far all of them spread."""

CAPTION_DEPTH = 2_000
"""Texts looked at for captions alone: one further down would not lift its media anyway."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a leg knows of a file.

    Attributes:
        found: its best segment.
        product: inner product of that segment with the query.
        score: how far above what chance brings to the best of the gallery, in deviations.
        chance: that something not asked for scores as high.
        rank: among the files that were looked for, from 1; 0 for one that was only looked up.
    """

    found: Found
    product: float
    score: float = 0.0
    level: float = 0.0
    chance: float = 1.0
    rank: int = 0


@dataclass(slots=True, eq=False)
class Leg:
    """Finds files by one vector in one gallery, and looks up how others do there."""

    term: Term
    route: Route
    gallery: Gallery
    vector: Vectors
    scope: Scope
    shelves: Shelves
    steps: Steps
    seen: dict[int, Seen] = field(default_factory=dict)
    spread: Spread = field(init=False)
    _among: Ids | None = None
    _near: float = 0.0
    _windows: dict[int, Windows] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.steps.hubness or self.term.modality is not Modality.TEXT:
            self.vector = freely(self.vector)
        self.spread = self.gallery.spread(self.vector)

    @property
    def source(self) -> Source:
        """What this leg is called where it gives a reason."""
        key = self.route.gallery
        return Source(str(self.term), key.space.name, key.modality.value)

    @property
    def by_example(self) -> bool:
        """Whether files are compared with one of their own kind: then the nearest are asked for."""
        crossed = self.route.bridge is not None or self.route.gallery.bridge is not None
        return isinstance(self.term.payload, Path) and not crossed

    @property
    def by_caption(self) -> bool:
        """Whether texts are searched for the media that they describe."""
        return self.modality is Modality.TEXT and Modality.TEXT not in self.scope.wanted

    @property
    def modality(self) -> Modality:
        """Of the files whose segments are searched."""
        return self.route.gallery.modality

    def find(self, k: int) -> None:
        """Look deeper until k contents are found or everything was looked at."""
        self._among = self._chosen()
        size = len(self.gallery) if self._among is None else len(self._among)
        deepest = min(size, CAPTION_DEPTH if self.by_caption else MAX_DEPTH)
        depth = min(max(k * FIRST_DEPTH, NEAR), deepest)
        while True:
            ids, products = self.gallery.search(self.vector, depth, self._among)
            best = self._best(ids, products)
            contents = {one.found.content_id for one in best.values()}
            if len(contents) >= k or depth >= deepest:
                break
            depth = min(depth * 8, deepest)
        self._near = self._nearness(products)
        self.seen = self._judged(best, ranked=True)

    def look_up(self, files: Iterable[int]) -> None:
        """Have the scores of these files too, exactly, wherever they stand."""
        missing = np.array(sorted(set(files) - self.seen.keys()), dtype=np.int64)
        if not len(missing) or self.by_caption or not len(self.gallery):
            return
        key = self.route.gallery
        ids = self.shelves.vectors_of_files(missing, key.native, key.modality)
        ids = ids[np.isin(ids, self.gallery.ids)]
        if not len(ids):
            return
        best = self._best(ids, self.gallery.products(self.vector, ids))
        wanted = set(missing.tolist())
        news = {one: seen for one, seen in best.items() if one in wanted}
        self.seen |= self._judged(news, ranked=False)

    def _chosen(self) -> Ids | None:
        """The vectors that may be found; None for all."""
        if self.scope.files is None:
            return None
        files, key = self.scope.files, self.route.gallery
        if self.modality is Modality.TEXT and self.scope.captions:
            files = np.union1d(files, self.shelves.captions_of(files))
        return self.shelves.vectors_of_files(files, key.native, key.modality)

    def _nearness(self, products: Scores) -> float:
        """The mean of the best few in the whole gallery, whatever may be found of it."""
        if self._among is not None or self.scope.without:
            _, products = self.gallery.search(self.vector, NEAR + len(self.scope.without))
            products = products[len(self.scope.without) :]
        return float(products[:NEAR].mean()) if len(products) else 0.0

    def _best(self, ids: Ids, products: Scores) -> dict[int, Seen]:
        """The best segment of each admitted file, files best first."""
        product_of = dict(zip(ids.tolist(), products.tolist(), strict=True))
        found = self.shelves.resolve(ids.tolist())
        best: dict[int, Seen] = {}
        for one in sorted(found, key=lambda f: (-product_of[f.vector_id], f.vector_id, f.caption)):
            if self.scope.admits(one):
                best.setdefault(one.file_id, Seen(one, product_of[one.vector_id]))
        return best

    def _judged(self, best: Mapping[int, Seen], *, ranked: bool) -> dict[int, Seen]:
        """With scores that may be compared between galleries, and the part that chance has."""
        if not best:
            return {}
        products = np.array([one.product for one in best.values()], dtype=np.float32)
        scores = self.spread.calibrate(products)
        fair = self._without_length(scores, list(best.values()))
        # A score and its product are a shift and a scale apart; the correction moves both.
        chances = self.chances(products - (scores - fair) * self.spread.deviation)
        level = typical_maximum(self.gallery.contents) if self.steps.calibration else 0.0
        order = np.lexsort((np.fromiter(best, np.int64, len(best)), -fair)).tolist()
        ranks = {at: rank for rank, at in enumerate(order, start=1)}
        judged = {}
        for at, (file_id, one) in enumerate(best.items()):
            score = float(fair[at] if self.steps.calibration else products[at]) - level
            rank = ranks[at] if ranked else 0
            judged[file_id] = Seen(one.found, one.product, score, level, float(chances[at]), rank)
        return judged

    def chances(self, products: Scores) -> Scores:
        """The chance that something not asked for scores so, for inner products (n,).

        There always is a nearest to an example, so of these it is the share of files as near.
        """
        if self.by_example:
            scores = self.spread.calibrate(products)
            return np.array([1 - surprise(one, 1) for one in scores.tolist()], dtype=np.float32)
        return self.gallery.chance(self.term.modality, self.vector, products, self._near)

    def gallery_score(self, seen: Seen) -> float:
        """The deviations of a file in the gallery, less what its length brings."""
        return seen.score + seen.level if self.steps.calibration else seen.product

    def _without_length(self, scores: Scores, best: list[Seen]) -> Scores:
        """Scores less what many windows bring by chance."""
        # The windows of media found by a caption are not what was compared.
        if self.modality is Modality.IMAGE or not self.steps.length or self.by_caption:
            return scores
        windows = self.windows([one.found.content_id for one in best])
        long = [at for at, one in enumerate(windows) if len(one.vectors) > 1]
        if not long:
            return scores
        fair = scores.copy()
        for at, within in zip(long, self._within([windows[at] for at in long]), strict=True):
            fair[at] = within.corrected(float(scores[at]), len(windows[at].vectors))
        return fair

    def windows(self, contents: Sequence[int]) -> list[Windows]:
        """The segments of each of these contents that are in the gallery, in order."""
        missing = sorted(set(contents) - self._windows.keys())
        if missing:
            found = self.shelves.windows(missing, self.route.gallery.native)
            there = np.isin(found.vectors, self.gallery.ids)
            columns = [found.contents, found.vectors, found.starts, found.ends]
            owners, *_ = kept = [column[there] for column in columns]
            limits = np.searchsorted(owners, missing)[1:]
            parts = zip(*(np.split(column, limits) for column in kept), strict=True)
            self._windows |= {c: Windows(*part) for c, part in zip(missing, parts, strict=True)}
        return [self._windows[one] for one in contents]

    def _within(self, windows: Sequence[Windows]) -> list[Within]:
        """How the scores of the windows of each content lie, by some of them."""
        parts = [one.vectors[:: 1 + len(one.vectors) // ENOUGH] for one in windows]
        products = self.gallery.products(self.vector, np.concatenate(parts))
        scores = self.spread.calibrate(products)
        limits = np.cumsum([len(part) for part in parts])[:-1]
        return [Within.of(part) for part in np.split(scores, limits)]


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A moment of one recording, as a leg scores it."""

    span: Span
    score: float
    chance: float


def moments(leg: Leg, seen: Seen) -> list[Heard]:
    """The moments of a file that a leg found, best first; none for what has no time."""
    content = seen.found.content_id
    if leg.by_caption:
        return []
    (windows,) = leg.windows([content])
    timed = windows.timed
    if not timed.any():
        return []
    products = leg.gallery.products(leg.vector, windows.vectors[timed])
    scores = leg.spread.calibrate(products)
    less = max(float(scores.max()) - leg.gallery_score(seen), 0.0)
    chances = leg.chances(products - less * leg.spread.deviation)
    return [
        Heard(
            Span(one.start, one.end),
            float(scores[one.window]) - less - seen.level,
            float(chances[one.window]),
        )
        for one in peaks(scores, windows.starts[timed], windows.ends[timed])
    ]


def query_vector(route: Route, rows: Vectors, centre: Vectors | None) -> Vectors:
    """One vector (dim,) in the gallery's space for the rows of a term: their mean direction.

    Where a bridge was crossed, by the query or by the gallery, the mean of what arrives there is
    taken away on both sides, or one direction that all share would outweigh what is asked.
    """
    if route.bridge is not None:
        rows = route.bridge.apply(rows)
    if centre is not None:
        rows = rows - centre
    return np.asarray(unit_rows(rows.mean(axis=0, keepdims=True))[0])

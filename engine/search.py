"""Search: a query becomes vectors, rankings, one list of files; it does no I/O of its own."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numpy as np

from engine.arrays import top_k, unit_rows
from engine.errors import NoRouteError, UsageError
from engine.fuse import comb_max, comb_sum
from engine.gallery import Gallery, GalleryKey
from engine.ports import Encoder
from engine.profile import Profile, Route
from engine.query import Query, Term
from engine.result import Evidence, Hit, SearchResult
from engine.store.records import Found
from engine.threads import one_blas_thread
from engine.types import Ids, Modality, Ranking, Scores, Source, Vectors

_FIRST_DEPTH = 8
"""Segments looked at first for each hit that is wanted: one file may hold several of the best."""

_MAX_DEPTH = 65_536
"""Segments looked at when folders or captions leave few files among the best."""

_CAPTION_DEPTH = 2_000
"""Texts looked at for captions alone: one further down would not lift its media anyway."""

_SNIPPET = 160
"""Characters of a passage that a hit shows."""


class Shelves(Protocol):
    """What search needs of a library."""

    def gallery(self, key: GalleryKey) -> Gallery:
        """The gallery of that key, up to date."""
        ...

    def resolve(self, vector_ids: Sequence[int]) -> list[Found]:
        """Where vectors lead."""
        ...

    def embed(self, term: Term, encoder: Encoder) -> Vectors:
        """The rows of a term, one for each of its pieces: shape (n, dim), n >= 1."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """Which files may be found.

    Attributes:
        wanted: modalities of the files.
        under: absolute folders; empty for everywhere.
        without: contents to leave out, such as the query's own.
    """

    wanted: frozenset[Modality]
    under: tuple[Path, ...] = ()
    without: frozenset[int] = frozenset()

    def admits(self, found: Found) -> bool:
        """Whether a file may be a hit."""
        if found.modality not in self.wanted or found.content_id in self.without:
            return False
        return not self.under or any(path_of(found).is_relative_to(u) for u in self.under)


Embedded = Callable[[str], Vectors]
"""The rows of a term (n, dim) in the space of that name; n is 0 for a part that it lacks."""


@dataclass(frozen=True, slots=True, eq=False)
class Leg:
    """One ranking of files, with the best segment of each."""

    ranking: Ranking
    best: Mapping[int, Found]


class Searcher:
    """Answers queries over the galleries of one library."""

    def __init__(self, profile: Profile, shelves: Shelves) -> None:
        self._profile = profile
        self._shelves = shelves
        self._spent: dict[str, float] = {}

    def search(self, query: Query, scope: Scope, k: int) -> SearchResult:
        """The k best files, best first.

        Each term is ranked in every gallery that can hold wanted files; a file's score for a term
        is its best there, its score for the query is the sum over the terms.
        """
        self._spent = {}
        with self._timed("total"), one_blas_thread():
            by_term = [self._legs(term, scope, k) for term in query.terms]
            fused = comb_sum([comb_max([leg.ranking for leg in legs]) for legs in by_term])
            hits = _hits(fused, [leg for legs in by_term for leg in legs], k)
        return SearchResult(query, hits, timings_ms=MappingProxyType(dict(self._spent)))

    def _legs(self, term: Term, scope: Scope, k: int) -> list[Leg]:
        """One leg for each wanted modality, and one over texts for media found by caption."""
        routes = [way for one in sorted(scope.wanted) for way in self._routes(term, one)]
        if not routes:
            raise NoRouteError(term.modality, " or ".join(sorted(scope.wanted)), self._profile.name)
        if Modality.TEXT not in scope.wanted:
            routes += self._routes(term, Modality.TEXT)
        with self._embedding(term, routes) as embedded:
            legs = [self._leg(term, route, scope, k, embedded) for route in routes]
        found = [leg for leg in legs if leg is not None]
        if not found:
            raise UsageError(
                f"{term} has nothing in it that could be searched with.",
                hint="Give a picture, a sound, a video or a text that opens elsewhere.",
            )
        return found

    def _routes(self, term: Term, wanted: Modality) -> tuple[Route, ...]:
        try:
            return self._profile.routes(term.modality, wanted)
        except NoRouteError:
            return ()

    @contextmanager
    def _embedding(self, term: Term, routes: Sequence[Route]) -> Iterator[Embedded]:
        """The rows of a term in each space that it is needed in.

        Words are encoded in a thread: reading the network lets the galleries be read meanwhile.
        """
        encoders = {route.encoder.space.name: route.encoder for route in routes}
        if isinstance(term.payload, Path):
            yield cache(lambda name: self._embed(term, encoders[name]))
            return
        with ThreadPoolExecutor(len(encoders), thread_name_prefix="encode") as pool:
            begun = {name: pool.submit(self._embed, term, one) for name, one in encoders.items()}
            yield lambda name: begun[name].result()

    def _embed(self, term: Term, encoder: Encoder) -> Vectors:
        with self._timed("encode"):
            return self._shelves.embed(term, encoder)

    def _leg(
        self, term: Term, route: Route, scope: Scope, k: int, embedded: Embedded
    ) -> Leg | None:
        """None when the term has no such part, as a video without sound."""
        with self._timed("open"):
            gallery = self._shelves.gallery(route.gallery)
            centre = self._centre(route)
        rows = embedded(route.encoder.space.name)
        if not len(rows):
            return None
        vector = query_vector(route, rows, centre)
        source = Source(str(term), route.gallery.space.name, route.gallery.modality.value)
        return self._files(gallery, vector, source, scope, k)

    def _centre(self, route: Route) -> Vectors | None:
        """What all queries of this kind share where they arrive; None where no bridge is crossed.

        Each modality lies around a mean of its own, so that of the library's files is taken.
        """
        if route.bridge is None:
            return None if route.gallery.bridge is None else route.gallery.bridge.query_mean
        space, modality = route.encoder.space, route.encoder.modality
        own = GalleryKey(modality, space, space)
        known = any(key.name == own.name for key in self._profile.galleries)
        count, mean = self._shelves.gallery(own).centre if known else (0, None)
        return route.bridge.arrival(count, mean)

    def _files(
        self, gallery: Gallery, vector: Vectors, source: Source, scope: Scope, k: int
    ) -> Leg:
        """Look deeper until k contents are found or everything was looked at."""
        captions = source.gallery == Modality.TEXT and Modality.TEXT not in scope.wanted
        deepest = min(len(gallery), _CAPTION_DEPTH if captions else _MAX_DEPTH)
        depth = min(k * _FIRST_DEPTH, deepest)
        while True:
            with self._timed("search"):
                ids, scores = gallery.search(vector, depth)
            with self._timed("resolve"):
                leg = _best_per_file(
                    ids, scores, self._shelves.resolve(ids.tolist()), scope, source
                )
            contents = {found.content_id for found in leg.best.values()}
            if len(contents) >= k or depth >= deepest:
                return leg
            depth = min(depth * 8, deepest)

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = (time.perf_counter() - start) * 1000
            self._spent[step] = self._spent.get(step, 0.0) + spent


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


def _best_per_file(
    ids: Ids, scores: Scores, found: list[Found], scope: Scope, source: Source
) -> Leg:
    score_of = dict(zip(ids.tolist(), scores.tolist(), strict=True))
    best: dict[int, Found] = {}
    for one in sorted(found, key=lambda f: (-score_of[f.vector_id], f.vector_id, f.caption)):
        if scope.admits(one):
            best.setdefault(one.file_id, one)
    file_ids = np.fromiter(best, dtype=np.int64, count=len(best))
    file_scores = np.array([score_of[one.vector_id] for one in best.values()], dtype=np.float32)
    return Leg(Ranking(source, *top_k(file_ids, file_scores, len(best))), best)


def _hits(fused: Ranking, legs: Sequence[Leg], k: int) -> tuple[Hit, ...]:
    """The first k contents of a ranking of files; files with the same bytes share a hit."""
    evidence = _evidence(legs)
    groups: dict[int, list[tuple[int, float]]] = {}
    for file_id, score in zip(fused.ids.tolist(), fused.scores.tolist(), strict=True):
        content = evidence[file_id][0][1].content_id
        if content not in groups and len(groups) == k:
            continue
        groups.setdefault(content, []).append((file_id, score))
    return tuple(_hit(members, evidence) for members in groups.values())


Reasons = list[tuple[Evidence, Found]]


def _evidence(legs: Sequence[Leg]) -> dict[int, Reasons]:
    """For each file, why it was found, strongest reason first."""
    reasons: dict[int, Reasons] = {}
    for leg in legs:
        pairs = zip(leg.ranking.ids.tolist(), leg.ranking.scores.tolist(), strict=True)
        for rank, (file_id, score) in enumerate(pairs, start=1):
            found = leg.best[file_id]
            source = leg.ranking.source
            if found.caption:
                source = Source(source.term, source.space, "caption")
            reasons.setdefault(file_id, []).append((Evidence(source, rank, score), found))
    for one in reasons.values():
        one.sort(key=lambda reason: -reason[0].score)
    return reasons


def _hit(members: list[tuple[int, float]], evidence: dict[int, Reasons]) -> Hit:
    """The hit of a group of files with the same bytes, ordered by score."""
    (first, score), *others = members
    reasons = evidence[first]
    best = reasons[0][1]
    # A caption says that a recording fits, not where: the moment comes from the sound itself.
    span = next((found.span for _, found in reasons if found.span is not None), None)
    return Hit(
        path=path_of(best),
        modality=best.modality,
        score=score,
        span=span,
        because=tuple(reason for reason, _ in reasons),
        snippet=_shortened(best.words),
        same=tuple(path_of(evidence[file_id][0][1]) for file_id, _ in others),
    )


def _shortened(words: str) -> str:
    line = " ".join(words.split())
    return line if len(line) <= _SNIPPET else line[: _SNIPPET - 1].rstrip() + "…"


def path_of(found: Found) -> Path:
    """The absolute path of a found file."""
    return found.root / os.fsdecode(found.path)

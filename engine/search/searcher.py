"""The searcher: a query becomes legs, judgements, one list of files; it does no I/O of its own."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType

import numpy as np

from engine.errors import NoRouteError, UsageError
from engine.gallery import GalleryKey
from engine.ports import Encoder
from engine.profile import Profile, Route
from engine.query import Query, Term
from engine.result import Hit, SearchResult
from engine.search.hits import Judged, dated, listed
from engine.search.leg import Heard, Leg, moments, query_vector
from engine.search.scope import Listing, Scope
from engine.search.shelves import Shelves
from engine.search.terms import SAME, Answers, Reason, words_for
from engine.store.records import Found
from engine.threads import one_blas_thread
from engine.types import Modality, Vectors

AWAY = 0.5
"""How much of its nearness to a term that pushes away a file loses."""

_RECORDED = (Modality.AUDIO, Modality.VIDEO)

Embedded = Callable[[str], Vectors]
"""The rows of a term (n, dim) in the space of that name; n is 0 for a part that it lacks."""


class Searcher:
    """Answers queries over the galleries of one library."""

    def __init__(self, profile: Profile, shelves: Shelves) -> None:
        self._profile = profile
        self._shelves = shelves
        self._spent: dict[str, float] = {}

    def search(self, query: Query, scope: Scope, listing: Listing) -> SearchResult:
        """The best files, best first, and below the line the nearest few.

        Each term is ranked in every gallery that can hold wanted files, and by its words; a file's
        score for a term is its best leg's and what words add; its score for the query is the
        weighted mean over the terms, less what terms that push away take.
        """
        self._spent = {}
        with self._timed("total"), one_blas_thread():
            scope = self._narrowed(query, scope)
            if not query.terms:
                return SearchResult(query, self._newest(scope, listing.k))
            answers, judged = self._judged(
                [term for term in query.terms if not _only_narrows(term)], scope, listing
            )
            hits, nearest = listed(judged, listing, lambda one: _moments(one, answers))
        return SearchResult(query, hits, nearest, MappingProxyType(dict(self._spent)))

    def _newest(self, scope: Scope, k: int) -> tuple[Hit, ...]:
        """What conditions alone let through, newest first."""
        if scope.files is None:
            return ()
        found = self._shelves.newest(scope.files, len(scope.files))
        return dated([one for one in found if scope.admits(one)], k)

    def _narrowed(self, query: Query, scope: Scope) -> Scope:
        """Words that must not occur leave files out."""
        gone: set[int] = set()
        for term in query.terms:
            if _only_narrows(term):
                gone |= words_for(term, scope, self._shelves).keys()
        return replace(scope, never=scope.never | gone) if gone else scope

    def _judged(
        self, terms: Sequence[Term], scope: Scope, listing: Listing
    ) -> tuple[list[Answers], list[Judged]]:
        toward = [one for one in terms if one.weight > 0]
        if not toward:
            raise UsageError(
                "The query only says what to keep away from.",
                hint='Say what to look for too: "beach - people".',
            )
        wanted = self._must_have(toward, scope)
        answers = [self._answers(term, wanted, listing) for term in toward]
        files = set().union(*(one.files for one in answers))
        for one in answers:
            with self._timed("look up"):
                one.look_up(files)
        away = [self._answers(t, wanted, listing) for t in terms if t.weight < 0]
        for one in away:
            one.look_up(files)
        return answers, [_together(file_id, answers, away) for file_id in files]

    def _must_have(self, terms: Sequence[Term], scope: Scope) -> Scope:
        """Only files in which every exact term occurs."""
        for term in terms:
            if term.exact:
                files = np.array(sorted(words_for(term, scope, self._shelves)), dtype=np.int64)
                scope = replace(scope, files=files)
        return scope

    def _answers(self, term: Term, scope: Scope, listing: Listing) -> Answers:
        """All that speaks of a term: one leg for each way to wanted files, and words."""
        words = {}
        if listing.steps.words or term.exact:
            with self._timed("words"):
                words = words_for(term, scope, self._shelves)
        if term.exact:
            return Answers(term, [], words)
        with_words = listing.steps.words and not isinstance(term.payload, Path)
        same = self._same(term, scope) if term.weight > 0 else {}
        return Answers(term, self._legs(term, scope, listing), words, with_words, same)

    def _same(self, term: Term, scope: Scope) -> dict[int, list[Found]]:
        """For each file in which the very recording of a term occurs, where."""
        found: dict[int, list[Found]] = {}
        if isinstance(term.payload, Path) and term.modality in _RECORDED:
            with self._timed("recognise"):
                for one in self._shelves.same_recording(term):
                    if scope.admits(one):
                        found.setdefault(one.file_id, []).append(one)
        return found

    def _legs(self, term: Term, scope: Scope, listing: Listing) -> list[Leg]:
        """One leg for each wanted modality, and one over texts for media found by caption."""
        routes = [way for one in sorted(scope.wanted) for way in self._routes(term, one)]
        if not routes:
            raise NoRouteError(term.modality, " or ".join(sorted(scope.wanted)), self._profile.name)
        if Modality.TEXT not in scope.wanted and scope.captions:
            routes += self._routes(term, Modality.TEXT)
        with self._embedding(term, routes) as embedded:
            legs = [self._leg(term, route, scope, listing, embedded) for route in routes]
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
        self, term: Term, route: Route, scope: Scope, listing: Listing, embedded: Embedded
    ) -> Leg | None:
        """None when the term has no such part, as a video without sound."""
        with self._timed("open"):
            gallery = self._shelves.gallery(route.gallery)
            centre = centre_of(route, self._profile, self._shelves)
        rows = embedded(route.encoder.space.name)
        if not len(rows):
            return None
        vector = query_vector(route, rows, centre)
        leg = Leg(term, route, gallery, vector, scope, self._shelves, listing.steps)
        with self._timed("search"):
            leg.find(listing.k)
        return leg

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = (time.perf_counter() - start) * 1000
            self._spent[step] = self._spent.get(step, 0.0) + spent


def centre_of(route: Route, profile: Profile, shelves: Shelves) -> Vectors | None:
    """What all queries of this kind share where they arrive; None where no bridge is crossed.

    Each modality lies around a mean of its own, so that of the library's files is taken.
    """
    if route.bridge is None:
        return None if route.gallery.bridge is None else route.gallery.bridge.query_mean
    space, modality = route.encoder.space, route.encoder.modality
    own = GalleryKey(modality, space, space)
    known = any(key.name == own.name for key in profile.galleries)
    count, mean = shelves.gallery(own).centre if known else (0, None)
    return route.bridge.arrival(count, mean)


def _only_narrows(term: Term) -> bool:
    """Words that must not occur leave files out, and speak for none."""
    return term.exact and term.weight < 0


def _moments(one: Judged, answers: Sequence[Answers]) -> list[Heard]:
    """Where the very recording is; else by the leg that found it best, if it compared windows."""
    same = [place for answer in answers for place in answer.same.get(one.file_id, ())]
    if same:
        return [Heard(place.span, SAME, 0.0) for place in same if place.span is not None]
    legs = [leg for answer in answers for leg in answer.legs if one.file_id in leg.seen]
    heard = [
        (leg, leg.seen[one.file_id]) for leg in legs if not leg.seen[one.file_id].found.caption
    ]
    if not heard:
        return []
    leg, seen = max(heard, key=lambda pair: pair[1].score)
    return moments(leg, seen) if leg.modality in _RECORDED else []


def _together(file_id: int, toward: Sequence[Answers], away: Sequence[Answers]) -> Judged:
    """The weighted mean over the terms, less what is too near to those that push away."""
    whole = sum(one.term.weight for one in toward)
    score = relevance = 0.0
    by_example = False
    reasons: list[Reason] = []
    for one in toward:
        share = one.term.weight / whole
        judgement = one.judge(file_id)
        score += share * judgement.score
        relevance += share * judgement.relevance
        reasons += judgement.reasons
        by_example |= judgement.by_example
    for one in away:
        score -= AWAY * -one.term.weight / whole * one.nearness(file_id)
    reasons.sort(key=lambda reason: -reason[0].score)
    return Judged(file_id, score, relevance, tuple(reasons), by_example)

"""Trials: what candidates reach on held-out pairs, all on the same folds."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any, TypeAlias, cast

import numpy as np

from engine.align.aligner import Aligner
from engine.align.bridge import Bridge
from engine.align.folds import folds, rest
from engine.align.pairs import Numbers, Pairs, PairsError
from engine.align.ranks import Mask, both_ways, relevant
from engine.evaluate import Values
from engine.types import Vectors

WEIGHTS = (0.0, 0.5, 1.0, 4.0)
"""Of a pair, where an anchor counts 1."""

FIRST_WEIGHT = 1.0
"""At which settings are compared; other weights are tried with the best setting only."""

BLENDS = (0.25, 0.5, 0.75, 1.0)
"""Of the fitted bridge's score, where the way there was has the rest."""

FOLDS = 3

Rows: TypeAlias = tuple[Vectors, Vectors]
"""Unit rows of both sides, (n, k) each, whose inner product is a score."""


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What is learnt from, and what it is compared with.

    Attributes:
        base: the pairs' rows by the way there was until now; None where there was none.
    """

    pairs: Pairs
    anchors: Pairs | None = None
    base: Rows | None = None

    def take(self, rows: Numbers) -> "Ground":
        """Some of the pairs, with all anchors."""
        base = None if self.base is None else (self.base[0][rows], self.base[1][rows])
        return Ground(self.pairs.take(rows), self.anchors, base)

    @property
    def before(self) -> Vectors:
        """Scores (n, n) of the way there was; where there was none, all are alike."""
        if self.base is None:
            return np.zeros((len(self.pairs), len(self.pairs)), np.float32)
        return np.asarray(self.base[0] @ self.base[1].T, dtype=np.float32)

    def pool(self, weight: float | None) -> Pairs:
        """What a bridge is fitted on.

        Args:
            weight: of a pair beside an anchor; 0 for the anchors, seen from where the pairs lie;
                None for the pairs alone.
        """
        if weight is None:
            return self.pairs
        return self.pairs.pooled(self.anchors, weight)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A bridge that could be fitted.

    Attributes:
        aligner: with its settings.
        weight: of a pair beside an anchor; None for the pairs alone.
        blend: share of the fitted bridge's score, above 0 to 1; the way there was has the rest.
    """

    aligner: Aligner
    weight: float | None
    blend: float

    def told(self) -> dict[str, Any]:
        """As a report has it."""
        return {
            "method": self.aligner.name,
            "settings": asdict(cast("Any", self.aligner)),
            "weight": self.weight,
            "blend": self.blend,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """What a candidate reached.

    Attributes:
        candidate: None for the way there was.
        found: reciprocal rank of each pair when it was held out, mean of both directions, (n,).
    """

    candidate: Candidate | None
    found: Values

    @property
    def complexity(self) -> int:
        """The way there was is the simplest, 0."""
        return 0 if self.candidate is None else self.candidate.aligner.complexity

    @property
    def mrr(self) -> float:
        """Mean reciprocal rank."""
        return float(self.found.mean())


class Trials:
    """Cross-validation on folds that are the same for all candidates."""

    def __init__(self, ground: Ground, seed: int) -> None:
        self._ground = ground
        self._folds = [_held(ground, rows) for rows in folds(ground.pairs.groups, FOLDS, seed)]

    def existing(self) -> list[Tried]:
        """The way there was, if there was one."""
        if self._ground.base is None:
            return []
        return [Tried(None, self._judged([fold.before for fold in self._folds]))]

    def glance(self, method: Aligner) -> float:
        """MRR of a method at middling settings on one fold, at the best blend; 0 if it has none.

        It is what long trials are saved by: most methods are far behind on any pairs.
        """
        settings = self._settings(method)
        if not settings:
            return 0.0
        fold = self._folds[0]
        try:
            bridge = settings[len(settings) // 2].fit(fold.rest.pool(self._weight))
        except PairsError:
            return 0.0
        fitted = scored(bridge, fold.out)
        mixed = (mix(fold.before, fitted, blend) for blend in self._blends)
        return max(float((1 / both_ways(one, fold.answers)).mean()) for one in mixed)

    def of(self, method: Aligner) -> list[Tried]:
        """All settings of a method at one weight, then the other weights with the best of them.

        What some fold's pairs are too few for is left out.
        """
        first = self._weight
        settings = self._settings(method)
        tried = {one: found for one in settings if (found := self._run(one, first))}
        if tried and first is not None:
            best = max(tried, key=lambda one: max(found.mrr for found in tried[one]))
            for weight in (*WEIGHTS, None):
                if weight != first:
                    tried[best] += self._run(best, weight)
        return list(chain.from_iterable(tried.values()))

    @property
    def _weight(self) -> float | None:
        return None if self._ground.anchors is None else FIRST_WEIGHT

    @property
    def _blends(self) -> Sequence[float]:
        return BLENDS if self._ground.base is not None else BLENDS[-1:]

    def _settings(self, method: Aligner) -> Sequence[Aligner]:
        """None where the method says that the pairs are too few for it, whatever the anchors."""
        alone = method.variants(self._ground.pairs)
        return method.variants(self._ground.pool(self._weight)) if alone else ()

    def _run(self, aligner: Aligner, weight: float | None) -> list[Tried]:
        """With every blend; nothing where it cannot be fitted."""
        try:
            fitted = [scored(aligner.fit(fold.rest.pool(weight)), fold.out) for fold in self._folds]
        except PairsError:
            return []
        found = []
        for blend in self._blends:
            mixed = [
                mix(fold.before, scores, blend)
                for fold, scores in zip(self._folds, fitted, strict=True)
            ]
            found.append(Tried(Candidate(aligner, weight, blend), self._judged(mixed)))
        return found

    def _judged(self, scores: Sequence[Vectors]) -> Values:
        """Reciprocal rank of each pair, from the scores (m, m) of each fold."""
        found = np.empty(len(self._ground.pairs))
        for fold, each in zip(self._folds, scores, strict=True):
            found[fold.rows] = (1 / both_ways(each, fold.answers)).mean(axis=1)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """One fold: what is held `out`, and the `rest`, which is fitted on."""

    rows: Numbers
    out: Ground
    rest: Ground
    before: Vectors
    answers: Mask


def _held(ground: Ground, rows: Numbers) -> _Held:
    out = ground.take(rows)
    others = ground.take(rest(rows, len(ground.pairs)))
    return _Held(rows, out, others, out.before, relevant(out.pairs))


def mix(before: Vectors, fitted: Vectors, blend: float) -> Vectors:
    """(1 - b) before + b fitted."""
    return np.asarray((1 - blend) * before + blend * fitted, dtype=np.float32)


def scored(bridge: Bridge, ground: Ground) -> Vectors:
    """Scores (n, n) of all left with all right rows."""
    return bridge.score(ground.pairs.left, ground.pairs.right)

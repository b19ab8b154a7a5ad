"""How sure a figure is: bootstrap intervals, and a paired comparison of two runs."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from engine.evaluate.metrics import Metric, Values

Numbers: TypeAlias = npt.NDArray[np.int64]
"""The number of each query's group, from 0 without gaps; shape (queries,)."""

RESAMPLES = 10_000
_AT_ONCE = 1_000_000
"""Numbers drawn at once: 8 MB."""

_SURE = 0.05


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """The second run less the first, with its 95 % interval and the chance of it by luck alone.

    Attributes:
        p: two-sided, of a sign-flipping permutation test.
    """

    mean: float
    low: float
    high: float
    p: float

    @property
    def verdict(self) -> str:
        """In words: both the interval and the test must show it."""
        if self.p > _SURE or self.low <= 0 <= self.high:
            return "no difference shown"
        return "helps" if self.mean > 0 else "harms"


def interval(
    metric: Metric, values: Values, groups: Sequence[Hashable] | None = None, *, seed: int = 0
) -> Interval:
    """As `intervals`, of one measure."""
    return intervals([metric], values[:, None], groups, seed=seed)[0]


def intervals(
    metrics: Sequence[Metric],
    table: Values,
    groups: Sequence[Hashable] | None = None,
    *,
    seed: int = 0,
) -> tuple[Interval, ...]:
    """Percentile bootstrap of measures over queries (Efron and Tibshirani, 1993, chapter 13).

    Args:
        metrics: how each column becomes one figure.
        table: a row for each query, at least one; shape (queries, metrics).
        groups: queries of one group (captions of one picture, sounds of one recording) are drawn
            together, as they are not independent; None when each stands for itself.
        seed: of the draws, which all measures share.
    """
    number = numbered(len(table), groups)
    ways = [
        (_median_of if one.median else _mean_of)(column, number)
        for one, column in zip(metrics, table.T, strict=True)
    ]
    draws = np.concatenate(
        [
            np.stack([way(times) for way in ways])
            for times in resamples(int(number.max()) + 1, seed)
        ],
        axis=1,
    )
    ends = np.percentile(draws, (2.5, 97.5), axis=1).T
    return tuple(
        Interval(one.sum_up(column), float(low), float(high))
        for one, column, (low, high) in zip(metrics, table.T, ends, strict=True)
    )


def paired(
    before: Values, after: Values, groups: Sequence[Hashable] | None = None, *, seed: int = 0
) -> Difference:
    """Compare two runs over the same queries: after less before.

    The interval is the paired bootstrap's; p is that of flipping the sign of each query's (each
    group's) difference (Smucker, Allan and Carterette, CIKM 2007), and counts the data themselves
    as one of the flips, so that it is never 0.

    Raises:
        ValueError: the runs are not over the same number of queries.
    """
    if before.shape != after.shape:
        raise ValueError(f"{len(before)} queries before, {len(after)} after")
    number = numbered(len(before), groups)
    gained = after - before
    mean = _mean_of(gained, number)
    draws = np.concatenate([mean(times) for times in resamples(int(number.max()) + 1, seed)])
    low, high = np.percentile(draws, (2.5, 97.5))
    p = _permutation_p(np.asarray(np.bincount(number, gained), dtype=np.float64), seed)
    return Difference(float(gained.mean()), float(low), float(high), p)


def _permutation_p(sums: Values, seed: int) -> float:
    rng = np.random.default_rng(seed)
    seen = abs(sums.sum()) - 1e-9 * np.abs(sums).sum()  # sums in another order may differ so much
    as_far = 0
    for count in _parts(len(sums)):
        heads = rng.integers(0, 2, (count, len(sums)), dtype=np.int8).astype(np.float64)
        as_far += int((np.abs(2 * (heads @ sums) - sums.sum()) >= seen).sum())
    return (1 + as_far) / (1 + RESAMPLES)


def resamples(groups: int, seed: int) -> Iterator[Values]:
    """How often each group is drawn, for `RESAMPLES` draws in all: parts of shape (n, groups)."""
    rng = np.random.default_rng(seed)
    for count in _parts(groups):
        drawn = rng.integers(0, groups, (count, groups), dtype=np.int32)
        drawn += (np.arange(count, dtype=np.int32) * groups)[:, None]
        times = np.bincount(drawn.ravel(), minlength=count * groups)
        yield times.reshape(count, groups).astype(np.float64)


Drawn: TypeAlias = Callable[[Values], Values]
"""From how often each group is drawn, shape (n, groups), to the figure of each draw, shape (n,)."""


def _mean_of(values: Values, number: Numbers) -> Drawn:
    sums, sizes = np.bincount(number, values), np.bincount(number).astype(np.float64)
    return lambda times: np.asarray((times @ sums) / (times @ sizes))


def _median_of(values: Values, number: Numbers) -> Drawn:
    order = np.argsort(values, kind="stable")
    ordered, of = values[order], number[order]

    def medians(times: Values) -> Values:
        upto = np.cumsum(times[:, of], axis=1)
        total = upto[:, -1]
        lower = (upto >= np.floor((total + 1) / 2)[:, None]).argmax(axis=1)
        upper = (upto >= np.floor(total / 2 + 1)[:, None]).argmax(axis=1)
        return np.asarray((ordered[lower] + ordered[upper]) / 2)

    return medians


def numbered(count: int, groups: Sequence[Hashable] | None) -> Numbers:
    """The number of each query's group, in the order in which groups appear, (count,).

    Raises:
        ValueError: there is no query, or another number of groups.
    """
    if not count:
        raise ValueError("an interval needs at least one query")
    if groups is None:
        return np.arange(count)
    if len(groups) != count:
        raise ValueError(f"{count} queries but {len(groups)} groups")
    known = {one: n for n, one in enumerate(dict.fromkeys(groups))}
    return np.array([known[one] for one in groups], dtype=np.int64)


def _parts(width: int) -> Iterator[int]:
    """`RESAMPLES` in parts of at most `_AT_ONCE` numbers."""
    most = max(1, _AT_ONCE // width)
    for start in range(0, RESAMPLES, most):
        yield min(most, RESAMPLES - start)

"""Measures of one ranking against what is relevant, by the definitions that are printed."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Values: TypeAlias = npt.NDArray[np.float64]
"""One value for each query: float64, shape (queries,)."""

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One query's ranking after it was judged.

    Attributes:
        found: ranks of the relevant that were found, from 1, rising; shape (m,).
        found_grades: their grades, each above 0; shape (m,).
        grades: grades of all that is relevant, falling; shape (R,), R >= m, R >= 1.
        depth: how many places were looked at.
    """

    found: npt.NDArray[np.int64]
    found_grades: Values
    grades: Values
    depth: int

    @property
    def rank(self) -> float:
        """The rank of the first relevant, infinite when none was found."""
        return float(self.found[0]) if len(self.found) else float("inf")


def judge(ranked: Sequence[Key], relevant: Mapping[Key, float]) -> Judged:
    """Compare a ranking with what is relevant.

    The order of `ranked` is the ranking: equal scores keep the place that the ranking gave them,
    which in every ranking of this project is by id, so that luck does not favour the right answer.

    Args:
        ranked: ids, best first, each once.
        relevant: grade, above 0, of each id that is relevant; 1 for all where there are no grades.

    Raises:
        ValueError: nothing is relevant, a grade is not above 0, or an id is ranked twice.
    """
    places = {one: rank for rank, one in enumerate(ranked, 1)}
    if len(places) != len(ranked):
        raise ValueError("an id is ranked twice")
    return judge_places(places, relevant)


def judge_places(places: Mapping[Key, int], relevant: Mapping[Key, float]) -> Judged:
    """As `judge`, from the rank of each id, which are 1 to the number of ids."""
    if not relevant or not all(grade > 0 for grade in relevant.values()):
        raise ValueError("a query needs relevant ids, with grades above 0")
    found = sorted((places[one], grade) for one, grade in relevant.items() if one in places)
    return Judged(
        np.array([rank for rank, _ in found], dtype=np.int64),
        np.array([grade for _, grade in found], dtype=np.float64),
        np.array(sorted(relevant.values(), reverse=True), dtype=np.float64),
        len(places),
    )


def recall(judged: Judged, k: int) -> float:
    """R@k = 1 if any relevant is in the top k, else 0 (CLIP_benchmark; `Success` in TREC)."""
    return float(judged.rank <= k)


def precision(judged: Judged, k: int) -> float:
    """P@k = relevant in the top k / k."""
    return float((judged.found <= k).sum()) / k


def reciprocal_rank(judged: Judged) -> float:
    """1 / rank of the first relevant, 0 when none was found."""
    return 1 / judged.rank


def average_precision(judged: Judged, k: int) -> float:
    """AP@k = sum over i <= k of P@i rel_i / min(k, R)."""
    found = judged.found[judged.found <= k]
    return float((np.arange(1, len(found) + 1) / found).sum()) / min(k, len(judged.grades))


def ndcg(judged: Judged, k: int) -> float:
    """NDCG@k with gain 2^rel - 1 and discount log2(i + 1) (Burges et al., 2005)."""
    within = judged.found <= k
    gained = gain(judged.found_grades[within]) @ discount(judged.found[within])
    return float(gained / ideal(judged.grades, k))


def gain(grades: Values) -> Values:
    """2^rel - 1."""
    return np.exp2(grades) - 1


def discount(ranks: npt.NDArray[np.int64]) -> Values:
    """1 / log2(i + 1) of ranks i from 1."""
    return np.asarray(1 / np.log2(ranks + 1), dtype=np.float64)


def ideal(grades: Values, k: int) -> float:
    """The discounted gain of the best order there could be; `grades` falls."""
    best = grades[:k]
    return float(gain(best) @ discount(np.arange(1, len(best) + 1)))


def rank(judged: Judged) -> float:
    """The rank of the first relevant; one that was not found comes after all that was."""
    return judged.rank if len(judged.found) else float(judged.depth + 1)


@dataclass(frozen=True, slots=True)
class Metric:
    """A measure by its name.

    Attributes:
        of: its value for one query.
        median: summed up over queries by the median, not by the mean; lower is better then.
    """

    name: str
    of: Callable[[Judged], float]
    median: bool = False

    def sum_up(self, values: Values) -> float:
        """One number for all queries."""
        return float(np.median(values) if self.median else np.mean(values))


DEFINITIONS = (
    "R@k = 1[any relevant in top k]; P@k; AP@k = Σ_{i≤k} P@i·rel_i / min(k,R); "
    "MRR = mean 1/rank of first; nDCG@k gain 2^rel−1, discount log2(i+1); median rank"  # noqa: RUF001
)
"""As they are printed beside every table."""

METRICS = (
    Metric("R@1", partial(recall, k=1)),
    Metric("R@5", partial(recall, k=5)),
    Metric("R@10", partial(recall, k=10)),
    Metric("P@10", partial(precision, k=10)),
    Metric("MRR", reciprocal_rank),
    Metric("mAP@10", partial(average_precision, k=10)),
    Metric("nDCG@10", partial(ndcg, k=10)),
    Metric("median rank", rank, median=True),
)
"""What is measured, in the order in which it is shown."""


def values(judged: Sequence[Judged]) -> Values:
    """All `METRICS` of every query: float64, shape (queries, metrics)."""
    return np.array([[one.of(each) for one in METRICS] for each in judged], dtype=np.float64)

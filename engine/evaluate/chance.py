"""What a ranking without any sense would score: by formula, and by pairs that were shuffled."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from engine.evaluate.metrics import (
    METRICS,
    Key,
    Values,
    discount,
    gain,
    ideal,
    judge_places,
    values,
)

SHUFFLES = 10
"""So many shuffles are averaged; one alone may be lucky."""

Drawn: TypeAlias = tuple[Values, int]
"""Grades of what is relevant to a query, falling, and how many files it is looked for among."""


def by_chance(queries: Sequence[Drawn]) -> Mapping[str, float]:
    """Expected value of each of `METRICS` when the whole gallery is ranked at random; exact.

    R@k follows the hypergeometric distribution, MRR and median rank the negative one; AP@k and
    nDCG@k are sums of chances of places. The median rank is that of all queries together.

    Raises:
        ValueError: no queries, or more is relevant than there is.
    """
    if not queries or any(len(grades) > gallery for grades, gallery in queries):
        raise ValueError("chance needs queries whose relevant files are in the gallery")
    means = {name: _mean(of, queries) for name, of in _EXPECTED.items()}
    return {**means, "median rank": _median_rank(queries)}


def recall(grades: Values, gallery: int, k: int) -> float:
    """1 - C(N - R, k) / C(N, k)."""
    return float(_first_within(len(grades), gallery)[min(k, gallery) - 1])


def precision(grades: Values, gallery: int, k: int) -> float:
    """R / N in each of the min(k, N) places, of k."""
    return len(grades) / gallery * min(k, gallery) / k


def reciprocal_rank(grades: Values, gallery: int) -> float:
    """Sum over i of P(first at i) / i."""
    first = np.diff(_first_within(len(grades), gallery), prepend=0.0)
    return float((first / np.arange(1, gallery + 1)).sum())


def average_precision(grades: Values, gallery: int, k: int) -> float:
    """Sum over i of E[rel_i P@i] = (1 / i) (p + (i - 1) p (R - 1) / (N - 1)), p = R / N."""
    relevant, place = len(grades), np.arange(1, min(k, gallery) + 1)
    p = relevant / gallery
    both = p * (relevant - 1) / max(gallery - 1, 1)
    return float(((p + (place - 1) * both) / place).sum()) / min(k, relevant)


def ndcg(grades: Values, gallery: int, k: int) -> float:
    """Each place holds the mean gain of the gallery."""
    places = np.arange(1, min(k, gallery) + 1)
    return float(gain(grades).sum() / gallery * discount(places).sum() / ideal(grades, k))


def _first_within(relevant: int, gallery: int) -> Values:
    """P(first relevant at rank <= i) for i from 1 to N; shape (N,)."""
    drawn = np.arange(gallery)
    missed = np.clip(gallery - relevant - drawn, 0, None) / (gallery - drawn)
    return np.asarray(1 - np.cumprod(missed))


def _median_rank(queries: Sequence[Drawn]) -> float:
    longest = max(gallery for _, gallery in queries)
    within = np.zeros(longest)
    for grades, gallery in queries:
        chance = _first_within(len(grades), gallery)
        within += np.pad(chance, (0, longest - gallery), constant_values=1.0)
    return float((within / len(queries) >= 0.5 - 1e-12).argmax() + 1)


def _mean(of: Callable[[Values, int], float], queries: Sequence[Drawn]) -> float:
    return float(np.mean([of(grades, gallery) for grades, gallery in queries]))


_EXPECTED: Mapping[str, Callable[[Values, int], float]] = {
    "R@1": lambda grades, n: recall(grades, n, 1),
    "R@5": lambda grades, n: recall(grades, n, 5),
    "R@10": lambda grades, n: recall(grades, n, 10),
    "P@10": lambda grades, n: precision(grades, n, 10),
    "MRR": reciprocal_rank,
    "mAP@10": lambda grades, n: average_precision(grades, n, 10),
    "nDCG@10": lambda grades, n: ndcg(grades, n, 10),
}


def shuffled(
    places: Sequence[Mapping[Key, int]], relevant: Sequence[Mapping[Key, float]], *, seed: int = 0
) -> Mapping[str, float] | None:
    """Mean of each of `METRICS` when every query is judged by another query's answers.

    It shows what remains when the link of query and answer is cut, as when a few files come up
    for every query; it should be near chance.

    Args:
        places: for each query, the rank of each id.
        relevant: for each query, the grade of each id that is relevant.
        seed: of the shuffles, each of which is one cycle, so that no query keeps its answers.

    Returns:
        None for a single query, which cannot be shuffled.
    """
    count = len(places)
    if count < 2:  # noqa: PLR2004  (two can be swapped)
        return None
    rng = np.random.default_rng(seed)
    cycles = [rng.permutation(count).tolist() for _ in range(SHUFFLES)]
    pairs = [pair for one in cycles for pair in zip(one, one[1:] + one[:1], strict=True)]
    table = values([judge_places(places[a], relevant[b]) for a, b in pairs])
    return {one.name: one.sum_up(each) for one, each in zip(METRICS, table.T, strict=True)}

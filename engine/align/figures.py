"""The figures of a report: measures with intervals, beside chance, and what candidates reached."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from engine.align.outcome import Outcome
from engine.align.pairs import Numbers
from engine.align.report import Direction, Example, Figure, Row
from engine.align.trial import Tried
from engine.evaluate import METRICS, Difference, Metric, Values, intervals, paired
from engine.evaluate.chance import by_chance
from engine.evaluate.chance import recall as recall_by_chance
from engine.evaluate.metrics import recall

DEPTHS = (1, 2, 3, 5, 10, 20, 50, 100)
"""The k of the recalls; beyond 10 only where there is as much to find."""

_ALWAYS = 10

DIRECTIONS = ("left to right", "right to left")

EXAMPLES = 6
"""So many held-out pairs are shown with their neighbours: drawn at random, not the nicest."""


def directions(
    outcome: Outcome, groups: Numbers, *, existing: bool, seed: int
) -> tuple[Direction, ...]:
    """Both directions.

    Args:
        outcome: of n held-out pairs.
        groups: of these, (n,).
        existing: there was a way before.
        seed: of the intervals.
    """
    depths = [k for k in DEPTHS if k <= max(_ALWAYS, int(outcome.gallery.min()))]
    metrics, chance = _metrics(depths), _by_chance(outcome, depths)
    found = []
    for side, name in enumerate(DIRECTIONS):
        before, after, shuffled = (
            _table(ranks[:, side].ravel(), depths)
            for ranks in (outcome.before, outcome.after, outcome.shuffled)
        )
        was = intervals(metrics, before, groups.tolist(), seed=seed)
        now = intervals(metrics, after, groups.tolist(), seed=seed)
        figures = tuple(
            Figure(
                name=one.name,
                before=was[at] if existing else None,
                after=now[at],
                chance=chance[one.name],
                shuffled=one.sum_up(shuffled[:, at]),
            )
            for at, one in enumerate(metrics)
        )
        gain = difference(outcome, groups, (side,), existing=existing, seed=seed)
        found.append(Direction(name, figures, gain))
    return tuple(found)


def difference(
    outcome: Outcome, groups: Numbers, sides: Sequence[int] = (0, 1), *, existing: bool, seed: int
) -> Difference:
    """Gain in reciprocal rank over the existing way, or over chance; mean of the sides."""
    after = (1 / outcome.after[:, sides]).mean(axis=1)
    before = (1 / outcome.before[:, sides]).mean(axis=1) if existing else outcome.by_chance
    return paired(before, after, groups.tolist(), seed=seed)


def rows(tried: Sequence[Tried], groups: Numbers) -> tuple[Row, ...]:
    """The candidates, best first; equal ones in the order in which they were tried."""
    best = max(tried, key=lambda one: one.mrr)
    ordered = sorted(tried, key=lambda one: -one.mrr)
    return tuple(_row(one, best, groups) for one in ordered)


def standard_error(values: Values, groups: Numbers) -> float:
    """Of a mean of n values of G groups: sqrt(G / (G - 1) sum_g (sum_{i in g} v_i - m)^2) / n.

    The cluster-robust one (Liang and Zeger, Biometrika 1986).
    """
    _, number = np.unique(groups, return_inverse=True)
    sums = np.bincount(number, values - values.mean())
    return float(np.sqrt(len(sums) / max(len(sums) - 1, 1) * (sums @ sums)) / len(values))


def examples(outcome: Outcome, *, existing: bool, seed: int) -> tuple[Example, ...]:
    """Some held-out pairs with their neighbours, from left to right."""
    drawn = np.random.default_rng(seed).permutation(len(outcome.rows))[:EXAMPLES]
    return tuple(
        Example(
            pair=int(outcome.rows[at]),
            rank_before=float(outcome.before[at, 0]) if existing else None,
            rank_after=float(outcome.after[at, 0]),
            before=_known(outcome.near_before[at]) if existing else (),
            after=_known(outcome.near_after[at]),
        )
        for at in np.sort(drawn)
    )


def _metrics(depths: Sequence[int]) -> tuple[Metric, ...]:
    named = {one.name: one for one in METRICS}
    recalls = [Metric(f"R@{k}", partial(recall, k=k)) for k in depths]
    return (*recalls, named["MRR"], named["median rank"])


def _table(ranks: Values, depths: Sequence[int]) -> Values:
    """The `_metrics` of each rank, (n, measures); an expected rank may lie between two places."""
    return np.column_stack([*(ranks <= k for k in depths), 1 / ranks, ranks]).astype(np.float64)


def _by_chance(outcome: Outcome, depths: Sequence[int]) -> Mapping[str, float]:
    asked = [
        (np.ones(answers), gallery)
        for answers, gallery in zip(outcome.answers.tolist(), outcome.gallery.tolist(), strict=True)
    ]
    recalls = {f"R@{k}": np.mean([recall_by_chance(*one, k) for one in asked]) for k in depths}
    return {**by_chance(asked), **{name: float(value) for name, value in recalls.items()}}


def _row(one: Tried, best: Tried, groups: Numbers) -> Row:
    lost = best.found - one.found
    told: dict[str, Any] = {"method": None, "settings": {}, "weight": None, "blend": 0.0}
    return Row(
        **(told if one.candidate is None else one.candidate.told()),
        complexity=one.complexity,
        mrr=one.mrr,
        error=standard_error(one.found, groups),
        behind=float(lost.mean()),
        behind_error=standard_error(lost, groups),
    )


def _known(numbers: Numbers) -> tuple[int, ...]:
    return tuple(int(one) for one in numbers if one >= 0)

"""How good rankings are: measures, intervals, chance, comparisons, and decisions."""

from engine.evaluate.chance import by_chance, shuffled
from engine.evaluate.decisions import Roc, operating_point, roc
from engine.evaluate.intervals import (
    RESAMPLES,
    Difference,
    Interval,
    interval,
    intervals,
    numbered,
    paired,
    resamples,
)
from engine.evaluate.metrics import (
    DEFINITIONS,
    METRICS,
    Judged,
    Metric,
    Values,
    judge,
    judge_places,
    values,
)

__all__ = [
    "DEFINITIONS",
    "METRICS",
    "RESAMPLES",
    "Difference",
    "Interval",
    "Judged",
    "Metric",
    "Roc",
    "Values",
    "by_chance",
    "interval",
    "intervals",
    "judge",
    "judge_places",
    "numbered",
    "operating_point",
    "paired",
    "resamples",
    "roc",
    "shuffled",
    "values",
]

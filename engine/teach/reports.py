"""How well a classifier did on what it had not seen, as JSON values with a plain verdict."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.classify import Classifier, ClassReport, evaluate
from engine.evaluate import Interval
from engine.fuse.views import Views

MAIN = "UAR"
"""The measure that decides: the mean share of each label's examples that are found."""

ZERO_SHOT = "zero-shot"
"""By the words of the labels alone."""

BETTER, UNSHOWN, WORSE = "better than chance", "no difference shown", "worse than chance"


def report_of(
    classifier: Classifier, views: Views, labels: Sequence[str], groups: Sequence[str], kind: str
) -> dict[str, Any]:
    """Measure the procedure that gave a classifier, by groups it had not seen.

    Args:
        classifier: as it was fitted on all of this.
        views: by channel, rows (n, d).
        labels: n.
        groups: n; what must not be on both sides of a split.
        kind: as it was given to `fit`.
    """
    found = evaluate(views, labels, groups, kind)
    return {
        "kind": classifier.kind,
        "tried": dict(classifier.figures),
        "things": len(labels),
        "measured": found.rows,
        "groups": found.groups,
        "examples": dict(sorted(Counter(labels).items())),
        "figures": {name: _figure(found, name) for name in found.figures},
        "confusion": {"labels": list(found.labels), "rows": found.confusion.tolist()},
        "channels": {name: _channel(found, views, name) for name in found.weights},
        "notes": list(dict.fromkeys((*classifier.notes, *found.notes))),
        "verdict": _verdict(found.figures[MAIN], found.chance[MAIN]),
    }


def unmeasured() -> dict[str, Any]:
    """What is said of a classifier that knows its labels by their words alone."""
    return {
        "kind": ZERO_SHOT,
        "tried": {},
        "things": 0,
        "measured": 0,
        "groups": 0,
        "examples": {},
        "figures": {},
        "confusion": {"labels": [], "rows": []},
        "channels": {},
        "notes": ["Nothing was labelled: how well it does is not known, and it is not calibrated."],
        "verdict": "not measured",
    }


def _figure(found: ClassReport, name: str) -> dict[str, float | None]:
    return {
        **_interval(found.figures[name]),
        "chance": found.chance[name],
        "majority": found.majority[name],
        "shuffled": None if found.shuffled is None else found.shuffled[name],
    }


def _channel(found: ClassReport, views: Views, name: str) -> dict[str, Any]:
    """How many things have it, what it weighs, and what is left when it is missing."""
    left: Mapping[str, Interval] | None = found.without.get(name)
    return {
        "things": int(np.sum(~np.isnan(views[name][:, 0]))),
        "weight": found.weights[name],
        "without": None if left is None else _interval(left[MAIN]),
    }


def _interval(one: Interval) -> dict[str, float]:
    return {"value": one.value, "low": one.low, "high": one.high}


def _verdict(found: Interval, chance: float) -> str:
    if found.low > chance:
        return BETTER
    return WORSE if found.high < chance else UNSHOWN

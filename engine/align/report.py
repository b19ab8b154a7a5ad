"""The report on a choice: what it reached, compared with what, how sure that is, in plain words."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from engine.evaluate import Difference, Interval

Protocol: TypeAlias = Literal["nested", "hold-out"]
"""Every pair held out once, in folds; or once a fifth of them."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure in one direction.

    Attributes:
        before: by the way there was; None where there was none.
        chance: expected of a random order; exact.
        shuffled: of the fitted bridge alone, fitted on pairs that were shuffled.
    """

    name: str
    before: Interval | None
    after: Interval
    chance: float
    shuffled: float


@dataclass(frozen=True, slots=True)
class Direction:
    """All measures in one direction.

    Attributes:
        difference: in MRR; of chance, where there was nothing before.
    """

    name: str
    figures: tuple[Figure, ...]
    difference: Difference


@dataclass(frozen=True, slots=True)
class Row:
    """A candidate as it was tried.

    Attributes:
        method: None for the way there was.
        mrr: cross-validated, mean of both directions, with its standard error over groups.
        behind: how far below the best, with the standard error of this difference.
    """

    method: str | None
    settings: Mapping[str, Any]
    weight: float | None
    blend: float
    complexity: int
    mrr: float
    error: float
    behind: float
    behind_error: float


@dataclass(frozen=True, slots=True)
class Example:
    """A held-out pair, and the pairs whose right sides are nearest to its left side, best first."""

    pair: int
    rank_before: float | None
    rank_after: float
    before: tuple[int, ...]
    after: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What was found out about a bridge by fitting it without some of the pairs.

    Attributes:
        verdict: "helps", "no difference shown" or "harms"; the last only where there was a way.
        sentence: the verdict with its figures.
        compared_with: the existing way, or chance where there was none.
        kept: the existing way is kept, because nothing better was shown.
        anchors: how many were pooled with the pairs.
        judged: how many pairs were held out and looked for.
        gallery: among how many, in the smallest and in the largest fold.
        folds: how often pairs were held out.
        tried_on: how many pairs candidates were compared on at most.
        difference: in MRR, mean of both directions, after less before.
        glanced: MRR of each method on one fold at middling settings, by which those that were tried
            in full were taken; empty where all were.
        candidates: best first.
        chosen: method, settings, weight of a pair beside an anchor, and share of the score.
        correlations: canonical ones, largest first, where the method has them.
        seconds: that it all took.
    """

    verdict: str
    sentence: str
    compared_with: Literal["existing", "chance"]
    kept: bool
    pairs: int
    groups: int
    anchors: int
    protocol: Protocol
    judged: int
    gallery: tuple[int, int]
    folds: int
    tried_on: int
    directions: tuple[Direction, ...]
    difference: Difference
    glanced: Mapping[str, float]
    candidates: tuple[Row, ...]
    chosen: Mapping[str, Any]
    correlations: tuple[float, ...]
    examples: tuple[Example, ...]
    seed: int
    seconds: float

    def told(self) -> dict[str, Any]:
        """As JSON, such as it reads back from a file."""
        told: dict[str, Any] = json.loads(json.dumps(asdict(self), allow_nan=False))
        return told


def named(
    told: Mapping[str, Any], sides: tuple[str, str], name: Callable[[int], tuple[str, str]]
) -> dict[str, Any]:
    """A told report that says what its sides and the pairs of its examples are.

    Args:
        told: as of `Report.told`.
        sides: what is on the left and on the right, such as "pictures" and "sounds".
        name: of both sides of a pair, by its number.

    Returns:
        The report with `sides`, and `names`: both names by the pair's number, as a word.
    """
    shown = {
        pair for one in told["examples"] for pair in (one["pair"], *one["before"], *one["after"])
    }
    return {
        **told,
        "sides": list(sides),
        "names": {str(pair): list(name(pair)) for pair in sorted(shown)},
    }


def sentence(
    verdict: str, found: Difference, before: float, after: float, *, existing: bool
) -> str:
    """The verdict, with what it rests on, and what is done about it."""
    words = {"helps": "It helps", "harms": "It harms"}.get(verdict, "No difference shown")
    against = "the way there was" if existing else "chance"
    figures = (
        f"held-out pairs find each other with an MRR of {after:.3f}, by {against} {before:.3f} "
        f"({found.mean:+.3f}, 95 % interval {found.low:+.3f} to {found.high:+.3f})"
    )
    kept = "The way there was is kept." if existing else "It should not be relied on."
    return f"{words}: {figures}." + ("" if verdict == "helps" else f" {kept}")


def chosen_in_words(told: Mapping[str, Any]) -> str:
    """Which bridge was chosen, and what it was fitted on, of a told report."""
    one = told["chosen"]
    settings = ", ".join(f"{name} {value}" for name, value in one["settings"].items())
    method = f"{one['method']} ({settings})" if settings else one["method"]
    pairs, anchors = f"{told['pairs']:,} pairs", f"{told['anchors']:,} anchors"
    fitted = {
        None: f"fitted on {pairs}",
        0.0: f"fitted on {anchors}, seen from where the {pairs} lie",
    }.get(one["weight"], f"fitted on {pairs}, each counting {one['weight']} of {anchors}")
    share = one["blend"]
    if told["compared_with"] == "chance" or share == 1:
        return f"{method}, {fitted}"
    if not share:
        return f"none; best of the fitted was {method}"
    return f"{method}, {fitted}; {share * 100:.0f} % of the score, the way there was has the rest"

"""Choosing a bridge: by cross-validation, and judged on pairs that the choice has not seen.

Each candidate is an aligner with its settings, a weight of the pairs beside the anchors, and a
share of the score beside the way there was. The simplest whose cross-validated MRR is within one
standard error of the best is taken (Breiman et al., Classification and Regression Trees, 1984),
and the way there was is the simplest of all. What is reported comes from outer folds, whose pairs
took no part in fitting or choosing (Varma and Simon, BMC Bioinformatics 2006).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from engine.align.aligner import METHODS, Aligner, aligner
from engine.align.bridge import Bridge
from engine.align.figures import difference, directions, examples, rows, standard_error
from engine.align.folds import enough, folds, rest, sample
from engine.align.outcome import Outcome, judge, merge
from engine.align.pairs import Numbers, Pairs, PairsError
from engine.align.report import Report, sentence
from engine.align.span import narrowed, taken_back
from engine.align.trial import Candidate, Ground, Rows, Trials, Tried

AUTO = "auto"

_BY_NAME_ONLY = ("gcca", "kcca", "kernel-gauss", "kernel-laplace")
"""What auto leaves out: of two spaces, `gcca` finds the directions of `cca`; `kcca` is `nystroem`
with every pair a landmark, and `kernel-gauss` approximates the same kernel; a fit of random
features takes some ten times as long as one of any other method, and there are dozens."""

OUTER = 5
NESTED_MOST = 3_000
"""Pairs up to which every pair is held out once; of more, one fold is."""

FINALISTS = 4
"""Methods that are tried in full: those that do best at first sight, on one fold."""

MANY_ROWS, FINALISTS_OF_MANY = 1_500, 2
"""Of more pairs and anchors a fit takes seconds, and methods differ less."""

TRIED_MOST = 2_000
"""Of more pairs than `NESTED_MOST`, candidates are compared on so many."""

JUDGED_MOST = 2_000
"""Of more held-out pairs, so many are looked for."""

Saw = Callable[[int, int], None]
"""Told how many steps are done, and how many there are."""


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """A bridge fitted on all pairs, and what it should count.

    A blended bridge has the rows [sqrt(1 - b) existing, sqrt(b) fitted].

    Attributes:
        bridge: its report is `report`, as JSON.
        blend: b, the share of its score; 0 where the way there was is kept, 1 where there was none.
        weight: of a pair beside an anchor; None where it was fitted on the pairs alone.
    """

    bridge: Bridge
    blend: float
    weight: float | None
    report: Report


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """What trials led to.

    Attributes:
        fitted: the best bridge.
        suffices: the way there was is as good, within a standard error.
        groups: of the pairs that were tried on, (n,).
        glanced: what each method promised at first sight, where there were many.
    """

    fitted: Candidate
    suffices: bool
    tried: tuple[Tried, ...]
    groups: Numbers
    glanced: Mapping[str, float]

    @property
    def blend(self) -> float:
        """Share of the fitted bridge's score."""
        return 0.0 if self.suffices else self.fitted.blend


def choose(
    pairs: Pairs,
    anchors: Pairs | None = None,
    base: Rows | None = None,
    methods: str | Sequence[str] = AUTO,
    *,
    seed: int = 0,
    saw: Saw | None = None,
) -> Chosen:
    """Fit the bridge that these pairs are best served by, and find out whether it helps.

    Args:
        pairs: n of them; their groups already join what is of one source or of equal contents.
        anchors: pairs that are known anyway, such as texts that both sides read.
        base: the pairs' rows by the way there was until now, (n, k) each, unit; None if there was
            none. It is kept unless the held-out pairs show that something fitted is better.
        methods: names of `METHODS`, or "auto" for nearly all of them.
        seed: of folds, resamples and shuffles.
        saw: is told of progress.

    Raises:
        PairsError: there are too few pairs or groups to judge anything, or to fit any method on.
        UsageError: there is no method of such a name.
    """
    started = time.monotonic()
    enough(pairs.groups)
    pairs, anchors, axes = narrowed(pairs, anchors)
    ground = Ground(pairs, anchors, base)
    chooser = _Chooser([aligner(name) for name in _names(methods)], seed, saw or _unseen)
    nested = len(pairs) <= NESTED_MOST
    choice, outcomes = (chooser.nested if nested else chooser.held_out)(ground)
    report = _report(ground, choice, outcomes, seed)
    fitted = choice.fitted.aligner.fit(ground.pool(choice.fitted.weight))
    bridge = taken_back(fitted, *axes)
    correlations = tuple(float(one) for one in bridge.report.get("correlations", ()))
    report = replace(
        report, correlations=correlations, seconds=round(time.monotonic() - started, 3)
    )
    return Chosen(
        replace(bridge, report=report.told()),
        blend=report.chosen["blend"],
        weight=choice.fitted.weight,
        report=report,
    )


@dataclass(frozen=True, slots=True)
class _Chooser:
    """Runs trials of some methods, and counts them."""

    methods: Sequence[Aligner]
    seed: int
    saw: Saw

    def nested(self, ground: Ground) -> tuple[Choice, list[Outcome]]:
        """Every pair is held out once, from a choice of its own; the last choice is of all."""
        held = folds(ground.pairs.groups, OUTER, self.seed)
        total = len(held) + 1
        outcomes = [self._judged(ground, out, at, total)[1] for at, out in enumerate(held)]
        return self._choice(ground, len(held), total), outcomes

    def held_out(self, ground: Ground) -> tuple[Choice, list[Outcome]]:
        """The fold that is nearest to a fifth is held out, from the choice that is kept."""
        held = folds(ground.pairs.groups, OUTER, self.seed)
        out = min(held, key=lambda rows: abs(len(rows) * OUTER - len(ground.pairs)))
        choice, outcome = self._judged(ground, out, 0, 1)
        return choice, [outcome]

    def _judged(self, ground: Ground, out: Numbers, at: int, total: int) -> tuple[Choice, Outcome]:
        others = ground.take(rest(out, len(ground.pairs)))
        groups = others.pairs.groups
        most = len(groups) if len(ground.pairs) <= NESTED_MOST else TRIED_MOST
        choice = self._choice(others.take(sample(groups, most, self.seed)), at, total)
        some = out[sample(ground.pairs.groups[out], JUDGED_MOST, self.seed)]
        return choice, judge(ground, others, some, choice.fitted, choice.blend)

    def _choice(self, ground: Ground, at: int, total: int) -> Choice:
        """Try the methods; it is choice number `at` of `total`."""
        trials = Trials(ground, self.seed)
        rows = len(ground.pairs) + (0 if ground.anchors is None else len(ground.anchors))
        finalists = FINALISTS if rows <= MANY_ROWS else FINALISTS_OF_MANY
        looked_at = self.methods if len(self.methods) > finalists else ()
        steps = len(looked_at) + min(len(self.methods), finalists)
        done = count(at * steps + 1)
        glanced = {}
        for method in looked_at:
            glanced[method] = trials.glance(method)
            self.saw(next(done), total * steps)
        best_first = sorted(self.methods, key=lambda one: -glanced.get(one, 0.0))
        bridges: list[Tried] = []
        for method in best_first[:finalists]:
            bridges += trials.of(method)
            self.saw(next(done), total * steps)
        if not bridges:
            raise PairsError(
                f"{len(ground.pairs)} pairs are too few for {', '.join(_called(self.methods))}.",
                hint="Collect more pairs, or try another method.",
            )
        tried = (*trials.existing(), *bridges)
        return Choice(
            fitted=_fitted(simplest(bridges, ground.pairs.groups)),
            suffices=simplest(tried, ground.pairs.groups).candidate is None,
            tried=tried,
            groups=ground.pairs.groups,
            glanced={one.name: found for one, found in glanced.items()},
        )


def simplest(tried: Sequence[Tried], groups: Numbers) -> Tried:
    """The least complex within one standard error of the best; among equals, the better.

    The error is that of the difference to the best, pair by pair, over groups (n,).
    """
    best = max(tried, key=lambda one: one.mrr)
    near = [
        one for one in tried if best.mrr - one.mrr <= standard_error(best.found - one.found, groups)
    ]
    return min(near, key=lambda one: (one.complexity, -one.mrr))


def _report(ground: Ground, choice: Choice, outcomes: Sequence[Outcome], seed: int) -> Report:
    existing = ground.base is not None
    outcome = merge(outcomes)
    groups = ground.pairs.groups[outcome.rows]
    gain = difference(outcome, groups, existing=existing, seed=seed)
    # Where there was nothing before, there is nothing to harm: below chance is as good as chance.
    verdict = gain.verdict if existing or gain.verdict == "helps" else "no difference shown"
    kept = existing and verdict != "helps"
    after = float((1 / outcome.after).mean())
    return Report(
        verdict=verdict,
        sentence=sentence(verdict, gain, after - gain.mean, after, existing=existing),
        compared_with="existing" if existing else "chance",
        kept=kept,
        pairs=len(ground.pairs),
        groups=len(np.unique(ground.pairs.groups)),
        anchors=0 if ground.anchors is None else len(ground.anchors),
        protocol="nested" if len(ground.pairs) <= NESTED_MOST else "hold-out",
        judged=len(outcome.rows),
        gallery=(int(outcome.gallery.min()), int(outcome.gallery.max())),
        folds=len(outcomes),
        tried_on=len(choice.groups),
        directions=directions(outcome, groups, existing=existing, seed=seed),
        difference=gain,
        glanced=choice.glanced,
        candidates=rows(choice.tried, choice.groups),
        chosen=choice.fitted.told() | ({"blend": 0.0} if kept else {}),
        correlations=(),
        examples=examples(outcome, existing=existing, seed=seed),
        seed=seed,
        seconds=0.0,
    )


def _fitted(tried: Tried) -> Candidate:
    assert tried.candidate is not None  # noqa: S101  (only the way there was has none)
    return tried.candidate


def _called(methods: Sequence[Aligner]) -> list[str]:
    return [one.name for one in methods]


def _names(methods: str | Sequence[str]) -> Sequence[str]:
    if isinstance(methods, str):
        auto = tuple(name for name in METHODS if name not in _BY_NAME_ONLY)
        return auto if methods == AUTO else (methods,)
    return methods


def _unseen(done: int, total: int) -> None:
    """Progress that nobody looks at."""

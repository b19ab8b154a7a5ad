"""Modalities of unequal worth and number: made-up vectors, what is known of them, what fusers do.

    python -m tests.bench.imbalance

First, ranking: a modality that tells little drags an equal mean down. Then classes: 1,000 pictures
of four classes of unequal size, 20 with a sound; weights of classes and modalities on and off.
"""

from collections.abc import Mapping

import numpy as np

from engine import classify, fuse
from engine.classify.figures import confusions, figures
from engine.evaluate import METRICS, Difference, Interval, interval, paired
from engine.fuse import scalar
from engine.fuse.answers import reciprocal_ranks
from engine.fuse.learned import held_out
from engine.fuse.views import Vectors, Views, without

DRAWS = 10
SHARES = (0.6, 0.25, 0.12, 0.03)
PICTURES, SOUNDS, FRESH = 1_000, 20, 500
WIDTHS = {"picture": 32, "sound": 16}
GAINS = {"picture": 2.2, "sound": 3.2}
"""How far the centres of two classes lie apart, in deviations of the noise."""

WAYS: Mapping[str, tuple[str, str, bool]] = {
    "late, classes full, modalities by CV": ("late", "full", False),
    "late, classes root, modalities by CV": ("late", "root", False),
    "late, no class weights, modalities by CV": ("late", "none", False),
    "late, classes full, modalities alike": ("late", "full", True),
    "late, no class weights, modalities alike": ("late", "none", True),
    "concat, classes full": ("concat", "full", False),
    "gated, classes full": ("gated", "full", False),
}
MRR = next(one for one in METRICS if one.name == "MRR")


def main() -> None:
    """Both tables."""
    ranking()
    imbalance()


def ranking(queries: int = 300, per_query: int = 20) -> None:
    """MRR of held-out queries where vision tells much and sound little, or both tell something."""
    for gains in ((2.0, 0.2), (1.5, 1.0)):
        given = _answers(gains, queries, per_query)
        print(
            f"\nranking: vision moves the right answer by {gains[0]} deviations, sound {gains[1]}"
        )
        ranks, groups = reciprocal_ranks(given.views["vision"][:, 0].astype(float), given)
        sound, _ = reciprocal_ranks(given.views["sound"][:, 0].astype(float), given)
        fitted = scalar.fit(given)
        alike, _ = reciprocal_ranks(scalar.equal(fitted).fuse(given.views).scores, given)
        rows = {"vision alone": ranks, "sound alone": sound, "equal mean": alike}
        rows |= {kind: held_out(given, kind)[0] for kind in fuse.KINDS}
        for name, values in rows.items():
            over = _signed(paired(rows["scalar"], values, groups.tolist()))
            print(f"  {name:14} MRR {_figure(interval(MRR, values))}   over scalar {over}")
        print(
            f"  scalar's weights: {dict(zip(fitted.names, fitted.weights.tolist(), strict=True))}"
        )


def imbalance() -> None:
    """UAR on fresh rows that have both modalities, and with one of them taken away."""
    print(f"\n{PICTURES} pictures, {SOUNDS} sounds, classes {SHARES}; {DRAWS} draws, UAR")
    print(f"  {'':42} {'both':22} {'without sound':22} without picture")
    for name, how in WAYS.items():
        drawn = [_draw(how, seed) for seed in range(DRAWS)]
        each = {key: np.concatenate([one[key] for one in drawn]) for key in drawn[0]}
        found = [_figure(figures(one)["UAR"]) for one in each.values()]
        print(f"  {name:42} " + " ".join(f"{one:22}" for one in found), flush=True)


def _draw(how: tuple[str, str, bool], seed: int) -> dict[str, Vectors]:
    """The confusion matrix of one draw, (1, c, c): both, without sound, without picture."""
    kind, balance, equal = how
    random = np.random.default_rng(seed)
    centres = {
        name: np.linalg.qr(random.normal(size=(width, 4)))[0].T * GAINS[name] / 2**0.5
        for name, width in WIDTHS.items()
    }
    classes = _classes(random)
    views = _views(classes, centres, random)
    silent = np.ones(PICTURES, bool)
    silent[random.choice(PICTURES, SOUNDS, replace=False)] = False
    views["sound"][silent] = np.nan
    labels = [str(one) for one in classes]
    fitted = classify.fit(views, labels, None, kind, balance=balance, equal=equal)
    truth = random.integers(0, 4, FRESH)
    fresh = _views(truth, centres, random)
    cases = {"both": fresh} | {f"no {one}": without(fresh, one) for one in ("sound", "picture")}
    return {name: _confusion(truth, fitted, one) for name, one in cases.items()}


def _classes(random: np.random.Generator) -> Vectors:
    counts = [round(share * PICTURES) for share in SHARES]
    return random.permutation(np.repeat(np.arange(4), counts))


def _views(
    classes: Vectors, centres: Mapping[str, Vectors], random: np.random.Generator
) -> dict[str, Vectors]:
    return {
        name: (rows[classes] + random.normal(size=(len(classes), rows.shape[1]))).astype(np.float32)
        for name, rows in centres.items()
    }


def _confusion(truth: Vectors, fitted: classify.Classifier, rows: Views) -> Vectors:
    found = np.array([int(one) for one in fitted.predict(rows).labels])
    return confusions(truth, found, np.zeros(len(truth), np.int64), 4)


def _answers(gains: tuple[float, float], queries: int, per_query: int) -> fuse.Answers:
    random = np.random.default_rng(0)
    right = np.zeros((queries, per_query), bool)
    right[np.arange(queries), random.integers(0, per_query, queries)] = True
    relevant = right.ravel()
    views = {
        name: (random.normal(size=relevant.size) + gain * relevant)[:, None].astype(np.float32)
        for name, gain in zip(("vision", "sound"), gains, strict=True)
    }
    return fuse.Answers(views, relevant, np.repeat(np.arange(queries), per_query))


def _figure(one: Interval) -> str:
    return f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"


def _signed(one: Difference) -> str:
    return f"{one.mean:+.3f} [{one.low:+.3f}, {one.high:+.3f}]"


if __name__ == "__main__":
    main()

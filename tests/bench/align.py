"""Methods of alignment: what they cost, and what they find in a made-up world.

    python -m tests.bench.align

Time and memory are those of a process of its own, on pairs of 512 components. The world is the
second one of `python -m tests.bench.bridge`: figures say which method is the better one under its
assumptions, never what real collections will give.
"""

import multiprocessing
import resource
import sys
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.align.aligner import METHODS, aligner
from engine.align.bridge import Bridge
from engine.align.pairs import Pairs
from engine.types import Vectors
from tests.bench.bridge import Sizes, World, recall, world

WIDTH = 512
COSTS = (("cca", 50_000), ("kernel-gauss", 10_000), ("nystroem", 10_000), ("mlp", 10_000))
SEEDS = (0, 1)
POOLED = 1_000
FEW = 2_000
"""Texts for kcca, which takes no more."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of a fit, those of all cores together, and the most memory of its process, in GB."""

    seconds: float
    work: float
    memory: float


def random_pairs(count: int) -> Pairs:
    """Pairs that share 128 causes, beside noise."""
    drawn = np.random.default_rng(0)
    causes = drawn.normal(size=(count, 128)).astype(np.float32)
    sides = []
    for _ in range(2):
        rows = causes @ drawn.normal(size=(128, WIDTH)).astype(np.float32)
        noise = drawn.standard_normal((count, WIDTH), np.float32)
        sides.append(rows / np.float32(128**0.5) + noise)
    return Pairs.of(sides[0], sides[1])


def cost(name: str, count: int) -> Cost:
    """Of one method; the process must have done nothing before."""
    pairs = random_pairs(count)
    start, worked = time.perf_counter(), time.process_time()
    aligner(name).fit(pairs)
    taken, worked = time.perf_counter() - start, time.process_time() - worked
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(taken, worked, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9)


def apart(name: str, count: int) -> Cost:
    """`cost` in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(cost, (name, count))


def seen_from(bridge: Bridge, left: Vectors, right: Vectors) -> Bridge:
    """The bridge with each kind of item taken from its own mean."""
    sides: tuple[Any, Any] = bridge.left, bridge.right
    first, second = (
        replace(side, mean=rows.mean(axis=0))
        for side, rows in zip(sides, (left, right), strict=True)
    )
    return Bridge(first, second, bridge.method)


def found(name: str, made: World, count: int) -> tuple[float, float]:
    """R@1 of a method taught by the texts and so many pairs, and the seconds that took."""
    texts = Pairs.of(*made.texts)
    if name == "kcca":
        texts = texts.take(np.arange(FEW - count))
    pairs = Pairs.of(*(side[: max(count, 2)] for side in made.pairs))
    start = time.perf_counter()
    bridge = aligner(name).fit(pairs.pooled(texts, 1.0) if count else texts)
    taken = time.perf_counter() - start
    moved = seen_from(bridge, *made.items)
    return recall(moved.apply(left=made.items[0]), moved.apply(right=made.items[1])), taken


def main() -> None:
    """Costs, then the table."""
    print(f"A fit on pairs of {WIDTH} components: seconds, of all cores, peak memory")
    for name, count in COSTS:
        one = apart(name, count)
        times = f"{one.seconds:6.1f} s  {one.work:6.1f} s"
        print(f"  {name:<14} {count:>6,}  {times}  {one.memory:.2f} GB", flush=True)
    worlds = [world(seed, Sizes(pairs=POOLED)) for seed in SEEDS]
    texts, items = len(worlds[0].texts[0]), len(worlds[0].items[0])
    print(f"R@1 of {items:,}, own means, seeds 0 / 1: taught by {texts:,} texts; {POOLED:,} pairs")
    print(f"pooled with them; seconds of a fit (kcca: {FEW:,} rows in all)")
    for name in METHODS:
        rows = [[found(name, made, count) for made in worlds] for count in (0, POOLED)]
        shown = "   ".join(" / ".join(f"{one:.3f}" for one, _ in row) for row in rows)
        taken = np.mean([seconds for row in rows for _, seconds in row])
        print(f"  {name:<14} {shown}   {taken:6.1f}", flush=True)


if __name__ == "__main__":
    main()

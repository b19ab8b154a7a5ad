"""How a fusion network learns: AdamW on the weighted cross-entropy, with modality dropout.

Whole modalities are dropped at random (Neverova et al., ModDrop, TPAMI 2016), so that no modality
learns to rely on another one that may be missing. The only file of `engine.fuse` that knows torch.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from engine.fuse.network import (
    Arrays,
    Formula,
    Goals,
    Network,
    Numbers,
    Rows,
    blocks_of,
    deviations,
    starting,
)
from engine.fuse.views import Mask, Views, present

DROPPED = 0.25
"""Chance of each modality to be dropped from a row, in each pass."""

EPOCHS = 60
STEPS = 8
"""In an epoch; a batch has at least `SMALLEST` rows and at most `LARGEST`."""

SMALLEST, LARGEST = 32, 512
RATE = 3e-3
DECAY = 0.1
"""AdamW's decoupled weight decay (Loshchilov and Hutter, ICLR 2019)."""


def learnt(
    formula: Formula, shapes: Mapping[str, tuple[int, ...]], views: Views, goals: Goals, seed: int
) -> Network:
    """Fit a network of one kind.

    Args:
        formula: of the kind.
        shapes: of the numbers that the formula wants.
        views: n rows each, of which every modality has at least one.
        goals: classes from 0, (n,), and what the rows weigh, (n,).
        seed: of the start, the order of the rows and the modalities that are dropped.
    """
    names = tuple(sorted(views))
    scales = tuple(deviations(views[name]) for name in names)
    rows = (blocks_of(views, names, scales), present(views, names))
    return Network(
        names, formula, scales, train(formula, starting(shapes, seed), rows, goals, seed)
    )


def train(formula: Formula, start: Arrays, rows: Rows, goals: Goals, seed: int) -> Arrays:
    """From the numbers at the start to those that were learnt.

    Deterministic on one machine: nothing is drawn but by numpy, from the seed.

    Args:
        formula: what is computed.
        start: numbers to start from.
        rows: features and mask of n rows.
        goals: class and worth of each row.
        seed: of the order of the rows and of what is dropped.
    """
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    numbers = {
        name: torch.tensor(one, device=device, requires_grad=True) for name, one in start.items()
    }
    learner = torch.optim.AdamW(numbers.values(), lr=RATE, weight_decay=DECAY, fused=True)
    blocks = [torch.tensor(one, device=device) for one in rows[0]]
    classes, worth = (torch.tensor(one, device=device) for one in goals)
    with _one_thread(torch):
        for at, there in _batches(rows[1], seed):
            some = torch.tensor(at, device=device)
            mask = torch.tensor(there, device=device)
            logits, _ = formula(torch, numbers, [one[some] for one in blocks], mask)
            loss = _loss(torch, logits, classes[some], worth[some])
            learner.zero_grad()
            loss.backward()
            learner.step()
    return {name: one.detach().cpu().numpy() for name, one in numbers.items()}


@contextmanager
def _one_thread(torch: Any) -> Iterator[None]:  # noqa: ANN401
    # Threads that wait for each other cost such small products more than they save, up to tenfold.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _loss(torch: Any, logits: Any, classes: Any, worth: Any) -> Any:  # noqa: ANN401
    each = torch.nn.functional.cross_entropy(logits, classes, reduction="none")
    return (each * worth).mean()


def _batches(there: Mask, seed: int) -> Iterator[tuple[Numbers, Any]]:
    random = np.random.default_rng(seed)
    size = min(max(len(there) // STEPS, SMALLEST), LARGEST)
    for _ in range(EPOCHS):
        order = random.permutation(len(there))
        for start in range(0, len(order), size):
            at = order[start : start + size]
            yield at, _dropped(there[at], random).astype(np.float32)


def _dropped(there: Mask, random: np.random.Generator) -> Mask:
    """What is left after dropping; a row that would lose all keeps all."""
    left = there & (random.random(there.shape) >= DROPPED)
    return np.where(left.any(axis=1, keepdims=True), left, there)

"""The harnesses at sizes that every run of the tests can bear; `make faults` has the large ones."""

import os
import random

import pytest

from tests.faults import (
    artifacts,
    backups,
    damage,
    errors,
    formats,
    interrupts,
    kill,
    points,
    power,
    soak,
    special,
    together,
)
from tests.faults.tally import Run, Tally

QUICK: dict[str, tuple[Run, int]] = {
    "kill": (kill.run, 20),
    "points": (points.run, 1),
    "power": (power.run, 200),
    "errors": (errors.run, 5),
    "damage": (damage.run, 60),
    "artifacts": (artifacts.run, 28),
    "together": (together.run, 4),
    "interrupts": (interrupts.run, 8),
    "special": (special.run, 500),
    "formats": (formats.run, 6),
    "backups": (backups.run, 2),
    "soak": (soak.run, 6),
}


@pytest.mark.parametrize("name", QUICK)
def test_nothing_is_lost(name: str) -> None:
    seed = int(os.environ.get("SEEHEAR_FAULTS_SEED", random.randrange(10**6)))  # noqa: S311
    run, count = QUICK[name]
    tally = Tally(name, seed)
    run(tally, count)
    print(*tally.lines(), sep="\n")  # (shown when it fails)
    assert tally.failures == []
    if any("NOT RUN" in note for note in tally.notes):
        pytest.skip("; ".join(tally.notes))
    assert tally.passed

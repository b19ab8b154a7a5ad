"""What a harness counts: trials that passed, and those that failed, with the seed for both."""

import argparse
import random
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Run = Callable[["Tally", int], None]
"""A harness: it counts so many trials in a tally."""


@dataclass
class Tally:
    """Trials of one harness."""

    name: str
    seed: int
    passed: int = 0
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)  # noqa: S311

    @contextmanager
    def trial(self, label: str) -> Iterator[None]:
        """One trial; what is raised inside counts as a failure, and the next one begins."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  (this is what is counted)
            where = traceback.extract_tb(error.__traceback__)[-1]
            said = f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"
            self.failures.append(f"{self.name} --seed {self.seed}: {label}: {said}")
        else:
            self.passed += 1

    def lines(self) -> list[str]:
        """The verdict, after a line for each failure and each note."""
        count = f"{self.name}: {self.passed} passed, {len(self.failures)} failed"
        return [*self.failures, *self.notes, f"{count}, seed {self.seed}"]


def main(name: str, run: Run, count: int, what: str) -> None:
    """Run a harness from the command line; leaves with 1 when a trial failed."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.faults.{name}")
    parser.add_argument(f"--{what}", type=int, default=count, dest="count")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    tally = Tally(name, asked.seed)
    run(tally, asked.count)
    print(*tally.lines(), sep="\n")  # noqa: T201
    sys.exit(bool(tally.failures))

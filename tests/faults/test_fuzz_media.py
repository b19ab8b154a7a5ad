"""Mutated media through the real pipeline, the size for every push."""

from pathlib import Path

import pytest

from tests.faults import fuzz_media
from tests.faults.tally import Tally


@pytest.mark.slow
def test_every_mutant_comes_to_its_end() -> None:
    tally = Tally("fuzz_media", seed=0)
    fuzz_media.run(tally, 2_000)
    assert not tally.failures, tally.lines()
    assert tally.passed == 2_000 + 3


def test_mutants_depend_on_the_seed_and_their_number_alone(tmp_path: Path) -> None:
    made = []
    for name, count, seed in (("a", 60, 1), ("b", 40, 1), ("c", 40, 2)):
        (tmp_path / name).mkdir()
        fuzz_media.mutants(tmp_path / name, count, seed)
        made.append({one.name: one.read_bytes() for one in (tmp_path / name).iterdir()})
    first, fewer, other = made
    assert fewer.items() <= first.items()
    assert fewer != other

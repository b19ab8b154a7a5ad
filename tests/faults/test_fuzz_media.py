"""Mutated media through the real pipeline, the size for every push."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import fuzz_media

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_every_mutant_comes_to_its_end() -> None:
    """In a process of its own: the peak of a worker is at least that of whoever started it."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.fuzz_media", "--files", "2000"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "fuzz_media: 2003 passed, 0 failed, seed 0" in done.stdout


def test_mutants_depend_on_the_seed_and_their_number_alone(tmp_path: Path) -> None:
    made = []
    for name, count, seed in (("a", 60, 1), ("b", 40, 1), ("c", 40, 2)):
        (tmp_path / name).mkdir()
        fuzz_media.mutants(tmp_path / name, count, seed)
        made.append({one.name: one.read_bytes() for one in (tmp_path / name).iterdir()})
    first, fewer, other = made
    assert fewer.items() <= first.items()
    assert fewer != other

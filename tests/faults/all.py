"""Every harness, two at a time, and last the mutations that they must notice.

python -m tests.faults.all              sizes that a change should pass; minutes
python -m tests.faults.all milestone    sizes that a release should pass; hours
"""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

SIZES = {
    "soak": ("--seconds", 180, 3_600),
    "errors": ("--calls", 40, 400),
    "kill": ("--cycles", 100, 2_000),
    "damage": ("--trials", 500, 5_000),
    "points": ("--seeds", 1, 20),
    "power": ("--states", 1_000, 20_000),
    "workers": ("--files", 10, 200),
    "special": ("--crowd", 10_000, 100_000),
    "artifacts": ("--trials", 100, 1_000),
    "formats": ("--kills", 50, 50),
    "backups": ("--rounds", 5, 50),
}
"""What is counted, and how much of it: usually, and for a release. The longest come first."""

TIMED = {
    "fuzz_media": ("--files", 2_000, 50_000),
    "folders": ("--rounds", 0, 1),
    "interrupts": ("--stops", 20, 200),
    "together": ("--seconds", 60, 1_800),
}
"""Likewise; these look at the clock or at memory, so nothing runs beside them."""


def run(line: list[str]) -> bool:
    """Run a harness and print what it said; whether it passed."""
    done = subprocess.run(
        [sys.executable, "-m", *line], stdout=subprocess.PIPE, text=True, check=False
    )
    print(done.stdout, end="", flush=True)
    if done.returncode:
        print(f"FAILED: python -m {' '.join(line)}", flush=True)
    return done.returncode == 0


def lines(sizes: dict[str, tuple[str, int, int]], *, large: bool) -> list[list[str]]:
    """Modules and what they are given."""
    return [
        [f"tests.faults.{name}", option, str(milestone if large else usual)]
        for name, (option, usual, milestone) in sizes.items()
        if large or usual
    ]


def main() -> None:
    """Run them all; leaves with 1 when one failed."""
    large = sys.argv[1:] == ["milestone"]
    with ThreadPoolExecutor(2) as two:
        passed = list(two.map(run, lines(SIZES, large=large)))
    passed += map(run, lines(TIMED, large=large))
    passed.append(run(["tests.faults.mutations"]))
    print(f"{sum(passed)} harnesses passed, {len(passed) - sum(passed)} failed")
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()

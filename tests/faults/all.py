"""Every harness, one after the other, and last the mutations that they must notice.

python -m tests.faults.all              sizes that a change should pass
python -m tests.faults.all milestone    sizes that a release should pass; hours
"""

import subprocess
import sys

SIZES = {
    "kill": ("--cycles", 100, 2_000),
    "points": ("--seeds", 1, 20),
    "power": ("--states", 1_000, 20_000),
    "errors": ("--calls", 40, 400),
    "damage": ("--trials", 500, 5_000),
    "together": ("--seconds", 60, 1_800),
    "interrupts": ("--stops", 20, 200),
    "special": ("--crowd", 100_000, 100_000),
    "formats": ("--kills", 50, 50),
    "backups": ("--rounds", 5, 50),
    "soak": ("--seconds", 180, 3_600),
}
"""What is counted, and how much of it: usually, and for a release."""


def main() -> None:
    """Run them all; leaves with 1 when one failed."""
    large = sys.argv[1:] == ["milestone"]
    lines = [
        [f"tests.faults.{name}", option, str(milestone if large else usual)]
        for name, (option, usual, milestone) in SIZES.items()
    ]
    failed = 0
    for line in [*lines, ["tests.faults.mutations"]]:
        failed += subprocess.run([sys.executable, "-m", *line], check=False).returncode != 0
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()

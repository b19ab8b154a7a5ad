"""The demo: indexes data/sample and runs five telling searches, printing what a person would type.

Run it with `make demo`.
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SAMPLE = HERE / "sample"
LIBRARY = HERE.parent / ".demo"

SEARCHES = (
    ("a sentence finds pictures", ["search", "a cat", "--in", "image"]),
    ("a sentence finds sounds, and the moment", ["search", "thunder", "--in", "audio"]),
    ("one list of pictures, sounds and texts", ["search", "a ticking clock"]),
    ("a picture finds sounds", ["similar", "pictures/animals/DSC_2207.jpg", "--in", "audio"]),
    ("a sound finds sounds like it", ["similar", "sounds/nature/REC_0001.mp3"]),
)


def seehear(*arguments: str) -> None:
    """Show a command as it would be typed, run it, and stop the demo if it fails."""
    print(f"\n$ seehear {' '.join(_quoted(one) for one in arguments)}", flush=True)
    program = Path(sys.executable).with_name("seehear")
    environment = {**os.environ, "SEEHEAR_LIBRARY": str(LIBRARY)}
    done = subprocess.run([program, *arguments], env=environment, cwd=SAMPLE, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def _quoted(argument: str) -> str:
    return f'"{argument}"' if " " in argument else argument


def main() -> None:
    """Index once, then search five times."""
    seehear("index", ".")
    for title, arguments in SEARCHES:
        print(f"\n--- {title}", end="")
        seehear(*arguments, "-k", "3")


if __name__ == "__main__":
    main()

"""A cold `seehear search`, as a process, with the starter and with a random CLIP of full size.

    python -m tests.bench.cold

The random profile is as large as `clip-english`: ViT-B-32 of 256 px with its text tower, and MiniLM
for texts. Speed is real, what is found is not.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from engine.models.registry import user_file

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "data" / "sample"
RUNS = 15

PROFILE = """
[model.random-vit-b-32]
adapter = "openclip"
source = "folder:{folder}"
kinds = ["image", "text"]

[profile.random]
summary = "the size of clip-english, without its sounds"
models = ["random-vit-b-32", "minilm", "soundfx"]
bridges = ["soundfx-minilm"]
"""

COUNT = """
import sys
sys.argv = ["seehear", *sys.argv[1:]]
from cli.app import run
code = run()
sys.stderr.write(f"torch imported: {'torch' in sys.modules}")
sys.exit(code)
"""


def main() -> None:
    """Print the median and the range of the wall time of both."""
    with tempfile.TemporaryDirectory(prefix="seehear-cold-") as name:
        scratch = Path(name)
        config = _register(scratch)
        for profile in ("starter", "random"):
            library = str(scratch / profile)
            run = [sys.executable, "-m", "cli"]
            index = [*run, "index", str(SAMPLE), "--library", library, "--profile", profile, "-q"]
            subprocess.run(index, env=config, cwd=ROOT, check=True)
            search = ["search", "a dog on a beach", "--all", "--library", library]
            spent = [_timed([*run, *search], config) for _ in range(RUNS)]
            counted = subprocess.run(
                [sys.executable, "-c", COUNT, *search],
                env=config, cwd=ROOT, capture_output=True, text=True, check=True,
            )  # fmt: skip
            said = counted.stderr.splitlines()[-1]
            low, middle, high = min(spent), float(np.median(spent)), max(spent)
            print(f"cold search, {profile}: p50 {middle:.2f} s ({low:.2f} to {high:.2f}); {said}")


def _register(scratch: Path) -> dict[str, str]:
    from tests.checkpoints import openclip

    folder = openclip.write(scratch / "checkpoint", openclip.VIT_B_32)
    os.environ["XDG_CONFIG_HOME"] = str(scratch / "config")
    user_file().parent.mkdir(parents=True)
    user_file().write_text(PROFILE.format(folder=folder))
    return dict(os.environ)


def _timed(command: list[str], environ: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, env=environ, cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()

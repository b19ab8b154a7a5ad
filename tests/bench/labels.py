"""Accuracy of `seehear tag` on the Tux Paint stamps, whose folders say what they show.

    python -m tests.bench.labels

The stamps are copied under numbers, so that only their pixels can tell. `symbols` is left out: it
holds flags, letters, coins and dice. What the slope of the chances was fitted on is half of these
files, so the reliability here is that of the other half too.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from engine import Library
from indexer import index
from tests.bench.retrieval import RESAMPLES, numbered
from tests.bench.stamps import fetched

SAID = {"naturalforces": "forces of nature"}
"""A folder whose name is no word."""


def main() -> None:
    """Copy, index, ask the command, count."""
    root = fetched("tuxpaint-stamps-default") / "usr/share/tuxpaint/stamps"
    files = [p for p in sorted(root.rglob("*.png")) if "symbols" not in p.parts]
    truth = [p.relative_to(root).parts[0] for p in files]
    truth = [SAID.get(one, one) for one in truth]
    with tempfile.TemporaryDirectory() as scratch:
        numbered(files, Path(scratch) / "stamps")
        place = Path(scratch) / "library"
        with Library.open(place, create=True, profile="starter") as library:
            index(library, [Path(scratch) / "stamps"])
        measure(place, truth)


def measure(place: Path, truth: list[str]) -> None:
    """Accuracy of the likeliest label, then how far the chances can be believed."""
    names = sorted(set(truth))
    command = [sys.executable, "-m", "cli", "tag", "--library", str(place), "--json"]
    command += ["--labels", ",".join(names), "--top", str(len(names))]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    files = {int(Path(one["path"]).stem): one for one in json.loads(ended.stdout)["files"]}
    right = np.array([files[n]["labels"][0]["label"] == own for n, own in enumerate(truth)])
    draws = np.random.default_rng(0).integers(0, len(right), (RESAMPLES, len(right)))
    low, high = np.percentile(right[draws].mean(axis=1), [2.5, 97.5])
    most = max(Counter(truth).values()) / len(truth)
    print(f"{len(truth)} stamps, {len(names)} labels: accuracy {right.mean():.3f} ", end="")
    print(f"[{low:.3f}, {high:.3f}], chance {1 / len(names):.3f}, most frequent {most:.3f}")
    _reliability(files, truth)


def _reliability(files: Mapping[int, Any], truth: list[str]) -> None:
    pairs = np.array(
        [
            (label["chance"], label["label"] == own)
            for n, own in enumerate(truth)
            for label in files[n]["labels"]
        ]
    )
    for low, high in ((0, 0.1), (0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1.01)):
        some = pairs[(pairs[:, 0] >= low) & (pairs[:, 0] < high)]
        if len(some):
            said, found = some.mean(axis=0)
            print(f"  chance {low:.1f}-{high:.1f}: said {said:.2f} found {found:.2f} ({len(some)})")


if __name__ == "__main__":
    main()

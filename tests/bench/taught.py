"""Taught bridges on Tux Paint: what pairs of one's own bring, by held-out pairs.

    python -m tests.bench.taught [pictures,sounds,both] [--methods auto]

Pictures with captions, sounds with captions, and pictures with sounds of the same stamp; what has
the same caption stays together. The report is that of `seehear align fit`.
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from cli.bridges import print_report
from engine import Library, teach
from engine.teach import Pair, Recipe
from tests.bench.stamps import stamp_sounds, stamps

WORLDS = ("pictures", "sounds", "both")


def main() -> None:
    """Print the reports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("worlds", nargs="?", default=",".join(WORLDS))
    parser.add_argument("--methods", default="auto")
    given = parser.parse_args()
    run(given.worlds.split(","), given.methods.split(","))


def run(worlds: Sequence[str] = WORLDS, methods: Sequence[str] = ("auto",)) -> None:
    """Teach an empty library of the profile `starter` each of these."""
    pairs = _pairs()
    with (
        tempfile.TemporaryDirectory() as folder,
        Library.open(Path(folder) / "library", create=True, profile="starter") as library,
    ):
        for name in worlds:
            lesson = teach.teach(library, pairs[name], name, Recipe(tuple(methods)))
            print(f"\n{name}: {len(pairs[name])} pairs, {lesson.report['anchors']:,} anchors")
            print_report(lesson.report, name=name)


def _pairs() -> Mapping[str, list[Pair]]:
    pictures, sounds = stamps(), stamp_sounds()
    beside = [(sound.with_suffix(".png"), sound, caption) for sound, caption in sounds]
    rows = {
        "pictures": [(picture, caption, caption) for picture, caption in pictures],
        "sounds": [(sound, caption, caption) for sound, caption in sounds],
        "both": [one for one in beside if one[0].exists()],
    }
    return {
        name: [Pair(left, right, group, at) for at, (left, right, group) in enumerate(some, 1)]
        for name, some in rows.items()
    }


if __name__ == "__main__":
    main()

"""Each recipe does what its page says: its commands are run on data that is made here.

    python -m tests.docs.test_recipes

writes the output of every command into the pages.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tests"))

from worlds import films, pictures, sounds, write_labels, write_pairs  # noqa: E402

PAGES = sorted((ROOT / "docs" / "recipes").glob("*.md"))
_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
_NUMBER = re.compile(r"[-+]?\d[\d.,:]*")
_RULE = re.compile(r"[\s\u2500]+")


def medical(folder: Path) -> None:
    findings = ("effusion", "nodule", "fracture", "oedema", "clear", "scar")
    write_pairs(folder / "reports.csv", pictures(folder / "scans", findings, 60))


def home_sounds(folder: Path) -> None:
    events = ("doorbell", "kettle", "baby", "alarm")
    made = sounds(folder / "home", events, 64)
    write_labels(folder / "events.csv", made[:48])


def driving(folder: Path) -> None:
    seen = ("rain", "night", "tunnel", "cyclist", "crossing", "snow")
    write_pairs(folder / "notes.csv", films(folder / "drives", seen, 48))


def recommendation(folder: Path) -> None:
    pictures(folder / "shop", ("wood", "steel", "glass", "wool", "paper", "stone"), 40)


WORLDS: dict[str, Callable[[Path], None]] = {
    "medical": medical,
    "home-sounds": home_sounds,
    "driving": driving,
    "recommendation": recommendation,
}


def performed(page: Path) -> str:
    """The page with what its commands print now."""
    with tempfile.TemporaryDirectory(prefix="recipe-") as name:
        folder = Path(name).resolve()
        WORLDS[page.stem](folder)
        return _BLOCK.sub(lambda block: _run(block[1], folder), page.read_text("utf-8"))


def _run(block: str, folder: Path) -> str:
    told = []
    for line in block.splitlines():
        if line.startswith("$ "):
            told += [line, *_output(line.removeprefix("$ "), folder)]
    return "```console\n" + "\n".join(told).rstrip() + "\n```"


def _output(command: str, folder: Path) -> list[str]:
    environ = {
        **{key: value for key, value in os.environ.items() if key in {"PATH", "LANG"}},
        "HOME": str(folder),
        "SEEHEAR_LIBRARY": str(folder / ".library"),
        "SEEHEAR_PROFILE": "hashed",
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error",
        "COLUMNS": "100",
    }
    line = command.replace("seehear", f"{sys.executable} -m cli", 1)
    done = subprocess.run(  # noqa: S602  (the pages of this repository alone)
        line,
        shell=True,
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (command, done.returncode, done.stdout, done.stderr)
    return done.stdout.replace(f"{folder}/", "").rstrip().splitlines()


def masked(text: str) -> list[str]:
    """What a page must say again: all but figures and the widths of columns."""
    lines = (_RULE.sub(" ", _NUMBER.sub("#", line)).strip() for line in text.splitlines())
    return [line for line in lines if line]


@pytest.mark.slow
@pytest.mark.parametrize("page", [one for one in PAGES if one.stem in WORLDS], ids=lambda p: p.stem)
def test_a_recipe_does_what_its_page_says(page: Path) -> None:
    assert masked(performed(page)) == masked(page.read_text("utf-8"))


def test_every_recipe_is_performed() -> None:
    assert {page.stem for page in PAGES} == WORLDS.keys()


if __name__ == "__main__":
    for each in PAGES:
        each.write_text(performed(each), encoding="utf-8")

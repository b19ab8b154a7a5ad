"""The README does what it says: its Python runs, and it names every command there is."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.app import _COMMANDS, _GROUPS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
SAMPLE = ROOT / "data" / "sample"


def test_every_command_is_in_the_readme() -> None:
    for name in (*(name for name, _ in _COMMANDS), *_GROUPS):
        assert f"seehear {name}" in README


def test_every_sample_file_is_listed_with_its_licence() -> None:
    listed = (ROOT / "data" / "README.md").read_text("utf-8")

    files = [p.relative_to(SAMPLE).as_posix() for p in SAMPLE.rglob("*") if p.is_file()]
    assert not [name for name in files if name not in listed]


@pytest.mark.weights
@pytest.mark.slow
def test_the_python_example_runs(tmp_path: Path) -> None:
    block = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert block is not None
    shutil.copytree(SAMPLE / "pictures" / "animals", tmp_path / "Pictures")
    shutil.copytree(SAMPLE / "sounds" / "nature", tmp_path / "Sounds")
    shutil.copyfile(SAMPLE / "pictures/animals/IMG_0412.jpg", tmp_path / "cat.jpg")
    # The weights are read from the cache of whoever runs the tests; `~` is the scratch folder.
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": cache}

    done = subprocess.run(
        [sys.executable, "-c", block[1]],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) > 5
    assert str(tmp_path / "Sounds") in lines[0]

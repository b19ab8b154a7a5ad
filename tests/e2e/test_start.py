"""What a command imports: a search starts fast because it imports little."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from making import caption, picture

ROOT = Path(__file__).parents[2]

HEAVY = {
    "PIL", "asyncio", "av", "faiss", "huggingface_hub", "matplotlib", "onnx", "open_clip",
    "openvino", "pydantic", "requests", "scipy", "sklearn", "sqlalchemy", "timm", "torch",
    "torchaudio", "torchvision", "transformers",
}  # fmt: skip
"""What a search by words has no need of."""

STARTED = {*HEAVY, "numpy", "onnxruntime", "sqlite3", "engine.library"}
"""What asking for help has no need of."""


def imported(*arguments: str | Path) -> set[str]:
    """Modules that a command has imported when it ends."""
    told = (
        "import atexit, sys; atexit.register(lambda: print(*sys.modules, sep='\\n'));"
        "from cli.app import run; sys.exit(run())"
    )
    line = [sys.executable, "-c", told, *map(str, arguments)]
    ended = subprocess.run(line, capture_output=True, text=True, check=False, cwd=ROOT)
    assert ended.returncode == 0, ended.stderr
    modules = set(ended.stdout.splitlines())
    assert "cli.app" in modules
    return modules


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("start")
    caption(place / "a.txt", "a boat in the harbour")
    picture(place / "p.png", seed=1)
    line = [sys.executable, "-m", "cli", "index", place, "-q", "--profile", "hashed"]
    subprocess.run(
        [*line, "--library", place / "library"], check=True, cwd=ROOT, env={**os.environ}
    )
    return place / "library"


def test_a_search_by_words_imports_nothing_heavy(library: Path) -> None:
    found = imported("search", "boat", "--library", library)

    assert "engine.library" in found
    assert found & HEAVY == set()


def test_status_imports_nothing_heavy(library: Path) -> None:
    assert imported("status", "--library", library) & HEAVY == set()


@pytest.mark.parametrize("line", [["--help"], ["search", "--help"], ["--version"]])
def test_help_imports_next_to_nothing(line: list[str]) -> None:
    assert imported(*line) & STARTED == set()

"""What every test has: Hypothesis settings, no way out; what it may ask for: media, a library."""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import offline
from engine.library import Library
from engine.store.writer import CatalogueWriter
from indexer import index
from making import ROOT, SPACE, caption, picture, tone

# Who starts the tests in the background has these ignored, and so would every child.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# A shared machine may stall for longer than any deadline; only `ci` must repeat exactly.
_SLOW_INPUT = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
settings.register_profile("dev", deadline=None, suppress_health_check=_SLOW_INPUT)
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

_GUARD = Path(tempfile.mkdtemp(prefix="seehear-offline-"))


def pytest_configure() -> None:
    shutil.copyfile(offline.__file__, _GUARD / "sitecustomize.py")
    offline.watch(_GUARD / offline.WRITTEN)
    # The first for what our processes hand on of their own path, the second for all others.
    sys.path.append(str(_GUARD))
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_GUARD), before]))


def pytest_unconfigure() -> None:
    shutil.rmtree(_GUARD, ignore_errors=True)


@pytest.fixture(scope="session")
def guard() -> Path:
    """The folder whose `sitecustomize` keeps our children on this machine."""
    return _GUARD


@pytest.fixture(autouse=True)
def _nothing_leaves(guard: Path) -> Iterator[None]:
    """Fail the test in which something wanted to leave this machine, whoever swallowed that."""
    yield
    written = guard / offline.WRITTEN
    if written.exists():
        tried = written.read_text("utf-8")
        written.unlink()
        pytest.fail(f"wanted to leave this machine:\n{tried}")


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """Three pictures, two sounds and two texts; `red.txt` describes `red.png`."""
    folder = tmp_path / "media"
    (folder / "sub").mkdir(parents=True)
    picture(folder / "red.png", seed=1)
    picture(folder / "sub" / "green.png", seed=2)
    picture(folder / "sub" / "blue.png", seed=3)
    tone(folder / "low.wav", hertz=220)
    tone(folder / "sub" / "high.wav", hertz=3_000)
    caption(folder / "red.txt", "a poppy on the table")
    caption(folder / "sub" / "notes.txt", "the quick brown fox jumps over the lazy dog")
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """An empty library whose encoders need no weights."""
    with Library.open(tmp_path / "library", create=True, profile="hashed") as opened:
        yield opened


@pytest.fixture
def indexed(library: Library, media: Path) -> Library:
    """The library after `media` was indexed."""
    report = index(library, [media], workers=1)
    assert report.skipped == ()
    return library


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[CatalogueWriter]:
    """An empty catalogue that knows `making.SPACE` and `making.ROOT`."""
    writer = CatalogueWriter.open(tmp_path / "catalogue.db")
    writer.adopt_space(SPACE)
    writer.adopt_root(ROOT)
    yield writer
    writer.close()

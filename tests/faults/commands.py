"""A command in a process of its own that waits for a word before it begins."""

from pathlib import Path
from types import TracebackType
from typing import Self

from tests.faults.children import command, forks


class Command:
    """`seehear` with arguments, its imports done; a context manager that leaves no process."""

    def __init__(self, place: Path, library: Path, *arguments: str) -> None:
        self._streams = place / "out", place / "err"
        self._ours, theirs = forks().Pipe()
        environ = {"SEEHEAR_LIBRARY": str(library), "HOME": str(place)}
        given = (arguments, environ, self._streams, theirs)
        self._process = forks().Process(target=command, args=given)
        self._process.start()
        theirs.close()
        self.pid: int = self._ours.recv()
        self.code: int | None = None
        self.out = self.err = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()
        self._ours.close()

    def go(self) -> None:
        """Let it begin."""
        self._ours.send("go")

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended; says whether it has."""
        self._process.join(seconds)
        self.code = self._process.exitcode
        self.out, self.err = (one.read_text() for one in self._streams)
        return self.code is not None

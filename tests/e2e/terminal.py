"""The command line as a person runs it: arguments in, exit code and two streams out."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = (sys.executable, "-m", "cli")
TIMEOUT_S = 60
NOBODY = 65_534


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object that it printed."""
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)


class Terminal:
    """Runs `seehear` with a library of its own, and never without a time limit."""

    def __init__(self, folder: Path, warm: socket.socket) -> None:
        self.folder = folder
        self.library = folder / "library"
        self.environ = {
            **{k: v for k, v in os.environ.items() if k in {"PATH", "PYTHONPATH", "LANG"}},
            "HOME": str(folder),
            "SEEHEAR_LIBRARY": str(self.library),
            "PYTHONWARNINGS": "error",
        }
        self._warm = warm

    def __call__(self, *arguments: str | Path, cwd: Path | None = None) -> Ended:
        """Run to the end, in a child of the warm process."""
        request = {
            "arguments": [os.fspath(one) for one in arguments],
            "environ": self.environ,
            "cwd": os.fspath(cwd or self.folder),
        }
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            with open(os.devnull, "rb") as null:  # noqa: PTH123
                streams = [one.fileno() for one in (null, out, err)]
                socket.send_fds(self._warm, [json.dumps(request).encode()], streams)
            code = int(self._warm.recv(16))
            texts = []
            for stream in (out, err):
                stream.seek(0)
                texts.append(stream.read().decode())
        assert "Traceback" not in texts[1] or "--debug" in arguments, texts[1]
        return Ended(code, *texts)

    def index(self, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
        """`seehear index --json`: the report."""
        known = [] if self.library.exists() else ["--profile", "hashed"]
        ended = self("index", "--json", *known, *arguments)
        assert ended.code == code, ended
        return dict(ended.json)

    def hits(self, *arguments: str | Path) -> list[dict[str, Any]]:
        """`seehear search --all --json`: the hits, wherever relevance ends."""
        ended = self("search", "--all", "--json", *arguments)
        assert ended.code in {0, 1}, ended
        return list(ended.json["hits"])

    def found(self, *arguments: str | Path) -> list[Path]:
        """`seehear search --all -0`: the paths of the hits."""
        ended = self("search", "--all", "-0", *arguments)
        assert ended.code in {0, 1}, ended
        return [Path(one) for one in ended.out.split("\0")[:-1]]

    def start(
        self, *arguments: str | Path, before: Sequence[str] = (), **options: Any
    ) -> subprocess.Popen[bytes]:
        """A true process, for what depends on one: signals, pipes, users."""
        environ = {**self.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        return subprocess.Popen(
            [*before, *PROGRAM, *map(os.fspath, arguments)],
            env={**environ, **options.pop("environ", {})},
            cwd=options.pop("cwd", self.folder),
            stdin=options.pop("stdin", subprocess.DEVNULL),
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=options.pop("stderr", subprocess.PIPE),
            **options,
        )

    def alone(self, *arguments: str | Path, **options: Any) -> Ended:
        """A true process, run to its end."""
        with self.start(*arguments, **options) as process:
            out, err = process.communicate(timeout=TIMEOUT_S)
        return Ended(process.returncode, (out or b"").decode(), (err or b"").decode())


def as_nobody() -> tuple[str, ...]:
    """What to put before a command so that permissions count: root may read everything."""
    if os.geteuid() != 0:
        return ()
    return ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")

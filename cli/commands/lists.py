"""What commands print that list files: bare paths, sizes, progress."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


def print_bare(paths: Iterable[Path], *, null: bool) -> None:
    """Nothing but paths, byte for byte, ended by a newline or NUL."""
    end = b"\0" if null else b"\n"
    for path in paths:
        sys.stdout.buffer.write(os.fsencode(path) + end)
    sys.stdout.buffer.flush()


def size_shown(size: int) -> str:
    """Bytes for the eye."""
    for limit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= limit:
            return f"{size / limit:.1f} {name}"
    return f"{size} bytes"


@contextmanager
def counting(what: str, *, silent: bool) -> Iterator[Callable[[int, int], None]]:
    """Progress on stderr: what is given is told how many of how many are done."""
    from cli.progress import Bar

    with Bar(silent=silent) as bar:
        yield lambda done, total: bar.count(what, done, total)

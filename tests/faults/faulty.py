"""A decoder that does the worst with files that ask for it by name, and decodes all others.

Only tests name this module to the workers; the way to it is that of the real decoders.
"""

import ctypes
import json
import os
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from engine.media import decoders
from engine.media.wire import Answer, Ear, Job, Request

HANG_S = 8.0
PAUSE_AT = 70
"""Which answer a file named so waits before: one of those that are read when the first are
encoded."""

DAWDLE_S = 0.6
"""How long a file named so takes for each answer, without reading on."""

HOARD_BYTES = 200 << 20
"""What a file named so keeps while it is half read."""

_KEPT: list[bytes] = []


def segfault() -> None:
    """Read where nothing is."""
    ctypes.string_at(0)


def abort() -> None:
    """Give up, as a failed assertion in C does."""
    os.abort()


def hang() -> None:
    """Do nothing, and do not listen, for much longer than the harness lets it."""
    time.sleep(HANG_S)


def eat() -> None:
    """Ask for 8 GiB, and touch none of them: without a limit nobody is harmed."""
    _KEPT.extend(bytes(1 << 28) for _ in range(32))


def fork() -> None:
    """Be two, both of which go on and answer."""
    os.fork()


def babble() -> None:
    """Print what nobody asked for, by all ways there are."""
    print("babble " * 10_000, flush=True)
    print("babble " * 10_000, file=sys.stderr, flush=True)
    for descriptor in (1, 2):
        os.write(descriptor, b"babble\n" * 10_000)


def answer_by_half() -> None:
    """Promise a large answer and end in the middle of it."""
    header = json.dumps({"piece": {}}).encode()
    os.write(int(sys.argv[1]), struct.pack("<II", len(header), 1 << 20) + header[:5])
    os._exit(0)


def murder() -> None:
    """Kill who asks."""
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(HANG_S)


def ask(path: Path) -> None:
    """Wait, in the midst of a file, until somebody else has done to it what the test is about.

    A worker may write no file, but it may make a folder, which the other side takes away.
    """
    flag = path.with_suffix(".asked")
    flag.mkdir()
    until = time.monotonic() + HANG_S
    while flag.exists() and time.monotonic() < until:
        time.sleep(0.005)


def touch(path: Path) -> None:
    """Let the file have changed while it was read."""
    os.utime(path, (1, 1))


FAULTS: Mapping[str, Callable[[], None]] = {
    "segfaults": segfault,
    "aborts": abort,
    "hangs": hang,
    "eats": eat,
    "forks": fork,
    "babbles": babble,
    "half": answer_by_half,
}
"""By the last word in the name of a file, before its suffix."""


def answers(request: Request, ear: Ear | None = None) -> Iterator[Answer]:
    """Misbehave if the name asks for it, then answer truly."""
    if request.job is Job.PIECES:
        wish = request.path.stem.split("-")[-1]
        if wish == "changes":
            touch(request.path)
        if wish == "asks":
            ask(request.path)
        (murder if wish == "murders" else FAULTS.get(wish, lambda: None))()
    hoard = bytes(HOARD_BYTES if request.path.stem.endswith("-hoards") else 1)
    for number, answer in enumerate(decoders.answers(request, ear)):
        if number == PAUSE_AT and request.path.stem.endswith("-pauses"):
            ask(request.path)
        if request.path.stem.endswith("-dawdles"):
            time.sleep(DAWDLE_S)
        yield answer
    del hoard

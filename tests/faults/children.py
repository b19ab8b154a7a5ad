"""What the processes do that are killed, stopped, starved of disk and traced."""

import ctypes
import multiprocessing
import os
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path

from tests.e2e import writing

PROFILE = "hashed"
"""Needs no weights, and is fast."""

_SET_PTRACER = 0x59616D61
"""Of prctl(2); with -1, any process may trace this one."""


def forks() -> ForkServerContext:
    """Processes that start fast: their imports are done."""
    context = multiprocessing.get_context("forkserver")
    heavy = ["faiss", "PIL.Image", "safetensors.numpy", "cli.app", "cli.progress", "cli.report"]
    context.set_forkserver_preload(["tests.faults.children", *heavy, "rich.progress"])
    return context


def index_and_tell(library: Path, root: Path, pipe: Connection, environ: dict[str, str]) -> None:
    """Index, and tell of each commit once it has returned: that is what was acknowledged."""
    os.environ.update(environ)
    from tests.faults.mutations import mutate

    mutate()
    writing.run(library, root, pipe)


def command(
    arguments: Sequence[str], environ: dict[str, str], streams: tuple[Path, Path], pipe: Connection
) -> None:
    """Be `seehear` with these arguments, once the other side says so; let anybody trace it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PTRACER, -1, 0, 0, 0)
    os.environ.update(environ)
    for target, path in zip((1, 2), streams, strict=True):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(opened, target)
        os.close(opened)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
    sys.argv = ["seehear", *arguments]
    from cli.app import main

    pipe.send(os.getpid())
    pipe.recv()
    main()

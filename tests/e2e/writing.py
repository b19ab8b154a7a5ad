"""What the child processes of the kill and lock tests do."""

import os
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from engine.library import Library
from engine.store.records import ContentRecord, FileRecord
from engine.store.writer import CatalogueWriter
from indexer import index, pipeline

Commit = tuple[dict[str, bytes | None], list[str]]
"""Absolute paths that were written, with their digests, and paths that were removed."""


def run(library: Path, root: Path, pipe: Connection) -> None:
    """Index, and tell of each commit once it has returned: that is what was acknowledged."""
    _tell_of_commits(pipe)
    pipe.send("ready")
    with Library.open(library, create=True, profile="hashed") as opened:
        report = index(opened, [root], workers=2)
    pipe.send(report)


def _tell_of_commits(pipe: Connection) -> None:
    committed = CatalogueWriter.write

    def write(
        self: CatalogueWriter,
        files: Sequence[FileRecord],
        contents: Sequence[ContentRecord] = (),
        removed: Sequence[FileRecord] = (),
    ) -> int:
        seq = committed(self, files, contents, removed)
        pipe.send(({_path(row): row.digest for row in files}, [_path(row) for row in removed]))
        return seq

    CatalogueWriter.write = write  # type: ignore[method-assign]
    pipeline.BATCH_FILES = 8  # more commits, more places to be killed at


def create(library: Path, pipe: Connection) -> None:
    """Make a library."""
    pipe.send("ready")
    Library.open(library, create=True, profile="hashed").close()


def hold(library: Path, pipe: Connection) -> None:
    """Hold the lock of a library until told to let go."""
    with Library.open(library) as opened, opened.writing():
        pipe.send(os.getpid())
        pipe.recv()


def _path(row: FileRecord) -> str:
    return str(row.root / os.fsdecode(row.path))

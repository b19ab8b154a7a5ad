"""The run that tests.faults.power traces: a library is made, grows, is changed and published."""

import json
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.library import Library
from engine.store import connect
from engine.store.records import ContentRecord, FileRecord
from engine.store.writer import CatalogueWriter
from indexer import index, pipeline
from tests.faults.children import PROFILE
from tests.faults.media import Folder
from tests.faults.mutations import mutate

ROUNDS = 4


def _promise(told: int) -> None:
    """Say before a commit what it brings, and after it that it is done, as users would hear."""
    committed = CatalogueWriter.write

    def write(
        self: CatalogueWriter,
        files: Sequence[FileRecord],
        contents: Sequence[ContentRecord] = (),
        removed: Sequence[FileRecord] = (),
    ) -> int:
        brings = {_path(row): (row.digest or b"").hex() for row in files}
        _write(told, {"files": brings, "removed": [_path(row) for row in removed]})
        seq = committed(self, files, contents, removed)
        _write(told, {"did": seq})
        return seq

    CatalogueWriter.write = write  # type: ignore[method-assign]


def _write(told: int, line: object) -> None:
    os.write(told, json.dumps(line).encode())


def _path(row: FileRecord) -> str:
    return str(row.root / os.fsdecode(row.path))


def main(place: Path) -> None:
    """Index a folder that changes, several times; small batches, frequent checkpoints."""
    library = place / "library"
    library.mkdir()
    folder = Folder(place / "root", random.Random(1))  # noqa: S311
    folder.add(100)
    pipeline.BATCH_FILES = 8
    often = ("wal_autocheckpoint=40",)
    connect._WRITER_SETTINGS += often  # type: ignore[assignment]
    mutate()
    told = os.open(library / "acknowledged", os.O_WRONLY | os.O_CREAT)
    _promise(told)
    for _ in range(ROUNDS):
        with Library.open(library, create=True, profile=PROFILE) as opened:
            index(opened, [folder.root], workers=1)
        folder.shake()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

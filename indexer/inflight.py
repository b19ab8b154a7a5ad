"""Which files are being decoded, noted so that a run which is killed leaves word of them.

Workers die of hostile files, this process should not; should it, again and again, then one of the
files that it had in hand may be why. They are read alone and after all others, and given up when
the run dies at one of them for the second time. A kill that nobody's file is to blame for hardly
ever meets the same file alone twice.

The notes lie in a small file, one place for each thread, written without fsync: they outlive the
process, and after a power cut nobody is to blame.
"""

import json
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from engine.store.disks import disk_errors
from engine.store.writer import CatalogueWriter
from indexer.scan import FoundFile

NAME = "inflight"
"""The file, in the library's folder."""

MAX_DEATHS = 2
"""So often may a run die while it reads a file alone."""

REASON = "crashed-seehear: indexing ended twice, without a word, while this file was read alone"

_SETTING = "suspects"
_PLACE_BYTES = 1 << 15

_Key = tuple[str, int, int]


class Inflight:
    """What is in hand now, and what was when earlier runs were killed.

    Attributes:
        alone: set while files are read one by one: whoever is in hand then is to blame.
    """

    def __init__(self, folder: Path, writer: CatalogueWriter, threads: int) -> None:
        self.alone = False
        self._writer = writer
        self._deaths = _remembered(writer)
        self._path = folder / NAME
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._take_in()
        self._places = deque(range(threads))

    def close(self) -> None:
        """Let go of the file with the notes, as it is."""
        os.close(self._file)

    def acquit(self) -> None:
        """Forget all suspicions: every file has come to its end."""
        if self._deaths:
            self._writer.set_setting(_SETTING, "")

    def suspected(self, files: Iterable[FoundFile]) -> dict[FoundFile, int]:
        """Those under suspicion, with how often a run died while it read each alone."""
        if not self._deaths:
            return {}
        keys = ((one, _key(one)) for one in files)
        return {one: self._deaths[key] for one, key in keys if key in self._deaths}

    def unsuspected(self, files: Sequence[FoundFile]) -> Sequence[FoundFile]:
        """The others, in their order."""
        suspects = self.suspected(files)
        return [one for one in files if one not in suspects] if suspects else files

    @contextmanager
    def holding(self, file: FoundFile) -> Iterator[None]:
        """Note that a file is given to a decoder, until it comes back."""
        place = self._places.popleft() * _PLACE_BYTES
        note = json.dumps([self.alone, *_key(file)]).encode()
        self._note(note + b"\n", place)
        try:
            yield
        finally:
            self._note(b"\n", place)
            self._places.append(place // _PLACE_BYTES)

    def _note(self, line: bytes, place: int) -> None:
        with disk_errors(self._path):
            os.pwrite(self._file, line, place)

    def _take_in(self) -> None:
        """Add what the last run had in hand, and clear its notes for this one."""
        notes = os.pread(self._file, os.fstat(self._file).st_size, 0)
        found = [_read(notes[at:]) for at in range(0, len(notes), _PLACE_BYTES)]
        for was_alone, key in filter(None, found):
            self._deaths[key] = self._deaths.get(key, 0) + was_alone
        if any(found):
            told = [[*key, deaths] for key, deaths in self._deaths.items()]
            self._writer.set_setting(_SETTING, json.dumps(told))
        os.ftruncate(self._file, 0)


@contextmanager
def inflight(folder: Path, writer: CatalogueWriter, threads: int) -> Iterator[Inflight]:
    """Keep notes for one run; what an interruption leaves undone stays under suspicion."""
    notes = Inflight(folder, writer, threads)
    try:
        yield notes
        notes.acquit()
    finally:
        notes.close()


def _remembered(writer: CatalogueWriter) -> dict[_Key, int]:
    told = json.loads(writer.setting(_SETTING) or "[]")
    return {(path, size, changed): deaths for path, size, changed, deaths in told}


def _read(note: bytes) -> tuple[bool, _Key] | None:
    """A note, or None where there is none or it was cut."""
    try:
        was_alone, path, size, changed = json.loads(note.partition(b"\n")[0])
    except ValueError:
        return None
    return bool(was_alone), (path, size, changed)


def _key(file: FoundFile) -> _Key:
    path = os.fsencode(file.absolute).decode("latin-1")
    return path, file.stamp.size, file.stamp.mtime_ns

"""Walking folders: which files there are, without opening any."""

import marshal
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from xxhash import xxh3_128

from engine.arrays import blocks
from engine.media.files import as_media_error
from engine.media.formats import MODALITY_OF_SUFFIX, SIDECAR, UNSUPPORTED_SUFFIXES
from engine.store.records import Listing, Stamp
from engine.types import Modality

IGNORED_FOLDERS = frozenset({"@eaDir", "node_modules", "__MACOSX", "__pycache__"})
"""Left out by name, as are hidden ones: they hold what programs keep for themselves."""

LIBRARY_MARKS = frozenset({"catalogue.db", "writer.lock"})
"""A folder that holds both is a seehear library."""

_PART = 2_000
"""Entries that are digested at once."""

LONE_SIDECAR = "alone: there is no picture, sound or video beside it"
"""Why a sidecar is refused: all that it says is about a medium of its name."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that may be indexed; the path is relative to the root, as bytes."""

    root: Path
    path: bytes
    stamp: Stamp

    @property
    def absolute(self) -> Path:
        """The absolute path."""
        return self.root / os.fsdecode(self.path)

    @property
    def takes_decoder(self) -> bool:
        """Whether more than reading is needed to know what is in it, by its name."""
        return _modality(os.fsdecode(self.path)) is not Modality.TEXT


class _Entry(NamedTuple):
    """What lies in a folder and is no folder."""

    name: str
    size: int
    mtime_ns: int
    inode: int
    mode: int


@dataclass(slots=True)
class Scan:
    """What a walk found.

    Attributes:
        files: candidates, in the order of their paths; without those of the folders in `same`.
        refused: files of a kind that is known and not read, not regular, or sidecars of nothing,
            with the reason.
        ignored: files that are no media.
        unreadable: folders that could not be read, with the reason; nothing below them counts as
            gone.
        same: folders that look as they did when all their files had come to their end, by their
            relative paths.
        looks: digests of what the others look like now.
    """

    files: list[FoundFile] = field(default_factory=list)
    refused: list[tuple[FoundFile, str]] = field(default_factory=list)
    ignored: list[Path] = field(default_factory=list)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)
    same: dict[bytes, Listing] = field(default_factory=dict)
    looks: dict[bytes, bytes] = field(default_factory=dict)


def scan(root: Path, below: Path, known: Mapping[bytes, Listing] | None = None) -> Scan:
    """Walk a folder of a root, or look at one file of it.

    Hidden names are left out, symbolic links are not followed, a seehear library is not entered.

    Args:
        root: an indexed folder.
        below: what to walk.
        known: what folders of the root looked like when all their files had come to their end.
    """
    found = Scan()
    if below.is_dir():
        for folder, entries in _walk(str(below), found):
            _take(_Sorter(root, folder), entries, found, known or {})
        found.files.sort(key=lambda one: one.path)
    else:
        _look_at(below, root, found)
    return found


class _Sorter:
    """Sorts what lies in one folder."""

    def __init__(self, root: Path, folder: str) -> None:
        self._root, self._folder = root, folder
        relative = os.fsencode(os.path.relpath(folder, root))
        self.place = b"" if relative == b"." else relative
        self._before = self.place + b"/" if self.place else b""
        self.files: list[FoundFile] = []
        self.refused: list[tuple[FoundFile, str]] = []
        self.ignored: list[Path] = []

    def take(self, entries: Sequence[_Entry], described: Sequence[str] | None = None) -> None:
        """Sort entries; names of what may be described default to theirs."""
        media = set[str]()
        if any(_suffix(one.name) == _SIDECAR for one in entries):  # most folders have none
            names = described if described is not None else [one.name for one in entries]
            media = {name for full in names if _is_medium(full) for name in (full, _stem(full))}
        for one in entries:
            path = self._before + os.fsencode(one.name)
            found = FoundFile(self._root, path, Stamp(one.size, one.mtime_ns, one.inode))
            suffix = _suffix(one.name)
            if suffix not in MODALITY_OF_SUFFIX and suffix not in UNSUPPORTED_SUFFIXES:
                self.ignored.append(Path(self._folder, one.name))
            elif not stat.S_ISREG(one.mode):
                self.refused.append((found, "not-regular"))
            elif suffix not in MODALITY_OF_SUFFIX:
                self.refused.append((found, f"unsupported: {suffix} files are not read"))
            elif suffix == _SIDECAR and _stem(one.name) not in media:
                self.refused.append((found, LONE_SIDECAR))
            else:
                self.files.append(found)


_SIDECAR = f".{SIDECAR}"


def _take(
    sorter: _Sorter, entries: list[_Entry], found: Scan, known: Mapping[bytes, Listing]
) -> None:
    """Sort in what lies in a folder; one that looks as before need not be compared."""
    entries.sort()
    digest = _digest(entries)
    before = known.get(sorter.place)
    if before is not None and before.digest != digest:
        before = None
    if before is None or before.files != len(entries):
        sorter.take(entries)
    found.refused += sorter.refused
    found.ignored += sorter.ignored
    # A newer seehear may read more kinds of files than the one that saw the folder last.
    if before is not None and before.files in {len(entries), len(sorter.files)}:
        found.same[sorter.place] = before
    else:
        found.files += sorter.files
        found.looks[sorter.place] = digest


def _digest(entries: Sequence[_Entry]) -> bytes:
    """Digest of all that is seen of a folder, a part at a time: it may hold very many files."""
    seen = xxh3_128()
    for part in blocks(len(entries), _PART):
        # Later versions write the same values in several ways.
        seen.update(marshal.dumps(list(map(tuple, entries[part])), 2))
    return seen.digest()


def _look_at(path: Path, root: Path, found: Scan) -> None:
    """Sort one path in."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        found.unreadable.append((path, as_media_error(error).sentence))
        return
    sorter = _Sorter(root, str(path.parent))
    sorter.take([_entry(path.name, status)], _beside(path))
    found.files, found.refused, found.ignored = sorter.files, sorter.refused, sorter.ignored


def _beside(path: Path) -> list[str]:
    """Names in the folder of a path; none where it cannot be listed."""
    try:
        return os.listdir(path.parent)  # noqa: PTH208
    except OSError:
        return []


def _walk(folder: str, found: Scan) -> Iterator[tuple[str, list[_Entry]]]:
    """Folders with what lies in each."""
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            entries, folders, marks = _listed(here, found)
        except OSError as error:
            found.unreadable.append((Path(here), as_media_error(error).sentence))
            continue
        if marks < len(LIBRARY_MARKS):
            waiting += sorted(folders, reverse=True)
            yield here, entries


def _listed(here: str, found: Scan) -> tuple[list[_Entry], list[str], int]:
    """What lies in a folder, its folders, and how many marks of a library it has."""
    entries, folders, marks = list[_Entry](), list[str](), 0
    with os.scandir(here) as listed:
        for one in listed:
            name = one.name
            marks += name in LIBRARY_MARKS
            if name.startswith("."):
                continue
            try:
                if one.is_symlink():
                    continue
                if not one.is_dir(follow_symlinks=False):
                    entries.append(_entry(name, one.stat(follow_symlinks=False)))
                elif name not in IGNORED_FOLDERS:
                    folders.append(one.path)
            except FileNotFoundError:
                continue  # it went since the folder was listed
            except OSError as error:  # a folder may be listed and yet be closed
                found.unreadable.append((Path(one.path), as_media_error(error).sentence))
    return entries, folders, marks


def _entry(name: str, status: os.stat_result) -> _Entry:
    return _Entry(name, status.st_size, status.st_mtime_ns, status.st_ino, status.st_mode)


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]  # noqa: PTH122  (many names; a Path is slow to make)


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122


def _modality(name: str) -> Modality | None:
    return MODALITY_OF_SUFFIX.get(_suffix(name))


def _is_medium(name: str) -> bool:
    return _modality(name) not in {None, Modality.TEXT}

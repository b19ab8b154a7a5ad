"""Walking folders: which files there are, without opening any."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.media.files import as_media_error
from engine.media.formats import SIDECAR, is_unsupported_media, modality_of_suffix
from engine.store.records import Stamp
from engine.types import Modality

IGNORED_FOLDERS = frozenset({"@eaDir", "node_modules", "__MACOSX", "__pycache__"})
"""Left out by name, as are hidden ones: they hold what programs keep for themselves."""

LIBRARY_MARKS = frozenset({"catalogue.db", "writer.lock"})
"""A folder that holds both is a seehear library."""


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
        return modality_of_suffix(os.fsdecode(self.path)) is not Modality.TEXT


@dataclass(slots=True)
class Scan:
    """What a walk found.

    Attributes:
        files: candidates, in the order of their paths.
        refused: files of a kind that is known and not read, not regular, or sidecars of nothing,
            with the reason.
        ignored: files that are no media.
        unreadable: folders that could not be read, with the reason; nothing below them counts as
            gone.
    """

    files: list[FoundFile] = field(default_factory=list)
    refused: list[tuple[FoundFile, str]] = field(default_factory=list)
    ignored: list[Path] = field(default_factory=list)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)


def scan(root: Path, below: Path) -> Scan:
    """Walk a folder of a root, or look at one file of it.

    Hidden names are left out, symbolic links are not followed, a seehear library is not entered.
    """
    found = Scan()
    if below.is_dir():
        for entry in _walk(below, found):
            _look_at(entry.path, root, found)
    else:
        _look_at(str(below), root, found)
    found.files.sort(key=lambda one: one.path)
    _refuse_lone_sidecars(found, below)
    return found


def _refuse_lone_sidecars(found: Scan, below: Path) -> None:
    """Move sidecars without a medium beside them (x.jpg for x.xmp and x.jpg.xmp) to the refused."""
    sidecars = [one for one in found.files if _is_sidecar(one)]
    if not sidecars:
        return
    paths = [one.path for one in found.files]
    if sidecars[0].absolute == below:
        paths = [os.path.join(os.path.dirname(paths[0]), name) for name in _beside(below)]  # noqa: PTH118, PTH120
    described = {name for path in paths if _is_medium(path) for name in (path, _stem(path))}
    for one in sidecars:
        if _stem(one.path) not in described:
            found.files.remove(one)
            found.refused.append((one, LONE_SIDECAR))


def _stem(path: bytes) -> bytes:
    return os.path.splitext(path)[0]  # noqa: PTH122  (pathlib takes no bytes)


def _is_sidecar(one: FoundFile) -> bool:
    return one.path.lower().endswith(f".{SIDECAR}".encode())


def _is_medium(path: bytes) -> bool:
    return modality_of_suffix(os.fsdecode(path)) not in {None, Modality.TEXT}


def _beside(path: Path) -> list[bytes]:
    """Names in the folder of a path; none where it cannot be listed."""
    try:
        return os.listdir(os.fsencode(path.parent))  # noqa: PTH208  (bytes)
    except OSError:
        return []


def _look_at(path: str, root: Path, found: Scan) -> None:
    """Sort one path in; a folder may be listed and yet be closed, so this may fail for each."""
    try:
        _sort_in(path, os.lstat(path), root, found)
    except FileNotFoundError:
        return  # it went since the folder was listed
    except OSError as error:
        found.unreadable.append((Path(path), as_media_error(error).sentence))


def _walk(folder: Path, found: Scan) -> Iterator["os.DirEntry[str]"]:
    waiting = [str(folder)]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            found.unreadable.append((Path(here), as_media_error(error).sentence))
            continue
        if {entry.name for entry in listed} >= LIBRARY_MARKS:
            continue
        for entry in listed:
            if entry.name.startswith(".") or _is_link(entry):
                continue
            if not _is_folder(entry):
                yield entry
            elif entry.name not in IGNORED_FOLDERS:
                waiting.append(entry.path)


def _is_link(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_symlink()
    except OSError:
        return False


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _sort_in(path: str, status: os.stat_result, root: Path, found: Scan) -> None:
    relative = os.fsencode(os.path.relpath(path, root))
    one = FoundFile(root, relative, Stamp(status.st_size, status.st_mtime_ns, status.st_ino))
    name = Path(path)
    if modality_of_suffix(name) is None and not is_unsupported_media(name):
        found.ignored.append(name)
    elif not stat.S_ISREG(status.st_mode):
        found.refused.append((one, "not-regular"))
    elif modality_of_suffix(name) is None:
        found.refused.append((one, f"unsupported: {name.suffix.lower()} files are not read"))
    else:
        found.files.append(one)

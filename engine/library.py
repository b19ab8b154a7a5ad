"""The library on disk: open, recover, write, read, check."""

import errno
import fcntl
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.errors import (
    DiskFullError,
    EngineError,
    LibraryLockedError,
    LibraryMissingError,
    MediaError,
    ModelError,
    SpaceMismatchError,
    UsageError,
)
from engine.gallery import Gallery, GalleryKey, Opened, checked, open_gallery, publish_gallery
from engine.media.probe import probe
from engine.media.reasons import Reason
from engine.ports import Encoder
from engine.profile import DEFAULT, Profile
from engine.query import Query, Term
from engine.result import SearchResult
from engine.search import Scope, Searcher
from engine.store import snapshots
from engine.store.catalogue import CatalogueReader, Status
from engine.store.connect import open_reader
from engine.store.records import FileRecord, Found, Stamp
from engine.store.writer import CatalogueWriter
from engine.types import Modality, Space, Vectors

_CATALOGUE = "catalogue.db"
_SNAPSHOTS = "snapshots"
_LOCK = "writer.lock"
_README = """This folder is a seehear library. Do not edit the files in it.

catalogue.db   what was indexed; with catalogue.db-wal, if there is one, all that matters
snapshots/     made from the catalogue; may be deleted, `seehear rebuild` brings it back
"""

MOVING = "moving"
"""The setting that holds how far a move to another profile is (indexer.switch)."""

_MADE = "made:"
"""Begins the names of settings that say what computed the vectors of a space."""

_UNFINISHED = (
    "a change to profile {0} is under way or was interrupted (go on: seehear profile use {0})"
)

MAX_QUERY_PIECES = 48
"""Windows or passages of a query file that are used: four minutes of sound say what it is."""

MAX_HITS = 10_000

_VERIFY_TRIES = 3
"""A commit between two looks at the catalogue would pass for damage, so it is looked at again."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found: sentences about damage, empty when all is well, and what was checked."""

    findings: tuple[str, ...]
    vectors: int
    snapshots: int
    unreachable: tuple[Path, ...] = ()


class Library:
    """Indexed folders, ready to be searched; a context manager.

    Searching needs no lock. Writing happens inside `writing()`, by one process at a time.
    """

    def __init__(self, path: Path, catalogue: CatalogueReader, profile: Profile) -> None:
        self.path = path
        self.profile = profile
        self.remarks: list[str] = []
        """What a person should know of how it is read, such as a snapshot that is damaged."""
        self._catalogue = catalogue
        self._galleries: dict[str, Opened] = {}
        self._version = -1
        if moving := catalogue.setting(MOVING):
            name = json.loads(moving).get("profile", "NAME")
            self.remarks.append(_UNFINISHED.format(name))

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        create: bool = False,
        profile: str | None = None,
        any_encoders: bool = False,
    ) -> "Library":
        """Open the library in a folder.

        Args:
            path: the folder of the library; `~` is the home folder.
            create: make it when it is not there.
            profile: of a new library; an old one keeps its own.
            any_encoders: open it even when its vectors are of encoders that changed since; it
                cannot be searched then, but moved (indexer.switch).

        Raises:
            LibraryMissingError: there is none and `create` is false.
            UsageError: the library was made with another profile.
            LibraryDamagedError, LibraryVersionError: the catalogue cannot be read.
        """
        folder = Path(path).expanduser().absolute()
        file = folder / _CATALOGUE
        if not _is_there(file):
            if not create:
                raise LibraryMissingError(folder)
            _create(folder, profile or DEFAULT)
        catalogue = CatalogueReader(file, open_reader(file))
        catalogue.check_format()
        stored = catalogue.setting("profile") or DEFAULT
        if profile is not None and profile != stored:
            catalogue.close()
            Profile.load(profile)  # an unknown name is told as such
            raise UsageError(
                f"The library {folder} was made with profile '{stored}', not '{profile}'.",
                hint=f"To change it: seehear profile use {profile}",
            )
        known = _profile(stored, missing_ok=any_encoders)
        if not any_encoders:
            _check_spaces(catalogue.spaces(), known)
        return cls(folder, catalogue, known)

    def close(self) -> None:
        """Close the catalogue; the library cannot be used afterwards."""
        self._catalogue.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # --- reading ---------------------------------------------------------------------------

    def search(
        self,
        query: str | Query,
        *,
        modalities: Collection[str] | None = None,
        under: Sequence[str | Path] = (),
        k: int = 10,
    ) -> SearchResult:
        """Find files by words, by a picture, by a sound, or by several of these at once.

        Args:
            query: words, or a `Query`.
            modalities: of the files to find, for example {"image"}; None for all.
            under: only files below these folders.
            k: how many hits at most, 1 to 10,000.
        """
        self._refresh()
        asked = Query(text=query) if isinstance(query, str) else query
        return self._search(asked, Scope(self._wanted(modalities), _absolute(under)), k)

    def similar(
        self,
        path: str | Path,
        *,
        modalities: Collection[str] | None = None,
        under: Sequence[str | Path] = (),
        k: int = 10,
    ) -> SearchResult:
        """Find files like this one, which is left out itself.

        Args:
            path: any picture, sound or text; it need not be indexed.
            modalities: of the files to find; None for the modality of the file itself.
            under: only files below these folders.
            k: how many hits at most, 1 to 10,000.
        """
        self._refresh()
        (file,) = _absolute([path])
        modality, own = self._identify(file)
        wanted = self._wanted(modalities) if modalities else frozenset({modality})
        query = query_of(modality, file)
        return self._search(query, Scope(wanted, _absolute(under), own), k)

    def _search(self, query: Query, scope: Scope, k: int) -> SearchResult:
        if not 1 <= k <= MAX_HITS:
            raise UsageError(f"k must be from 1 to {MAX_HITS:,}, not {k}.")
        return Searcher(self.profile, self).search(query, scope, k)

    def status(self) -> Status:
        """Counts of everything, and the files that could not be indexed."""
        return self._catalogue.status()

    def verify(self) -> Verdict:
        """Check the catalogue, every vector's checksum, and every snapshot against it.

        LibraryLockedError when another process keeps committing meanwhile.
        """
        for _ in range(_VERIFY_TRIES):
            seq = self._catalogue.seq()
            verdict = self._verified()
            if self._catalogue.seq() == seq:
                return verdict
        raise LibraryLockedError(self.path, None)

    def _verified(self) -> Verdict:
        catalogue = self._catalogue
        catalogue.quick_check()
        findings = catalogue.inconsistencies()
        vectors = 0
        for key in self.profile.galleries:
            native = catalogue.vectors_since(key.native, key.modality, 0)
            vectors += len(native) if key.bridge is None else 0
            opened = open_gallery(catalogue, self._snapshots, key)
            findings += checked(opened, native.ids)
        unreachable = tuple(root for root in catalogue.roots() if not root.is_dir())
        return Verdict(tuple(findings), vectors, len(catalogue.snapshots()), unreachable)

    # --- what search needs (the Shelves protocol) --------------------------------------------

    def gallery(self, key: GalleryKey) -> Gallery:
        """The gallery of that key, up to date with what other processes committed."""
        self._refresh()
        if key.name not in self._galleries:
            opened = open_gallery(self._catalogue, self._snapshots, key)
            self._galleries[key.name] = opened
            self.remarks += [one for one in opened.remarks if one not in self.remarks]
        return self._galleries[key.name].gallery

    def _refresh(self) -> None:
        """Forget what another process may have changed since: galleries, and the profile."""
        version = self._catalogue.data_version()
        if version == self._version:
            return
        self._galleries.clear()
        self._follow()
        self._version = version

    def _follow(self) -> None:
        """Use the profile that another process moved the library to, or encoded anew."""
        name = self._catalogue.setting("profile") or DEFAULT
        stored = self._catalogue.spaces()
        changed = any(stored.get(n, one) != one for n, one in self.profile.spaces.items())
        if name != self.profile.name or changed:
            self.profile = Profile.load(name)

    def resolve(self, vector_ids: Sequence[int]) -> list[Found]:
        """Where vectors lead."""
        return self._catalogue.resolve(vector_ids)

    def embed(self, term: Term, encoder: Encoder) -> Vectors:
        """The rows of a term (n, dim): stored ones for an unchanged indexed file, else encoded."""
        if isinstance(term.payload, str):
            return encoder.encode([encoder.prepare(term.payload)])
        stored = self._stored(term.payload, encoder)
        if stored is not None:
            return stored
        with _naming(term.payload):
            return _encode_file(term.payload, encoder, term.modality)

    def _stored(self, path: Path, encoder: Encoder) -> Vectors | None:
        record = self._catalogue.file_at(_absolute([path])[0])
        if record is None or record.digest is None or record.stamp != stamp_of(path):
            return None
        rows = self._catalogue.vectors_of(record.digest, encoder.space).vectors
        return rows[:MAX_QUERY_PIECES] if len(rows) else None

    # --- writing -----------------------------------------------------------------------------

    @contextmanager
    def writing(self, *, adopt: bool = True) -> Iterator[CatalogueWriter]:
        """The catalogue for writing; LibraryLockedError while another process writes.

        Args:
            adopt: make the profile's spaces known.
        """
        with _locked(self.path):
            writer = CatalogueWriter.open(self.path / _CATALOGUE)
            try:
                snapshots.sweep(self._snapshots, (r.name for r in writer.snapshots()))
                if adopt:
                    self._follow()
                for space in self.profile.spaces.values() if adopt else ():
                    writer.adopt_space(space)
                yield writer
            finally:
                # Our own reader stays open, so SQLite does not fold the log in by itself.
                with suppress(EngineError):
                    writer.checkpoint()
                writer.close()

    def publish(self, writer: CatalogueWriter, profile: Profile | None = None) -> int:
        """Write fresh snapshots where they are behind; returns how many were written."""
        keys = (profile or self.profile).galleries
        return sum(publish_gallery(writer, self._snapshots, key) for key in keys)

    def record_makers(self, writer: CatalogueWriter, encoders: Iterable[Encoder]) -> None:
        """Write down what computed the vectors: which engine, where, in which precision.

        It does not change what a space is; whoever compares libraries may want to know.
        """
        for one in encoders:
            writer.set_setting(f"{_MADE}{one.space.name}:{one.modality}", one.describe())

    def makers(self) -> dict[str, str]:
        """What `record_makers` wrote, by ``space:modality``."""
        return self._catalogue.settings(_MADE)

    def rebuild(self) -> int:
        """Throw away everything derived and make it again from the catalogue."""
        with self.writing() as writer:
            writer.quick_check()
            old = [record.name for record in writer.snapshots()]
            writer.drop_snapshots()
            snapshots.discard(self._snapshots, old)
            return self.publish(writer)

    def forget(self, path: str | Path) -> int:
        """Forget a root, or the files below a folder, or one file; the files stay on disk.

        Returns:
            how many files were forgotten.
        """
        (gone,) = _absolute([path])
        with self.writing(adopt=False) as writer:
            roots = [r for r in writer.roots() if r.is_relative_to(gone) or gone.is_relative_to(r)]
            records = [f for r in roots for f in writer.files(r) if _is_below(f, gone)]
            if not records and gone not in roots:
                raise UsageError(f"Nothing indexed is at {gone}.", hint="See: seehear status")
            writer.write([], [], records)
            for root in roots:
                if root.is_relative_to(gone):
                    writer.forget_root(root)
            with suppress(ModelError):  # tombstones hide what is gone, until models are back
                self.publish(writer)
        return len(records)

    @property
    def _snapshots(self) -> Path:
        return self.path / _SNAPSHOTS

    def _wanted(self, modalities: Collection[str] | None) -> frozenset[Modality]:
        if modalities is None:
            return self.profile.modalities
        if isinstance(modalities, str):
            modalities = {modalities}
        try:
            return frozenset(Modality(one) for one in modalities)
        except ValueError as error:
            known = ", ".join(Modality)
            raise UsageError(f"{error}.", hint=f"Known: {known}.") from error

    def _identify(self, file: Path) -> tuple[Modality, frozenset[int]]:
        """What a file is, and the content it has in the catalogue if it is indexed."""
        modality = modality_of(file)
        record = self._catalogue.file_at(file)
        own = None
        if record is not None and record.digest is not None:
            own = self._catalogue.content_at(record.digest)
        return modality, frozenset() if own is None else frozenset({own})


def _profile(name: str, *, missing_ok: bool) -> Profile:
    try:
        return Profile.load(name)
    except UsageError:
        if missing_ok:
            return Profile(name, "a profile that is not in the registry any more", (), ())
        raise


def modality_of(path: Path) -> Modality:
    """What a file to search with is; UsageError naming it when it cannot be searched with."""
    with _naming(path):
        return probe(_resolved(path)).modality


def _resolved(path: Path) -> Path:
    """Where links lead; unlike pathlib's own, it takes a loop for a file that is not there."""
    return Path(os.path.realpath(path))


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the file that a query cannot be made of, and say what to do."""
    try:
        yield
    except MediaError as error:
        if error.reason == Reason.VANISHED:
            raise UsageError(f"There is no file {path}.", hint="Check the spelling.") from error
        raise UsageError(
            f"{path} cannot be searched with ({error.sentence}).",
            hint="Give a picture, a sound, a video or a text that opens elsewhere.",
        ) from error


def _check_spaces(stored: Mapping[str, Space], profile: Profile) -> None:
    """Raise SpaceMismatchError when an encoder is no longer the one that made the vectors."""
    for space in profile.spaces.values():
        if stored.get(space.name, space) != space:
            made = stored[space.name].fingerprint
            raise SpaceMismatchError(space.name, made, space.fingerprint, profile.name)


def query_of(modality: Modality, file: Path) -> Query:
    """The query that a file of a modality makes."""
    match modality:
        case Modality.IMAGE:
            return Query(image=file)
        case Modality.AUDIO:
            return Query(audio=file)
        case Modality.TEXT:
            return Query(text_file=file)
        case Modality.VIDEO:
            return Query(video=file)


def stamp_of(path: Path) -> Stamp | None:
    """Size, time and inode of a file; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return Stamp(found.st_size, found.st_mtime_ns, found.st_ino)


def _encode_file(path: Path, encoder: Encoder, asked: Modality) -> Vectors:
    from engine.media.pieces import pieces  # decoders, which a search by words needs not

    resolved = _resolved(path)
    kind = probe(resolved)
    if kind.modality is not asked:
        raise UsageError(f"{path} is {kind.modality}, not {asked}.")
    prepared = []
    for piece in pieces(resolved, kind.format, encoder.rule):
        prepared.append(encoder.prepare(piece.payload))
        if len(prepared) == MAX_QUERY_PIECES:
            break
    return encoder.encode(prepared)


def _create(folder: Path, profile: str) -> None:
    Profile.load(profile)  # an unknown name must not leave a folder behind
    with _written(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(folder):
        if (folder / _CATALOGUE).exists():  # another process was first
            return
        with _written(folder):
            _create_catalogue(folder, profile)
            (folder / "README.txt").write_text(_README, encoding="utf-8")


def _create_catalogue(folder: Path, profile: str) -> None:
    """Make the catalogue under another name: an interrupted attempt leaves none behind."""
    unfinished = folder / f"{_CATALOGUE}.new"
    for left in folder.glob(f"{unfinished.name}*"):
        left.unlink()
    writer = CatalogueWriter.open(unfinished)
    try:
        writer.set_setting("profile", profile)
    finally:
        writer.close()
    unfinished.rename(folder / _CATALOGUE)
    snapshots.sync_folder(folder)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the library's lock; the file keeps the process id of who has it."""
    with _written(folder):
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with _written(folder):
            _take_lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _take_lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        pid = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
        raise LibraryLockedError(folder, int(pid) if pid.isdigit() else None) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


@contextmanager
def _written(folder: Path) -> Iterator[None]:
    """Say in a sentence why the folder of a library cannot be written."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFullError(folder) from error
        raise EngineError(
            f"The library folder {folder} cannot be written: {error.strerror}.",
            hint="Choose another with --library PATH.",
        ) from error


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError as error:
        raise EngineError(
            f"The library folder {file.parent} cannot be read: {error.strerror}.",
            hint="Choose another with --library PATH.",
        ) from error


def _absolute(folders: Sequence[str | Path]) -> tuple[Path, ...]:
    return tuple(Path(os.path.abspath(Path(one).expanduser())) for one in folders)  # noqa: PTH100


def _is_below(record: FileRecord, folder: Path) -> bool:
    return (record.root / os.fsdecode(record.path)).is_relative_to(folder)

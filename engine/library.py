"""The library on disk: open, recover, write, read, check."""

import json
import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypedDict, Unpack

import numpy as np

from engine.errors import (
    DiskError,
    DiskFullError,
    EngineError,
    LibraryDamagedError,
    LibraryLockedError,
    LibraryMissingError,
    ModelError,
    SpaceMismatchError,
    UsageError,
)
from engine.gallery import checked, open_gallery, publish_gallery
from engine.grammar import parse
from engine.log import log
from engine.ports import Encoder
from engine.profile import DEFAULT, Profile
from engine.query import Field, Filter, Query, Term
from engine.rank.steps import Steps
from engine.recordings import damage, publish_recordings
from engine.result import SearchResult
from engine.search import Listing, Plain, Scope, Searcher, Shelf
from engine.search.example import absolute, modality_of
from engine.search.shelf import TAUGHT
from engine.store import mark, seal, snapshots
from engine.store.catalogue import CatalogueReader
from engine.store.checks import Status
from engine.store.condition import Condition, condition
from engine.store.connect import open_reader
from engine.store.disks import require_local
from engine.store.folder import ANYWHERE, CATALOGUE, is_there, locked, require_new, written
from engine.store.folder import create as create_folder
from engine.store.reading import Reread, reread
from engine.store.records import Content, FileRecord
from engine.types import Ids, Modality, Space

if TYPE_CHECKING:
    from engine.collect import items as collect
    from engine.collect.clusters import Cluster
    from engine.collect.dupes import Dupes
    from engine.collect.labels import Labelled
    from engine.store.writer import CatalogueWriter

MOVING = "moving"
"""The setting that holds how far a move to another profile is (indexer.switch)."""

_MADE = "made:"
"""Begins the names of settings that say what computed the vectors of a space."""

_UNFINISHED = (
    "a change to profile {0} is under way or was interrupted (go on: seehear profile use {0})"
)

_LOST = (
    "{} acknowledged commits cannot be read: the catalogue's log was cut, damaged or left behind "
    "(seehear index brings back what they held)"
)
_ACCEPTED = (
    "bytes of the catalogue are not as they were written, and were taken as they are: names, words "
    "and facts of files may be wrong from now on (a backup is better: seehear restore BACKUP)"
)
_NO_ROOM = (
    "the disk has too little room for snapshots: everything is found without them, only slower "
    "(free some space, then: seehear rebuild)"
)

MAX_HITS = 10_000

_VERIFY_TRIES = 3
"""A commit between two looks at the catalogue would pass for damage, so it is looked at again."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found.

    Attributes:
        findings: sentences about damage of the library, empty when all is well.
        vectors: how many were checked.
        snapshots: likewise.
        unreachable: indexed folders that are not there now.
        sealed: whether every byte of the catalogue was compared with its checksum; it has none
            while it is written, and from an interrupted run until the next that ends.
        media: what reading the files again brought, if that was asked for.
    """

    findings: tuple[str, ...]
    vectors: int
    snapshots: int
    unreachable: tuple[Path, ...] = ()
    sealed: bool = False
    media: Reread | None = None


class How(TypedDict, total=False):
    """The fields of `Listing`, as arguments by name."""

    k: int
    least: float
    balance: bool
    moments: bool
    steps: Steps


class Library(Shelf):
    """Indexed folders, ready to be searched; a context manager.

    Searching needs no lock. Writing happens inside `writing()`, by one process at a time.
    """

    def __init__(
        self,
        path: Path,
        catalogue: CatalogueReader,
        profile: Profile,
        look: seal.Look,
    ) -> None:
        marked = mark.read(path / CATALOGUE)  # before the catalogue is asked: it may go on
        self._look = look
        super().__init__(path, catalogue, profile)
        if (lost := marked - catalogue.seq()) > 0:
            self.remarks.append(_LOST.format(lost))
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
        anywhere: bool = False,
    ) -> "Library":
        """Open the library in a folder.

        Args:
            path: the folder of the library; `~` is the home folder.
            create: make it when it is not there.
            profile: of a new library; an old one keeps its own.
            any_encoders: open it even when its vectors are of encoders that changed since; it
                cannot be searched then, but moved (indexer.switch).
            anywhere: let it lie on a network file system, from now on.

        Raises:
            LibraryMissingError: there is none and `create` is false.
            UsageError: the library was made with another profile.
            LibraryDamagedError, LibraryVersionError: the catalogue cannot be read.
        """
        folder = Path(path).expanduser().absolute()
        file = folder / CATALOGUE
        there = is_there(file)
        if not there and not create:
            raise LibraryMissingError(folder)
        if not anywhere and not (folder / ANYWHERE).exists():
            require_local(folder)
        if not there:
            require_new(folder)
            Profile.load(profile or DEFAULT)  # an unknown name must not leave a folder behind
            create_folder(folder, profile or DEFAULT)
        if anywhere:
            (folder / ANYWHERE).touch()
        catalogue = CatalogueReader(file, open_reader(file))
        look = None
        try:
            catalogue.check_format()
            look = seal.Look(file)
            with look.blaming():
                known = _known(folder, catalogue, profile, any_encoders=any_encoders)
                return cls(folder, catalogue, known, look)
        except BaseException:
            catalogue.close()
            if look is not None:
                look.close()
            raise

    def close(self) -> None:
        """Close the catalogue; the library cannot be used afterwards."""
        self._catalogue.close()
        self._look.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if isinstance(error, Exception):
                self._look.end()  # where that is damaged, it is to blame
        finally:
            self.close()

    # --- reading ---------------------------------------------------------------------------

    def search(
        self,
        query: str | Query,
        *,
        modalities: Collection[str] | None = None,
        under: Sequence[str | Path] = (),
        listing: Listing | None = None,
        captions: bool = True,
        **how: Unpack[How],
    ) -> SearchResult:
        """Find files by words, by a picture, by a sound, or by several of these at once.

        Args:
            query: words and filters as people type them (engine.grammar), or a `Query`.
            modalities: of the files to find, for example {"image"}; None for all.
            under: only files below these folders.
            listing: how the list is made; its fields may also be given by name: k (hits at most),
                least (relevance from which on a file is a hit; 0 for all), balance, moments, steps.
            captions: also find media by captions, subtitles and sidecars beside them.
            how: fields of `listing`.
        """
        self._refresh()
        asked = parse(query) if isinstance(query, str) else query
        admitted = self._admitted(asked, under)
        own = self._contents_of(term for term in asked.terms if term.known)
        scope = Scope(self._wanted(modalities), own, admitted, captions=captions)
        return self._search(asked, scope, replace(listing or Listing(), **how))

    def similar(
        self,
        path: str | Path | Query,
        *,
        modalities: Collection[str] | None = None,
        under: Sequence[str | Path] = (),
        listing: Listing | None = None,
        **how: Unpack[How],
    ) -> SearchResult:
        """Find files like this one, or like those of a query, which are left out themselves.

        There is always a nearest, so nothing is held back unless `least` says so.

        Args:
            path: any picture, sound or text; it need not be indexed.
            modalities: of the files to find; None for the modality of the file itself.
            under: only files below these folders.
            listing: how the list is made.
            how: fields of `listing`.
        """
        self._refresh()
        if not isinstance(path, Query):
            (file,) = absolute([path])
            path = Query(more=(Term(modality_of(file), file),))
        kinds = {term.modality for term in path.terms if isinstance(term.payload, Path)}
        wanted = self._wanted(modalities) if modalities else frozenset(kinds)
        scope = Scope(wanted, self._contents_of(path.terms), self._admitted(path, under))
        return self._search(path, scope, replace(listing or Listing(least=0.0), **how))

    def _contents_of(self, terms: Iterable[Term]) -> frozenset[int]:
        """The contents of those files of some terms that are indexed."""
        files = [term.payload for term in terms if isinstance(term.payload, Path)]
        return frozenset[int]().union(*(self._identify(file) for file in absolute(files)))

    def _search(self, query: Query, scope: Scope, listing: Listing) -> SearchResult:
        if not 1 <= listing.k <= MAX_HITS:
            raise UsageError(f"k must be from 1 to {MAX_HITS:,}, not {listing.k}.")
        searcher = Searcher(self.profile, self)
        result = self._without_damage(lambda: searcher.search(query, scope, listing))
        self._look.end()
        return result

    def _admitted(self, query: Query, under: Sequence[str | Path]) -> Ids | None:
        """The files that a query's filters and folders let through; None for all."""
        below = tuple(str(folder) for folder in absolute(under))
        filters = query.filters + ((Filter(Field.UNDER, below),) if below else ())
        return self._catalogue.admitted(filters) if filters else None

    def path_of_id(self, name: str) -> tuple[Path, Modality]:
        """A file of the content that a hit's id names: `#a1b2c3d`, or more digits of its digest.

        UsageError when there is none, or more than one content.
        """
        digits = name.removeprefix("#").lower()
        found = self._catalogue.files_with_id(digits)
        if not found:
            raise UsageError(f"Nothing indexed has the id #{digits}.", hint="Search again for it.")
        return found[0]

    def dupes(
        self,
        *,
        modalities: Collection[str] | None = None,
        under: Sequence[str | Path] = (),
        exact: bool = False,
        similar: bool = False,
        saw: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> "Dupes":
        """Groups of files with the same bytes, picture or recording (engine.collect.dupes).

        Args:
            modalities: of the files; None for all.
            under: only files below these folders.
            exact: only files with the same bytes; nothing is decoded.
            similar: groups of similar files too, which are no duplicates.
            saw: told of progress: pairs compared, of how many.
        """
        from engine.collect.dupes import find_dupes

        place = self.place(modalities, under)
        return find_dupes(
            self._catalogue, self.profile, place, exact=exact, similar=similar, saw=saw
        )

    def tag(
        self,
        labels: Sequence[str],
        *,
        modalities: Collection[str] | None = None,
        under: Sequence[str | Path] = (),
        top: int | None = None,
        least: float = 0.5,
    ) -> "tuple[Labelled, ...]":
        """Every file with those of the labels that fit it (engine.collect.labels).

        Args:
            labels: words to choose from, at most 1,000.
            modalities: of the files; None for all.
            under: only files below these folders.
            top: at most so many labels for a file.
            least: no label whose chance is smaller.
        """
        from engine.collect.labels import label_files

        place = self.place(modalities, under)
        return self._without_damage(
            lambda: label_files(self.profile, self, place, labels, top=top, least=least)
        )

    def clusters(
        self,
        *,
        modalities: Collection[str] | None = None,
        under: Sequence[str | Path] = (),
        count: int | None = None,
    ) -> "tuple[Cluster, ...]":
        """The files in groups of like things, with names (engine.collect.clusters).

        Args:
            modalities: of the files; None for all.
            under: only files below these folders.
            count: how many groups in each space; None to choose by the files.
        """
        from engine.collect.clusters import find_clusters

        place = self.place(modalities, under)
        return self._without_damage(lambda: find_clusters(self.profile, self, place, count))

    def label_counts(self) -> dict[str, int]:
        """Of how many contents each classifier said something, by its name."""
        return self._catalogue.label_counts()

    def place(
        self, modalities: Collection[str] | None, under: Sequence[str | Path]
    ) -> "collect.Scope":
        """Which files are meant by kinds and folders; UsageError for a kind that is none."""
        from engine.collect.items import Scope as Place

        self._refresh()
        self._look.end()
        return Place(self._wanted(modalities), absolute(under))

    def status(self) -> Status:
        """Counts of everything, and the files that could not be indexed."""
        self._look.end()
        return self._catalogue.status()

    def condition(self) -> Condition:
        """How it lies on disk: sizes, ages, format, whether it was closed well, who writes it."""
        self._look.end()
        return condition(self.path, self._catalogue, sealed=self._look.is_sealed)

    def verify(self, *, read_data: bool = False) -> Verdict:
        """Check the catalogue, every vector's checksum, and every snapshot against it.

        LibraryLockedError when another process keeps committing meanwhile.

        Args:
            read_data: read all indexed files again too, and look deeper into the catalogue.
        """
        for _ in range(_VERIFY_TRIES):
            seq = self._catalogue.seq()
            verdict = self._verified(deeply=read_data)
            if self._catalogue.seq() == seq:
                media = reread(self._catalogue) if read_data else None
                return replace(verdict, media=media)
        raise LibraryLockedError(self.path, None)

    def _verified(self, *, deeply: bool) -> Verdict:
        catalogue = self._catalogue
        with closing(seal.Look(catalogue.path)) as look:
            look.end()
        catalogue.check_structure(deeply=deeply)
        findings = catalogue.inconsistencies()
        if (lost := mark.read(catalogue.path) - catalogue.seq()) > 0:
            findings.append(_LOST.format(lost))
        vectors = 0
        for key in self.profile.galleries:
            stored = catalogue.stored(key.native, key.modality).blocks()
            living = np.concatenate([np.empty(0, np.int64), *(part.ids for part in stored)])
            vectors += len(living) if key.bridge is None else 0
            opened = open_gallery(catalogue, self._snapshots, key, unread=())
            findings += checked(opened, living)
        catalogue.peaks_since(0)  # which fails for a damaged row
        findings += damage(catalogue, self._snapshots)
        unreachable = tuple(root for root in catalogue.roots() if not root.is_dir())
        snapshots_ = len(catalogue.snapshots())
        return Verdict(tuple(findings), vectors, snapshots_, unreachable, look.is_sealed)

    def contents(
        self, modalities: Collection[str] | None = None, under: Sequence[str | Path] = ()
    ) -> list[Content]:
        """What can be found: contents of these modalities with a file below one of the folders."""
        self._refresh()
        self._look.end()
        folders = absolute(under)
        return [
            one
            for one in self._catalogue.contents_after(0, self._wanted(modalities))
            if not folders or any(_is_below(f, u) for f in one.files for u in folders)
        ]

    def exact(self) -> "Library":
        """The same library without shortcuts, to compare with; it needs no closing of its own.

        Its galleries are made from the catalogue, not from snapshots, and every row is looked at.
        """
        twin = Library(self.path, self._catalogue, self.untaught, self._look)
        twin._shortcuts = False
        return twin

    # --- writing -----------------------------------------------------------------------------

    @contextmanager
    def writing(self, *, adopt: bool = True, sealed: bool = True) -> Iterator["CatalogueWriter"]:
        """The catalogue for writing; LibraryLockedError while another process writes.

        Args:
            adopt: make the profile's spaces known.
            sealed: refuse a catalogue that is not as it was sealed.
        """
        from engine.store.logfile import kept  # which readers, who are to be quick, do not need

        with locked(self.path), kept(self.path, self.remarks), self._logged():
            if sealed:
                self._look.end()
            with self._unsealed() as writer:
                snapshots.sweep(self._snapshots, (r.name for r in writer.snapshots()))
                if adopt:
                    self._follow()
                for space in self.profile.spaces.values() if adopt else ():
                    writer.adopt_space(space)
                yield writer

    @contextmanager
    def _logged(self) -> Iterator[None]:
        """Log that the library is written, and how that ends."""
        log.info("writing begins, SQLite %s", sqlite3.sqlite_version)
        try:
            yield
        except Exception as error:
            log.exception("writing failed, exit code %d", getattr(error, "exit_code", 4))
            raise
        except BaseException as stop:
            log.warning("writing was stopped, exit code %s", getattr(stop, "exit_code", 130))
            raise
        else:
            log.info("writing ends")
        finally:
            for remark in tuple(self.remarks):  # a log that fails adds one
                log.warning("note: %s", remark)

    @contextmanager
    def _unsealed(self) -> Iterator["CatalogueWriter"]:
        """The catalogue without its seal, which it gets back when the log is folded in."""
        from engine.store.writer import CatalogueWriter  # with SQLAlchemy: readers do without

        file = self.path / CATALOGUE
        with written(self.path):
            seal.take_off(file)
        with mark.marking(file) as marking, closing(CatalogueWriter.open(file)) as writer:
            writer.acknowledge = marking
            try:
                yield writer
            except DiskError:
                raise  # what could not be synced must not be folded in as if it had been
            except BaseException:
                # A stop may have left our own reader in the midst of something, for ever.
                self._put_away(writer, patient=False)
                raise
            self._put_away(writer)

    def _put_away(self, writer: "CatalogueWriter", *, patient: bool = True) -> None:
        """Fold the log in and seal the catalogue; what has no room for that waits, unsealed."""
        # Our own reader stays open, so SQLite does not fold the log in by itself.
        try:
            writer.checkpoint(patient=patient)
            seal.put(writer.path)
        except DiskError:
            raise
        except (EngineError, OSError) as error:
            log.warning("the catalogue stays unsealed: %s", error)

    def publish(self, writer: "CatalogueWriter", profile: Profile | None = None) -> int:
        """Write fresh snapshots where they are behind or gone; returns how many were written.

        Where there is no room for them, `remarks` says so: they only make searches faster.
        """
        keys = (profile or self.profile).galleries
        lost = {r.gallery for r in writer.snapshots() if not snapshots.is_there(self._snapshots, r)}
        if lost:
            snapshots.discard(self._snapshots, writer.drop_snapshots(lost))
        self._refresh()
        tuner = Plain(profile or self.profile, self)
        count = 0
        try:
            for key in keys:
                write = partial(publish_gallery, writer, self._snapshots, key, tuner)
                count += self._without_damage(write)
            count += publish_recordings(writer, self._snapshots)
        except DiskFullError:
            self.remarks.append(_NO_ROOM)
        return count

    def follow(
        self, writer: "CatalogueWriter", profile: Profile, settings: Mapping[str, str]
    ) -> None:
        """Derive what a profile needs, then write down the settings by which searches follow.

        What only the profile used so far has, of the spaces that the library was taught, goes.
        """
        taught = {one.name for one in self.profile.galleries if one.space.name.startswith(TAUGHT)}
        self.publish(writer, profile)
        writer.set_settings(settings)
        gone = taught - {one.name for one in profile.galleries}
        snapshots.discard(self._snapshots, writer.drop_snapshots(gone))
        self._refresh()

    def record_makers(self, writer: "CatalogueWriter", encoders: Iterable[Encoder]) -> None:
        """Write down what computed the vectors: which engine, where, in which precision.

        It does not change what a space is; whoever compares libraries may want to know.
        """
        for one in encoders:
            writer.set_setting(f"{_MADE}{one.space.name}:{one.modality}", one.describe())

    def makers(self) -> dict[str, str]:
        """What `record_makers` wrote, by ``space:modality``."""
        return self._catalogue.settings(_MADE)

    def back_up(self, target: str | Path) -> int:
        """Copy what cannot be made again to a new folder (engine.backup); returns its bytes."""
        from engine.backup import back_up

        self._look.end()
        (place,) = absolute([target])
        return back_up(self.path, place)

    def rebuild(self) -> int:
        """Throw away everything derived and make it again from the catalogue.

        A catalogue that is not as it was sealed is taken as it is, if SQLite finds no damage;
        a remark tells of it.
        """
        with suppress(LibraryDamagedError):
            self._look.end()  # before the seal goes, without which nothing differs
        with self.writing(sealed=False) as writer:
            writer.check_structure(deeply=True)
            if self._look.accept():
                self.remarks.append(_ACCEPTED)
            writer.rebuild_derived()
            snapshots.discard(self._snapshots, writer.drop_snapshots())
            count = self.publish(writer)
        self._tell_unheard()
        return count

    def forget(self, path: str | Path) -> int:
        """Forget a root, or the files below a folder, or one file; the files stay on disk.

        Returns:
            how many files were forgotten.
        """
        (gone,) = absolute([path])
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


def _known(
    folder: Path, catalogue: CatalogueReader, asked: str | None, *, any_encoders: bool
) -> Profile:
    """The profile that a library was made with; it must be the one asked for, if one is."""
    stored = catalogue.setting("profile") or DEFAULT
    if asked is not None and asked != stored:
        Profile.load(asked)  # an unknown name is told as such
        raise UsageError(
            f"The library {folder} was made with profile '{stored}', not '{asked}'.",
            hint=f"To change it: seehear profile use {asked}",
        )
    known = _profile(stored, missing_ok=any_encoders)
    if not any_encoders:
        _check_spaces(catalogue.spaces(), known)
    return known


def _profile(name: str, *, missing_ok: bool) -> Profile:
    try:
        return Profile.load(name)
    except UsageError:
        if missing_ok:
            return Profile(name, "a profile that is not in the registry any more", (), ())
        raise


def _check_spaces(stored: Mapping[str, Space], profile: Profile) -> None:
    """Raise SpaceMismatchError when an encoder is no longer the one that made the vectors."""
    for space in profile.spaces.values():
        if stored.get(space.name, space) != space:
            made = stored[space.name].fingerprint
            raise SpaceMismatchError(space.name, made, space.fingerprint, profile.name)


def _is_below(record: FileRecord, folder: Path) -> bool:
    return (record.root / os.fsdecode(record.path)).is_relative_to(folder)

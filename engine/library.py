"""The library on disk: open, recover, write, read, check."""

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypedDict, Unpack

from engine.errors import (
    EngineError,
    LibraryLockedError,
    LibraryMissingError,
    ModelError,
    SpaceMismatchError,
    UsageError,
)
from engine.gallery import checked, open_gallery, publish_gallery
from engine.grammar import parse
from engine.ports import Encoder
from engine.profile import DEFAULT, Profile
from engine.query import Field, Filter, Query, Term
from engine.rank.steps import Steps
from engine.recordings import damage, publish_recordings
from engine.result import SearchResult
from engine.search import Listing, Plain, Scope, Searcher, Shelf
from engine.search.example import absolute, modality_of
from engine.search.shelf import TAUGHT
from engine.store import snapshots
from engine.store.catalogue import CatalogueReader
from engine.store.checks import Status
from engine.store.connect import open_reader
from engine.store.folder import CATALOGUE, is_there, locked
from engine.store.folder import create as create_folder
from engine.store.records import Content, FileRecord
from engine.store.writer import CatalogueWriter
from engine.types import Ids, Modality, Space

if TYPE_CHECKING:
    from engine.collect import items as collect
    from engine.collect.clusters import Cluster
    from engine.collect.dupes import Dupes
    from engine.collect.labels import Labelled

MOVING = "moving"
"""The setting that holds how far a move to another profile is (indexer.switch)."""

_MADE = "made:"
"""Begins the names of settings that say what computed the vectors of a space."""

_UNFINISHED = (
    "a change to profile {0} is under way or was interrupted (go on: seehear profile use {0})"
)

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

    def __init__(self, path: Path, catalogue: CatalogueReader, profile: Profile) -> None:
        super().__init__(path, catalogue, profile)
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
        file = folder / CATALOGUE
        if not is_there(file):
            if not create:
                raise LibraryMissingError(folder)
            Profile.load(profile or DEFAULT)  # an unknown name must not leave a folder behind
            create_folder(folder, profile or DEFAULT)
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
        return Searcher(self.profile, self).search(query, scope, listing)

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
        return label_files(self.profile, self, place, labels, top=top, least=least)

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

        return find_clusters(self.profile, self, self.place(modalities, under), count)

    def label_counts(self) -> dict[str, int]:
        """Of how many contents each classifier said something, by its name."""
        return self._catalogue.label_counts()

    def place(
        self, modalities: Collection[str] | None, under: Sequence[str | Path]
    ) -> "collect.Scope":
        """Which files are meant by kinds and folders; UsageError for a kind that is none."""
        from engine.collect.items import Scope as Place

        self._refresh()
        return Place(self._wanted(modalities), absolute(under))

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
        catalogue.peaks_since(0)  # which fails for a damaged row
        findings += damage(catalogue, self._snapshots)
        unreachable = tuple(root for root in catalogue.roots() if not root.is_dir())
        return Verdict(tuple(findings), vectors, len(catalogue.snapshots()), unreachable)

    def contents(
        self, modalities: Collection[str] | None = None, under: Sequence[str | Path] = ()
    ) -> list[Content]:
        """What can be found: contents of these modalities with a file below one of the folders."""
        self._refresh()
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
        twin = Library(self.path, self._catalogue, self.untaught)
        twin._shortcuts = False
        return twin

    # --- writing -----------------------------------------------------------------------------

    @contextmanager
    def writing(self, *, adopt: bool = True) -> Iterator[CatalogueWriter]:
        """The catalogue for writing; LibraryLockedError while another process writes.

        Args:
            adopt: make the profile's spaces known.
        """
        with locked(self.path):
            writer = CatalogueWriter.open(self.path / CATALOGUE)
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
        self._refresh()
        tuner = Plain(profile or self.profile, self)
        count = sum(publish_gallery(writer, self._snapshots, key, tuner) for key in keys)
        return count + publish_recordings(writer, self._snapshots)

    def follow(
        self, writer: CatalogueWriter, profile: Profile, settings: Mapping[str, str]
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

"""A library as search sees it: galleries and catalogue, up to date with what others commit."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from engine.errors import EngineError, SnapshotDamagedError, UsageError
from engine.gallery import Gallery, GalleryKey, Opened, open_gallery
from engine.media.probe import digest as digest_of_bytes
from engine.ports import Alignment, Encoder
from engine.profile import DEFAULT, Profile
from engine.query import Term
from engine.recordings import Heard, Recordings, open_recordings, span_of
from engine.search.example import (
    MAX_PIECES,
    absolute,
    encode_file,
    naming,
    peaks_of,
)
from engine.search.plain import Plain
from engine.store.catalogue import CatalogueReader
from engine.store.folder import SNAPSHOTS
from engine.store.records import Found, WordHit
from engine.store.stamps import stamp_of
from engine.store.windows import Windows
from engine.types import Ids, Modality, Space, Vectors

T = TypeVar("T")

TAUGHT = "taught"
"""The setting that says which taught bridges are in use: JSON, their digests by name."""


def taught(library: Path, used: Mapping[str, str], profile: Profile) -> tuple[Profile, list[str]]:
    """A profile with the bridges that a library was taught, and why some of them are not used.

    Args:
        library: its folder.
        used: digests of the bridges in use, by name.
        profile: what they were fitted between.
    """
    if not used:
        return profile, []
    from engine.bridges import kept

    sides: list[Alignment] = []
    remarks = []
    for name, digest in used.items():
        try:
            found = kept.read(library / kept.FOLDER, name)
            if found.digest != digest:
                remarks.append(_FITTED_ANEW.format(name))
                continue
            sides += found.sides(profile.encoders, profile.bridges)
        except EngineError as error:
            remarks.append(f"bridge '{name}' is not used: {error}")
    return profile.with_bridges(sides), remarks


_FITTED_ANEW = "bridge '{0}' is not used: it was fitted anew (put it to use: seehear align use {0})"
_UNHEARD = (
    "{} sounds or videos of before cannot be recognised inside others yet; "
    "listen to them with: seehear index"
)


class Shelf:
    """The galleries and the catalogue of one library (the `Shelves` of search)."""

    def __init__(self, path: Path, catalogue: CatalogueReader, profile: Profile) -> None:
        self.path = path
        self.remarks: list[str] = list(catalogue.remarks())
        """What a person should know of how it is read, such as a snapshot that is damaged."""
        self._catalogue = catalogue
        self._use(profile)
        self._galleries: dict[str, Opened] = {}
        self._heard: Heard | None = None
        self._passed_over: set[Path] = set()
        self._version = -1
        self._shortcuts = True

    def gallery(self, key: GalleryKey) -> Gallery:
        """The gallery of that key, up to date with what other processes committed."""
        self._refresh()
        if key.name not in self._galleries:
            opened = self._opened(key)
            self._galleries[key.name] = opened
            self.remarks += [one for one in opened.remarks if one not in self.remarks]
        return self._galleries[key.name].gallery

    def _opened(self, key: GalleryKey) -> Opened:
        if self._shortcuts:
            known = self._passed_over
            return open_gallery(
                self._catalogue, self._snapshots, key, tuner=self._tuner, passed_over=known
            )
        native = self._catalogue.vectors_since(key.native, key.modality, 0)
        contents = self._catalogue.contents_in(key.native, key.modality)
        return Opened(Gallery.build(key, native, "flat", self._tuner, contents), 0)

    def _without_damage(self, asked: Callable[[], T]) -> T:
        """An answer; a snapshot in which damage is met on the way is passed over from then on."""
        while True:
            try:
                return asked()
            except SnapshotDamagedError as error:
                if error.path in self._passed_over:
                    raise
                self._passed_over.add(error.path)
                self._galleries.clear()

    def _refresh(self) -> None:
        """Forget what another process may have changed since: galleries, and the profile."""
        version = self._catalogue.data_version()
        if version == self._version:
            return
        self._galleries.clear()
        self._heard = None
        self._follow()
        self._version = version

    def _follow(self) -> None:
        """Use the profile that another process moved the library to, encoded anew, or taught."""
        name = self._catalogue.setting("profile") or DEFAULT
        stored = self._catalogue.spaces()
        changed = any(stored.get(n, one) != one for n, one in self.profile.spaces.items())
        if name != self.profile.name or changed:
            self._use(Profile.load(name))
        elif self._taught != (self._catalogue.setting(TAUGHT) or ""):
            self._use(self.untaught)

    def _use(self, profile: Profile) -> None:
        """Use a profile, with the bridges that the library was taught between its encoders."""
        self.untaught = profile
        self._taught = self._catalogue.setting(TAUGHT) or ""
        self.profile, remarks = taught(self.path, self.taught_in_use, profile)
        self.remarks += [one for one in remarks if one not in self.remarks]

    @property
    def taught_in_use(self) -> dict[str, str]:
        """The digests of the taught bridges in use, by name."""
        return dict(json.loads(self._taught or "{}"))

    def digest_of(self, path: Path) -> bytes:
        """SHA-256 of a file: the stored one while it is as it was indexed; MediaError."""
        (file,) = absolute([path])
        record = self._catalogue.file_at(file)
        if record is not None and record.digest is not None and record.stamp == stamp_of(file):
            return record.digest
        return digest_of_bytes(file)

    def vectors_of_files(self, file_ids: Ids, space: Space, modality: Modality) -> Ids:
        """Ids of the vectors of these files' contents, sorted."""
        return self._catalogue.vectors_of_files(file_ids, space, modality)

    def captions_of(self, file_ids: Ids) -> Ids:
        """The texts that describe these media, as file ids."""
        return self._catalogue.captions_of(file_ids)

    def windows(self, content_ids: Sequence[int], space: Space) -> Windows:
        """The segments of these contents that have vectors in a space, in order."""
        return self._catalogue.windows(content_ids, space)

    def newest(self, file_ids: Ids, limit: int) -> list[Found]:
        """These files, by when they were taken, else modified; the newest first."""
        return self._catalogue.newest(file_ids, limit)

    def find_words(
        self, words: str, *, phrases: Sequence[str] = (), limit: int, among: Ids | None = None
    ) -> list[WordHit]:
        """Files in whose names, facts, captions and texts words are, best first."""
        return self._catalogue.find_words(words, phrases=phrases, limit=limit, among=among)

    def same_recording(self, term: Term) -> list[Found]:
        """Where the very recording that a term is occurs, with its span; the surest place first."""
        if self._heard is None:
            self._heard = self._listened()
            self.remarks += [one for one in self._heard.remarks if one not in self.remarks]
        if not any(len(part.frames) for part in self._heard.parts):
            return []
        with naming(Path(term.payload)):
            found = self._heard.find(peaks_of(Path(term.payload), term))
        files: dict[int, list[Found]] = {}
        for one in self._catalogue.files_of({content for content, _ in found}):
            files.setdefault(one.content_id, []).append(one)
        return [
            replace(file, span=span_of(place))
            for one, place in found
            for file in files.get(one, ())
        ]

    def _tell_unheard(self) -> None:
        if missing := len(self._catalogue.unheard()):
            told = _UNHEARD.format(missing)
            self.remarks += [told] if told not in self.remarks else []

    def _listened(self) -> Heard:
        self._tell_unheard()
        if self._shortcuts:
            return open_recordings(self._catalogue, self._snapshots)
        return Heard((Recordings.of(self._catalogue.peaks_since(0)),))

    def resolve(self, vector_ids: Sequence[int]) -> list[Found]:
        """Where vectors lead."""
        return self._catalogue.resolve(vector_ids)

    def embed(self, term: Term, encoder: Encoder) -> Vectors:
        """The rows of a term (n, dim): stored ones for an unchanged indexed file, else encoded."""
        if isinstance(term.payload, str):
            return encoder.encode([encoder.prepare(term.payload)])
        whole = term.span is None and term.region is None
        stored = self._stored(term.payload, encoder) if whole else None
        if stored is not None:
            return stored
        with naming(term.payload):
            return encode_file(term.payload, encoder, term)

    def _stored(self, path: Path, encoder: Encoder) -> Vectors | None:
        record = self._catalogue.file_at(absolute([path])[0])
        if record is None or record.digest is None or record.stamp != stamp_of(path):
            return None
        rows = self._catalogue.vectors_of(record.digest, encoder.space).vectors
        return rows[:MAX_PIECES] if len(rows) else None

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

    def _identify(self, file: Path) -> frozenset[int]:
        """The content that a file has in the catalogue, if it is indexed."""
        record = self._catalogue.file_at(file)
        own = None
        if record is not None and record.digest is not None:
            own = self._catalogue.content_at(record.digest)
        return frozenset() if own is None else frozenset({own})

    @property
    def _tuner(self) -> Plain:
        return Plain(self.profile, self)

    @property
    def _snapshots(self) -> Path:
        return self.path / SNAPSHOTS

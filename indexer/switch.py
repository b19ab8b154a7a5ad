"""Moving a library to another profile: all is encoded beside the old vectors, then switched.

Searches go on with the old profile until everything has been encoded; an interrupted move goes on
where its last commit was.
"""

import json
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engine import models
from engine.errors import MediaError, ModelError
from engine.library import MOVING, Library
from engine.media.process import GUARD, Guard
from engine.media.reasons import Reason
from engine.media.workers import Workers
from engine.media.workers import workers as decoding
from engine.profile import Profile, Track
from engine.store.records import Content, ContentRecord, FileRecord, State
from engine.store.writer import CatalogueWriter
from engine.threads import one_blas_thread
from engine.types import Modality
from indexer.ahead import reading
from indexer.embed import embed
from indexer.read import New, no_encoder, sources, strands_of
from indexer.report import Progress, Skip, Watch, unwatched

if TYPE_CHECKING:
    from concurrent.futures import Future

    from engine.ports import Encoder

GROUP = 32
"""Contents in one commit, at most."""

GROUP_PIECES = 256
GROUP_SECONDS = 2.0

LOOK_AHEAD = 8

_AWAY = frozenset({Reason.PERMISSION, Reason.IO, Reason.VANISHED})

Sets = Mapping[Modality, Sequence[frozenset[str]]]
"""For each modality the sets of spaces in which each of its segments has a vector."""


@dataclass(frozen=True, slots=True)
class MoveReport:
    """What became of a move.

    Attributes:
        profile: the one asked for.
        switched: whether the library uses it now.
        encoded: contents that were encoded in this run.
        missing: files that are not there now; while there are any, nothing is switched.
        skipped: files that the new profile cannot take.
    """

    profile: str
    switched: bool
    encoded: int
    missing: tuple[Path, ...] = ()
    skipped: tuple[Skip, ...] = ()


@dataclass(slots=True)
class _State:
    """How far a move is; kept in the catalogue, written with every commit."""

    profile: str
    spaces: dict[str, str]
    lacking: list[list[str]] = field(default_factory=list)
    after: int = 0
    missing: list[int] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)

    def settings(self) -> dict[str, str]:
        kept = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {MOVING: json.dumps(kept)}

    @classmethod
    def of(cls, text: str | None, target: Profile) -> "_State":
        """The stored state when it is of the same move, else a fresh one."""
        spaces = {name: one.fingerprint for name, one in target.spaces.items()}
        fresh = cls(target.name, spaces)
        kept = json.loads(text) if text else {}
        if (kept.get("profile"), kept.get("spaces")) != (fresh.profile, fresh.spaces):
            return fresh
        failed = {int(content): why for content, why in kept["failed"].items()}
        return cls(**{**kept, "failed": failed})


def move(
    library: Library,
    name: str,
    *,
    watch: Watch = unwatched,
    watch_weights: models.Watcher = models.silent,
    workers: int | None = None,
    leave_missing: bool = False,
    guard: Guard = GUARD,
) -> MoveReport:
    """Have a library use another profile, or the same one whose encoders have changed.

    Args:
        library: opened with `any_encoders=True`, so that changed encoders are no error.
        name: of the profile.
        watch: called after every commit.
        watch_weights: called while weights are built.
        workers: files that are read and decoded at once; None for one per core.
        leave_missing: switch even when files are away; they are encoded when they come back.
        guard: what a decoder may take.

    Raises:
        UsageError: there is no such profile.
        ModelError: its weights are not on this machine.
        LibraryLockedError: another process is writing.
    """
    target = Profile.load(name)
    target.prepare(watch_weights)
    with library.writing(adopt=False) as writer:
        work = _Move(library, writer, target, watch)
        if not work.is_needed():
            return MoveReport(name, switched=True, encoded=0)
        work.begin()
        with one_blas_thread(), decoding(workers or os.cpu_count() or 1, guard) as decoders:
            work.encode(decoders)
        return work.finish(leave_missing=leave_missing)


class _Move:
    """One run of a move."""

    def __init__(
        self, library: Library, writer: CatalogueWriter, target: Profile, watch: Watch
    ) -> None:
        self._library = library
        self._writer = writer
        self._target = target
        self._watch = watch
        self._state = _State.of(writer.setting(MOVING), target)
        self._same = library.profile.name == target.name
        self._held = _held(library.profile, writer)
        self._encoded = 0
        self._used: dict[int, Encoder] = {}

    def is_needed(self) -> bool:
        return not self._same or bool(self._lacking()) or self._writer.setting(MOVING) is not None

    def begin(self) -> None:
        """Make room for the new vectors, and note which tracks are not served by the old ones.

        Once the new spaces are adopted, nobody could tell that from the catalogue.
        """
        self._state.lacking = [
            [modality.value, *sorted(_names(track))]
            for modality, tracks in self._lacking().items()
            for track in tracks
        ]
        self._writer.set_settings(self._state.settings())
        for space in self._target.spaces.values():
            self._writer.set_aside(space)
            self._writer.adopt_space(space)

    def encode(self, decoders: Workers) -> None:
        """Encode all that the old profile's vectors do not serve already."""
        lacking = self._lacking()
        again = set(self._state.missing)
        todo = [
            one
            for one in self._writer.contents_after(0, lacking)
            if one.id > self._state.after or one.id in again
        ]
        self._state.missing = []
        done = 0
        for group in _groups(_read_ahead(todo, lacking, decoders)):
            self._commit(group)
            done += len(group)
            path = _path_of(group[-1][0].files[0])
            self._watch(Progress(done, len(todo), path))

    def finish(self, *, leave_missing: bool) -> MoveReport:
        """Switch, unless files are away."""
        contents = {one.id: one for one in self._writer.contents_after(0, Modality)}
        state = self._state
        missing = [contents[one] for one in state.missing if one in contents]
        if missing and (not leave_missing or len(missing) == len(contents)):
            away = tuple(_path_of(file) for one in missing for file in one.files)
            return MoveReport(
                self._target.name, switched=False, encoded=self._encoded, missing=away
            )
        failed = {
            one.id: f"{Reason.VANISHED}: it was away when the profile changed" for one in missing
        }
        failed |= {one: why for one, why in state.failed.items() if one in contents}
        for one in contents.values():
            if not self._target.tracks(one.modality):
                failed[one.id] = no_encoder(self._target, one.modality)
        rows = [
            FileRecord(file.root, file.path, file.stamp, State.FAILED, why)
            for content, why in failed.items()
            for file in contents[content].files
        ]
        self._library.publish(self._writer, self._target)
        self._library.record_makers(self._writer, self._used.values())
        self._writer.write(rows)
        switched = {"profile": self._target.name, MOVING: ""}
        self._writer.keep_only(_sets(self._target), switched)
        self._writer.write([], [], self._refused_before())
        self._library.publish(self._writer, self._target)
        skipped = tuple(Skip(str(_path_of(row)), row.reason) for row in rows)
        return MoveReport(self._target.name, switched=True, encoded=self._encoded, skipped=skipped)

    def _refused_before(self) -> list[FileRecord]:
        """Files that no encoder took until now: forgotten, so that the next run tries them."""
        mine = [row for root in self._writer.roots() for row in self._writer.files(root)]
        old = no_encoder(self._library.profile, "")
        return [] if self._same else [row for row in mine if row.reason.startswith(old)]

    def _lacking(self) -> dict[Modality, tuple[Track, ...]]:
        """The new profile's tracks whose vectors the old one has not."""
        found = {
            modality: tuple(
                track
                for track in self._target.tracks(modality)
                if _names(track) not in self._held.get(modality, ())
            )
            for modality in Modality
        }
        return {modality: tracks for modality, tracks in found.items() if tracks}

    def _is_served(self, modality: Modality) -> bool:
        """Whether files of a modality have vectors that the new profile uses too."""
        held = self._held.get(modality, ())
        return any(_names(track) in held for track in self._target.tracks(modality))

    def _commit(self, group: Sequence["_Read"]) -> None:
        state = self._state
        news = [new for _, new in group if isinstance(new, New)]
        self._used |= {id(e): e for new in news for s in new.strands for e in s.encoders}
        records = iter(embed(news))
        views = {}
        for content, new in group:
            result = next(records) if isinstance(new, New) else new
            if isinstance(result, ContentRecord) and _source(content) is None:
                result = MediaError(Reason.VANISHED, "it changed while it was read")
            match result:
                case ContentRecord():
                    views[content.id] = result.views
                case MediaError() if result.reason in _AWAY:
                    state.missing.append(content.id)
                case MediaError() if not self._is_served(content.modality):
                    state.failed[content.id] = result.sentence
                case MediaError():
                    pass  # as a film without sound: the vectors that it has go on serving
            state.after = max(state.after, content.id)
        self._writer.add_views(views, state.settings())
        self._encoded += len(views)


_Read = tuple[Content, New | MediaError]


def _sets(profile: Profile) -> dict[Modality, tuple[frozenset[str], ...]]:
    return {one: tuple(_names(track) for track in profile.tracks(one)) for one in Modality}


def _held(profile: Profile, writer: CatalogueWriter) -> dict[Modality, tuple[frozenset[str], ...]]:
    """For each modality the sets of spaces that every content has vectors in.

    Not those whose encoders changed, nor those that an interrupted move of the same profile was
    about to make anew.
    """
    moving = json.loads(writer.setting(MOVING) or "{}")
    begun = moving.get("lacking", []) if moving.get("profile") == profile.name else []
    stored = writer.spaces()

    def is_held(modality: Modality, track: Track) -> bool:
        if [modality.value, *sorted(_names(track))] in begun:
            return False
        try:
            return all(stored.get(one.space.name) == one.space for one in track.encoders)
        except ModelError:  # its weights are gone, and what they were with them
            return False

    return {
        modality: tuple(_names(one) for one in profile.tracks(modality) if is_held(modality, one))
        for modality in Modality
    }


def _names(track: Track) -> frozenset[str]:
    return frozenset(one.space.name for one in track.encoders)


def _read_ahead(
    contents: Sequence[Content], tracks: Mapping[Modality, tuple[Track, ...]], decoders: Workers
) -> Iterator[_Read]:
    waiting: deque[tuple[Content, Future[New | MediaError]]] = deque()
    with reading(decoders) as pool:
        for one in contents:
            waiting.append((one, pool.submit(_read, one, tracks[one.modality], decoders)))
            if len(waiting) >= LOOK_AHEAD + decoders.size:
                first, future = waiting.popleft()
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()


def _read(content: Content, tracks: Sequence[Track], decoders: Workers) -> New | MediaError:
    """Begin to read a content from the first of its files that can be read and is as it was."""
    error = MediaError(Reason.VANISHED, "none of its files is as it was indexed")
    for path in sources(content):
        try:
            strands = strands_of(path, decoders.probe(path), tracks, decoders)
            return New(content.digest, content.modality, content.format, strands)
        except MediaError as failure:
            error = failure
    return error


def _source(content: Content) -> Path | None:
    return next(sources(content), None)


def _groups(reads: Iterator[_Read]) -> Iterator[list[_Read]]:
    """Parts that are committed together: not too many, and not too late."""
    group: list[_Read] = []
    since, waiting = time.monotonic(), 0
    for one in reads:
        group.append(one)
        waiting += sum(len(s.head) for s in one[1].strands) if isinstance(one[1], New) else 0
        late = time.monotonic() - since > GROUP_SECONDS
        if len(group) == GROUP or waiting >= GROUP_PIECES or late:
            yield group
            group, since, waiting = [], time.monotonic(), 0
    if group:
        yield group


def _path_of(row: FileRecord) -> Path:
    return row.root / os.fsdecode(row.path)

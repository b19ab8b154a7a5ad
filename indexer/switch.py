"""Moving a library to another profile: all is encoded beside the old vectors, then switched.

Searches go on with the old profile until everything has been encoded; an interrupted move goes on
where its last commit was.
"""

import json
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engine import models
from engine.errors import MediaError
from engine.library import MOVING, Library, stamp_of
from engine.media.probe import probe
from engine.media.reasons import Reason
from engine.profile import Profile, Track
from engine.store.records import Content, ContentRecord, FileRecord, State
from engine.store.writer import CatalogueWriter
from engine.threads import one_blas_thread
from engine.types import Modality
from indexer.embed import embed
from indexer.read import New, strands_of
from indexer.report import Progress, Skip, Watch, unwatched

if TYPE_CHECKING:
    from engine.ports import Encoder

GROUP = 32
"""Contents in one commit."""

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
) -> MoveReport:
    """Have a library use another profile, or the same one whose encoders have changed.

    Args:
        library: opened with `any_encoders=True`, so that changed encoders are no error.
        name: of the profile.
        watch: called after every commit.
        watch_weights: called while weights are built.
        workers: threads that read and decode; None for one per core.
        leave_missing: switch even when files are away; they are encoded when they come back.

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
        with one_blas_thread():
            work.encode(workers or os.cpu_count() or 1)
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
        # The same profile with changed encoders has nothing of use, not even half way through.
        stale = self._same and writer.setting(MOVING) is not None
        intact = _is_intact(library.profile, writer) and not stale
        self._held = _sets(library.profile) if intact else {}
        self._encoded = 0
        self._used: dict[int, Encoder] = {}

    def is_needed(self) -> bool:
        return not (self._same and self._held)

    def begin(self) -> None:
        """Make room for the new vectors; what a move to elsewhere had begun is dropped."""
        if self._writer.setting(MOVING) and not self._state.after and self._held:
            self._writer.keep_only(self._held, {MOVING: ""})
        for space in self._target.spaces.values():
            self._writer.set_aside(space)
            self._writer.adopt_space(space)

    def encode(self, workers: int) -> None:
        """Encode all that the old profile's vectors do not serve already."""
        lacking = self._lacking()
        again = set(self._state.missing)
        todo = [
            one
            for one in self._writer.contents_after(0, lacking)
            if (one.id > self._state.after or one.id in again) and not self._has(one, lacking)
        ]
        self._state.missing = []
        done = 0
        for group in _groups(_read_ahead(todo, lacking, workers)):
            self._commit(group)
            done += len(group)
            path = _path_of(group[-1][0].files[0])
            self._watch(Progress(done, len(todo), path))

    def _has(self, content: Content, lacking: Mapping[Modality, tuple[Track, ...]]) -> bool:
        """Whether a content was indexed with the new encoders since the move began."""
        spaces = [e.space for track in lacking[content.modality] for e in track.encoders]
        return self._same and all(
            len(self._writer.vectors_of(content.digest, space)) for space in spaces
        )

    def finish(self, *, leave_missing: bool) -> MoveReport:
        """Switch, unless files are away."""
        contents = {one.id: one for one in self._writer.contents_after(0, Modality)}
        state = self._state
        missing = [contents[one] for one in state.missing if one in contents]
        if missing and not leave_missing:
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
                failed[one.id] = f"unsupported: profile {self._target.name} has no {one.modality}"
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
        self._library.publish(self._writer, self._target)
        skipped = tuple(Skip(_path_of(row), row.reason) for row in rows)
        return MoveReport(self._target.name, switched=True, encoded=self._encoded, skipped=skipped)

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

    def _commit(self, group: Sequence["_Read"]) -> None:
        state = self._state
        news = [new for _, new in group if isinstance(new, New)]
        self._used |= {id(e): e for new in news for s in new.strands for e in s.encoders}
        records = iter(embed(news))
        views = {}
        for content, new in group:
            result = next(records) if isinstance(new, New) else new
            match result:
                case ContentRecord():
                    views[content.id] = result.views
                case MediaError() if result.reason in _AWAY:
                    state.missing.append(content.id)
                case MediaError():
                    state.failed[content.id] = result.sentence
            state.after = max(state.after, content.id)
        self._writer.add_views(views, state.settings())
        self._encoded += len(views)


_Read = tuple[Content, New | MediaError]


def _sets(profile: Profile) -> dict[Modality, tuple[frozenset[str], ...]]:
    return {one: tuple(_names(track) for track in profile.tracks(one)) for one in Modality}


def _names(track: Track) -> frozenset[str]:
    return frozenset(one.space.name for one in track.encoders)


def _is_intact(profile: Profile, writer: CatalogueWriter) -> bool:
    """Whether the stored vectors are those that the profile's encoders make today."""
    stored = writer.spaces()
    return all(stored.get(name) == one for name, one in profile.spaces.items())


def _read_ahead(
    contents: Sequence[Content], tracks: Mapping[Modality, tuple[Track, ...]], workers: int
) -> Iterator[_Read]:
    waiting: deque[tuple[Content, Future[New | MediaError]]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="read")
    try:
        for one in contents:
            waiting.append((one, pool.submit(_read, one, tracks[one.modality])))
            if len(waiting) >= LOOK_AHEAD * workers:
                first, future = waiting.popleft()
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _read(content: Content, tracks: Sequence[Track]) -> New | MediaError:
    """Begin to read a content from the first of its files that is as it was."""
    try:
        for file in content.files:
            path = _path_of(file)
            if stamp_of(path) == file.stamp:
                kind = probe(path)
                strands = strands_of(path, kind, tracks)
                return New(content.digest, content.modality, content.format, strands)
    except MediaError as error:
        return error
    return MediaError(Reason.VANISHED, "none of its files is as it was indexed")


def _groups(reads: Iterator[_Read]) -> Iterator[list[_Read]]:
    group: list[_Read] = []
    for one in reads:
        group.append(one)
        if len(group) == GROUP:
            yield group
            group = []
    if group:
        yield group


def _path_of(row: FileRecord) -> Path:
    return row.root / os.fsdecode(row.path)

"""Duplicates: files with the same bytes, and files with the same picture or recording.

What is merely similar is told apart from them, and never called a duplicate.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.collect import films, pictures, sounds
from engine.collect.items import Item, Rows, Scope, items_of, mean_rows, path_of
from engine.collect.near import CANDIDATE, SIMILAR, limit_of, nearest_pairs
from engine.errors import MediaError
from engine.profile import Profile
from engine.store.catalogue import CatalogueReader
from engine.store.records import FileRecord, Stamp
from engine.types import Modality

NEIGHBOURS = 12
"""So many of the nearest files are compared with each, pixel by pixel or second by second."""

_PRINTS_HELD = 1_000

Watcher = Callable[[int, int], None]
"""Told how many of how many pairs are compared."""


class Level(StrEnum):
    """How alike two files are; only the first two are duplicates."""

    BYTES = "same bytes"
    WORK = "same picture or recording"
    SIMILAR = "similar"


@dataclass(frozen=True, slots=True)
class Copy:
    """A file beside the best one of its group, and how alike the two are.

    Attributes:
        size: bytes.
    """

    path: Path
    level: Level
    size: int


@dataclass(frozen=True, slots=True)
class Group:
    """Files that are one thing, or similar.

    Attributes:
        best: the one to keep.
        why: what it is better in than the next, in a few words.
        copies: at least one.
        companions: other forms of the best one that stand beside it under the same name, such as
            a JPEG beside a TIFF; they belong to it and are no copies.
        freed: bytes that would be free without the copies; a hard link takes none.
    """

    modality: Modality
    level: Level
    best: Path
    why: str
    copies: tuple[Copy, ...]
    companions: tuple[Path, ...] = ()
    freed: int = 0


@dataclass(frozen=True, slots=True)
class Dupes:
    """What was found.

    Attributes:
        groups: duplicates, those that would free most first.
        similar: groups of similar files, where they were asked for.
        unchecked: files that are gone, or were changed since they were indexed, or cannot be
            read any more; nothing is said of them.
    """

    groups: tuple[Group, ...]
    similar: tuple[Group, ...] = ()
    unchecked: tuple[Path, ...] = ()

    @property
    def freed(self) -> int:
        """Bytes that would be free without the copies of all groups."""
        return sum(one.freed for one in self.groups)


def find_dupes(
    catalogue: CatalogueReader,
    profile: Profile,
    scope: Scope,
    *,
    exact: bool = False,
    similar: bool = False,
    saw: Watcher = lambda _done, _total: None,
) -> Dupes:
    """Groups of duplicates among the files of a scope.

    Args:
        catalogue: of the library.
        profile: of the library.
        scope: which files.
        exact: only those with the same bytes; nothing is decoded.
        similar: similar files too, as groups of their own.
        saw: told of progress.
    """
    found = items_of(catalogue.contents_after(0, scope.wanted), scope)
    here, unchecked = _here(found)
    groups: list[Group] = []
    alike: list[Group] = []
    for modality in sorted(scope.wanted):
        mine = {one.id: one for one in here if one.modality is modality}
        if exact or modality not in _KINDS:
            groups += _groups([[one] for one in mine.values()], _plain)
        else:
            checked = _Checked(_KINDS[modality])
            stars = _stars(mine, _candidates(catalogue, profile, modality, mine), checked, saw)
            groups += _groups(stars, checked.quality)
            unchecked |= checked.unread
        if similar:
            copies = {copy.path for group in groups for copy in group.copies}
            others = {key: one for key, one in mine.items() if one.path not in copies}
            alike += _similar(catalogue, profile, modality, others)
    groups.sort(key=lambda group: (-group.freed, group.best))
    return Dupes(tuple(groups), tuple(alike), tuple(sorted(unchecked)))


def _here(items: Iterable[Item]) -> tuple[list[Item], set[Path]]:
    """Items with those of their files that are as they were indexed, and the other files."""
    kept, others = [], set()
    for one in items:
        files = tuple(f for f in one.files if _is_unchanged(f))
        others |= {path_of(f) for f in one.files if f not in files}
        if files:
            kept.append(replace(one, files=files))
    return kept, others


def _is_unchanged(record: FileRecord) -> bool:
    try:
        status = path_of(record).lstat()
    except OSError:
        return False
    stamp = Stamp(status.st_size, status.st_mtime_ns, status.st_ino)
    return stamp == record.stamp


# --- which pairs are looked at -----------------------------------------------------------------


def _candidates(
    catalogue: CatalogueReader, profile: Profile, modality: Modality, items: dict[int, Item]
) -> list[tuple[int, int]]:
    """Pairs of contents that are near in some space of their encoders, nearest first."""
    nearest: dict[tuple[int, int], float] = {}
    for rows in _native(catalogue, profile, modality, items):
        least = limit_of(rows.vectors, CANDIDATE)
        for i, j, cosine in nearest_pairs(rows.vectors, least, NEIGHBOURS):
            pair = (rows.ids[i], rows.ids[j])
            nearest[pair] = max(cosine, nearest.get(pair, -1.0))
    return sorted(nearest, key=lambda pair: (-nearest[pair], pair))


def _native(
    catalogue: CatalogueReader, profile: Profile, modality: Modality, items: dict[int, Item]
) -> Iterator[Rows]:
    for track in profile.tracks(modality):
        space = track.encoders[0].space
        rows = catalogue.vectors_since(space, modality, 0)
        yield mean_rows(rows, catalogue.resolve(rows.ids.tolist()), items.keys())


# --- what decides ------------------------------------------------------------------------------

Quality = tuple[tuple[Any, str], ...]
"""What an item is good at, most important first: a value, greater is better, and its words."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """How files of a modality are compared."""

    print_of: Callable[[Path], Any]
    same: Callable[[Any, Any], bool]
    quality: Callable[[Any], Quality]


class _Checked:
    """Compares items by their prints, each made from its file when it is first needed."""

    def __init__(self, kind: _Kind) -> None:
        self.unread: set[Path] = set()
        self._kind = kind
        self._print = lru_cache(_PRINTS_HELD)(self._printed)
        self._glances: dict[int, Any] = {}
        self._known: dict[tuple[int, int], bool] = {}

    def same(self, one: Item, other: Item) -> bool:
        """Whether both are one picture or recording."""
        if _are_companions(one.path, other.path):
            return False
        key = (min(one.id, other.id), max(one.id, other.id))
        if key not in self._known:
            self._known[key] = self._compared(one, other)
        return self._known[key]

    def quality(self, item: Item) -> Quality:
        """What is good about the file that stands for an item."""
        made = self._print(item)
        return (*(self._kind.quality(made) if made is not None else ()), *_plain(item))

    def _compared(self, one: Item, other: Item) -> bool:
        glances = (self._glance(one), self._glance(other))
        if any(g is not None for g in glances) and not pictures.worth_a_look(*glances):
            return False
        first, second = self._print(one), self._print(other)
        return first is not None and second is not None and self._kind.same(first, second)

    def _glance(self, item: Item) -> Any:  # noqa: ANN401  (of pictures alone)
        """What is kept of every picture, when prints are too many to be kept."""
        if item.modality is not Modality.IMAGE:
            return None
        if item.id not in self._glances:
            made = self._print(item)
            self._glances[item.id] = pictures.NOTHING if made is None else made.glance
        return self._glances[item.id]

    def _printed(self, item: Item) -> Any:  # noqa: ANN401  (a print of this kind)
        try:
            return self._kind.print_of(item.path)
        except MediaError:
            self.unread.add(item.path)
            return None


def _are_companions(one: Path, other: Path) -> bool:
    """Two forms of one thing beside each other: IMG_1.tif and IMG_1.jpg."""
    return one.with_suffix("") == other.with_suffix("") and one.suffix != other.suffix


def _picture_quality(made: pictures.Print) -> Quality:
    return (
        (made.width * made.height, f"largest, {made.width} x {made.height}"),
        (not made.is_grey, "in colour"),
    )


def _sound_quality(made: sounds.Print) -> Quality:
    return (
        (made.is_lossless, "lossless"),
        (round(made.seconds, 1), f"longest, {made.seconds:.1f} s"),
        (made.rate, f"{made.rate:,} Hz"),
    )


def _film_quality(made: films.Print) -> Quality:
    return (
        (made.width * made.height, f"largest, {made.width} x {made.height}"),
        (made.sound is not None, "with sound"),
        (round(made.length_ms, -2), f"longest, {made.length_ms / 1000:.1f} s"),
    )


def _plain(item: Item) -> Quality:
    """What every file has: it is better to be older, then larger, then named shorter."""
    record = item.files[0]
    seconds = record.stamp.mtime_ns // 1_000_000_000
    day = dt.datetime.fromtimestamp(seconds, tz=dt.UTC).date()
    return (
        (-seconds, f"oldest, {day}"),
        (record.stamp.size, "most bytes"),
        (-len(record.path), "shortest path"),
    )


_KINDS = {
    Modality.IMAGE: _Kind(pictures.print_of, pictures.same_picture, _picture_quality),
    Modality.AUDIO: _Kind(sounds.print_of, sounds.same_recording, _sound_quality),
    Modality.VIDEO: _Kind(films.print_of, films.same_film, _film_quality),
}


# --- groups ------------------------------------------------------------------------------------


def _stars(
    items: dict[int, Item], pairs: Sequence[tuple[int, int]], checked: _Checked, saw: Watcher
) -> list[list[Item]]:
    """Lists of items that are one, the best first: each of the others is the same as the best.

    A chain, where A is like B and B like C, is not enough: who deletes C keeps A.
    """
    joined = {one: {one} for one in items}
    for done, (first, second) in enumerate(pairs):
        saw(done, len(pairs))
        if joined[first] is joined[second] or not checked.same(items[first], items[second]):
            continue
        joined[first] |= joined[second]
        for one in joined[second]:
            joined[one] = joined[first]
    saw(len(pairs), len(pairs))
    whole = {min(ids): ids for ids in joined.values()}
    return [star for _, ids in sorted(whole.items()) for star in _split(ids, items, checked)]


def _split(ids: Iterable[int], items: dict[int, Item], checked: _Checked) -> Iterator[list[Item]]:
    left = sorted((items[one] for one in ids), key=lambda item: item.id)
    if len(left) > 1:
        left.sort(key=lambda item: _values(checked.quality(item)), reverse=True)
    while left:
        best = left[0]
        star = [one for one in left if one is best or checked.same(best, one)]
        yield star
        left = [one for one in left if one not in star]


def _values(quality: Quality) -> tuple[Any, ...]:
    return tuple(value for value, _ in quality)


def _groups(stars: Iterable[list[Item]], quality: Callable[[Item], Quality]) -> Iterator[Group]:
    for star in stars:
        group = _group(star, quality)
        if group is not None:
            yield group


def _group(star: list[Item], quality: Callable[[Item], Quality]) -> Group | None:
    """The group of items that are one, the best first; None when there is but one file."""
    best, *others = star
    kept = best.files[0]
    leveled = [(one, Level.BYTES) for one in best.files[1:]]
    leveled += [(one, Level.WORK) for item in others for one in item.files]
    beside = [one for one, _ in leveled if _are_companions(path_of(kept), path_of(one))]
    copies = [(one, level) for one, level in leveled if one not in beside]
    if not copies:
        return None
    return Group(
        modality=best.modality,
        level=max((level for _, level in copies), key=list(Level).index),
        best=best.path,
        why=_why(star, quality),
        copies=tuple(Copy(path_of(one), level, one.stamp.size) for one, level in copies),
        companions=tuple(path_of(one) for one in beside),
        freed=_freed([one for one, _ in copies], [kept, *beside]),
    )


def _why(star: list[Item], quality: Callable[[Item], Quality]) -> str:
    """The first thing in which the best is better than the second best."""
    best, *others = star
    if not others:  # the files have the same bytes
        second = replace(best, files=best.files[1:])
        return _better(_plain(best), _plain(second))
    return _better(quality(best), quality(others[0]))


def _better(one: Quality, other: Quality) -> str:
    pairs = zip(one, other, strict=False)
    return next((words for (mine, words), (theirs, _) in pairs if mine > theirs), "first by name")


def _freed(copies: Iterable[FileRecord], kept: Iterable[FileRecord]) -> int:
    """Bytes that nobody would hold any more; names of one inode share their bytes."""
    held = {(one.root, one.stamp.inode) for one in kept}
    gone = {(one.root, one.stamp.inode): one.stamp.size for one in copies}
    return sum(size for inode, size in gone.items() if inode not in held)


def _similar(
    catalogue: CatalogueReader, profile: Profile, modality: Modality, items: dict[int, Item]
) -> Iterator[Group]:
    """Groups of contents around those with most near neighbours; no content is in two."""
    near: dict[int, dict[int, float]] = {}
    for rows in _native(catalogue, profile, modality, items):
        least = limit_of(rows.vectors, SIMILAR)
        for i, j, cosine in nearest_pairs(rows.vectors, least, NEIGHBOURS):
            first, second = rows.ids[i], rows.ids[j]
            near.setdefault(first, {})[second] = cosine
            near.setdefault(second, {})[first] = cosine
    taken: set[int] = set()
    for one in sorted(near, key=lambda item: (-len(near[item]), item)):
        others = sorted((o for o in near[one] if o not in taken), key=lambda o: -near[one][o])
        if one in taken or not others:
            continue
        taken |= {one, *others}
        yield _similar_group(items[one], [items[o] for o in others])


def _similar_group(middle: Item, others: list[Item]) -> Group:
    copies = tuple(Copy(o.path, Level.SIMILAR, o.files[0].stamp.size) for o in others)
    return Group(middle.modality, Level.SIMILAR, middle.path, "in the middle", copies)

"""Where recordings occur in others: the landmarks of a library, sorted so that they are looked up.

Derived: a snapshot, mapped into memory, and what was committed since.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from engine.arrays import blocks
from engine.bundle import Array, Sink
from engine.rank.landmarks import (
    ASKED,
    FRAME_MS,
    KEPT,
    VERSION,
    Codes,
    Keys,
    Pairs,
    Place,
    apart,
    decoded,
    duration,
    pairs,
    places,
)
from engine.store import snapshots
from engine.store.catalogue import CatalogueReader
from engine.store.records import SnapshotRecord
from engine.types import Ids, Span

if TYPE_CHECKING:
    from engine.store.writer import CatalogueWriter

NAME = "landmarks"
"""Of the snapshots."""

FINGERPRINT = f"landmarks-{VERSION}-2"
"""Of what the rows depend on besides the catalogue: how peaks are found, and how they are kept."""

DELTA_BYTES = 300_000
"""Peaks committed since the snapshot that a search may pair anew: of some twenty minutes, .1 s."""

MOST_FOUND = 100_000
"""Pairs of the library that a query is compared with, rarest keys first: they tell most. With so
many in 100 hours the same was found as with four times as many."""

GENERATIONS = 2
"""How many snapshots are kept, so that a reader never loses the one it has open."""

_HALVES = np.dtype([("frame", "<u4"), ("key", "<u4")])
"""Of a number that has a key above and a frame below."""


@dataclass(frozen=True, slots=True, eq=False)
class Recordings:
    """The pairs of peaks of some contents, by key.

    All recordings lie one after the other on one line of frames, so a pair is one number.

    Attributes:
        contents: ids of the contents, (c,).
        begins: the frame at which each begins, and the end of the last, (c + 1,).
        keys: every key that there is, sorted, (m,).
        starts: where the frames of each key start among `frames`, and their end, (m + 1,).
        frames: when the first peak of a pair is heard, by key, (n,).
    """

    contents: Ids
    begins: Ids
    keys: Keys
    starts: Ids
    frames: npt.NDArray[np.uint32]

    @classmethod
    def of(cls, peaks: Sequence[tuple[int, Codes]]) -> "Recordings":
        """Sort the landmarks of contents (id, peaks); 27,000 hours at most."""
        lengths = [duration(decoded(codes)[0]) for _, codes in peaks]
        begins = np.cumsum([0, *lengths], dtype=np.int64)
        if begins[-1] >= 1 << 32:
            raise ValueError("there are more hours of sound than a table of landmarks has room for")
        parts = bytearray()  # grows where it lies: there is no room for all pairs twice
        for (_, codes), begin in zip(peaks, begins.tolist(), strict=False):
            parts += _line(codes, begin).data
        line = np.frombuffer(parts, np.uint64)
        line.sort()
        halves = line.astype("<u8", copy=False).view(_HALVES)  # they are very many: no copies
        keys, frames = halves["key"], halves["frame"]
        begun = np.ones(len(line), np.bool_)
        np.not_equal(keys[1:], keys[:-1], out=begun[1:])
        starts = np.flatnonzero(begun)
        contents = np.array([content for content, _ in peaks], dtype=np.int64)
        return cls(contents, begins, keys[starts], np.append(starts, len(line)), frames)

    def find(self, query: Sequence[Codes]) -> list[tuple[int, Place]]:
        """Where a recording occurs, surest first: ids of contents, and places in them.

        Args:
            query: its peaks, read at `rank.landmarks.SHIFTS` parts of a hop.
        """
        found = [one for codes in query for one in self._find(pairs(codes, ASKED), len(query))]
        return [(int(self.contents[one.owner]), one) for one in apart(found)]

    def _find(self, asked: Pairs, shifts: int) -> list[Place]:
        at = np.searchsorted(self.keys, asked.keys)
        there = np.flatnonzero(at < len(self.keys))
        there = there[self.keys[at[there]] == asked.keys[there]]
        at = at[there]
        counts = self.starts[at + 1] - self.starts[at]
        rarest = np.lexsort((there, counts))
        rarest = rarest[np.cumsum(counts[rarest]) <= MOST_FOUND // shifts]
        counts, there = counts[rarest], there[rarest]
        starts = self.starts[at[rarest]]
        steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        frames = self.frames[np.repeat(starts, counts) + steps].astype(np.int64)
        frames = np.minimum(frames, self.begins[-1] - 1)  # these alone are not checked when mapped
        first = np.repeat(asked.first[there], counts)
        owners = np.searchsorted(self.begins, frames, side="right") - 1
        offsets = frames - self.begins[owners] - asked.frames[first]
        return places(owners, offsets, first, asked.frames, np.diff(self.begins))

    def put(self, sink: Sink) -> None:
        """Give all columns to a sink, for `load`."""
        for name in _COLUMNS:
            column = getattr(self, name)
            parts = (column[block] for block in blocks(len(column)))
            sink.fill(name, column.dtype, column.shape, parts)

    @classmethod
    def load(cls, arrays: Mapping[str, Array]) -> "Recordings":
        """What `put` gave; the frames of pairs, `UNREAD`, need not have been checked.

        They are read where a query needs them: a wrong one agrees with no other, so damage hides
        a match at worst (`seehear verify` reads all).
        """
        return cls(*(arrays[name] for name in _COLUMNS))


_COLUMNS = ("contents", "begins", "keys", "starts", "frames")

UNREAD = frozenset({"frames"})
"""Columns that are too long to be checked whenever they are opened."""


def _line(codes: Codes, begin: int) -> npt.NDArray[np.uint64]:
    """The pairs of a recording that begins at this frame: key and frame in one number each."""
    found = pairs(codes, KEPT)
    frames = (found.frames[found.first] + begin).astype(np.uint64)
    return found.keys.astype(np.uint64) << np.uint64(32) | frames


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """The recordings of a library, in parts, with the reasons why snapshots were passed over."""

    parts: tuple[Recordings, ...]
    remarks: tuple[str, ...] = ()

    def find(self, query: Sequence[Codes]) -> list[tuple[int, Place]]:
        """As `Recordings.find`, in all parts."""
        found = [one for part in self.parts for one in part.find(query)]
        return sorted(found, key=lambda pair: (pair[1].chance, -pair[1].agreeing, pair[0]))


def open_recordings(catalogue: CatalogueReader, folder: Path) -> Heard:
    """The newest sound snapshot and what was committed since; else all from the catalogue."""
    remarks = []
    for record in _snapshots(catalogue):
        try:
            base = Recordings.load(snapshots.mapped(folder, record, unread=UNREAD))
        except (ValueError, KeyError) as error:
            remarks.append(snapshots.told(record, error))
            continue
        return Heard((base, Recordings.of(catalogue.peaks_since(record.seq))), tuple(remarks))
    return Heard((Recordings.of(catalogue.peaks_since(0)),), tuple(remarks))


def publish_recordings(catalogue: "CatalogueWriter", folder: Path) -> bool:
    """Write a fresh snapshot when the newest one is behind; says whether it wrote one."""
    seq, newest = catalogue.seq(), next(iter(_snapshots(catalogue)), None)
    there, since = catalogue.peaks_kept(newest.seq if newest else 0)
    is_behind = since > DELTA_BYTES or 10 * there < 9 * newest.rows if newest else since > 0
    if not is_behind:
        return False
    made = Recordings.of(catalogue.peaks_since(0))
    room = sum(getattr(made, name).nbytes for name in _COLUMNS)
    with snapshots.publishing(folder, f"{NAME}-{seq}", room) as out:
        made.put(out.bundle)
    record = SnapshotRecord(
        NAME, FINGERPRINT, seq, len(made.contents), out.name, out.size, out.sha256
    )
    snapshots.discard(folder, catalogue.add_snapshot(record, keep=GENERATIONS))
    return True


def damage(catalogue: CatalogueReader, folder: Path) -> list[str]:
    """Sentences about snapshots that are not as they were written."""
    found = []
    for record in _snapshots(catalogue):
        try:
            snapshots.mapped(folder, record)
        except ValueError as error:
            found.append(f"{NAME}: snapshot {record.name} is damaged: {error}")
    return found


def _snapshots(catalogue: CatalogueReader) -> list[SnapshotRecord]:
    return [one for one in catalogue.snapshots(NAME) if one.fingerprint == FINGERPRINT]


def span_of(place: Place) -> Span:
    """A place in milliseconds."""
    start = round(place.start * FRAME_MS)
    return Span(start, max(start + 1, round(place.end * FRAME_MS)))

"""Landmarks of recordings: what is loudest around itself, in pairs that find the same recording.

A. Wang, An Industrial-Strength Audio Search Algorithm (ISMIR 2003); D. Ellis, audfprint (2014).
Peaks of the spectrum outlast noise, codecs and other sounds. Two near ones are a key with enough
in it to be looked up; many equal keys at one distance in time are the same recording.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from engine.arrays import blocks
from engine.types import Ids, Vectors

Codes = npt.NDArray[np.uint16]
"""Peaks as they are kept, (n,): frames since the one before (7 bits), and the bin (9 bits)."""

Keys = npt.NDArray[np.uint32]
Numbers = npt.NDArray[np.float64]

VERSION = 1
"""Rises when peaks are found in another way: what is kept of recordings is then made again."""

RATE = 11_025
"""Samples per second: what is above 5 kHz, codecs change first."""

FRAME, HOP = 1024, 256
"""Samples of a frame (93 ms parts tones 11 Hz apart) and from one to the next (23 ms)."""

FRAME_MS = 1000 * HOP / RATE

_LOWEST = 3
"""Bins below 30 Hz hold hum and offset, not sound."""

_AROUND_FRAMES, _AROUND_BINS = 5, 6
"""A peak is the loudest within so many on either side. It leaves some 110 a second, dense enough
for a sound of a second under a louder one, in 220 bytes."""

_FLOOR = 1e-5 * FRAME / 4
"""A tone of so little (-100 dB of full scale, under the noise of 16 bits) is silence."""

_ZONE = 32
"""Frames and bins that the second peak of a pair may be away: .7 s, and 340 Hz up or down. Near
pairs last together, since what covers one peak covers the other as well."""

KEPT, ASKED = 2, 6
"""Pairs that begin with each peak, nearest first: in the library, and in a query. Another sound
puts peaks between, so a query tries more."""

SHIFTS = 2
"""A query is read at so many parts of a hop, as its frames may lie between the library's."""

LEAST = 6
"""Peaks that must agree, however rare that is."""

CHANCE = 1e-9
"""A match must be rarer than this among unrelated pairs, by the model of `chance_of`. Real sounds
repeat themselves and are less even than the model: see tests/bench/recordings.py."""

_STEP = 2048
"""Frames looked at together."""

_AT_ONCE = 256
"""Peaks paired together: what is compared stays in the cache."""

_OFFSET_BITS, _PEAK_BITS = 23, 16
_OFFSETS, _PEAKS = (1 << _OFFSET_BITS) - 1, (1 << _PEAK_BITS) - 1
_WIDE = 2  # offsets that count as one: a peak may fall into the next frame
_ASIDE = 32  # offsets on either side that a match must stand out from

_TRUSTED = (0.02, 0.98)
_LASTING = FRAME // HOP
_LATEST_MS = 24 * 3_600_000
_GAP = 127
_FAR = np.iinfo(np.int32).max


@dataclass(slots=True)
class PeakFinder:
    """Takes the samples of a recording block by block and keeps its peaks.

    The blocks may be cut anywhere: the same samples give the same peaks.
    """

    rate: ClassVar[int] = RATE

    _waiting: list[Vectors] = field(default_factory=list)
    _count: int = 0
    _first: int = 0
    _next: int = 0
    _start: int = 0
    _frames: list[Ids] = field(default_factory=list)
    _bins: list[Ids] = field(default_factory=list)

    def take(self, samples: Vectors, start_ms: int = 0) -> None:
        """Hear more, (n,) mono at `RATE`, of a sound that begins so late."""
        self._start = round(min(start_ms, _LATEST_MS) / FRAME_MS)
        self._waiting.append(samples)
        self._count += len(samples)
        # A frame is judged when those after it are known.
        while self._first + self._count >= _begin(self._next + _STEP + _AROUND_FRAMES) + FRAME:
            self._look(_STEP, _STEP + _AROUND_FRAMES)

    def finish(self) -> Codes:
        """Hear no more; all peaks, in the order of time and then of pitch."""
        if self._count and self._first + self._count < FRAME:
            self._waiting.append(np.zeros(FRAME - self._first - self._count, np.float32))
            self._count = FRAME
        left = (self._first + self._count - FRAME) // HOP + 1 - self._next
        if left > 0:
            self._look(left, left)
        none = np.zeros(0, np.int64)
        frames = np.concatenate([none, *self._frames]) + self._start
        return encoded(frames, np.concatenate([none, *self._bins]))

    def _look(self, count: int, until: int) -> None:
        """Find the peaks of the next `count` frames, of which `until` are looked at."""
        samples = np.concatenate(self._waiting)
        first = max(0, self._next - _AROUND_FRAMES)
        part = samples[_begin(first) - self._first : _begin(self._next + until - 1) + FRAME]
        frames, bins = _peaks(spectrum(part))
        frames += first
        mine = (frames >= self._next) & (frames < self._next + count)
        self._frames.append(frames[mine])
        self._bins.append(bins[mine])
        self._next += count
        kept = samples[_begin(max(0, self._next - _AROUND_FRAMES)) - self._first :]
        self._first += len(samples) - len(kept)
        self._waiting, self._count = [kept], len(kept)


def read_anew(samples: Vectors) -> tuple[Codes, ...]:
    """The peaks of a query's samples (n,), read at `SHIFTS` parts of a hop."""
    found = []
    for shift in range(SHIFTS):
        finder = PeakFinder()
        finder.take(samples[shift * HOP // SHIFTS :])
        found.append(finder.finish())
    return tuple(found)


def _begin(frame: int) -> int:
    return frame * HOP


def spectrum(samples: Vectors) -> Vectors:
    """Magnitudes of the frames of samples (n,): (1 + (n - FRAME) // HOP, FRAME / 2)."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP]
    window = np.hanning(FRAME).astype(np.float32)
    found = np.empty((len(frames), FRAME // 2), np.float32)
    for block in blocks(len(frames), 256):
        found[block] = np.abs(np.fft.rfft(frames[block] * window, axis=1))[:, : FRAME // 2]
    return found


def _peaks(loudness: Vectors) -> tuple[Ids, Ids]:
    """Frames and bins of what is loudest around itself."""
    loudness[:, :_LOWEST] = 0
    around = _largest(_largest(loudness, _AROUND_FRAMES).T, _AROUND_BINS).T
    frames, bins = np.nonzero((loudness == around) & (loudness > _FLOOR))
    return frames, bins


def _largest(rows: Vectors, reach: int) -> Vectors:
    """The largest of each row and of `reach` rows before and after it, same shape.

    A maximum of 2n rows is one of two maxima of n, so few passes do.
    """
    found, size, whole = np.pad(rows, ((reach, reach), (0, 0))), 1, 2 * reach + 1
    while 2 * size <= whole:
        found, size = np.maximum(found[:-size], found[size:]), 2 * size
    rest = whole - size
    return np.maximum(found[: len(found) - rest], found[rest:])


def encoded(frames: Ids, bins: Ids) -> Codes:
    """Peaks (n,), in the order of time, as codes; a long silence takes codes of its own."""
    gaps = np.diff(frames, prepend=0)
    fillers = np.maximum(gaps - 1, 0) // _GAP
    codes = np.full(len(frames) + int(fillers.sum()), _GAP << 9, dtype=np.uint16)
    codes[np.arange(len(frames)) + np.cumsum(fillers)] = (gaps - _GAP * fillers) << 9 | bins
    return codes


def decoded(codes: Codes) -> tuple[Ids, Ids]:
    """Frames and bins of the peaks that `encoded` wrote."""
    frames, bins = np.cumsum(codes >> 9, dtype=np.int64), (codes & 511).astype(np.int64)
    return frames[bins > 0], bins[bins > 0]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of peaks near each other.

    Attributes:
        keys: pitch of the first, and how far away the second is in pitch and time, (n,).
        first: the number of the first among the peaks, (n,).
        frames: when each peak is heard, (peaks,).
    """

    keys: Keys
    first: Ids
    frames: Ids


def pairs(codes: Codes, each: int) -> Pairs:
    """The pairs of peaks: with each as first at most `each`, the nearest ones."""
    frames, bins = decoded(codes)
    none = np.zeros((2, 0), np.int64)
    parts = [_paired(frames, bins, block, each) for block in blocks(len(frames), _AT_ONCE)]
    first, second = np.concatenate([none, *parts], axis=1)
    later, higher = frames[second] - frames[first], bins[second] - bins[first]
    keys = (bins[first] * (2 * _ZONE + 1) + higher + _ZONE) * (_ZONE + 1) + later
    return Pairs(keys.astype(np.uint32), first, frames)


def _paired(frames: Ids, bins: Ids, block: slice, each: int) -> Ids:
    """The numbers of both peaks of the pairs that begin in a block of peaks, (2, n)."""
    count = block.stop - block.start
    ends = np.searchsorted(frames, frames[block] + _ZONE, side="right")
    reach = max(int((ends - np.arange(block.start, block.stop)).max()), each + 1)
    # Beside each peak those that follow; behind the last come some that are too late.
    window = slice(block.start + 1, block.stop + reach)
    missing = (0, max(0, block.stop + reach - len(frames)))
    beside = [
        np.lib.stride_tricks.sliding_window_view(
            np.pad(column[window].astype(np.int32), missing, constant_values=late), reach
        )[:count]
        for column, late in ((frames, _FAR), (bins, 0))
    ]
    later = beside[0] - frames[block, None].astype(np.int32)
    away = np.abs(beside[1] - bins[block, None].astype(np.int32))
    # The step makes every cost another, so that the choice is always the same.
    cost = (later + away) * _STEP + np.arange(reach, dtype=np.int32)
    cost[(later <= 0) | (later > _ZONE) | (away > _ZONE)] = _FAR
    chosen = np.argpartition(cost, each - 1, axis=1)[:, :each]
    rows, columns = np.nonzero(np.take_along_axis(cost, chosen, axis=1) < _FAR)
    first = rows + block.start
    return np.stack([first, first + 1 + chosen[rows, columns]])


@dataclass(frozen=True, slots=True)
class Place:
    """Where a query's recording occurs in another, in frames of that one, end excluded."""

    owner: int
    start: int
    end: int
    agreeing: int
    chance: float


def places(owners: Ids, offsets: Ids, first: Ids, asked: Ids, lengths: Ids) -> list[Place]:
    """Where so many equal keys lie at one distance in time that chance is ruled out, surest first.

    Args:
        owners: the recording that each equal key was found in, (n,); a row of `lengths`.
        offsets: frames from the query's pair to the found one, (n,).
        first: the number of the pair's first peak in the query, (n,).
        asked: when each peak of the query is heard, (peaks,).
        lengths: frames of each recording.
    """
    reach = duration(asked)
    keyed = owners << _OFFSET_BITS | (offsets + reach + 2 * _ASIDE)
    agreed = _Agreed(_distinct(keyed << _PEAK_BITS | first))
    keys = agreed.crowded()
    own = keys >> _OFFSET_BITS
    agreeing = agreed.count(keys, keys + _WIDE)
    elsewhere = agreed.count(own << _OFFSET_BITS, (own + 1) << _OFFSET_BITS) - agreeing + 1
    around = agreed.count(keys - _ASIDE, keys + _WIDE + _ASIDE)
    around -= agreed.count(keys - _WIDE, keys + 2 * _WIDE)
    tries = lengths[own] + reach
    # A steady tone agrees wherever it is laid: a match must stand out from what lies beside it.
    usual = _WIDE * np.maximum(elsewhere / tries, around / (2 * (_ASIDE - _WIDE)))
    chances = chance_of(agreeing, usual, tries * SHIFTS)
    found = []
    for at in np.lexsort((keys, -agreeing, chances))[: np.count_nonzero(chances < CHANCE)].tolist():
        offset = int(keys[at] & _OFFSETS) - reach - 2 * _ASIDE
        heard = asked[agreed.peaks(int(keys[at]))]
        # Of many that agree a few do so by chance, anywhere.
        begin, last = np.quantile(heard, _TRUSTED, method="nearest").tolist()
        start, end = _extent(begin, last, reach)
        start, end = max(offset + start, 0), min(offset + end, int(lengths[own[at]]))
        place = Place(int(own[at]), start, end, int(agreeing[at]), float(chances[at]))
        if end > start:
            found.append(place)
    return apart(found)


def duration(frames: Ids) -> int:
    """How many hops it is from the beginning to the end of the last frame with a peak."""
    return int(frames[-1]) + _LASTING if len(frames) else 0


def _extent(first: int, last: int, whole: int) -> tuple[int, int]:
    """From when to when a query of `whole` frames is heard, by its first and last peak that agree.

    What is covered at its ends is there all the same where most of it was found.
    """
    if 2 * (last - first) >= whole or whole - (last - first) <= 2 * _ZONE:
        return 0, whole
    return first, last + _LASTING


def _overlap(one: Place, other: Place) -> bool:
    return one.owner == other.owner and one.start < other.end and other.start < one.end


def _distinct(values: Ids) -> Ids:
    """Each value once, sorted: several times faster than np.unique, which hashes."""
    ordered = np.sort(values)
    return ordered[np.diff(ordered, prepend=-1) > 0]


@dataclass(frozen=True, slots=True, eq=False)
class _Agreed:
    """Which peaks of a query agree at which offset in which recording, sorted, each once."""

    line: Ids

    def count(self, low: Ids, high: Ids) -> Ids:
        """How many lie at keys from `low` on and below `high`."""
        return self._at(high) - self._at(low)

    def peaks(self, key: int) -> Ids:
        """The numbers of those at a key and the next."""
        ends = [key << _PEAK_BITS, (key + _WIDE) << _PEAK_BITS]
        low, high = np.searchsorted(self.line, ends).tolist()
        return self.line[low:high] & _PEAKS

    def crowded(self) -> Ids:
        """The keys at which, with the next, at least `LEAST` agree."""
        keys = self.line >> _PEAK_BITS
        begin = keys[: max(len(keys) - LEAST + 1, 0)]
        return _distinct(begin[keys[LEAST - 1 :] < begin + _WIDE])

    def _at(self, keys: Ids) -> Ids:
        return np.searchsorted(self.line, keys << _PEAK_BITS)


def chance_of(agreeing: Ids, usual: Numbers, tries: Ids) -> Numbers:
    """The chance that so many peaks agree somewhere, where `usual` do on average; shape (n,).

    Chernoff's bound for the tail of a Poisson law, times the places where it might have happened.
    """
    most = np.maximum(agreeing, usual)
    tail = most - usual + most * (np.log(usual) - np.log(most))
    return np.asarray(np.minimum(1.0, tries * np.exp(tail)))


def apart(found: Iterable[Place]) -> list[Place]:
    """Places that do not overlap, surest first; of those that do, the surest."""
    kept: list[Place] = []
    for one in sorted(found, key=lambda place: (place.chance, -place.agreeing)):
        if not any(_overlap(one, other) for other in kept):
            kept.append(one)
    return kept

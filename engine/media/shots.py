"""A stream of decoded frames becomes shots, each with the frame that stands for it.

The measure and its threshold follow PySceneDetect (scenedetect.com/docs/latest/api/detectors.html):
ContentDetector's mean change of the pixels of small frames, here of luma and both chroma planes
because hue says little where colours are pale, against AdaptiveDetector's rolling mean of its
neighbours, so that a moving camera is no cut. Where frames lie far apart (only key frames were
decoded) everything has moved, and the histograms must differ as well (its HistogramDetector).
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

GRID_MS = 2_000
"""A frame at least this often, in what is not long."""

FRAMES_PER_HOUR = 600
"""As many may a film of up to an hour have; a longer one as many for each hour."""

MAX_FRAMES = 2_400
"""As many may the longest film have, besides SPARE_FRAMES."""

SPARE_FRAMES = 60
"""So many shots may come faster than a film's share would allow."""

MIN_SHOT_MS = 600
"""PySceneDetect's default of 15 frames; flashes and shaking make cuts closer than that."""

MIN_CHANGE = 15.0
ADAPTIVE_RATIO = 3.0
NEIGHBOURS = 2
"""AdaptiveDetector's defaults: least change, how often the mean of the frames around, how many."""

SPARSE_MS = 400
SPARSE_HISTOGRAM = 0.35
"""Frames further apart than this must differ by so much of their histograms' mass as well."""

_STILL_CHANGE = 4.0
_STILL_BLOCK = 14.0
_BLANK_CONTRAST = 4.0
_BLANK_COLOUR = 6.0
_CLEAR_SHARE = 0.85
_HOUR_MS = 3_600_000
_TRICKLE_PER_HOUR = 60
_BLOCK = 6
_BINS = 32
_MAX_CANDIDATES = 12


class Look(NamedTuple):
    """How a frame looks from afar.

    Attributes:
        planes: luma and two of chroma, int16 (3, h, w), h and w multiples of 6.
        contrast: standard deviation of luma.
    """

    planes: npt.NDArray[np.int16]
    contrast: float

    @property
    def blank(self) -> bool:
        """Whether it is nothing but black, white or grey."""
        colour = np.abs(self.planes[1:].mean(axis=(1, 2)) - 128).max()
        return self.contrast < _BLANK_CONTRAST and bool(colour < _BLANK_COLOUR)


class Seen(NamedTuple):
    """A decoded frame.

    Attributes:
        at_ms: when it is shown.
        look: how it looks.
        pixels: RGB uint8 (height, width, 3) if it may stand for a shot; the first frame has them,
            and every frame whose change may be a cut.
        change: from the frame before, as ``change`` measures; 0 for the first.
        moved: ``histogram_distance`` from the frame before if that was SPARSE_MS or longer ago.
    """

    at_ms: int
    look: Look
    pixels: Pixels | None
    change: float
    moved: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A stretch of a film, [start_ms, end_ms), and the frame that stands for it."""

    start_ms: int
    end_ms: int
    best: Seen

    @property
    def pixels(self) -> Pixels:
        """Of the frame that stands for it."""
        if self.best.pixels is None:
            raise ValueError("a frame without pixels stands for nothing")
        return self.best.pixels


@dataclass(slots=True)
class Budget:
    """How many frames a film may have; goes on where the film is longer than it says.

    Attributes:
        stated_ms: how long the film says it is; 0 if it does not.
        used: shots that it has had so far.
    """

    stated_ms: int
    used: int = 0

    @property
    def frames(self) -> int:
        """How many frames the stated length may have, besides SPARE_FRAMES."""
        hours = max(1.0, self.stated_ms / _HOUR_MS)
        return min(MAX_FRAMES, int(hours * FRAMES_PER_HOUR))

    @property
    def grid_ms(self) -> int:
        """The longest that a cell may be."""
        return max(GRID_MS, self.stated_ms // self.frames)

    def is_left(self, at_ms: int) -> bool:
        """Tell whether one more shot may end here."""
        within = min(1.0, at_ms / max(1, self.stated_ms)) if self.stated_ms else 0.0
        beyond = max(0, at_ms - self.stated_ms) / _HOUR_MS
        more = min(beyond * FRAMES_PER_HOUR, MAX_FRAMES + beyond * _TRICKLE_PER_HOUR)
        return self.used < SPARE_FRAMES + within * self.frames + more


def look(planes: Pixels) -> Look:
    """Keep what is compared of a small frame, uint8 (3, h, w)."""
    return Look(planes.astype(np.int16), float(planes[0].std()))


def change(first: Look, second: Look) -> float:
    """Mean absolute change per pixel, summed over luma and chroma."""
    return float(np.abs(first.planes - second.planes).mean(axis=(1, 2)).sum())


def histogram_distance(first: Look, second: Look) -> float:
    """Give the share of pixels whose luma or chroma went elsewhere, 0 to 1, of the worst plane."""
    moved = [
        int(np.abs(_histogram(a) - _histogram(b)).sum())
        for a, b in zip(first.planes, second.planes, strict=True)
    ]
    pixels: int = first.planes[0].size
    return max(moved) / (2 * pixels)


def alike(first: Look, second: Look) -> bool:
    """Tell whether two frames show the same still picture: no block of it differs much."""
    away = np.abs(first.planes - second.planes).sum(axis=0)
    height, width = away.shape
    blocks = away.reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK).mean(axis=(1, 3))
    return bool(away.mean() < _STILL_CHANGE and blocks.max() < _STILL_BLOCK)


def observed(last: Seen | None, at_ms: int, now: Look) -> Seen:
    """Compare a frame, still without its pixels, with the one before."""
    if last is None:
        return Seen(at_ms, now, None, 0.0, None)
    far = at_ms - last.at_ms >= SPARSE_MS
    moved = histogram_distance(last.look, now) if far else None
    return Seen(at_ms, now, None, change(last.look, now), moved)


def cuts(frames: Iterator[Seen]) -> Iterator[tuple[Seen, bool]]:
    """Say of each frame whether a new shot begins with it; NEIGHBOURS frames are held back."""
    around: deque[Seen] = deque(maxlen=2 * NEIGHBOURS + 1)
    waiting: deque[Seen] = deque()
    for frame in frames:
        around.append(frame)
        waiting.append(frame)
        if len(waiting) > NEIGHBOURS:
            first = waiting.popleft()
            yield first, _is_cut(first, around)
    for frame in waiting:
        yield frame, _is_cut(frame, around)


def shots(frames: Iterator[Seen], budget: Budget) -> Iterator[Shot]:
    """Gather frames into shots, in memory that does not grow with the film.

    A shot ends at a cut, at the end of its grid cell, or later where the budget is used up. A
    shot with nothing in it joins the next one, and a shot that looks like the one before joins
    that. The last one ends with its last frame: the caller knows better how long that is shown.
    """
    held: Shot | None = None
    for cell in _cells(cuts(frames), budget):
        if held is None:
            held = cell
        elif held.best.look.blank or cell.best.look.blank or alike(held.best.look, cell.best.look):
            held = _joined(held, cell)
        else:
            yield held
            held = cell
            budget.used += 1
    if held is not None:
        yield held


@dataclass(slots=True)
class _Cell:
    """A stretch that still grows, with a few frames of which one will stand for it."""

    start_ms: int
    candidates: list[Seen]
    step_ms: int = 0

    def add(self, frame: Seen) -> None:
        """Keep a frame that has pixels; of very many only some, evenly apart."""
        if frame.pixels is None:
            return
        if not self.candidates or frame.at_ms >= self.candidates[-1].at_ms + self.step_ms:
            self.candidates.append(frame)
        if len(self.candidates) > _MAX_CANDIDATES:
            self.candidates = self.candidates[::2]
            length = self.candidates[-1].at_ms - self.candidates[0].at_ms
            self.step_ms = length // (len(self.candidates) - 1)

    def closed(self, end_ms: int) -> Shot:
        """Choose the frame nearest the middle among those that are neither blank nor mid-fade."""
        contrast = _CLEAR_SHARE * max(one.look.contrast for one in self.candidates)
        clear = [one for one in self.candidates if one.look.contrast >= contrast]
        middle = (self.start_ms + end_ms) / 2
        return Shot(self.start_ms, end_ms, min(clear, key=lambda one: abs(one.at_ms - middle)))


def _cells(frames: Iterator[tuple[Seen, bool]], budget: Budget) -> Iterator[Shot]:
    """Cut at cuts and at the ends of the grid's cells, as far as the budget allows."""
    cell: _Cell | None = None
    cut_ms = last_ms = 0
    for frame, cut in frames:
        last_ms = frame.at_ms
        if cell is None:
            cell = _Cell(0, [])
        elif frame.pixels is not None and budget.is_left(frame.at_ms):
            is_new = cut and frame.at_ms - cut_ms >= MIN_SHOT_MS
            if is_new or frame.at_ms - cell.start_ms >= budget.grid_ms:
                yield cell.closed(frame.at_ms)
                cell = _Cell(frame.at_ms, [])
                cut_ms = frame.at_ms if is_new else cut_ms
        cell.add(frame)
    if cell is not None:
        yield cell.closed(last_ms + 1)


def _joined(first: Shot, second: Shot) -> Shot:
    """Make one shot of two; the frame that stands for it is the first that is not blank."""
    best = second.best if first.best.look.blank else first.best
    return Shot(first.start_ms, second.end_ms, best)


def _is_cut(frame: Seen, around: Iterable[Seen]) -> bool:
    """Compare a frame's change with that of its neighbours, or of histograms if they are far."""
    if frame.change < MIN_CHANGE or frame.moved is not None:
        return frame.change >= MIN_CHANGE and (frame.moved or 0) >= SPARSE_HISTOGRAM
    others = [one.change for one in around if one is not frame]
    return frame.change * len(others) >= ADAPTIVE_RATIO * sum(others)


def _histogram(plane: npt.NDArray[np.int16]) -> npt.NDArray[np.intp]:
    """Count the values of a plane in 32 bins."""
    return np.bincount(plane.ravel() >> 3, minlength=_BINS)

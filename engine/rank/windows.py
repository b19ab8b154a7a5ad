"""Moments of a recording: where the scores of its windows stand out, and from when to when."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.types import Scores

STANDS_OUT = 2.0
"""Deviations above the recording's own mean from which on windows belong to a moment."""

HEIGHT = 0.5
"""Share of its best window's height above the mean that a window at the end of a moment has."""

_MOST = 0.5
"""The last window of a recording overlaps the one before it even where windows do not."""

_KERNEL = np.array([0.25, 0.5, 0.25], dtype=np.float32)

Times = npt.NDArray[np.int64]
"""Milliseconds, shape (n,)."""


@dataclass(frozen=True, slots=True)
class Peak:
    """A moment: from when to when, in milliseconds, and which window is its best."""

    start: int
    end: int
    window: int


def peaks(scores: Scores, starts: Times, ends: Times) -> list[Peak]:
    """The moments of a recording whose windows score so, best first; at least one if n > 0.

    Args:
        scores: of the windows in the order of time, shape (n,).
        starts: of the windows, shape (n,).
        ends: of the windows, shape (n,).

    Windows above mean + `STANDS_OUT` deviations are one moment while no more than one window
    between them is not; a recording in which nothing stands out so far has the moment around its
    best window. A moment reaches from its first window to its last of `HEIGHT` (the full width at
    half maximum). Adding a constant to all scores changes nothing.
    """
    if not len(scores):
        return []
    # Neighbours that overlap heard much the same; others have no say in where a moment ends.
    overlap = bool((starts[1:] < ends[:-1]).mean() > _MOST) if len(starts) > 1 else False
    smooth = smoothed(scores) if overlap else scores
    level = min(smooth.mean() + STANDS_OUT * smooth.std(), (smooth.mean() + smooth.max()) / 2)
    runs = (_trimmed(run, scores) for run in _runs(smooth >= level))
    found = [_peak(run, scores, starts, ends) for run in runs]
    return sorted(found, key=lambda one: (-scores[one.window], one.start))


def _trimmed(run: slice, scores: Scores) -> slice:
    """From the first window to the last that is nearly as high as the best of the run."""
    floor = min(float(scores.mean()), float(scores[run].max()))
    height = floor + HEIGHT * (float(scores[run].max()) - floor)
    high = np.flatnonzero(scores[run] >= height)
    return slice(run.start + int(high[0]), run.start + int(high[-1]) + 1)


def smoothed(scores: Scores) -> Scores:
    """Each score averaged with its neighbours, (n,); the ends are repeated."""
    padded = np.pad(scores, 1, mode="edge")
    return np.asarray(np.convolve(padded, _KERNEL, mode="valid"), dtype=np.float32)


def _runs(high: npt.NDArray[np.bool_]) -> Iterator[slice]:
    """Stretches of True, joined over a gap of one."""
    places = np.flatnonzero(high)
    breaks = np.flatnonzero(np.diff(places) > 2) + 1  # noqa: PLR2004  (2 steps span a gap of one)
    for part in np.split(places, breaks):
        yield slice(int(part[0]), int(part[-1]) + 1)


def _peak(run: slice, scores: Scores, starts: Times, ends: Times) -> Peak:
    """What the windows of a run have in common, or where they lie if that is nothing.

    Windows overlap: an event shorter than a window is in all that cover it, so it lies where they
    meet; a longer one reaches from the first to the last.
    """
    best = run.start + int(np.argmax(scores[run]))
    latest, earliest = int(starts[run].max()), int(ends[run].min())
    if latest < earliest:
        return Peak(latest, earliest, best)
    return Peak(int(starts[run].min()), int(ends[run].max()), best)

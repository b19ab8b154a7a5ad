"""What must hold of the moments of any recording, and of the correction for its length."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from engine.rank.maxima import WITHIN, Within
from engine.rank.windows import Peak, Times, peaks
from engine.types import Scores

WINDOW = 1_000

counts = st.integers(1, 60)
seeds = st.integers(0, 2**32 - 1)
hops = st.sampled_from([WINDOW // 2, WINDOW])


def curve(count: int, seed: int) -> Scores:
    return np.random.default_rng(seed).normal(size=count).astype(np.float32)


def times(count: int, hop: int) -> tuple[Times, Times]:
    starts = np.arange(count, dtype=np.int64) * hop
    return starts, starts + WINDOW


def found(scores: Scores, hop: int) -> list[Peak]:
    return peaks(scores, *times(len(scores), hop))


@given(counts, seeds, hops)
def test_a_recording_has_a_moment_and_each_begins_before_it_ends(
    count: int, seed: int, hop: int
) -> None:
    moments = found(curve(count, seed), hop)

    assert moments
    assert all(0 <= one.start < one.end <= (count - 1) * hop + WINDOW for one in moments)


@given(counts, seeds, hops)
def test_moments_do_not_overlap(count: int, seed: int, hop: int) -> None:
    inside = sorted(found(curve(count, seed), hop), key=lambda one: one.start)

    assert all(a.end <= b.start for a, b in pairwise(inside))


@given(counts, seeds)
def test_the_best_window_lies_in_the_best_moment_where_windows_do_not_overlap(
    count: int, seed: int
) -> None:
    scores = curve(count, seed)
    starts, ends = times(count, WINDOW)
    first = peaks(scores, starts, ends)[0]

    assert first.window == int(np.argmax(scores))
    assert first.start <= starts[first.window] < ends[first.window] <= first.end


@given(counts, seeds, hops, st.integers(-50, 50))
def test_a_constant_added_to_all_windows_changes_nothing(
    count: int, seed: int, hop: int, shift: int
) -> None:
    # Eighths are exact in float32, so that the same windows are above the level.
    scores = np.round(curve(count, seed) * 8) / np.float32(8)

    moved = found(scores + np.float32(shift), hop)

    assert [(m.start, m.end) for m in moved] == [(m.start, m.end) for m in found(scores, hop)]


@given(st.integers(12, 60), seeds, hops, st.integers(1, 3), st.floats(0, 1))
def test_what_is_planted_is_found_from_its_start_to_its_end(
    count: int, seed: int, hop: int, wide: int, place: float
) -> None:
    """Within one hop: a neighbour of nearly the same score may belong to it."""
    scores = curve(count, seed) * np.float32(0.2)
    first = int(place * (count - wide))
    scores[first : first + wide] += 8
    starts, ends = times(count, hop)

    best = found(scores, hop)[0]

    assert abs(best.start - starts[first]) <= wide * hop
    assert best.start < ends[first + wide - 1]
    assert starts[first] < best.end


def test_neighbours_of_windows_that_do_not_overlap_are_no_part_of_a_moment() -> None:
    (best, *_) = found(np.array([0, 0, 0, 1, 9, 1, 0, 0, 0, 0], dtype=np.float32), WINDOW)

    assert (best.start, best.end) == (4 * WINDOW, 5 * WINDOW)


def test_a_moment_ends_where_windows_are_less_than_half_as_high_as_its_best() -> None:
    scores = np.zeros(60, dtype=np.float32)
    scores[40:44] = [9, 6, 4, 4]

    (best, *_) = found(scores, WINDOW)

    assert (best.start, best.end) == (40 * WINDOW, 42 * WINDOW)


def long_wins(*, correct: bool, files: int = 400, windows: int = 120) -> float:
    """How often a long recording of noise scores above a short one, alike but for its length."""
    random = np.random.default_rng(0)
    best: list[npt.NDArray[np.float32]] = []
    for count in (windows, 3):
        common = random.normal(size=(files, 1)) * np.sqrt(1 - WITHIN**2)
        heard = (common + WITHIN * random.normal(size=(files, count))).astype(np.float32)
        top = heard.max(axis=1)
        if correct:
            parts = zip(heard, top.tolist(), strict=True)
            top = np.array([Within.of(one).corrected(best, count) for one, best in parts])
        best.append(top)
    return float((best[0] > best[1]).mean())


def test_a_long_recording_of_noise_is_no_better_than_a_short_one() -> None:
    assert 0.45 < long_wins(correct=True) < 0.55
    assert long_wins(correct=False) > 0.65


@given(st.integers(0, 40), seeds, st.floats(0.125, 4))
def test_the_spread_of_a_recording_does_not_depend_on_a_shift(
    count: int, seed: int, shift: float
) -> None:
    scores = curve(count, seed)

    moved = Within.of(scores + np.float32(shift))
    assert np.isclose(Within.of(scores).deviation, moved.deviation, atol=1e-4)


def test_an_event_does_not_raise_the_spread_of_its_recording() -> None:
    quiet = curve(41, 0) * np.float32(0.3)
    loud = quiet.copy()
    loud[20] = 9.0

    assert Within.of(loud).deviation < 1.1 * Within.of(quiet).deviation


@given(st.floats(-3, 30), st.floats(0.1, 2), st.integers(1, 10_000))
def test_the_correction_lifts_nothing_and_keeps_the_order(
    best: float, deviation: float, windows: int
) -> None:
    within = Within(0.0, deviation)

    fair = within.corrected(best, windows)

    assert fair <= best
    assert fair <= within.corrected(best + 0.5, windows) + 1e-9


def test_what_stands_out_far_loses_little() -> None:
    """Of a hundred windows, a best at two deviations is nothing; one at ten is nearly all there."""
    within = Within(0.0, 1.0)

    assert within.corrected(2.0, 100) < 0
    assert within.corrected(10.0, 100) > 9.5

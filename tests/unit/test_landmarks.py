"""Landmarks find the same recording in others, whatever was done to it, and nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.query import Term
from engine.rank.landmarks import (
    CHANCE,
    FRAME_MS,
    LEAST,
    RATE,
    Codes,
    PeakFinder,
    Place,
    chance_of,
    decoded,
    encoded,
    pairs,
    read_anew,
)
from engine.recordings import Recordings
from engine.search.example import peaks_of
from engine.types import Modality, Span
from making import melody, sound, white_noise

Samples = npt.NDArray[Any]

JINGLE = melody(1, 3.0, RATE)
AT = 20.0
"""Seconds at which it lies in a recording."""


def peaks(samples: Samples) -> Codes:
    finder = PeakFinder()
    finder.take(samples)
    return finder.finish()


def found(query: tuple[Codes, ...], *recordings: Samples) -> list[tuple[int, Place]]:
    return Recordings.of([(n, peaks(one)) for n, one in enumerate(recordings)]).find(query)


def holding(part: Samples, decibels: float, seed: int = 2) -> Samples:
    """A minute of other music with a part laid over it, so much louder than what it lies in."""
    whole = melody(seed, 60.0, RATE)
    under = whole[round(AT * RATE) :][: len(part)]
    under += np.float32(10 ** (decibels / 20) * under.std() / part.std()) * part
    return whole


def slower(samples: Samples, times: float) -> Samples:
    steps = np.arange(0, len(samples) - 1, 1 / times)
    return np.interp(steps, np.arange(len(samples)), samples).astype(np.float32)


def is_at(place: Place, start: float = AT) -> bool:
    return abs(place.start * FRAME_MS - 1000 * start) < 2 * FRAME_MS


@pytest.mark.parametrize("decibels", [6, 0, -6])
def test_a_jingle_is_found_under_other_music_to_the_frame(decibels: float) -> None:
    ((number, place),) = found(read_anew(JINGLE), melody(3, 60.0, RATE), holding(JINGLE, decibels))

    assert number == 1
    assert is_at(place)
    assert abs(place.end - place.start - 3000 / FRAME_MS) < 8
    assert place.agreeing >= LEAST
    assert place.chance < CHANCE


def test_a_second_of_it_is_enough() -> None:
    (found_in,) = found(read_anew(JINGLE[RATE : 2 * RATE]), holding(JINGLE, 6))

    assert is_at(found_in[1], AT + 1)


CHANGES: dict[str, Callable[[Samples], Samples]] = {
    "quieter": lambda heard: heard * 0.03,
    "louder, and cut off": lambda heard: np.clip(heard * 4, -1, 1),
    "half a hop later": lambda heard: heard[67:],
    "with noise": lambda heard: heard + white_noise(len(heard), level=float(heard.std()) / 3),
    "muffled": lambda heard: np.convolve(heard, np.ones(4) / 4, "same").astype(np.float32),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_done_to_a_query_does_not_hide_it(change: Callable[[Samples], Samples]) -> None:
    ((_, place),) = found(read_anew(change(JINGLE)), holding(JINGLE, 20))

    assert is_at(place)


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".ogg"])
@pytest.mark.parametrize("rate", [22_050, 48_000])
def test_encoding_and_resampling_do_not_hide_it(tmp_path: Path, suffix: str, rate: int) -> None:
    whole = slower(JINGLE, rate / RATE)
    path = sound(tmp_path / f"jingle{suffix}", whole, rate)

    ((_, place),) = found(peaks_of(path, Term(Modality.AUDIO, path)), holding(JINGLE, 3))

    assert abs(place.start * FRAME_MS - 1000 * AT) < 60  # codecs put a little before it


def test_a_part_of_a_query_is_found_where_that_part_is(tmp_path: Path) -> None:
    path = sound(tmp_path / "long.wav", melody(7, 30.0, 22_050), 22_050)
    part = Term(Modality.AUDIO, path, span=Span(12_300, 15_300))
    heard = melody(7, 30.0, 22_050)[round(12.3 * 22_050) : round(15.3 * 22_050) : 2]

    ((_, place),) = found(peaks_of(path, part), holding(heard, 6))

    assert is_at(place)


def test_each_place_is_told_once() -> None:
    twice = np.concatenate([holding(JINGLE, 3), holding(JINGLE, 0, seed=5)])
    places = [place for _, place in found(read_anew(JINGLE), twice)]

    assert sorted(round(one.start * FRAME_MS / 1000) for one in places) == [20, 80]


def test_of_a_long_query_only_what_was_used_is_shown() -> None:
    song = melody(9, 40.0, RATE)
    used = song[5 * RATE : 12 * RATE]

    ((_, place),) = found(read_anew(song), holding(used, 6))

    assert abs(place.start * FRAME_MS - 1000 * AT) < 250
    assert abs(place.end * FRAME_MS - 1000 * (AT + 7)) < 1_000


def test_unrelated_sounds_are_never_the_same() -> None:
    """Melodies, noises and steady tones: each of one half is asked for in the other."""
    steps = np.arange(4 * RATE) / RATE
    every = [melody(seed, 4.0, RATE) for seed in range(60)]
    every += [white_noise(4 * RATE, 1_000 + seed) for seed in range(30)]
    tones = [np.sin(2 * np.pi * hertz * steps) for hertz in range(100, 3_100, 100)]
    every += [
        (0.3 * one).astype(np.float32) + white_noise(len(one), 2_000 + seed, 1e-3)
        for seed, one in enumerate(tones)
    ]
    table = Recordings.of([(n, peaks(one)) for n, one in enumerate(every[1::2])])

    assert not [one for heard in every[::2] for one in table.find(read_anew(heard))]
    ((number, _),) = table.find(read_anew(every[1]))
    assert number == 0


def humming(seed: int, seconds: float = 30.0) -> Samples:
    """A transformer, with noise of its own."""
    heard = white_noise(round(seconds * RATE), seed, 0.01)
    steps = np.arange(len(heard)) / RATE
    hum = sum(0.1 / n * np.sin(2 * np.pi * 120 * n * steps) for n in range(1, 12))
    return np.asarray(heard + hum, dtype=np.float32)


def test_the_same_hum_in_two_recordings_proves_nothing() -> None:
    assert found(read_anew(humming(1, 5.0)), humming(2)) == []


def wavering(seed: int, seconds: float) -> Samples:
    """A tone that wavers five times a second, with noise of its own."""
    steps = np.arange(round(seconds * RATE)) / RATE
    tone = 0.2 * np.sin(2 * np.pi * 440 * steps + 3 * np.sin(2 * np.pi * 5 * steps))
    return np.asarray(white_noise(len(steps), seed, 0.01) + tone, dtype=np.float32)


def test_nor_does_a_stretch_of_what_repeats_itself_in_a_long_recording() -> None:
    long = white_noise(240 * RATE, 3, 0.01)
    long[50 * RATE : 60 * RATE] = wavering(4, 10.0)

    assert found(read_anew(wavering(1, 4.0)), long) == []


@pytest.mark.parametrize("times", [0.94, 1.06])
def test_what_is_played_faster_or_slower_is_not_found(times: float) -> None:
    """A limit that docs/moments.md states."""
    assert found(read_anew(slower(JINGLE, times)), holding(JINGLE, 20)) == []


@pytest.mark.parametrize("seconds", [0, 0.02, 0.5, 30])
def test_silence_has_no_peaks(seconds: float) -> None:
    assert len(peaks(np.zeros(round(seconds * RATE), np.float32))) == 0
    assert found(read_anew(np.zeros(round(seconds * RATE), np.float32)), JINGLE) == []


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 3 * RATE), max_size=40))
def test_how_blocks_are_cut_does_not_matter(sizes: list[int]) -> None:
    whole = melody(4, 60.0, RATE)
    finder = PeakFinder()
    for part in np.split(whole, np.cumsum(sizes)):
        finder.take(part)

    assert finder.finish().tolist() == peaks(whole).tolist()


def test_the_sound_of_a_film_may_begin_late() -> None:
    finder = PeakFinder()
    finder.take(JINGLE, start_ms=60_000)
    late, _ = decoded(finder.finish())
    soon, _ = decoded(peaks(JINGLE))

    assert ((late - soon) == round(60_000 / FRAME_MS)).all()


@given(st.lists(st.tuples(st.integers(0, 2_000), st.integers(1, 511)), max_size=50))
def test_peaks_read_back_as_they_were_written(steps: list[tuple[int, int]]) -> None:
    frames = np.cumsum([gap for gap, _ in steps], dtype=np.int64)
    bins = np.array([pitch for _, pitch in steps], dtype=np.int64)

    again = decoded(encoded(frames, bins))

    assert [one.tolist() for one in again] == [frames.tolist(), bins.tolist()]


def test_a_peak_begins_no_more_pairs_than_asked_for_and_the_nearest() -> None:
    frames, bins = np.array([0, 1, 2, 3, 90]), np.array([50, 50, 55, 300, 50])
    made = pairs(encoded(frames, bins), 1)

    assert made.first.tolist() == [0, 1]
    assert len(set(pairs(encoded(frames, bins), 2).keys.tolist())) == 3


@given(st.integers(1, 60), st.floats(1e-6, 100), st.integers(1, 10_000))
def test_more_agreement_is_never_likelier(agreeing: int, usual: float, tries: int) -> None:
    some = [np.array([agreeing, agreeing + 1]), np.full(2, usual), np.full(2, tries)]
    less, more = chance_of(*some).tolist()

    assert 0 <= more <= less <= 1

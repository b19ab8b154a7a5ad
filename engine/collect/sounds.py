"""Whether two recordings are one: fingerprints of their spectra, laid over each other."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from engine.arrays import blocks
from engine.ports import AudioRule
from engine.types import Vectors

Value = TypeVar("Value", bound=np.generic)

RATE = 11_025
"""Samples per second: what is above 5 kHz, codecs change first."""

MAX_SECONDS = 120
"""So much of a recording is compared, from where it begins to sound."""

MAX_BIT_ERROR = 0.25
"""Share of bits that differ between two recordings that are one. Haitsma and Kalker take .35 for
three seconds of music; sounds are often shorter, and their neighbours in a library nearer."""

MIN_ENVELOPE = 0.96
"""Correlation of their loudness in bands over time."""

ALONE_ENVELOPE = 0.995
"""The same where they have too few bits to be compared: clicks, and pure tones."""

_FRAME, _HOP = 2048, 256
_BANDS, _LOWEST, _HIGHEST = 33, 150.0, 5_000.0
_QUIET = 1e-3  # of the loudest: 60 dB below, where codecs keep little
_HEARD = 0.01  # of the loudest sample: where a recording begins and ends
_LOSSLESS = frozenset({"flac", "alac", "wavpack", "ape", "tta"})
_LENGTHS = 0.02
_MIN_BITS = 128
_SLACK_S = 0.25  # what codecs put before and behind
_SHIFT_S = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Print:
    """What is kept of a recording, from its first loud frame to its last.

    Attributes:
        loudness: log energy (frames, 33), 150 to 5,000 Hz.
        seconds: from the first sound to the last; of more than `MAX_SECONDS`, the whole length.
        rate: samples per second of the original.
        is_lossless: the original keeps every sample.
    """

    loudness: Vectors
    seconds: float
    rate: int = RATE
    is_lossless: bool = False

    @property
    def is_silent(self) -> bool:
        """Nothing is heard, which proves nothing."""
        return len(self.loudness) == 0

    @property
    def bits(self) -> npt.NDArray[np.bool_]:
        """Whether the difference of neighbouring bands rises from frame to frame, (frames-1, 32).

        J. Haitsma and T. Kalker, A Highly Robust Audio Fingerprinting System (ISMIR 2002).
        """
        return np.diff(np.diff(self.loudness, axis=1), axis=0) > 0


def print_of(path: Path) -> Print:
    """The print of a recording; MediaError when it cannot be read any more."""
    from engine.media.audio import audio_info, windows

    info = audio_info(path)
    first = next(windows(path, AudioRule(RATE, 1000 * MAX_SECONDS, 1000 * MAX_SECONDS)))
    is_cut = (info.duration_ms or 0) > 1000 * MAX_SECONDS
    found = print_of_samples(first.samples)
    lossless = info.codec.startswith("pcm") or info.codec in _LOSSLESS
    seconds = (info.duration_ms or 0) / 1000 if is_cut else found.seconds
    return Print(found.loudness, seconds, info.rate, is_lossless=lossless)


def print_of_samples(samples: Vectors) -> Print:
    """The print of mono samples (n,) at `RATE`."""
    loudest = float(np.abs(samples).max(initial=0))
    loud = np.flatnonzero(np.abs(samples) > _HEARD * loudest)
    if loudest < _QUIET or not len(loud):
        return Print(np.zeros((0, _BANDS), np.float32), 0.0)
    heard = samples[loud[0] : loud[-1] + 1]
    return Print(_loudness(heard), len(heard) / RATE)


def same_recording(one: Print, other: Print) -> bool:
    """Whether both are the same recording, encoded anew or begun a little later."""
    if one.is_silent or other.is_silent or not _same_length(one, other):
        return False
    shifts = range(-_frames(_SHIFT_S), _frames(_SHIFT_S) + 1)
    best = max(shifts, key=lambda shift: _envelope(one, other, shift))
    envelope = _envelope(one, other, best)
    if envelope < MIN_ENVELOPE:
        return False
    errors = [_bit_error(one, other, shift) for shift in range(best - 2, best + 3)]
    known = [error for error in errors if error is not None]
    return min(known) <= MAX_BIT_ERROR if known else envelope >= ALONE_ENVELOPE


def _same_length(one: Print, other: Print) -> bool:
    longer = max(one.seconds, other.seconds)
    return abs(one.seconds - other.seconds) <= _LENGTHS * longer + _SLACK_S


def _envelope(one: Print, other: Print, shift: int) -> float:
    """Pearson's correlation of what is heard of both at the same time; -1 for too little."""
    a, b = _overlap(one.loudness, other.loudness, shift)
    if 2 * len(a) < max(len(one.loudness), len(other.loudness)):
        return -1.0
    a, b = a - a.mean(), b - b.mean()
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float((a * b).sum()) / lengths if lengths > 0 else 0.0


def _bit_error(one: Print, other: Print, shift: int) -> float | None:
    """Share of bits that differ, of bands that are heard in both; None where these are few."""
    mine, theirs = _overlap(one.bits, other.bits, shift)
    heard = _overlap(_heard(one), _heard(other), shift)
    counted = heard[0] & heard[1]
    return float((mine != theirs)[counted].mean()) if counted.sum() >= _MIN_BITS else None


def _heard(one: Print) -> npt.NDArray[np.bool_]:
    """Where both bands of a bit are above what is quiet, (frames-1, 32)."""
    loud = one.loudness > one.loudness.max() + np.log(_QUIET)
    both = loud[:, 1:] & loud[:, :-1]
    return np.asarray(both[1:] & both[:-1])


def _overlap(
    one: npt.NDArray[Value], other: npt.NDArray[Value], shift: int
) -> tuple[npt.NDArray[Value], npt.NDArray[Value]]:
    """The rows of both that fall together when the other begins `shift` rows later."""
    both = max(0, min(len(one) - max(shift, 0), len(other) - max(-shift, 0)))
    mine = one[max(shift, 0) :][:both]
    theirs = other[max(-shift, 0) :][:both]
    return mine, theirs


def _frames(seconds: float) -> int:
    return round(seconds * RATE / _HOP)


def _loudness(samples: Vectors) -> Vectors:
    """Log energy in 33 bands, spaced as the ear hears them: (frames, 33)."""
    padded = np.pad(samples, _FRAME // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP]
    edges = np.geomspace(_LOWEST, _HIGHEST, _BANDS + 1) * _FRAME / RATE
    starts = np.floor(edges).astype(int)
    window = np.hanning(_FRAME).astype(np.float32)
    energy = np.concatenate([_energies(frames[b] * window, starts) for b in blocks(len(frames))])
    return np.asarray(np.log(energy + 1e-6 * energy.max(initial=1e-12)), dtype=np.float32)


def _energies(frames: Vectors, starts: npt.NDArray[np.int64]) -> Vectors:
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    return np.asarray(np.add.reduceat(power[:, : starts[-1] + 1], starts[:-1], axis=1))

"""The log mel spectrogram that CLAP's sound towers hear, in float32 with nothing but numpy."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]

SLANEY, HTK = "slaney", "htk"
FLOOR = 1e-10
"""Power below which all is silence: -100 dB."""

INT16 = np.float32(32767.0)

KNEE_HZ, KNEE_MEL = 1000.0, 15.0
"""Where slaney's scale turns from linear to logarithmic."""

LOUDEST = np.float32(1e9)
"""Samples beyond this, which no recording has, are cut: their power would not fit a float32."""

_BLOCK = 32
"""Frames that are transformed at once: few enough for the processor's own cache."""


@dataclass(frozen=True, slots=True)
class Mel:
    """What a spectrogram looks like; equal values, equal spectrograms.

    Attributes:
        rate: samples per second.
        window: samples that are heard at once; shorter sounds are repeated, then filled with zeros.
        fft: samples in a frame, an even number.
        hop: samples from one frame to the next.
        bands: mel bands.
        low: lower end of the first band, in hertz.
        high: upper end of the last band, in hertz.
        scale: ``slaney`` (linear up to 1 kHz, bands of one area) or ``htk`` (of one height).
        int16: whether samples pass through 16-bit integers first, as in LAION's own code.
    """

    rate: int = 48_000
    window: int = 480_000
    fft: int = 1024
    hop: int = 480
    bands: int = 64
    low: float = 50.0
    high: float = 14_000.0
    scale: str = SLANEY
    int16: bool = False

    def __post_init__(self) -> None:
        if self.scale not in {SLANEY, HTK}:
            raise ValueError(f"a mel scale is {SLANEY} or {HTK}, not {self.scale!r}")
        if self.fft % 2 or not self.hop > 0 or self.fft > self.window:
            raise ValueError("frames need an even length that fits the window, and a hop")
        if not 0 <= self.low < self.high <= self.rate / 2:
            raise ValueError("bands need 0 <= low < high <= half the rate")

    @property
    def frames(self) -> int:
        """Frames of one window."""
        return self.window // self.hop + 1


def log_mel(samples: npt.ArrayLike, mel: Mel) -> Floats:
    """Mono samples (n,) as decibels per frame and band, shape (mel.frames, mel.bands).

    Frames are centred, the window's ends reflected, weighted by a periodic Hann window. Agrees
    with transformers' ClapFeatureExtractor, which computes in float64, to 0.02 dB even in the
    silent bands beside a pure tone, and to 1e-4 dB elsewhere.
    """
    heard = np.clip(fill(np.asarray(samples, np.float32), mel.window), -LOUDEST, LOUDEST)
    if mel.int16:
        heard = through_int16(heard)
    padded = np.pad(heard, mel.fft // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, mel.fft)[:: mel.hop]
    taper, bank, bins = _hann(mel.fft), *_filters(mel)
    powers = np.empty((len(frames), mel.bands), np.float32)
    for start in range(0, len(frames), _BLOCK):
        spectrum = np.fft.rfft(frames[start : start + _BLOCK] * taper)[:, bins]
        powers[start : start + _BLOCK] = (spectrum.real**2 + spectrum.imag**2) @ bank
    return np.float32(10.0) * np.log10(np.maximum(powers, np.float32(FLOOR)))


def fill(samples: Floats, window: int) -> Floats:
    """Make samples (n,) a window long: the first ones of more, whole repeats and zeros of fewer."""
    if len(samples) >= window:
        return samples[:window]
    whole = np.tile(samples, window // max(1, len(samples)))
    return np.pad(whole, (0, window - len(whole)))


def through_int16(samples: Floats) -> Floats:
    """What is left of samples after 16-bit integers: cut to full scale, rounded towards zero."""
    steps = np.trunc(np.clip(samples, -1.0, 1.0) * INT16)
    return np.asarray(steps / INT16, np.float32)


def mel_filters(mel: Mel) -> Floats:
    """Weight of each frequency in each band, shape (fft / 2 + 1, bands)."""
    low, high = _mels(np.array([mel.low, mel.high]), mel.scale).tolist()
    ends = _hertz(np.linspace(low, high, mel.bands + 2), mel.scale)
    bins = np.linspace(0.0, mel.rate // 2, mel.fft // 2 + 1)[:, None]
    rising = (bins - ends[:-2]) / (ends[1:-1] - ends[:-2])
    falling = (ends[2:] - bins) / (ends[2:] - ends[1:-1])
    weights = np.maximum(0.0, np.minimum(rising, falling))
    if mel.scale == SLANEY:
        weights *= 2.0 / (ends[2:] - ends[:-2])
    return weights.astype(np.float32)


def _mels(hertz: npt.NDArray[np.float64], scale: str) -> npt.NDArray[np.float64]:
    if scale == HTK:
        return np.asarray(2595.0 * np.log10(1.0 + hertz / 700.0))
    above = KNEE_MEL + np.log(np.maximum(hertz, KNEE_HZ) / KNEE_HZ) * 27.0 / np.log(6.4)
    return np.where(hertz < KNEE_HZ, hertz * KNEE_MEL / KNEE_HZ, above)


def _hertz(mels: npt.NDArray[np.float64], scale: str) -> npt.NDArray[np.float64]:
    if scale == HTK:
        return np.asarray(700.0 * (10.0 ** (mels / 2595.0) - 1.0))
    above = KNEE_HZ * np.exp((mels - KNEE_MEL) * np.log(6.4) / 27.0)
    return np.where(mels < KNEE_MEL, mels * KNEE_HZ / KNEE_MEL, above)


@lru_cache(maxsize=8)
def _filters(mel: Mel) -> tuple[Floats, slice]:
    # Most frequencies are in no band at all; what is not there need not be multiplied.
    weights = mel_filters(mel)
    used = np.flatnonzero(weights.any(axis=1))
    bins = slice(int(used[0]), int(used[-1]) + 1)
    return np.ascontiguousarray(weights[bins]), bins


@lru_cache(maxsize=8)
def _hann(length: int) -> Floats:
    return np.hanning(length + 1)[:-1].astype(np.float32)

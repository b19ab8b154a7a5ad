"""Encoders without weights, for tests: deterministic features that know equal from different."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from engine.arrays import unit_rows
from engine.models import ModelRow
from engine.ports import AudioRule, Encoder, ImageRule, Payload, Rule, TextRule
from engine.types import Modality, Space, Vectors

_DIM = 64
_PIXELS = 8
_WINDOW_MS = 2_000

TEXT = Space("hashed-text", _DIM, "hashed-text-1")
IMAGE = Space("hashed-image", _DIM, "hashed-image-1")
AUDIO = Space("hashed-audio", _DIM, "hashed-audio-1")


@dataclass(frozen=True, slots=True)
class Hashed:
    """Features of one modality, each computed from its payload alone."""

    space: Space
    modality: Modality
    rule: Rule
    features: Callable[[Any], Vectors]
    weights: tuple[str, ...] = ()
    at_once: int = 64

    def prepare(self, payload: Payload) -> Any:  # noqa: ANN401  (a row of features)
        """The features of one payload, shape (dim,)."""
        return self.features(payload)

    def describe(self) -> str:
        """Numpy alone."""
        return "numpy"

    def encode(self, prepared: Sequence[Any]) -> Vectors:
        """Unit rows, shape (len(prepared), dim)."""
        return unit_rows(np.array(prepared, dtype=np.float32).reshape(len(prepared), _DIM))


@dataclass(frozen=True, slots=True, eq=False)
class Rotation:
    """A fixed random rotation, standing in for a bridge."""

    source: Space
    target: Space
    fingerprint: str
    prior_mean: Vectors = field(default_factory=lambda: np.zeros(_DIM, np.float32))
    prior_rows: int = 100
    query_mean: Vectors = field(default_factory=lambda: np.zeros(_DIM, np.float32))
    loss: float = 1.0
    modality: Modality | None = None
    weights: tuple[str, ...] = ()

    def prepare(self, saw: Callable[[int, int], None]) -> None:
        """There is nothing to prepare."""

    def arrival(self, count: int, mean: Vectors | None) -> Vectors:
        """A rotation is linear: where the mean itself arrives, drawn towards nought."""
        if mean is None:
            return self.prior_mean
        rotated = mean @ _rotation(self.fingerprint)
        return np.asarray(rotated * count / (count + self.prior_rows), dtype=np.float32)

    def apply(self, vectors: Vectors) -> Vectors:
        """Rotate rows (n, dim)."""
        return unit_rows(vectors @ _rotation(self.fingerprint))


def encoders(row: ModelRow) -> tuple[Encoder, ...]:
    """One for each kind of file; a row of another id, or with other windows, has its own spaces."""
    ours = (hashed_text(), hashed_image(), hashed_audio(row.window_ms or _WINDOW_MS))
    if row.id == "hashed":
        return ours
    return tuple(replace(one, space=_renamed(one.space, row)) for one in ours)


def _renamed(space: Space, row: ModelRow) -> Space:
    name = space.name.replace("hashed", row.id, 1)
    return Space(name, space.dim, f"{name}-1:{row.window_ms}")


def hashed_text() -> Hashed:
    """Words counted into buckets: texts that share words are near."""
    return Hashed(TEXT, Modality.TEXT, TextRule(max_characters=400), _word_counts)


def hashed_image() -> Hashed:
    """A thumbnail of eight by eight grey levels."""
    return Hashed(IMAGE, Modality.IMAGE, ImageRule(at_least=_PIXELS), _thumbnail)


def hashed_audio(window_ms: int = _WINDOW_MS) -> Hashed:
    """Energy in 64 bands of the spectrum."""
    rule = AudioRule(rate=16_000, window_ms=window_ms, hop_ms=window_ms // 2)
    return Hashed(AUDIO, Modality.AUDIO, rule, _spectrum)


def hashed_image_text() -> Rotation:
    """From pictures to words, by a rotation that means nothing."""
    return Rotation(IMAGE, TEXT, "hashed-image-text-1")


def hashed_audio_text() -> Rotation:
    """From sounds to words, by a rotation that means nothing."""
    return Rotation(AUDIO, TEXT, "hashed-audio-text-1")


def _word_counts(text: str) -> Vectors:
    counts = np.zeros(_DIM, dtype=np.float32)
    for word in text.casefold().split():
        digest = hashlib.sha256(word.encode()).digest()
        counts[digest[0] % _DIM] += 1 if digest[1] % 2 else -1
    return counts


def _thumbnail(pixels: Vectors) -> Vectors:
    grey = pixels.astype(np.float32).mean(axis=2)
    rows = np.array_split(grey, _PIXELS, axis=0)
    cells = [block.mean() if block.size else 0.0 for row in rows for block in _columns(row)]
    features = np.array(cells, dtype=np.float32)
    return np.asarray(features - features.mean() + 1e-3, dtype=np.float32)


def _columns(row: Vectors) -> list[Vectors]:
    return np.array_split(row, _PIXELS, axis=1)


def _spectrum(samples: Vectors) -> Vectors:
    padded = np.pad(samples, (0, max(0, 4 * _DIM - len(samples))))
    bands = np.array_split(np.abs(np.fft.rfft(padded)), _DIM)
    means = np.array([band.mean() for band in bands], dtype=np.float32)
    return np.asarray(np.log1p(means) + 1e-3, dtype=np.float32)


def _rotation(seed: str) -> Vectors:
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")
    square = np.random.default_rng(number).normal(size=(_DIM, _DIM))
    return np.asarray(np.linalg.qr(square)[0], dtype=np.float32)

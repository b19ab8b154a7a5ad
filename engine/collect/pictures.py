"""Whether two pictures are one: a perceptual hash first, then the pixels, laid over each other."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from engine.ports import ImageRule

if TYPE_CHECKING:
    from PIL.Image import Image

Pixels = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]

SIDE = 64
"""Pictures are compared at this many pixels a side, whatever their shape."""

AT_LEAST = 128
"""Shorter side of a decoded picture: enough that a shift by a pixel of the 64 can be made."""

MAX_BITS = 14
"""Of 64: the hashes of pictures that are one, laid over each other, differ in no more."""

WORTH_A_LOOK = 0.88
"""Correlation of two pictures seen from afar; below, no shift by some pixels makes them one."""

MIN_LIKENESS = 0.94
"""Correlation of the brightness of two pictures that are one, at the best position."""

MIN_LOCAL = 0.72
"""The same for the worst of 64 parts in which there is something to see."""

MIN_COLOUR = 0.5
"""Correlation of their colours, where both have some."""

Margins = tuple[float, float, float, float]
_WHOLE: Margins = (0.0, 0.0, 0.0, 0.0)
_BILINEAR = 2  # PIL.Image.Resampling.BILINEAR, without importing it
NOTHING: Plane = np.zeros((8, 8), np.float32)
"""The glance of a picture that cannot be seen."""

_ASPECT = 0.06
_FLAT = 4.0
_GREY = 3.0
_MARGINS = (0.0, 0.01, 0.02, 0.03)
_PARTS, _PARTS_OF_SMALL = 8, 4  # a side; what is smaller than SIDE has lost its details
_HASH, _AFAR = 8, 8


@dataclass(frozen=True, eq=False)
class Print:
    """What is kept of a picture, or of a frame of a film.

    Attributes:
        pixels: uint8 RGB (height, width, 3), shorter side `AT_LEAST` or a little more, or less.
        width: of the original, in pixels.
        height: of the original, in pixels.
    """

    pixels: Pixels
    width: int
    height: int

    @cached_property
    def luma(self) -> Plane:
        """Brightness, (SIDE, SIDE)."""
        return self.luma_within(_WHOLE)

    @cached_property
    def glance(self) -> Plane:
        """Brightness seen from afar, (8, 8): tells most pictures apart without shifting any."""
        part = SIDE // _AFAR
        return np.asarray(self.luma.reshape(_AFAR, part, _AFAR, part).mean(axis=(1, 3)))

    @cached_property
    def is_flat(self) -> bool:
        """One colour, or black: it looks like every other such picture and proves nothing."""
        return float(self.luma.std()) < _FLAT

    @cached_property
    def is_grey(self) -> bool:
        """Without colours worth comparing."""
        return float(np.abs(self.chroma_within(_WHOLE)).mean()) < _GREY

    @cached_property
    def _grey(self) -> "Image":
        from PIL import Image

        return Image.fromarray(self.pixels).convert("L")

    def luma_within(self, margins: Margins) -> Plane:
        """Brightness (SIDE, SIDE) within margins: shares left out, left, top, right, bottom."""
        return _small(self._grey, margins)

    def chroma_within(self, margins: Margins) -> Plane:
        """Two differences of colour (SIDE, SIDE, 2) within margins."""
        from PIL import Image

        return _small(Image.fromarray(self.pixels).convert("YCbCr"), margins)[..., 1:] - 128


def _small(picture: "Image", margins: Margins) -> Plane:
    left, top, right, bottom = margins
    width, height = picture.size
    box = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
    # Bilinear: it averages where there are more pixels, and does not shift where there are fewer.
    small = picture.resize((SIDE, SIDE), _BILINEAR, box)
    return np.asarray(small, dtype=np.float32)


def print_of(path: Path) -> Print:
    """The print of a picture; MediaError when it cannot be read any more."""
    from engine.media.image import decode_image

    decoded = decode_image(path, ImageRule(AT_LEAST))
    return Print(decoded.pixels, decoded.width, decoded.height)


def perceptual_hash(luma: Plane) -> npt.NDArray[np.bool_]:
    """Signs of the lowest 8 x 8 frequencies about their median: 64 bits.

    The DCT hash of C. Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions
    (2010), section 3.2.1; the constant term is left out of the median.
    """
    side = len(luma)
    steps = (2 * np.arange(side) + 1) * np.pi / (2 * side)
    waves = np.cos(np.arange(_HASH)[:, None] * steps)
    low = (waves @ luma @ waves.T).ravel()
    return np.asarray(low > np.median(low[1:]))


def same_picture(one: Print, other: Print) -> bool:
    """Whether both show the same picture, saved, scaled, cropped a little, or toned anew."""
    if one.is_flat or other.is_flat or not _same_shape(one, other):
        return False
    if not worth_a_look(one.glance, other.glance):
        return False
    mine, theirs = _laid_over(one, other)
    lumas = (one.luma_within(mine), other.luma_within(theirs))
    if _hash_distance(*lumas) > MAX_BITS or _correlation(*lumas) < MIN_LIKENESS:
        return False
    if _worst_part(*lumas, _PARTS_OF_SMALL if _is_small(one, other) else _PARTS) < MIN_LOCAL:
        return False
    if one.is_grey or other.is_grey:
        return True
    return _correlation(one.chroma_within(mine), other.chroma_within(theirs)) >= MIN_COLOUR


def worth_a_look(one: Plane, other: Plane) -> bool:
    """Whether two glances could be of one picture."""
    return _correlation(one, other) >= WORTH_A_LOOK


def _hash_distance(one: Plane, other: Plane) -> int:
    return int((perceptual_hash(one) != perceptual_hash(other)).sum())


def _same_shape(one: Print, other: Print) -> bool:
    first, second = (p.pixels.shape[1] / p.pixels.shape[0] for p in (one, other))
    return bool(abs(np.log(first / second)) < _ASPECT)


def _laid_over(one: Print, other: Print) -> tuple[Margins, Margins]:
    """The margins of each at which both fit best, if one of them was cropped a little."""
    mine, theirs = _fitting_margins(one, other.luma), _fitting_margins(other, one.luma)
    if _correlation(one.luma_within(mine), other.luma) >= _correlation(
        other.luma_within(theirs), one.luma
    ):
        return mine, _WHOLE
    return _WHOLE, theirs


def _fitting_margins(whole: Print, part: Plane) -> Margins:
    """Crop the whole, a side at a time, until the part fits no better."""
    best = _WHOLE
    for _ in range(2):
        for side in range(4):
            tries = [_replaced(best, side, margin) for margin in _MARGINS]
            best = max(tries, key=lambda m: _correlation(whole.luma_within(m), part))
    return best


def _replaced(margins: Margins, side: int, margin: float) -> Margins:
    left, top, right, bottom = (margin if n == side else m for n, m in enumerate(margins))
    return left, top, right, bottom


def _is_small(one: Print, other: Print) -> bool:
    return any(min(made.pixels.shape[0], made.pixels.shape[1]) < SIDE for made in (one, other))


def _worst_part(mine: Plane, theirs: Plane, parts: int) -> float:
    """The least correlation of a part of the picture, over parts where there is something."""
    size = SIDE // parts
    enough = max(mine.std(), theirs.std()) / 4
    worst = 1.0
    for row, column in np.ndindex(parts, parts):
        cell = (slice(row * size, (row + 1) * size), slice(column * size, (column + 1) * size))
        if max(mine[cell].std(), theirs[cell].std()) > enough:
            worst = min(worst, _correlation(mine[cell], theirs[cell]))
    return worst


def _correlation(one: Plane, other: Plane) -> float:
    """Pearson's, between -1 and 1; 0 where either does not vary."""
    a, b = one - one.mean(), other - other.mean()
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float((a * b).sum()) / lengths if lengths > 0 else 0.0

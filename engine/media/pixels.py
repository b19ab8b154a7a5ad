"""How Pillow is asked, and how pictures in any of its modes become upright RGB of modest size."""

import warnings
import zlib
from functools import cache
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt
from PIL import (
    AvifImagePlugin,  # noqa: F401  (importing a plugin registers it)
    BmpImagePlugin,  # noqa: F401
    GifImagePlugin,  # noqa: F401
    IcoImagePlugin,  # noqa: F401
    Image,
    ImageChops,
    JpegImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
)

from engine.errors import MediaError
from engine.media.reasons import Reason

Pixels = npt.NDArray[np.uint8]
Picture = Image.Image

MAX_PIXELS = 64_000_000
"""The most that is ever decoded into memory."""

MAX_BASELINE_JPEG_PIXELS = 300_000_000
"""Baseline JPEGs are scaled while they are decoded, so the header may say more."""

MAX_ASPECT = 200
"""A longer strip would be blown up beyond measure by an encoder that scales its shorter side."""

EXIF_ORIENTATION = 0x0112

PILLOW_NAMES = {"heic": "HEIF"}

# Our own caps come first; this only keeps Pillow from refusing what they allow.
Image.MAX_IMAGE_PIXELS = MAX_BASELINE_JPEG_PIXELS

_IGNORED = r"PIL\.|pillow_heif|engine\.media"
_TWELVE_BITS = 4096
_STRIP_ROWS = 256
_ICO_HEADER, _ICO_ENTRY = 6, 16


def open_picture(file: BinaryIO, found: str) -> Picture:
    """Read the header of a picture of a known format.

    Raises:
        MediaError: too-many-pixels, dimensions, unsupported (HEIC without its package).
    """
    _silence()
    if found == "heic":
        _register_heic()
    if found == "ico":
        _check_icon(file)
    picture = Image.open(file, formats=(PILLOW_NAMES.get(found, found.upper()),))
    _check_size(picture, found)
    return picture


def load(picture: Picture, file: BinaryIO, at_least: int) -> Picture:
    """Decode, scaling JPEGs on the way, with the shorter side not below ``at_least``.

    ``file`` is the one that the picture was opened from: Pillow lets go of it when it has loaded.

    Raises:
        MediaError: too-many-pixels, when scaling while decoding did not help; truncated.
    """
    picture.draft("RGB", (at_least, at_least))
    if picture.width * picture.height > MAX_PIXELS:
        raise MediaError(Reason.TOO_MANY_PIXELS, f"{picture.width}x{picture.height}")
    picture.load()
    if picture.format == "PNG" and _ends_black(picture):
        _check_complete(file, picture)
    return picture


def orientation(picture: Picture) -> int:
    """Read how the picture is to be turned, as EXIF counts it: 1 to 8; 1 when in doubt."""
    try:
        exif = picture.getexif()
    except Exception:  # noqa: BLE001  (EXIF is often garbage, in more ways than Pillow names)
        return 1
    return turned(exif)


def turned(exif: Image.Exif) -> int:
    """Read the orientation in EXIF that was found already: 1 to 8; 1 when in doubt."""
    try:
        value = exif.get(EXIF_ORIENTATION, 1)
    except Exception:  # noqa: BLE001  (EXIF is often garbage, in more ways than Pillow names)
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1  # noqa: PLR2004


def lies_down(turned: int) -> bool:
    """Tell whether an EXIF orientation swaps width and height."""
    return turned >= 5  # noqa: PLR2004


def upright(pixels: Pixels, turned: int) -> Pixels:
    """Turn pixels (height, width, 3) as an EXIF orientation from 1 to 8 says."""
    if lies_down(turned):
        pixels = pixels.swapaxes(0, 1)
    if turned in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    if turned in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def is_inverted(picture: Picture) -> bool:
    """Tell whether Pillow, which takes every CMYK JPEG for Adobe's inverted kind, was wrong."""
    return picture.format in {"JPEG", "MPO"} and "adobe" not in picture.info


def to_rgb(picture: Picture, at_least: int, *, inverted: bool = False) -> Pixels:
    """Reduce, convert and lay on white: uint8 (height, width, 3)."""
    # Scaling before conversion is much less work, but palettes must become colours first.
    small = _reduce(_averageable(picture, inverted=inverted), at_least)
    if small.mode in {"RGBA", "LA"}:
        below = Image.new("RGBA", small.size, "white")
        small = Image.alpha_composite(below, small.convert("RGBA"))
    return np.asarray(small.convert("RGB"), dtype=np.uint8)


def _averageable(picture: Picture, *, inverted: bool) -> Picture:
    """Convert to one of the modes L, LA, RGB, RGBA and CMYK, whose pixels may be averaged."""
    if "transparency" in picture.info or picture.mode in {"PA", "La", "RGBa"}:
        return picture.convert("RGBA")
    match picture.mode:
        case "L" | "LA" | "RGB" | "RGBA":
            return picture
        case "CMYK":
            return ImageChops.invert(picture) if inverted else picture
        case "I" | "F":
            return Image.fromarray(_stretched(np.asarray(picture)))
        case mode if mode.startswith("I;16"):
            return Image.fromarray(_high_bits(np.asarray(picture)))
        case mode:
            return picture.convert("L" if mode == "1" else "RGB")


def _reduce(picture: Picture, at_least: int) -> Picture:
    """Scale to a shorter side of ``at_least``, unless the picture is under twice that already.

    Pillow averages whole blocks first and makes up for the remainder (gap 2): 52 dB from a plain
    bicubic reduction, in a sixth of its time. Blocks alone would stretch the picture (35 dB).
    """
    shorter = min(picture.size)
    if shorter < 2 * at_least:
        return picture
    width, height = (max(at_least, round(side * at_least / shorter)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0)


def _high_bits(values: npt.NDArray[Any]) -> Pixels:
    """Keep the 8 bits that matter of 16; scanners and cameras often fill only the lower 12."""
    bits = 4 if values.max(initial=0) < _TWELVE_BITS else 8
    return cast("Pixels", (values >> bits).astype(np.uint8))


def _stretched(values: npt.NDArray[Any]) -> Pixels:
    """Map the finite range of values, which may be anything (heights, kelvin), to 0..255.

    Goes by strips: the largest pictures would take gigabytes as float64.
    """
    starts = range(0, len(values), _STRIP_ROWS)
    ranges = [_finite_range(values[at : at + _STRIP_ROWS]) for at in starts]
    low = min((low for low, _ in filter(None, ranges)), default=0.0)
    high = max((high for _, high in filter(None, ranges)), default=0.0)
    scale = 255.0 / (high - low) if high > low else 0.0
    stretched = np.empty(values.shape, np.uint8)
    for at in starts:
        strip = values[at : at + _STRIP_ROWS].astype(np.float64)
        filled = np.nan_to_num(strip, nan=low, posinf=high, neginf=low)
        stretched[at : at + _STRIP_ROWS] = ((filled - low) * scale).round()
    return stretched


def _finite_range(values: npt.NDArray[Any]) -> tuple[float, float] | None:
    """Find the least and the greatest number; None where there is none."""
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else None


def _check_size(picture: Picture, found: str) -> None:
    """Refuse by the header what would take too much memory or has no sensible shape."""
    width, height = picture.size
    if min(width, height) < 1 or max(width, height) > MAX_ASPECT * min(width, height):
        raise MediaError(Reason.DIMENSIONS, f"{width}x{height}")
    baseline = found == "jpeg" and "progressive" not in picture.info
    if width * height > (MAX_BASELINE_JPEG_PIXELS if baseline else MAX_PIXELS):
        raise MediaError(Reason.TOO_MANY_PIXELS, f"{width}x{height}")


def _check_icon(file: BinaryIO) -> None:
    """Refuse an icon one of whose PNGs is larger than its own table, and so Pillow, can say."""
    count = int.from_bytes(file.read(_ICO_HEADER)[4:], "little")
    table = file.read(_ICO_ENTRY * count)
    for at in range(0, len(table), _ICO_ENTRY):
        file.seek(int.from_bytes(table[at + 12 : at + 16], "little"))
        head = file.read(24)
        width, height = (int.from_bytes(head[i : i + 4], "big") for i in (16, 20))
        if head.startswith(b"\x89PNG") and width * height > MAX_PIXELS:
            raise MediaError(Reason.TOO_MANY_PIXELS, f"{width}x{height} in an icon")
    file.seek(0)


def _ends_black(picture: Picture) -> bool:
    """Tell whether one of the last two rows (it may be interlaced) is, or was left, all zero."""
    rows = (picture.height - 1, max(0, picture.height - 2))
    return any(
        picture.crop((0, y, picture.width, y + 1)).tobytes().strip(b"\0") == b"" for y in rows
    )


def _check_complete(file: BinaryIO, picture: Picture) -> None:
    """Inflate a PNG's data once more to count them: Pillow leaves missing rows black and is silent.

    Raises:
        MediaError: truncated, when there are fewer bytes than the plainest picture needs.
    """
    file.seek(16)
    header = file.read(13)
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[header[9]]
    width, height = picture.size
    # A lower bound for interlaced pictures too: they only add bytes.
    needed = height + height * width * channels * header[8] // 8
    if _inflated_size(file, needed) < needed:
        raise MediaError(Reason.TRUNCATED, "the picture's data end early")


def _inflated_size(file: BinaryIO, enough: int) -> int:
    """Count the bytes in the IDAT chunks of a PNG, up to ``enough``."""
    inflate, total = zlib.decompressobj(), 0
    file.seek(8)
    while total < enough and len(header := file.read(8)) == 8:  # noqa: PLR2004
        length, kind = int.from_bytes(header[:4], "big"), header[4:]
        if kind != b"IDAT":
            file.seek(length + 4, 1)
            continue
        data = file.read(length)
        file.seek(4, 1)
        while data and total < enough:
            total += len(inflate.decompress(data, 1 << 20))
            data = inflate.unconsumed_tail
    return total


def _silence() -> None:
    """Ignore the warnings of image readers, in the whole process.

    warnings.catch_warnings would be narrower, but it is not safe among threads.
    """
    if not any(
        entry[0] == "ignore" and _pattern(entry[3]) == _IGNORED for entry in warnings.filters
    ):
        warnings.filterwarnings("ignore", module=_IGNORED)


def _pattern(module: object) -> object:
    """Give the regular expression of a warning filter's module as text."""
    return getattr(module, "pattern", module)


@cache
def _register_heic() -> None:
    """Let Pillow read HEIC, once.

    Raises:
        MediaError: unsupported, when pillow-heif is not installed.
    """
    try:
        import pillow_heif
    except ImportError as error:
        words = 'HEIC needs: pip install "seehear[heic]"'
        raise MediaError(Reason.UNSUPPORTED, words) from error
    pillow_heif.register_heif_opener()

"""Pictures become small upright RGB pixels, whatever their format, size and colours."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from engine.errors import MediaError
from engine.media.endings import is_cut
from engine.media.files import open_regular
from engine.media.formats import IMAGE_FORMATS
from engine.media.probe import identify_file
from engine.media.reasons import Reason
from engine.ports import ImageRule


@dataclass(frozen=True, slots=True, eq=False)
class DecodedImage:
    """A picture as encoders take it, and what it was.

    Attributes:
        pixels: uint8 RGB (height, width, 3), upright, on white where it was transparent; as small
            as cheap and clean reduction gets without the shorter side falling below the rule's.
        width: of the original as shown, in pixels.
        height: of the original as shown, in pixels.
        format: short and stable, for example ``jpeg``.
    """

    pixels: npt.NDArray[np.uint8]
    width: int
    height: int
    format: str


def decode_image(path: Path, rule: ImageRule) -> DecodedImage:
    """Decode the first frame of a picture. Safe to call from several threads at once.

    A picture smaller than the rule asks for keeps its size; enlarging is the encoder's job.

    Raises:
        MediaError: too-many-pixels (from the header, before decoding), dimensions, truncated,
            undecodable, unsupported, memory, or as ``probe`` for bad files.
    """
    with open_regular(path) as file:
        _, found = identify_file(file, path)
        if found not in IMAGE_FORMATS:
            raise MediaError(Reason.UNDECODABLE, f"{found}, not a picture")
        try:
            return _decode(file, found, rule)
        except MediaError:
            raise
        except Exception as error:  # decoders of foreign bytes raise anything
            raise _failure(error, file, found) from error


def _decode(file: BinaryIO, found: str, rule: ImageRule) -> DecodedImage:
    """Decode an open picture of a known format; raises whatever Pillow raises."""
    from engine.media import pixels

    with pixels.open_picture(file, found) as picture:
        width, height = picture.size
        loaded = pixels.load(picture, file, rule.at_least)
        turned = pixels.orientation(picture)
        small = pixels.to_rgb(loaded, rule.at_least, inverted=pixels.is_inverted(picture))
        if pixels.lies_down(turned):
            width, height = height, width
        return DecodedImage(pixels.upright(small, turned), width, height, found)


def _failure(error: Exception, file: BinaryIO, found: str) -> MediaError:
    """Say what a decoder's exception means: io, memory, truncated or undecodable."""
    if isinstance(error, MemoryError):
        return MediaError(Reason.MEMORY, "it is too large to decode here")
    if isinstance(error, OSError) and error.errno is not None:
        raise error
    words = str(error) or type(error).__name__
    if "truncated" in words.lower() or isinstance(error, EOFError) or is_cut(file, found):
        return MediaError(Reason.TRUNCATED, words[:120])
    return MediaError(Reason.UNDECODABLE, f"{type(error).__name__}: {words[:120]}")

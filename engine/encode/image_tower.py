"""Pictures to vectors: any built image tower, fed as its checkpoint was trained."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engine.encode.tower import DenseTower
from engine.encode.towers import ImagePart
from engine.errors import ModelError
from engine.ports import ImageRule, Payload
from engine.types import Modality

if TYPE_CHECKING:
    from PIL.Image import Image


class ImageTower(DenseTower):
    """The image tower of a built model; nothing is read before the first use."""

    modality = Modality.IMAGE
    _input = "image"

    @property
    def rule(self) -> ImageRule:
        """Twice the pixels that the network sees: scaled down from there, nothing shows."""
        return ImageRule(at_least=2 * (self._row.pixels or max(self._part.pixels)))

    def prepare(self, payload: Payload) -> Any:  # noqa: ANN401  (network input)
        """RGB pixels (h, w, 3) to network input, float32 (3, height, width)."""
        from PIL import Image

        picture = Image.fromarray(np.ascontiguousarray(payload, dtype=np.uint8))
        pixels = np.asarray(framed(picture, self._part))
        # 256 values per channel: looked up, they are what torchvision computes, bit by bit.
        return np.stack([values[pixels[:, :, i]] for i, values in enumerate(self._values)])

    @property
    def _part(self) -> ImagePart:
        if self._towers.image is None:
            raise ModelError(f"The model '{self._row.id}' sees no pictures.")
        return self._towers.image

    @cached_property
    def _values(self) -> npt.NDArray[np.float32]:
        """The network's value for each of 256 levels, (3, 256)."""
        levels = np.arange(256, dtype=np.float32) / np.float32(255)
        mean, std = (np.array(x, np.float32)[:, None] for x in (self._part.mean, self._part.std))
        return np.asarray((levels - mean) / std, dtype=np.float32)


def framed(picture: "Image", part: ImagePart) -> "Image":
    """An RGB picture scaled and cut to the network's size, as open_clip's transform does it.

    Source: open_clip 3.3, transform.py, image_transform for inference; torchvision's Resize and
    CenterCrop, whose roundings are kept.
    """
    height, width = part.pixels
    match part.resize:
        case "squash":
            return _scaled(picture, (width, height), part)
        case "longest":
            ratio = max(picture.height / height, picture.width / width)
            return _padded(_scaled(picture, _divided(picture, ratio), part), part)
        case _ if height == width:
            return _centre(_scaled(picture, _shortest(picture, width), part), width, height)
        case _:
            ratio = min(picture.height / height, picture.width / width)
            return _centre(_scaled(picture, _divided(picture, ratio), part), width, height)


def _scaled(picture: "Image", size: tuple[int, int], part: ImagePart) -> "Image":
    from PIL.Image import Resampling

    if picture.size == size:
        return picture
    return picture.resize(size, Resampling[part.interpolation.upper()])


def _shortest(picture: "Image", side: int) -> tuple[int, int]:
    width, height = picture.size
    if width <= height:
        return side, int(side * height / width)
    return int(side * width / height), side


def _divided(picture: "Image", ratio: float) -> tuple[int, int]:
    return max(1, round(picture.width / ratio)), max(1, round(picture.height / ratio))


def _centre(picture: "Image", width: int, height: int) -> "Image":
    left = round((picture.width - width) / 2)
    top = round((picture.height - height) / 2)
    return picture.crop((left, top, left + width, top + height))


def _padded(picture: "Image", part: ImagePart) -> "Image":
    from PIL import Image

    height, width = part.pixels
    canvas = Image.new("RGB", (width, height), (part.fill,) * 3)
    canvas.paste(picture, ((width - picture.width) // 2, (height - picture.height) // 2))
    return canvas

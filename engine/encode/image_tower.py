"""Pictures to vectors: any built image tower, fed as its checkpoint was trained."""

import importlib
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engine import models
from engine.arrays import unit_rows
from engine.encode.network import LARGEST, Batches, dense_network
from engine.encode.towers import ImagePart, Towers, space_of, towers_of
from engine.errors import ModelError
from engine.models.registry import ModelRow
from engine.ports import ImageRule, Payload
from engine.types import Modality, Space, Vectors

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import nn


class ImageTower:
    """The image tower of a built model; nothing is read before the first use."""

    modality = Modality.IMAGE
    at_once = LARGEST

    def __init__(self, row: ModelRow) -> None:
        self._row = row

    @property
    def weights(self) -> tuple[str, ...]:
        """The one model."""
        return (self._row.id,)

    @property
    def rule(self) -> ImageRule:
        """Twice the pixels that the network sees: scaled down from there, nothing shows."""
        return ImageRule(at_least=2 * (self._row.pixels or max(self._part.pixels)))

    @cached_property
    def space(self) -> Space:
        """The model's own space, which its other towers share."""
        return space_of(self._row, self._row.dim or self._towers.dim)

    def prepare(self, payload: Payload) -> Any:  # noqa: ANN401  (network input)
        """RGB pixels (h, w, 3) to network input, float32 (3, height, width)."""
        from PIL import Image

        picture = Image.fromarray(np.ascontiguousarray(payload, dtype=np.uint8))
        pixels = np.asarray(framed(picture, self._part))
        # 256 values per channel: looked up, they are what torchvision computes, bit by bit.
        return np.stack([values[pixels[:, :, i]] for i, values in enumerate(self._values)])

    def encode(self, prepared: Sequence[Any]) -> Vectors:
        """Unit rows (n, dim)."""
        if not prepared:
            return np.empty((0, self.space.dim), np.float32)
        return unit_rows(self._batches.rows(prepared))

    def describe(self) -> str:
        """Which engine runs it."""
        return self._batches.network.describe()

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a person should know of how it went."""
        return tuple(self._batches.remarks)

    @property
    def _part(self) -> ImagePart:
        if self._towers.image is None:
            raise ModelError(f"The model '{self._row.id}' sees no pictures.")
        return self._towers.image

    @cached_property
    def _towers(self) -> Towers:
        return towers_of(self._row)

    @cached_property
    def _values(self) -> npt.NDArray[np.float32]:
        """The network's value for each of 256 levels, (3, 256)."""
        levels = np.arange(256, dtype=np.float32) / np.float32(255)
        mean, std = (np.array(x, np.float32)[:, None] for x in (self._part.mean, self._part.std))
        return np.asarray((levels - mean) / std, dtype=np.float32)

    @cached_property
    def _batches(self) -> Batches:
        part = self._part
        return Batches(dense_network(part.file, "image", bf16=part.bf16, module=self._module))

    def _module(self) -> "nn.Module":
        builder = importlib.import_module(f"engine.models.{self._row.adapter}")
        tower: nn.Module = builder.tower(models.fetch(self._row.id), "image")
        return tower


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

"""Pictures to features: EfficientNet-Lite2 trained on ImageNet (Tan and Le, 2019)."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from engine import models
from engine.arrays import unit_rows
from engine.encode.onnx import Network
from engine.models import ModelRow
from engine.ports import Encoder, ImageRule, Payload
from engine.types import Modality, Space, Vectors

MODEL = "efficientnet-lite2"
POOLED, DEPTHS = 1280, 328
DIM = POOLED + DEPTHS
DEPTHS_SHARE = 0.1
"""Weight of the two stages before the last one where pictures are compared with pictures."""

SIDE = 260
MARGIN = 0.06
"""White kept around the picture, as a share of the side."""

WHITE = 250
"""A border whose every value is at least this is cut away: drawings on white fill the frame."""

_PREPARATION = (
    f"efficientnet-2: trimmed, letterboxed with margin {MARGIN} into {SIDE}, (x-127)/128, "
    f"pooled features, then the maxima of stages 5 and 4 with share {DEPTHS_SHARE}"
)


def encoders(_row: ModelRow) -> tuple[Encoder, ...]:
    """The model's one encoder; all figures of its row are written down in this file."""
    return (EfficientNet(),)


class EfficientNet:
    """The 1280 pooled features, from which the class scores follow linearly, and 328 from before.

    Each of the two parts is made unit, then both are joined by their shares.
    """

    modality = Modality.IMAGE
    rule = ImageRule(at_least=SIDE)
    weights = (MODEL,)
    at_once = 16

    @cached_property
    def space(self) -> Space:
        """1608 components; pictures that look alike are near."""
        return Space("efficientnet", DIM, f"{models.locked(MODEL).digest}:{_PREPARATION}")

    def prepare(self, payload: Payload) -> Any:  # noqa: ANN401  (network input)
        """RGB pixels (h, w, 3) to network input (3, 260, 260)."""
        pixels = np.asarray(payload, dtype=np.uint8)
        frame = _letterboxed(_trimmed(pixels)).astype(np.float32)
        return ((frame - 127.0) / 128.0).transpose(2, 0, 1)

    def encode(self, prepared: Sequence[Any]) -> Vectors:
        """Unit rows (n, 1608)."""
        if not prepared:
            return np.empty((0, DIM), np.float32)
        pooled, depths = self._network.run(image=np.stack(prepared))
        first = np.sqrt(1 - DEPTHS_SHARE) * unit_rows(pooled)
        second = np.sqrt(DEPTHS_SHARE) * unit_rows(depths)
        return unit_rows(np.concatenate([first, second], axis=1))

    def describe(self) -> str:
        """ONNX Runtime, always."""
        return "ONNX Runtime on CPU, float32"

    @cached_property
    def _network(self) -> Network:
        return Network(models.ready(MODEL) / "efficientnet.onnx")


def pooled_part(vectors: Vectors) -> Vectors:
    """The pooled features alone, unit rows (n, 1280), of rows (n, 1608)."""
    return unit_rows(vectors[:, :POOLED])


def _trimmed(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    ink = pixels.min(axis=2) < WHITE
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not len(rows):
        return pixels
    return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _letterboxed(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    from PIL import Image

    height, width = pixels.shape[:2]
    scale = round(SIDE * (1 - 2 * MARGIN)) / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    small = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
    canvas = Image.new("RGB", (SIDE, SIDE), (255, 255, 255))
    canvas.paste(small, ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return np.asarray(canvas)

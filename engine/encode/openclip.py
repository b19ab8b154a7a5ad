"""Pictures and words in one space: any checkpoint of open_clip (Radford et al., ICML 2021)."""

from engine.encode.image_tower import ImageTower
from engine.encode.text_tower import TextTower
from engine.models import ModelRow
from engine.ports import Encoder


def encoders(row: ModelRow) -> tuple[Encoder, ...]:
    """The model's two towers."""
    return ImageTower(row), TextTower(row)

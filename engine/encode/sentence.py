"""Sentences, in as many languages as the checkpoint knows (Reimers and Gurevych, EMNLP 2019)."""

from engine.encode.text_tower import TextTower
from engine.models import ModelRow
from engine.ports import Encoder


def encoders(row: ModelRow) -> tuple[Encoder, ...]:
    """The model's one tower."""
    return (TextTower(row),)

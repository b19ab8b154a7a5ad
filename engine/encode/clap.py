"""Sounds and words in one space: CLAP as transformers saves it (Wu et al., ICASSP 2023)."""

from engine.encode.audio_tower import AudioTower
from engine.encode.text_tower import TextTower
from engine.models import ModelRow
from engine.ports import Encoder


def encoders(row: ModelRow) -> tuple[Encoder, ...]:
    """The model's two towers."""
    return TextTower(row), AudioTower(row)

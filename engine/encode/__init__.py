"""Encoders by name; each is loaded when it is asked for."""

from typing import cast

from engine.ports import Encoder
from engine.registry import adapter

_ENCODERS = {
    "minilm": "engine.encode.minilm:MiniLM",
    "efficientnet": "engine.encode.efficientnet:EfficientNet",
    "soundfx": "engine.encode.soundfx:SoundFx",
    "hashed-text": "engine.encode.hashed:hashed_text",
    "hashed-image": "engine.encode.hashed:hashed_image",
    "hashed-audio": "engine.encode.hashed:hashed_audio",
}


def encoder(name: str) -> Encoder:
    """The encoder of that name; its weights are fetched and read at its first use."""
    return cast("Encoder", adapter(_ENCODERS, name, "encoder")())

"""Encoders by name; each is loaded when it is asked for."""

from importlib import import_module
from typing import cast

from engine.errors import UsageError
from engine.ports import Encoder

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
    if name not in _ENCODERS:
        known = ", ".join(_ENCODERS)
        raise UsageError(f"There is no encoder '{name}'.", hint=f"Known: {known}")
    module, _, attribute = _ENCODERS[name].partition(":")
    return cast("Encoder", getattr(import_module(module), attribute)())

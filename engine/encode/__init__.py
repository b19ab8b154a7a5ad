"""Encoders and the bridges between their spaces, by name; each is loaded when it is asked for."""

from importlib import import_module
from typing import Any, cast

from engine.errors import UsageError
from engine.ports import Alignment, Encoder

_ENCODERS = {
    "minilm": "engine.encode.minilm:MiniLM",
    "efficientnet": "engine.encode.efficientnet:EfficientNet",
    "soundfx": "engine.encode.soundfx:SoundFx",
    "hashed-text": "engine.encode.hashed:hashed_text",
    "hashed-image": "engine.encode.hashed:hashed_image",
    "hashed-audio": "engine.encode.hashed:hashed_audio",
}

_BRIDGES = {
    "efficientnet-anchored": "engine.encode.bridges:efficientnet_anchored",
    "minilm-anchored": "engine.encode.bridges:minilm_anchored",
    "efficientnet-minilm": "engine.encode.bridges:efficientnet_minilm",
    "soundfx-minilm": "engine.encode.bridges:soundfx_minilm",
    "hashed-image-text": "engine.encode.hashed:hashed_image_text",
    "hashed-audio-text": "engine.encode.hashed:hashed_audio_text",
}


def encoder(name: str) -> Encoder:
    """The encoder of that name; its weights are fetched and read at its first use."""
    return cast("Encoder", _make(_ENCODERS, name, "encoder"))


def bridge(name: str) -> Alignment:
    """The bridge of that name; its numbers are read at its first use."""
    return cast("Alignment", _make(_BRIDGES, name, "bridge"))


def _make(table: dict[str, str], name: str, role: str) -> Any:  # noqa: ANN401  (cast by callers)
    if name not in table:
        raise UsageError(f"There is no {role} '{name}'.", hint=f"Known: {', '.join(table)}")
    module, _, attribute = table[name].partition(":")
    return getattr(import_module(module), attribute)()

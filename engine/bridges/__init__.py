"""Bridges between the spaces of encoders, by name; each is loaded when it is asked for."""

from importlib import import_module
from typing import cast

from engine.errors import UsageError
from engine.ports import Alignment

_BRIDGES = {
    "efficientnet-anchored": "engine.bridges.starter:efficientnet_anchored",
    "minilm-anchored": "engine.bridges.starter:minilm_anchored",
    "efficientnet-minilm": "engine.bridges.starter:efficientnet_minilm",
    "soundfx-minilm": "engine.bridges.starter:soundfx_minilm",
    "hashed-image-text": "engine.encode.hashed:hashed_image_text",
    "hashed-audio-text": "engine.encode.hashed:hashed_audio_text",
}


def bridge(name: str) -> Alignment:
    """The bridge of that name; its numbers are read at its first use."""
    if name not in _BRIDGES:
        raise UsageError(f"There is no bridge '{name}'.", hint=f"Known: {', '.join(_BRIDGES)}")
    module, _, attribute = _BRIDGES[name].partition(":")
    return cast("Alignment", getattr(import_module(module), attribute)())

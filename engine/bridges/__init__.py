"""Bridges between the spaces of encoders, by name; each is loaded when it is asked for."""

from typing import cast

from engine.ports import Alignment
from engine.registry import adapter

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
    return cast("Alignment", adapter(_BRIDGES, name, "bridge")())

"""Bridges between the spaces of encoders, by name; each is loaded when it is asked for."""

from typing import cast

from engine.ports import Alignment
from engine.registry import adapter

_BRIDGES = {
    "efficientnet-anchored": "engine.bridges.starter:efficientnet_anchored",
    "minilm-anchored": "engine.bridges.starter:minilm_anchored",
    "efficientnet-minilm": "engine.bridges.starter:efficientnet_minilm",
    "soundfx-anchored": "engine.bridges.starter:soundfx_anchored",
    "soundfx-minilm": "engine.bridges.starter:soundfx_minilm",
    "hashed-image-text": "engine.encode.hashed:hashed_image_text",
    "hashed-audio-text": "engine.encode.hashed:hashed_audio_text",
}

BOTH_WAYS = "<->"
"""Between the ids of two models that both read texts."""


def bridges(name: str) -> tuple[Alignment, ...]:
    """The bridge of that name; two, one for each side, when it is fitted on anchor texts.

    Its numbers are read, or fitted, at its first use.
    """
    first, both, second = name.partition(BOTH_WAYS)
    if both:
        from engine.bridges.texts import meeting

        return meeting(first, second)
    return (cast("Alignment", adapter(_BRIDGES, name, "bridge")()),)

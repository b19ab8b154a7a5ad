"""Encoders by the adapter that a model's row names; each is loaded when it is asked for."""

from typing import cast

from engine.errors import UsageError
from engine.models import ModelRow
from engine.ports import Encoder
from engine.registry import adapter

_ADAPTERS = {
    "efficientnet": "engine.encode.efficientnet:encoders",
    "soundfx": "engine.encode.soundfx:encoders",
    "openclip": "engine.encode.openclip:encoders",
    "clap": "engine.encode.clap:encoders",
    "laion": "engine.encode.laion:encoders",
    "sentence": "engine.encode.sentence:encoders",
    "hashed": "engine.encode.hashed:encoders",
}


def encoders(row: ModelRow) -> tuple[Encoder, ...]:
    """One encoder for each modality that the model takes; weights are read at their first use."""
    found = cast("tuple[Encoder, ...]", adapter(_ADAPTERS, row.adapter, "adapter")(row))
    wanted = tuple(one for one in found if not row.kinds or one.modality in row.kinds)
    if not wanted:
        takes = ", ".join(one.modality for one in found)
        raise UsageError(
            f"Model '{row.id}' takes {takes}, not {', '.join(row.kinds)}.",
            hint="Correct or leave out its `kinds` in profiles.toml.",
        )
    return wanted

"""What each adapter reads of a repository or folder, and the plain name it has in our cache."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ModelError

_TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "sentencepiece.bpe.model",
    "spiece.model",
    "tokenizer.model",
)

_PLAIN = {
    "1_Pooling/config.json": "pooling.json",
    "2_Dense/config.json": "dense.json",
    "2_Dense/model.safetensors": "dense.safetensors",
    "pytorch_model.bin": "model.bin",
}

CHECKPOINTS = (".pt", ".pth")
"""Endings of what LAION publishes: pickles, read by the converter only."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What an adapter reads.

    Attributes:
        needs: paths inside the repository; of alternatives the first that is there is taken.
        takes: paths that are taken where they are there.
        checkpoint: whether its weights are one file whose name ends like a checkpoint's.
    """

    needs: tuple[tuple[str, ...], ...]
    takes: tuple[str, ...]
    checkpoint: bool = False


READINGS: Mapping[str, Reading] = {
    "openclip": Reading(
        needs=(
            ("open_clip_config.json",),
            (
                "open_clip_model.safetensors",
                "open_clip_pytorch_model.safetensors",
                "model.safetensors",
            ),
        ),
        takes=("config.json", *_TOKENIZER),
    ),
    "clap": Reading(
        needs=(("config.json",), ("model.safetensors", "pytorch_model.bin")),
        takes=("preprocessor_config.json", *_TOKENIZER),
    ),
    "laion": Reading(needs=(), takes=("config.json", *_TOKENIZER), checkpoint=True),
    "sentence": Reading(
        needs=(("config.json",), ("model.safetensors",)),
        takes=(
            "modules.json",
            "config_sentence_transformers.json",
            "sentence_bert_config.json",
            "1_Pooling/config.json",
            "2_Dense/config.json",
            "2_Dense/model.safetensors",
            *_TOKENIZER,
        ),
    ),
}
"""By adapter; the adapters that are not here read their own locked files only."""

_WHY = {"open_clip_config.json": "its preprocessing is unknown"}


def reading_of(adapter: str, model_id: str) -> Reading:
    """What the adapter reads; ModelError for one that reads no foreign files."""
    if adapter not in READINGS:
        raise ModelError(
            f"The model '{model_id}' has adapter '{adapter}', which reads no files of others.",
            hint=f"These do: {', '.join(READINGS)}.",
        )
    return READINGS[adapter]


def chosen(reading: Reading, paths: Iterable[str], *, where: str, weights: str = "") -> list[str]:
    """The paths that are read, of all that are there, in a settled order.

    Args:
        reading: what the adapter reads.
        paths: of every file, relative, with forward slashes.
        where: named in errors.
        weights: which checkpoint, where there are several.

    Raises:
        ModelError: if one that is needed is missing.
    """
    there = set(paths)
    taken = [path for names in reading.needs for path in _first(names, there, where)]
    if reading.checkpoint:
        taken.append(_checkpoint(there, where, weights))
    return taken + [path for path in reading.takes if path in there]


def plain_name(path: str) -> str:
    """What a file of a repository is called in our cache, where everything lies flat."""
    return _PLAIN.get(path) or path.rpartition("/")[2]


def _first(names: tuple[str, ...], there: set[str], where: str) -> list[str]:
    for name in names:
        # A large model may be cut into parts: model-00001-of-00004.safetensors.
        parts = re.compile(rf"{Path(name).stem}-\d+-of-\d+\.safetensors")
        found = [name] if name in there else sorted(filter(parts.fullmatch, there))
        if found:
            return found
    why = _WHY.get(names[0], "it is not a model of this kind")
    raise ModelError(f"{where} holds no {' or '.join(names)}: {why}.", hint="See docs/models.md")


def _checkpoint(there: set[str], where: str, weights: str) -> str:
    found = sorted(path for path in there if path.endswith(CHECKPOINTS))
    if weights:
        found = [path for path in found if path == weights]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ModelError(f"{where} holds no {weights or '.pt file'}.", hint="See docs/models.md")
    raise ModelError(
        f"{where} holds {len(found)} checkpoints: {', '.join(found)}.",
        hint="Keep one in the folder, or name one of a repository: hub:OWNER/NAME@COMMIT!FILE.",
    )

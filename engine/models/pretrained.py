"""Reads folders as transformers saves them, runs nothing that lies there. For builders only."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.errors import ModelError
from engine.models.export import (
    TextGraph,
    attended,
    export_text,
    without_table,
    write_rows,
)

WEIGHTS = ("model.safetensors", "pytorch_model.safetensors")

COMPUTED = re.compile(
    r"(.*\.)?(position_ids|token_type_ids|relative_position_index|attn_mask|num_batches_tracked)"
)
"""Names of tensors that some versions save, others do not, and none learns."""

PROBES = (
    "",
    "a dog",
    "This is a sound of rain.",
    "two people speak in a room, and a dog barks: café, naïve, 3.50 €",
    "犬が砂浜を走る",
    "the sound of a piano in an empty hall, and rain on the window " * 40,
)

LOCAL = {"local_files_only": True, "trust_remote_code": False}
"""What every loader of transformers is told, though nothing here would need it."""


def offline() -> None:
    """Make the libraries look nowhere but in this process's files; before they are imported."""
    os.environ |= {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "0",
    }


def read_weights(sources: Path, names: tuple[str, ...] = WEIGHTS) -> dict[str, Tensor]:
    """Every tensor of the folder's one safetensors file, or of its parts, in float32.

    Raises:
        ModelError: if there is none, or it cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    files = next(([sources / name] for name in names if (sources / name).is_file()), None)
    files = files or sorted(sources.glob("model-*-of-*.safetensors"))
    if not files:
        raise ModelError(f"there are no weights in the folder: {names[0]} is wanted")
    state: dict[str, Tensor] = {}
    for file in files:
        try:
            state |= load_file(file)
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{file.name} cannot be read: {error}") from error
    return {
        key: value.float() if value.is_floating_point() else value for key, value in state.items()
    }


def fit(model: nn.Module, state: dict[str, Tensor], *, unused: str = r"(?!)") -> None:
    """Give a network its weights: every one, each of its shape, and nothing beside them.

    Args:
        model: any network.
        state: weights by name; those of `COMPUTED` tensors are ignored.
        unused: pattern of names that may be missing or too many, for what is never asked.

    Raises:
        ModelError: naming the first tensor that is missing, too many, or of another shape.
    """
    spare = re.compile(unused)
    wanted = {k: v.shape for k, v in model.state_dict().items() if not COMPUTED.fullmatch(k)}
    found = {k: v for k, v in state.items() if not COMPUTED.fullmatch(k)}
    for name in sorted(wanted.keys() | found.keys()):
        if name in wanted and name in found and wanted[name] != found[name].shape:
            shapes = f"{tuple(found[name].shape)} instead of {tuple(wanted[name])}"
            raise ModelError(f"the weights do not fit: {name} has the shape {shapes}")
        if (name in wanted) != (name in found) and not spare.match(name):
            said = "is missing" if name in wanted else "belongs to another network"
            raise ModelError(f"the weights do not fit: {name} {said}")
    model.load_state_dict({k: v for k, v in found.items() if k in wanted}, strict=False)
    model.eval().requires_grad_(requires_grad=False)


def export_words(
    model: nn.Module,
    vectors: Callable[[Tensor, Tensor], Tensor],
    tokenizer: Any,  # noqa: ANN401  (tokenizers ships no types)
    into: Path,
    *,
    table: nn.Embedding,
    pad: int,
    prefix: str = "",
) -> dict[str, Any]:
    """Write text.onnx, rows.safetensors and tokenizer.json; returns what the manifest says.

    Args:
        model: everything that `vectors` uses.
        vectors: ids and mask (n, t) to vectors (n, dim).
        tokenizer: of the package tokenizers, cutting texts and not filling them up.
        into: the folder.
        table: the token embedding inside the model.
        pad: id that fills up.
        prefix: what is written before every text.
    """
    known, rows = tokenizer.get_vocab_size(), len(table.weight)
    if known > rows:
        raise ModelError(f"the tokenizer has {known} tokens and the weights have {rows}")
    tokenizer.save(str(into / "tokenizer.json"))
    ids = [np.array([tokenizer.encode(prefix + text).ids], np.int64) for text in PROBES]
    ids = [one for one in ids if one.size]
    with torch.inference_mode():
        pairs = ((torch.from_numpy(one), torch.from_numpy(attended(one, pad))) for one in ids)
        wanted = np.concatenate([vectors(*pair).float().numpy() for pair in pairs])
    lookup = without_table(model, table)
    export_text(TextGraph(model, lookup, vectors), ids, wanted, into / "text.onnx", pad=pad)
    return {
        "file": "text.onnx",
        "rows": write_rows(lookup.weight, into),
        "tokenizer": "tokenizer.json",
        "tokens": tokenizer.truncation["max_length"],
        "pad": pad,
        "fixed": False,
        "clean": "none",
        "prefix": prefix,
    }


def read_tokenizer(sources: Path, tokens: int) -> Any:  # noqa: ANN401  (tokenizers ships no types)
    """The folder's tokenizer, cutting at `tokens` and never filling up.

    tokenizer.json is read as it is; RoBERTa's vocab.json and merges.txt are the alternative.

    Raises:
        ModelError: if there is neither, or they cannot be read.
    """
    from tokenizers import Tokenizer

    file = sources / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(file)) if file.is_file() else _roberta(sources)
    except Exception as error:
        # tokenizers raises bare Exception for whatever it cannot read.
        raise ModelError(f"the tokenizer cannot be read: {error}") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(tokens)
    return tokenizer


def _roberta(sources: Path) -> Any:  # noqa: ANN401  (tokenizers ships no types)
    from transformers import RobertaTokenizerFast

    files = [str(sources / name) for name in ("vocab.json", "merges.txt")]
    made = RobertaTokenizerFast(vocab=files[0], merges=files[1])
    return made.backend_tokenizer

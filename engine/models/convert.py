"""Turns a .pth checkpoint into safetensors: run as a program, in a child, once per model.

A .pth file is a pickle, which can name any function there is. Here it is read by torch's
restricted unpickler, which builds tensors and plain containers, plus the numbers of numpy that
real checkpoints contain. Nothing ever falls back to the unrestricted one.
"""

import os
import pickle
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

CONVERTER = "1"
"""Goes up when the same checkpoint would be written differently."""

WEIGHTS = ("state_dict", "model_state_dict", "model")
"""Keys under which training scripts put the weights, beside optimisers and counters."""

_NUMBERS = "?bBhHiIlLqQefd"


def convert(source: Path, target: Path) -> None:
    """Write the checkpoint's weights under dotted names, with all else left out.

    Raises:
        pickle.UnpicklingError: if the file wants anything but tensors, containers and numbers.
        ValueError: if it is not clear which of its tensors are the weights.
    """
    from safetensors.torch import save_file

    tensors = dict(flatten(weights_in(load(source))))
    if not tensors:
        raise ValueError(f"{source.name} holds no tensors")
    part = target.with_name(f"{target.name}.part")
    try:
        # safetensors refuses tensors that share memory, or lie in it in another order.
        own = {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}
        save_file(own, part)
        with part.open("rb+") as written:
            os.fsync(written.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def load(source: Path) -> object:
    """Read a checkpoint with the restricted unpickler."""
    import torch

    with torch.serialization.safe_globals(_numpy_numbers()):
        return torch.load(source, map_location="cpu", weights_only=True)


def weights_in(checkpoint: object) -> object:
    """The part of a checkpoint that is the weights: what a state dict's customs lead to."""
    if isinstance(checkpoint, Mapping):
        for key in WEIGHTS:
            if key in checkpoint and any(flatten(checkpoint[key])):
                return weights_in(checkpoint[key])
    if isinstance(checkpoint, tuple | list):
        bearing = [part for part in checkpoint if any(flatten(part))]
        if len(bearing) != 1:
            raise ValueError(f"{len(bearing)} of {len(checkpoint)} parts hold tensors, not one")
        return weights_in(bearing[0])
    return checkpoint


def flatten(tree: object, prefix: str = "") -> Iterator[tuple[str, "torch.Tensor"]]:
    """Every tensor of nested containers, under its keys joined by dots."""
    import torch

    if isinstance(tree, torch.Tensor):
        yield prefix.rstrip("."), tree
    elif isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from flatten(value, f"{prefix}{key}.")
    elif isinstance(tree, tuple | list):
        for place, value in enumerate(tree):
            yield from flatten(value, f"{prefix}{place}.")


def _numpy_numbers() -> list[Any]:
    import numpy as np
    from numpy._core.multiarray import scalar

    kinds = {type(np.dtype(code)) for code in _NUMBERS}
    names = [f"numpy.{core}.multiarray.scalar" for core in ("core", "_core")]
    return [*((scalar, name) for name in names), (_number_dtype, "numpy.dtype"), *kinds]


def _number_dtype(code: str, *_flags: object) -> object:
    import numpy as np

    dtype = np.dtype(code)
    if dtype.char not in _NUMBERS:
        raise pickle.UnpicklingError(f"numpy dtype {code!r} is not a number")
    return dtype


def main(source: str, target: str) -> None:
    """Convert, or end with one line that says why not."""
    try:
        convert(Path(source), Path(target))
    except (pickle.UnpicklingError, ValueError, OSError, RuntimeError, EOFError) as error:
        sys.exit(f"error: {_reason(str(error))}")


def _reason(said: str) -> str:
    # torch goes on to advise how to load the file all the same; that advice stops here.
    reason = said.rpartition("WeightsUnpickler error:")[2].strip()
    return reason.partition("\n")[0].partition(" by default")[0]

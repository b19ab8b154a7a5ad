"""What is never taken of a foreign model: code, pickles, links that lead away, odd containers.

Nothing here opens a file in any way that could run something: bytes are parsed as JSON at most.
"""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.models.build import PICKLED

MOST_BYTES = 40_000_000_000
MOST_ENTRIES = 5_000
MOST_JSON = 64_000_000
MOST_HEADER = 100_000_000
"""Caps: of a whole folder, of its entries, of one settings file, of a safetensors header."""

CODE = (".py", ".pyc", ".pyd", ".so", ".dll", ".dylib")
PICKLES = (*PICKLED, ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".npz", ".pt2", ".zip")

_CODE_KEYS = ("auto_map", "custom_pipelines")
_VOCABULARIES = ("tokenizer.json", "vocab.json", "added_tokens.json")
_NOT_READ = (".git", ".cache")
_BITS = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 8),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 16),
    **dict.fromkeys(("U32", "I32", "F32"), 32),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 64),
}


def paths_in(root: Path, *, pickles: tuple[str, ...] = ()) -> list[str]:
    """Every file of a user's folder, relative, after all that its names can tell was checked.

    Args:
        root: the folder.
        pickles: endings that are tolerated, for weights that the converter reads.

    Raises:
        ModelError: naming the file that nothing may be read beside.
    """
    paths, size = [], 0
    for path in _walk(root):
        found = _regular(path, root)
        relative = path.relative_to(root).as_posix()
        _check_name(path, pickles)
        size += found.st_size
        paths.append(relative)
        if len(paths) > MOST_ENTRIES or size > MOST_BYTES:
            raise ModelError(
                f"{root} holds more than {MOST_BYTES / 1e9:.0f} GB or {MOST_ENTRIES} files.",
                hint="Name the folder of one model only.",
            )
    for relative in paths:
        if relative.endswith(".json"):
            inspect(root / relative, root / relative)
    return paths


def inspect(path: Path, called: Path) -> None:
    """Refuse a file for what is in it; a pickle is left to the converter, which trusts nothing.

    Args:
        path: where its bytes are.
        called: what its owner calls it.

    Raises:
        ModelError: naming the file.
    """
    try:
        if called.suffix == ".safetensors":
            _check_safetensors(path)
        elif called.suffix == ".json" and called.name not in _VOCABULARIES:
            _check_settings(path, called.name)
    except _UnfitError as unfit:
        raise refused(called, str(unfit)) from unfit


def refused(path: Path, why: str) -> ModelError:
    """The error that says why a file is refused."""
    return ModelError(
        f"{path} was refused: {why}.",
        hint="seehear reads weights from safetensors only, and never code that comes with them.",
    )


class _UnfitError(Exception):
    """Why a file is refused."""


def _walk(root: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in _NOT_READ)
        for name in folders:
            _check_link(Path(parent, name), root)
        for name in sorted(names):
            yield Path(parent, name)


def _regular(path: Path, root: Path) -> os.stat_result:
    _check_link(path, root)
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise refused(path, "it is not a plain file")
    return found


def _check_link(path: Path, root: Path) -> None:
    if not path.is_symlink():
        return
    home = root.resolve()
    target = path.resolve()
    homes = [home]
    if home.parent.name == "snapshots":  # a folder of the hub client's cache links into its blobs
        homes.append(home.parents[1] / "blobs")
    if not any(target.is_relative_to(one) for one in homes) or not target.exists():
        raise refused(path, f"it is a link that leads to {target}")


def _check_name(path: Path, pickles: tuple[str, ...]) -> None:
    ending = path.suffix.lower()
    if ending in CODE:
        raise refused(path, "a model folder must not contain code")
    if ending in PICKLES and ending not in pickles:
        raise refused(path, f"a {ending} file can run code when it is read")


def _check_settings(path: Path, name: str) -> None:
    if path.stat().st_size > MOST_JSON:
        raise _UnfitError(f"settings of more than {MOST_JSON // 1_000_000} MB")
    try:
        tree = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise _UnfitError(f"it is not JSON ({error})") from error
    for key in _CODE_KEYS:
        if _has_key(tree, key):
            raise _UnfitError(f"its '{key}' names code to be run")
    if name == "modules.json":
        _check_modules(tree)


def _has_key(tree: object, key: str) -> bool:
    if isinstance(tree, dict):
        return key in tree or any(_has_key(value, key) for value in tree.values())
    return isinstance(tree, list) and any(_has_key(value, key) for value in tree)


def _check_modules(tree: object) -> None:
    rows = tree if isinstance(tree, list) else [tree]
    for row in rows:
        kind = row.get("type") if isinstance(row, dict) else row
        if not str(kind).startswith("sentence_transformers."):
            raise _UnfitError(f"{kind} is not a class of sentence_transformers")


def _check_safetensors(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > MOST_HEADER:
            raise _UnfitError(f"it is not safetensors: a header of {length} bytes")
        if length + 8 > size:
            raise _UnfitError("it is cut short, or not safetensors")
        header = stream.read(length)
    try:
        tensors = json.loads(header, object_pairs_hook=_once)
        tensors.pop("__metadata__", None)
        _check_spans(sorted(_span(row) for row in tensors.values()), size - 8 - length)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _UnfitError(f"its safetensors header is wrong ({error})") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _span(row: dict[str, Any]) -> tuple[int, int]:
    start, end = row["data_offsets"]
    bits = _BITS[row["dtype"]]
    for side in row["shape"]:
        if not isinstance(side, int) or side < 0:
            raise ValueError(f"side {side!r}")
        bits *= side
    if bits != (end - start) * 8:
        raise ValueError("offsets that do not fit a shape")
    return start, end


def _check_spans(spans: list[tuple[int, int]], size: int) -> None:
    at = 0
    for start, end in spans:
        if start != at:
            raise ValueError("tensors that overlap or leave gaps")
        at = end
    if at != size:
        raise ValueError(f"tensors of {at} bytes in {size}")

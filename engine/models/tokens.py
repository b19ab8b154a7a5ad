"""Writes a tokenizer in a second form, from which a few words are tokenized without reading it all.

What engine.encode.tokens reads: a BPE tokenizer of a quarter of a million tokens takes a second to
load, which is longer than everything else that a query needs.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

MANY = 10_000
"""Tokens from which on it pays."""


def write_tokens(tokenizer: Path, into: Path) -> str | None:
    """Write tokens.safetensors from a tokenizer.json; None for those that are read quickly anyway.

    Returns:
        the name of the file, which holds, sorted for searching: ``words`` uint64 (n,), the
        digests of all tokens, with their ``ids`` int32 (n,); ``pairs`` uint64 (m,), left id and
        right id of each merge, with their ``ranks`` int32 (m,); ``longest`` int32 (1,), in
        characters. Its metadata have all else of the tokenizer.
    """
    from safetensors.numpy import save_file

    said = json.loads(tokenizer.read_bytes())
    model = said["model"]
    if model["type"] != "BPE" or model["continuing_subword_prefix"] or len(model["vocab"]) < MANY:
        return None
    vocabulary: dict[str, int] = model["vocab"]
    said["model"] = {**model, "vocab": {}, "merges": []}
    arrays = {**_words(vocabulary), **_pairs(vocabulary, model["merges"])}
    save_file(arrays, into / "tokens.safetensors", {"tokenizer": json.dumps(said)})
    return "tokens.safetensors"


def digest(word: str) -> int:
    """64 bits of a token's text."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")


def _words(vocabulary: dict[str, int]) -> dict[str, Any]:
    words = np.array([digest(word) for word in vocabulary], np.uint64)
    order = np.argsort(words)
    longest = max(len(word) for word in vocabulary)
    return {
        "words": words[order],
        "ids": np.array(list(vocabulary.values()), np.int32)[order],
        "longest": np.array([longest], np.int32),
    }


def _pairs(vocabulary: dict[str, int], merges: list[Any]) -> dict[str, Any]:
    parts = [one.split(" ") if isinstance(one, str) else one for one in merges]
    sides = np.array([[vocabulary[a], vocabulary[b]] for a, b in parts], np.uint64)
    pairs = (sides[:, 0] << np.uint64(32)) | sides[:, 1]
    order = np.argsort(pairs, kind="stable")
    return {"pairs": pairs[order], "ranks": order.astype(np.int32)}

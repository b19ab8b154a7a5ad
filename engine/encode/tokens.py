"""Tokenizes a few words of BPE without its whole vocabulary: only what stands in them can matter.

A token of a text is a piece of that text, and is merged from two pieces of it. So the tokens and
merges that are found among the pieces of a text tokenize it exactly as all of them would.
"""

import json
import threading
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.models.tokens import digest

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MOST = 500
"""Characters; for longer texts the pieces are too many to be looked up one by one."""

_BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))


class FewWords:
    """One tokenizer, as engine.models.tokens wrote it."""

    def __init__(self, file: Path) -> None:
        from safetensors import safe_open

        with safe_open(file, "numpy") as opened:
            self._arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            self._said = json.loads(opened.metadata()["tokenizer"])
        self._longest = int(self._arrays["longest"][0])
        self._alone = threading.Lock()

    def ids(self, text: str) -> list[int] | None:
        """Token ids, special ones included; None where only the whole tokenizer can tell."""
        seen = self._normalised(text)
        if len(seen) > MOST or any(one in text or one in seen for one in self._added):
            return None
        words = self._known({*self._pieces(seen), *self._always})
        with self._alone:
            self._tokenizer.model = self._model(words)
            found: list[int] = self._tokenizer.encode(text).ids
        return found

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        from tokenizers import Tokenizer

        return Tokenizer.from_str(json.dumps(self._said))

    @cached_property
    def _added(self) -> tuple[str, ...]:
        return tuple(one["content"] for one in self._said["added_tokens"])

    @cached_property
    def _always(self) -> tuple[str, ...]:
        model = self._said["model"]
        unknown = (model["unk_token"],) if model["unk_token"] else ()
        return (*unknown, *(_BYTES if model["byte_fallback"] else ()))

    def _normalised(self, text: str) -> str:
        normalizer = self._tokenizer.normalizer
        return str(normalizer.normalize_str(text)) if normalizer else text

    def _pieces(self, text: str) -> Iterable[str]:
        splitter, suffix = self._tokenizer.pre_tokenizer, self._said["model"]["end_of_word_suffix"]
        parts = [part for part, _ in splitter.pre_tokenize_str(text)] if splitter else [text]
        for part in set(parts):
            for start in range(len(part)):
                for end in range(start + 1, min(len(part), start + self._longest) + 1):
                    yield part[start:end]
                if suffix:
                    yield part[start:] + suffix

    def _known(self, pieces: set[str]) -> dict[str, int]:
        listed = list(pieces)
        digests = np.array([digest(piece) for piece in listed], np.uint64)
        places, found = _search(self._arrays["words"], digests)
        ids = self._arrays["ids"][places]
        return {listed[i]: int(ids[i]) for i in np.flatnonzero(found)}

    def _model(self, words: dict[str, int]) -> Any:  # noqa: ANN401
        from tokenizers.models import BPE

        said = self._said["model"]
        options = {key: said.get(key) for key in _OPTIONS if said.get(key) is not None}
        return BPE(words, self._merges(words), **options)

    def _merges(self, words: dict[str, int]) -> list[tuple[str, str]]:
        splits = [
            (word[:at], word[at:])
            for word in words
            for at in range(1, len(word))
            if word[:at] in words and word[at:] in words
        ]
        keys = np.array([words[a] << 32 | words[b] for a, b in splits], np.uint64)
        places, found = _search(self._arrays["pairs"], keys)
        ranks = self._arrays["ranks"][places]
        kept = np.flatnonzero(found)
        return [splits[i] for i in kept[np.argsort(ranks[kept])]]


_OPTIONS = ("unk_token", "fuse_unk", "byte_fallback", "ignore_merges", "end_of_word_suffix")


def _search(keys: Any, wanted: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Where each wanted key stands among the sorted ones, and whether it does."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return places, keys[places] == wanted

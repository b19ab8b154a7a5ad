"""Words to vectors: any built text tower, tokenized as its checkpoint was trained."""

import html
import json
import re
import string
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engine.arrays import unit_rows
from engine.encode.network import Network, text_network
from engine.encode.tokens import FewWords
from engine.encode.tower import Tower
from engine.encode.towers import TextPart
from engine.errors import ModelError
from engine.models.registry import ModelRow
from engine.ports import Payload, TextRule
from engine.types import Modality, Vectors

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Ids = npt.NDArray[np.int64]

BATCH = 32
FEW = 16
"""Texts after which the whole tokenizer is read."""

CHARACTERS = 4
"""Of a token, about, in languages that the tokenizers know well."""

_PLAIN = re.compile(r"[\t\n\r\f -%'-~]*")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


class TextTower(Tower):
    """The text tower of a built model; nothing is read before the first use."""

    modality = Modality.TEXT
    at_once = 4 * BATCH

    def __init__(self, row: ModelRow) -> None:
        super().__init__(row)
        self._asked = 0

    @property
    def rule(self) -> TextRule:
        """Passages that about fill the tower's context."""
        return TextRule(max_characters=CHARACTERS * (self._tokens - 2))

    def prepare(self, payload: Payload) -> Any:  # noqa: ANN401  (token ids)
        """Token ids of a text, int64 (t,), filled up where the tower wants that."""
        words = self._part.prefix + cleaned(str(payload), self._part.clean)
        return laid_out(self._ids(words), self._part)

    def encode(self, prepared: Sequence[Any]) -> Vectors:
        """Unit rows (n, dim); texts of one length go together, so that none is ever padded."""
        rows = np.empty((len(prepared), self.space.dim), np.float32)
        for places in _of_one_length(prepared):
            rows[places] = self._vectors(np.stack([prepared[place] for place in places]))
        return unit_rows(rows)

    def describe(self) -> str:
        """Which engine runs it."""
        return self._network.describe()

    def _vectors(self, ids: Ids) -> Vectors:
        inputs: dict[str, npt.NDArray[Any]] = {"ids": ids}
        if "mask" in self._network.names:
            inputs["mask"] = attended(ids, self._part.pad)
        if "rows" in self._network.names:
            inputs["rows"] = self._rows[ids].astype(np.float32)
        return self._network.run({name: inputs[name] for name in self._network.names})

    def _ids(self, words: str) -> list[int]:
        self._asked += 1
        if self._few and self._asked <= FEW:
            ids = self._few.ids(words)
            if ids is not None:
                return ids
        return list(self._tokenizer.encode(words).ids)

    @property
    def _tokens(self) -> int:
        return self._row.tokens or self._part.tokens

    @property
    def _part(self) -> TextPart:
        if self._towers.text is None:
            raise ModelError(f"The model '{self._row.id}' reads no texts.")
        return self._towers.text

    @cached_property
    def _network(self) -> Network:
        return text_network(self._part.file)

    @cached_property
    def _rows(self) -> npt.NDArray[np.float16]:
        return mapped_rows(self._part.rows)

    @cached_property
    def _few(self) -> FewWords | None:
        return FewWords(self._part.index) if self._part.index else None

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        from tokenizers import Tokenizer

        return Tokenizer.from_file(str(self._part.tokenizer))


def cleaned(text: str, how: str) -> str:
    """A text as open_clip cleans it before its tokenizers see it; `how` in its own terms."""
    text = text.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair has no bytes
    if how == "none":
        return text
    text = _mended(text)
    if how == "canonicalize":
        text = text.replace("_", " ").translate(_NO_PUNCTUATION).lower()
    text = " ".join(text.split())
    return text.lower() if how == "lower" else text


def laid_out(ids: Sequence[int], part: TextPart) -> Ids:
    """Token ids as the tower takes them: int64, of the full length where it is fixed."""
    laid = np.full(part.tokens if part.fixed else len(ids), part.pad, np.int64)
    laid[: len(ids)] = ids
    laid[np.isin(laid, part.zeroed)] = 0
    return laid


def attended(ids: Ids, pad: int) -> Ids:
    """1 for each token up to the last that is not `pad`, 0 behind it; int64 (n, t)."""
    real = np.flip(ids != pad, 1)
    return np.asarray(np.flip(np.maximum.accumulate(real, axis=1), 1), dtype=np.int64)


def mapped_rows(file: Path) -> npt.NDArray[np.float16]:
    """The tensor ``rows`` of a safetensors file, mapped: only pages that are used are read.

    Raises:
        ModelError: if it is not there, or not float16 with two axes.
    """
    try:
        with file.open("rb") as stream:
            size = int.from_bytes(stream.read(8), "little")
            said = json.loads(stream.read(size))["rows"]
        vocabulary, width = said["shape"]
        kind = {"F16": np.float16}[said["dtype"]]
        start = 8 + size + said["data_offsets"][0]
        return np.memmap(file, kind, "r", start, (vocabulary, width))
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{file} holds no token embedding.") from error


def _mended(text: str) -> str:
    """Mended encoding and resolved entities; printable ASCII without ``&`` needs neither."""
    if _PLAIN.fullmatch(text):
        return text
    import ftfy

    return html.unescape(html.unescape(ftfy.fix_text(text)))


def _of_one_length(prepared: Sequence[Ids]) -> Iterator[list[int]]:
    by_length: dict[int, list[int]] = {}
    for place, ids in enumerate(prepared):
        by_length.setdefault(len(ids), []).append(place)
    for places in by_length.values():
        for start in range(0, len(places), BATCH):
            yield places[start : start + BATCH]

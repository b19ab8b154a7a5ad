"""One row for each thing that a person names: stored ones where they are, else encoded now."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.arrays import blocks, unit_rows
from engine.errors import MediaError, UsageError
from engine.library import Library
from engine.media.text import passages
from engine.ports import Encoder, TextRule
from engine.query import Term
from engine.search.example import MAX_PIECES, modality_of
from engine.teach.tables import Item
from engine.types import Modality, Vectors

_TEXTS_AT_ONCE = 64


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """Rows of things in the order they were named.

    Attributes:
        rows: float32 (n, dim), one unit row each; NaN throughout where there is none.
        missing: place and reason of each thing without a row, in order.
    """

    rows: Vectors
    missing: tuple[tuple[int, str], ...]


def rows_of(
    library: Library,
    items: Sequence[Item],
    encoder: Encoder,
    saw: Callable[[int, int], None] = lambda _done, _total: None,
) -> Gathered:
    """One unit row for each file or text: the mean direction of its windows, shots or passages.

    A file that is indexed and unchanged brings its stored vectors; another is read and encoded
    now, up to `MAX_PIECES` pieces of it, one file at a time. What cannot be read is told, not
    raised.

    Args:
        library: whose vectors are used.
        items: paths and words, n of them; one that stands twice is encoded once.
        encoder: whose space the rows lie in.
        saw: told of progress: things done, of how many.
    """
    unique = list(dict.fromkeys(items))
    found: dict[Item, Vectors | str] = {}
    for item, row in _each(library, unique, encoder):
        found[item] = row
        saw(len(found), len(unique))
    rows = np.full((len(items), encoder.space.dim), np.nan, dtype=np.float32)
    missing = []
    for place, item in enumerate(items):
        row = found[item]
        if isinstance(row, str):
            missing.append((place, row))
        else:
            rows[place] = row
    return Gathered(rows, tuple(missing))


def _each(
    library: Library, items: Sequence[Item], encoder: Encoder
) -> Iterator[tuple[Item, Vectors | str]]:
    """Each thing with its row (dim,), or with the reason why it has none."""
    for item in items:
        if isinstance(item, Path):
            yield item, _of_file(library, item, encoder)
    texts = [one for one in items if isinstance(one, str)]
    for part in blocks(len(texts), _TEXTS_AT_ONCE):
        yield from _of_texts(texts[part], encoder)


def _of_file(library: Library, path: Path, encoder: Encoder) -> Vectors | str:
    try:
        modality = modality_of(path)
        if not _takes(library, modality, encoder):
            return f"{path} is {modality}, which {encoder.space.name} does not take."
        return _mean(library.embed(Term(modality, path), encoder), str(path))
    except (MediaError, UsageError) as error:
        return error.sentence


def _takes(library: Library, modality: Modality, encoder: Encoder) -> bool:
    wanted = (encoder.space, encoder.modality)
    takers = (one for track in library.profile.tracks(modality) for one in track.encoders)
    return any((one.space, one.modality) == wanted for one in takers)


def _of_texts(texts: Sequence[str], encoder: Encoder) -> Iterator[tuple[str, Vectors | str]]:
    """Texts are cut as the encoder's rule says, and encoded together."""
    rule = encoder.rule
    if not isinstance(rule, TextRule):
        yield from ((one, f"Words are nothing that {encoder.space.name} takes.") for one in texts)
        return
    cut = [[words for _, words in passages(one, rule, "txt")][:MAX_PIECES] for one in texts]
    rows = encoder.encode([encoder.prepare(words) for parts in cut for words in parts])
    ends = np.cumsum([len(parts) for parts in cut])
    for text, part in zip(texts, np.split(rows, ends[:-1]), strict=True):
        yield text, _mean(part, f"'{text}'")


def _mean(rows: Vectors, name: str) -> Vectors | str:
    """The mean direction (dim,) of unit rows; the reason when there is none."""
    if not len(rows):
        return f"{name} has nothing in it to encode."
    if not np.isfinite(rows).all():
        return f"{name} gives rows that are no numbers."
    row: Vectors = unit_rows(rows.mean(axis=0, keepdims=True))[0]
    return row

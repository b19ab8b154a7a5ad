"""Hubs are held back where the library itself shows that it helps: names that find their files.

A row that is near to every query comes first too often. The bias of `engine.rank.hubness.nnn` helps
some libraries and harms others (docs/hubs.md), so it is used only where a library's own names and
captions find their files better with it, by texts that the bias was not made of.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.arrays import Table, blocks
from engine.evaluate import Values, paired
from engine.rank.hubness import nnn
from engine.search.shelves import Shelves
from engine.store.records import Found
from engine.store.texts import decoded, named
from engine.types import Ids, Modality, Scores, Space, Vectors

ALPHAS = (0.25, 0.5, 0.75, 1.0)
NEAR = 16
"""Queries of the bank that speak for a row; with `ALPHAS` as in the paper of `nnn`."""

LEAST_ROWS = 200
LEAST_PAIRS = 50
"""With fewer nothing is shown, so nothing is done."""

OWN_TEXTS = 500
LOOKED_AT = 20_000
"""Rows among which names look for their files; all, in most libraries."""

SHARED = 3
"""Contents that may share a name; one that more have says too little of each."""

_FEW = 256
"""Rows that are compared with a bank of a thousand at once: more are no faster, and take room."""

_LONGEST_CAPTION = 300
_AT_ONCE = 16
"""Queries that are compared with all rows at once."""

_PART = 1_000
"""Vectors that are followed to their files at once."""

_TEXTS_AT_ONCE = 2_000
"""Texts among which are chosen, so that not all have to be held."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Own texts and what they name, for the check.

    Attributes:
        rows: the texts as queries, (m, dim).
        answers: the contents that each names; a text that too many share names none.
    """

    rows: Vectors
    answers: tuple[frozenset[int], ...]

    @property
    def telling(self) -> Ids:
        """Which texts name something, (p,)."""
        return np.flatnonzero([bool(one) for one in self.answers])


def looked_at(ids: Ids) -> slice:
    """Which rows of a gallery the check looks at: at most `LOOKED_AT`, evenly over all."""
    return slice(None, None, -(-len(ids) // LOOKED_AT) or 1)


def found_with_captions(shelves: Shelves, ids: Ids, texts: Space) -> Iterator[Found]:
    """The files that hold these vectors, and after them, as captions, what describes them.

    Args:
        shelves: the library.
        ids: of vectors.
        texts: a space in which the texts of the library have vectors.
    """
    contents, beside = set[int](), set[int]()
    for block in blocks(len(ids), _PART):
        own = [one for one in shelves.resolve(ids[block].tolist()) if not one.caption]
        contents.update(one.content_id for one in own)
        files = np.unique([one.file_id for one in own]).astype(np.int64)
        beside.update(shelves.captions_of(files).tolist())
        yield from own
    if beside:
        told = np.array(sorted(beside), dtype=np.int64)
        described = shelves.vectors_of_files(told, texts, Modality.TEXT)
        for block in blocks(len(described), _PART):
            found = shelves.resolve(described[block].tolist())
            yield from (one for one in found if one.caption and one.content_id in contents)


def own_texts(found: Iterable[Found]) -> dict[str, frozenset[int]]:
    """What files are called, by names made of words and by captions: a text and its contents.

    At most `OWN_TEXTS`, chosen by their digests, so that most stay as a library grows.
    """
    called: dict[str, set[int]] = {}
    for one in found:
        if text := _caption(one) if one.caption else named(_name(one)):
            called.setdefault(text, set()).add(one.content_id)
        if len(called) > _TEXTS_AT_ONCE:
            called = _chosen(called)
    return {text: frozenset(contents) for text, contents in _chosen(called).items()}


def _chosen(called: dict[str, set[int]]) -> dict[str, set[int]]:
    """Those with the least digests: one that is not among them never will be when more come."""
    return {text: called[text] for text in sorted(called, key=_digest)[:OWN_TEXTS]}


def _name(one: Found) -> str:
    return decoded(one.path.rpartition(b"/")[2])


def _caption(one: Found) -> str:
    """The words of a caption; nothing for subtitles, which have a time, and for long texts."""
    words = " ".join(one.words.split())
    return words if one.span is None and len(words) <= _LONGEST_CAPTION else ""


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def pairs_of(texts: Mapping[str, frozenset[int]], rows: Vectors) -> Pairs:
    """Texts with their contents, and the rows that ask for them (m, dim)."""
    few = (one if len(one) <= SHARED else frozenset[int]() for one in texts.values())
    return Pairs(rows, tuple(few))


def alpha_that_helps(rows: Vectors, contents: Ids, general: Vectors, pairs: Pairs) -> float | None:
    """The alpha of `ALPHAS` with which own texts find their contents best; None if none is shown.

    Texts are in two halves; each is asked with a bias of general captions and the other half. The
    gain in the reciprocal rank must lie above 0 with its 95 % interval and by its test.

    Args:
        rows: of the gallery, (n, dim).
        contents: of which content each row is, (n,).
        general: general captions as queries, (g, dim).
        pairs: own texts and what they name.
    """
    asked = pairs.telling
    if len(asked) < LEAST_PAIRS:
        return None
    table, groups = _reciprocal_ranks(rows, contents, general, pairs)
    best, most = None, 0.0
    for alpha, after in zip(ALPHAS, table[1:], strict=True):
        if after.mean() - table[0].mean() <= most:
            continue
        gain = paired(table[0], after, groups)
        if gain.verdict == "helps":
            best, most = alpha, gain.mean
    return best


def _reciprocal_ranks(
    rows: Vectors, contents: Ids, general: Vectors, pairs: Pairs
) -> tuple[Values, list[int]]:
    """Of each telling text, without bias and with each alpha (1 + alphas, p); and its content."""
    asked = pairs.telling
    parts, order = [], []
    for half in (0, 1):
        mine = asked[asked % 2 == half]
        others = pairs.rows[np.arange(len(pairs.rows)) % 2 != half]
        whole = biases(rows, np.concatenate([general, others]))
        answers = [pairs.answers[at] for at in mine.tolist()]
        parts.append(ranked(rows, contents, pairs.rows[mine], answers, [whole * a for a in _ALL]))
        order += [min(one) for one in answers]
    return np.concatenate(parts, axis=1), order


_ALL = (0.0, *ALPHAS)


def ranked(
    rows: Vectors,
    contents: Ids,
    queries: Vectors,
    answers: Sequence[frozenset[int]],
    held: Sequence[Scores],
) -> Values:
    """1 / rank of the best answer among the contents, for each bias and query, (biases, queries).

    Contents that score alike with the answer share the places that they take together.
    """
    order = np.argsort(contents, kind="stable")
    known, starts = np.unique(contents[order], return_index=True)
    rows, held = rows[order], [bias[order] for bias in held]
    found = np.zeros((len(held), len(queries)))
    for block in blocks(len(queries), _AT_ONCE):
        right = np.array([np.isin(known, list(one)) for one in answers[block]])
        products = queries[block] @ rows.T
        for at, bias in enumerate(held):
            scores = np.maximum.reduceat(products - bias, starts, axis=1)
            found[at, block] = 1 / _ranks(scores, right)
    return found


def _ranks(scores: Scores, right: npt.NDArray[np.bool_]) -> Values:
    best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
    above = ((scores > best) & ~right).sum(axis=1)
    alike = ((scores == best) & ~right).sum(axis=1)
    return np.asarray(1 + above + alike / 2, dtype=np.float64)


def biases(rows: Table, bank: Vectors) -> Scores:
    """`nnn` of every row (n, dim) with alpha 1, for a bank of queries (m, dim); shape (n,)."""
    return np.concatenate(list(_biases(rows, bank)))


def _biases(rows: Table, bank: Vectors) -> Iterator[Scores]:
    for block in blocks(len(rows), _FEW):
        yield nnn(bank @ rows[block].T, alpha=1.0, near=NEAR)

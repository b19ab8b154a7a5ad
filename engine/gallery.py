"""A gallery: the vectors of one modality in one space, native or bridged, ready to be searched.

A gallery is derived: snapshot + what was committed since - what was removed since.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from engine import vectors
from engine.arrays import Table, blocks, places_of, places_of_all, top_k, unit_rows
from engine.bundle import Array, Bundle, Memory, Sink
from engine.errors import SnapshotDamagedError
from engine.points import reached
from engine.ports import Alignment, VectorIndex
from engine.rank.background import NEAR, Background
from engine.rank.calibrate import Moments, Spread
from engine.rank.maxima import surprise
from engine.store import snapshots
from engine.store.catalogue import CatalogueReader
from engine.store.records import SnapshotRecord
from engine.types import Embeddings, Ids, Modality, Scores, Space, Vectors
from engine.vectors.flat import FlatIndex
from engine.vectors.rows import Digests, Halves, Rows, digests_of

if TYPE_CHECKING:
    from engine.store.writer import CatalogueWriter

_RECIPE = "7"
"""Rises when rows are derived in another way, so that older snapshots are not used."""

DELTA = 1_000
"""So many changes since the newest snapshot (or a tenth of its rows, if fewer) make a new one."""

_FEW = 256
"""Rows that are compared with all plain queries at once: more are no faster, and take room."""

_BYTES = 3
"""Of a component, as a row and as a code."""

GENERATIONS = 2
"""How many snapshots of a gallery are kept, so that a reader never loses the one it has open."""


@dataclass(frozen=True, slots=True, eq=False)
class GalleryKey:
    """Which gallery: rows of `native` vectors of a modality, carried over a bridge or as they are.

    Attributes:
        space: where the rows live and are compared.
        native: where the encoder put them; the catalogue holds these.
        bridge: from native to space; None when both are the same.
    """

    modality: Modality
    space: Space
    native: Space
    bridge: Alignment | None = None

    @property
    def name(self) -> str:
        """Short and stable, for example ``minilm-image``."""
        name = f"{self.space.name}-{self.modality}"
        # The pictures and the sound of a video may both be carried into one space.
        twofold = self.modality is Modality.VIDEO and self.bridge is not None
        return f"{name}-{self.native.name}" if twofold else name

    @property
    def fingerprint(self) -> str:
        """Digest of everything the rows depend on besides the catalogue."""
        parts = [_RECIPE, self.space.fingerprint, self.native.fingerprint]
        parts.append(self.bridge.fingerprint if self.bridge else "")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


_PLAIN, _FREE = "plain-", "free-"
"""Begin the names under which backgrounds are dumped."""


class Tuner(Protocol):
    """Who knows what a gallery is asked, when it is built."""

    def plain(self, key: GalleryKey) -> Mapping[Modality, Vectors]:
        """Rows (m, dim) of plain queries in the gallery's space, by the modality that asks."""
        ...

    def bias(self, key: GalleryKey, ids: Ids, rows: Rows) -> Scores | None:
        """What holds hubs back, one number for each row; None where that does not gain."""
        ...


class Untuned:
    """Plain queries are not known, and nothing is held back."""

    def plain(self, key: GalleryKey) -> Mapping[Modality, Vectors]:
        """None."""
        del key
        return {}

    def bias(self, key: GalleryKey, ids: Ids, rows: Rows) -> Scores | None:
        """None."""
        del key, ids, rows
        return None


class Native(Protocol):
    """What an encoder made: vectors by ascending ids, read a few at a time and as often as wanted.

    Embeddings are, and `store.vectors.Stored` is.
    """

    def __len__(self) -> int: ...

    def blocks(self) -> Iterator[Embeddings]:
        """All of them."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """What a snapshot holds.

    Attributes:
        ids: of the vectors, ascending, (n,).
        rows: one for each; with one component more, the bias that holds hubs back, if there is one.
        index: of the rows.
        centre: what was taken from bridged rows, (dim,).
        moments: of the rows, to calibrate scores.
        backgrounds: what plain queries find, by the modality that asks.
        free: the same of words, if there is a bias, when they ask without it.
        contents: how many contents the rows belong to.
    """

    ids: Ids
    rows: Rows
    index: VectorIndex
    centre: Vectors
    moments: Moments
    backgrounds: Mapping[Modality, Background]
    free: Mapping[Modality, Background]
    contents: int


def freely(query: Vectors) -> Vectors:
    """A query (dim,) that finds hubs as others: it asks for the bias, if there is one, with 0."""
    return np.append(query, np.float32(0))


class Gallery:
    """Rows that can be searched, with what tells a good score from a chance one."""

    def __init__(self, key: GalleryKey, base: Base) -> None:
        self.key = key
        self._base = base
        self._new = _grown(base, np.empty(0, np.int64), np.empty((0, base.rows.dim), np.float32))
        self._gone: Ids = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._base.ids) + len(self._new.ids) - len(self._gone)

    @classmethod
    def build(
        cls,
        key: GalleryKey,
        native: Native,
        index: str | None = None,
        tuner: Tuner | None = None,
        contents: int | None = None,
    ) -> "Gallery":
        """Derive all rows from native vectors, in memory, as `derive`."""
        made = Memory()
        derive(key, native, made, index=index, tuner=tuner, contents=contents)
        return cls.load(key, made)

    @classmethod
    def load(cls, key: GalleryKey, arrays: Mapping[str, Array]) -> "Gallery":
        """The gallery that `derive` made, of what its sink took.

        Of a bundle, `UNREAD` need not have been checked.
        """
        count, contents = arrays["count"].tolist()
        bias = arrays.get("bias")
        if isinstance(arrays, Bundle):
            rows = Rows(arrays.rows("rows"), bias, arrays["digests"], arrays.path)
        else:
            rows = Rows(arrays["rows"], bias)
        ids = arrays["ids"]
        index = vectors.kind(bytes(arrays["index"]).decode()).load(ids, rows, arrays)
        moments = Moments(count, arrays["mean"], arrays["covariance"])
        known, free = _dumped(arrays, _PLAIN), _dumped(arrays, _FREE)
        return cls(key, Base(ids, rows, index, arrays["centre"], moments, known, free, contents))

    def extend(self, native: Embeddings) -> None:
        """Have vectors committed after the base was built; a hub among them shows only later."""
        if not len(native):
            return
        rows = _centred(self.key, _carried(self.key, native.vectors), self._base.centre)
        if self.biased:
            usual = np.full((len(rows), 1), self._base.moments.mean[-1], dtype=np.float32)
            rows = np.concatenate([rows, usual], axis=1)
        self._new = _grown(self._base, native.ids, rows)

    def hide(self, gone: Ids) -> None:
        """Leave out vectors that were removed after the base was built; others are no matter."""
        if len(gone):
            self._gone = self._base.ids[places_of(self._base.ids, gone)]

    def search(self, query: Vectors, k: int, among: Ids | None = None) -> tuple[Ids, Scores]:
        """The k best rows for a query vector (dim,): vector ids and inner products."""
        query = _asking(query[None], self._base.rows.dim)[0]
        found = [
            self._base.index.search(query, k + len(self._gone), among),
            self._new.index.search(query, k, among),
        ]
        ids = np.concatenate([ids for ids, _ in found])
        scores = np.concatenate([scores for _, scores in found])
        if len(self._gone):  # np.isin would import numpy.ma, which costs a cold search 15 ms
            kept = ~np.isin(ids, self._gone)
            ids, scores = ids[kept], scores[kept]
        return top_k(ids, scores, k)

    def products(self, query: Vectors, ids: Ids) -> Scores:
        """The inner products of a query vector (dim,) with the rows of these ids (n,)."""
        query = _asking(query[None], self._base.rows.dim)[0]
        return np.asarray(self._rows(ids) @ query, dtype=np.float32)

    def rows(self, ids: Ids) -> Vectors:
        """The rows of these ids (n, dim); KeyError for one that is not there."""
        return self._rows(ids)[:, : self.key.space.dim]

    def _rows(self, ids: Ids) -> Vectors:
        rows = np.empty((len(ids), self._base.rows.dim), dtype=np.float32)
        # Ids are never used again, so what is new comes after all that is old.
        new = ids > self._newest
        rows[new] = self._new.rows[places_of_all(self._new.ids, ids[new])]
        rows[~new] = self._base.rows[places_of_all(self._base.ids, ids[~new])]
        return rows

    @property
    def _newest(self) -> int:
        """The greatest id of the base."""
        return int(self._base.ids[-1]) if len(self._base.ids) else -1

    def spread(self, query: Vectors) -> Spread:
        """What the inner products of a query (dim,) with all rows are."""
        return self._base.moments.spread(_asking(query[None], self._base.rows.dim)[0])

    def calibrate(self, query: Vectors, products: Scores) -> Scores:
        """Standard deviations above what the query scores on average in the gallery."""
        return self.spread(query).calibrate(products)

    def chance(self, asked: Modality, query: Vectors, products: Scores, near: float) -> Scores:
        """The chance that something not asked for scores as high, shape (n,).

        By what plain queries of that modality find here; where no such are known, as if the scores
        of a query were normal: the chance that one row of so many comes as high.

        Args:
            asked: the modality of the query.
            query: shape (dim,), or as `freely` gives it.
            products: inner products of the query with some rows, shape (n,).
            near: mean of the query's best `rank.background.NEAR` products in the whole gallery.
        """
        free = self.biased and len(query) > self.key.space.dim and not query[-1]
        known = (self._base.free if free else self._base.backgrounds).get(asked)
        if known is not None:
            return np.asarray(known.chance(products, near), dtype=np.float32)
        scores = self.calibrate(query, products)
        by_chance = [1 - surprise(score, len(self)) for score in scores.tolist()]
        return np.array(by_chance, dtype=np.float32)

    @property
    def biased(self) -> bool:
        """Whether hubs are held back when words ask."""
        return self._base.rows.biased

    @property
    def centre(self) -> tuple[int, Vectors]:
        """How many rows the snapshot has, and their mean (dim,)."""
        moments = self._base.moments
        return moments.count, moments.mean[: self.key.space.dim]

    @property
    def taken(self) -> Vectors:
        """What was taken from bridged rows before they were made unit, (dim,)."""
        return self._base.centre

    @property
    def contents(self) -> int:
        """How many contents the rows belonged to when the base was built, at least 1."""
        return max(self._base.contents, 1)

    @property
    def ids(self) -> Ids:
        """Every vector id that can be found, sorted."""
        return np.union1d(np.setdiff1d(self._base.ids, self._gone), self._new.ids)


def _dumped(arrays: Mapping[str, Array], beginning: str) -> dict[Modality, Background]:
    return {
        Modality(name.removeprefix(beginning)): Background(*both)
        for name, both in arrays.items()
        if name.startswith(beginning)
    }


def _asking(queries: Vectors, dim: int) -> Vectors:
    """Queries (m, .) as rows of `dim` components: a bias is asked for with 1, or freely with 0."""
    if queries.shape[1] >= dim:
        return queries[:, :dim]
    ones = np.ones((len(queries), 1), dtype=np.float32)
    return np.concatenate([queries, ones], axis=1)


def _background(queries: Vectors, rows: Table) -> Background:
    """What these queries (m, dim) find at best among rows (n, dim)."""
    best = np.full((len(queries), NEAR), -np.inf, dtype=np.float32)
    for block in blocks(len(rows), _FEW):
        seen = np.concatenate([best, queries @ rows[block].T], axis=1)
        best = np.partition(seen, seen.shape[1] - NEAR, axis=1)[:, -NEAR:]
    best = np.where(np.isfinite(best), best, best.max(axis=1, keepdims=True))
    return Background(best.max(axis=1), best.mean(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class _Grown:
    """What was committed after a base was built: few rows, in memory."""

    ids: Ids
    rows: Rows
    index: VectorIndex


def _grown(base: Base, ids: Ids, rows: Vectors) -> _Grown:
    bias = rows[:, -1] if base.rows.biased else None
    kept = Rows(rows[:, : base.rows.plain].astype(np.float16), bias)
    return _Grown(ids, kept, FlatIndex(ids, kept))


UNREAD = frozenset({"rows"})
"""Arrays that are checked row by row, as they are read."""


def derive(
    key: GalleryKey,
    native: Native,
    sink: Sink,
    *,
    index: str | None = None,
    tuner: Tuner | None = None,
    contents: int | None = None,
) -> None:
    """Derive all rows of a gallery from native vectors, with all that makes them searched.

    Args:
        key: which gallery.
        native: what the encoder made.
        sink: takes what `Gallery.load` needs.
        index: the kind of vector index; None for the fitting one.
        tuner: who knows what is asked.
        contents: how many contents the rows belong to; None for one each.
    """
    count, dim, tuner = len(native), key.space.dim, tuner or Untuned()
    centre = _centre(key, native)
    parts, digests = list[Ids](), list[Digests]()

    def carried() -> Iterator[Halves]:
        for block in native.blocks():
            rows = _centred(key, _carried(key, block.vectors), centre).astype(np.float16)
            parts.append(block.ids)
            digests.append(digests_of(rows))
            yield rows

    sink.fill("rows", np.float16, (count, dim), carried())
    rows = Rows(sink.rows("rows"))
    ids = sink.fill("ids", np.int64, (count,), parts)
    sink.fill("digests", np.uint32, (count,), digests)
    plain = tuner.plain(key) if count else {}
    asking = {asked: queries for asked, queries in plain.items() if len(queries)}
    known = {asked: _background(some, rows) for asked, some in asking.items()}
    free: dict[Modality, Background] = {}
    if count and (bias := tuner.bias(key, ids, rows)) is not None:
        rows = rows.with_bias(sink.fill("bias", np.float32, (count,), [-bias]))
        free = dict(known)
        if Modality.TEXT in asking:  # the bias is made of words, for words
            words = _asking(asking[Modality.TEXT], rows.dim)
            known[Modality.TEXT] = _background(words, rows)
    moments = Moments.of(rows)
    name = index or vectors.fitting(count, dim)
    vectors.kind(name).build(ids, rows, sink)
    few = {
        "index": np.frombuffer(name.encode(), np.uint8),
        "count": np.array([moments.count, count if contents is None else contents]),
        "centre": centre,
        "mean": moments.mean,
        "covariance": moments.covariance,
    }
    for beginning, found in ((_PLAIN, known), (_FREE, free)):
        for asked, one in found.items():
            few[f"{beginning}{asked}"] = np.stack([one.top, one.near])
    for label, array in few.items():
        sink.fill(label, array.dtype, array.shape, [array])


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A gallery with the reasons why snapshots were passed over, if any were."""

    gallery: Gallery
    seq: int
    remarks: tuple[str, ...] = ()


def open_gallery(
    catalogue: CatalogueReader,
    folder: Path,
    key: GalleryKey,
    index: str | None = None,
    tuner: Tuner | None = None,
    unread: Collection[str] = UNREAD,
    passed_over: Collection[Path] = (),
) -> Opened:
    """The newest sound snapshot and what was committed since; else all from the catalogue.

    Args:
        catalogue: of the library.
        folder: of its snapshots.
        key: which gallery.
        index: the kind of vector index, where there is no snapshot; None for the fitting one.
        tuner: who knows what is asked, likewise.
        unread: arrays that are not checked now.
        passed_over: snapshots in which damage was met.
    """
    remarks = []
    for record in catalogue.snapshots(key.name):
        if record.fingerprint != key.fingerprint:
            continue
        try:
            _refuse(folder / record.name, passed_over)
            bundle = snapshots.mapped(folder, record, unread=unread)
            gallery = Gallery.load(key, bundle)
        except SnapshotDamagedError as error:  # a small gallery reads its rows at once
            remarks.append(snapshots.told(record, error.finding))
            continue
        except (ValueError, KeyError) as error:
            remarks.append(snapshots.told(record, error))
            continue
        gallery.extend(catalogue.vectors_since(key.native, key.modality, record.seq))
        gallery.hide(catalogue.tombstones_since(record.seq))
        return Opened(gallery, record.seq, tuple(remarks))
    native = catalogue.vectors_since(key.native, key.modality, 0)
    contents = catalogue.contents_in(key.native, key.modality)
    return Opened(Gallery.build(key, native, index, tuner, contents), 0, tuple(remarks))


def _refuse(file: Path, passed_over: Collection[Path]) -> None:
    if file in passed_over:
        raise ValueError("rows fail their digests")


def publish_gallery(
    catalogue: "CatalogueWriter", folder: Path, key: GalleryKey, tuner: Tuner | None = None
) -> bool:
    """Write a fresh snapshot when the newest one is behind; says whether it wrote one."""
    seq = catalogue.seq()
    newest = next(
        (r for r in catalogue.snapshots(key.name) if r.fingerprint == key.fingerprint), None
    )
    if newest is not None and not _behind(catalogue, key, newest):
        return False
    native = catalogue.stored(key.native, key.modality)
    if not len(native) and newest is None:
        return False
    contents = catalogue.contents_in(key.native, key.modality)
    room = len(native) * key.space.dim * _BYTES
    with snapshots.publishing(folder, f"{key.name}-{seq}", room) as made:
        derive(key, native, made.bundle, tuner=tuner, contents=contents)
    record = SnapshotRecord(
        key.name, key.fingerprint, seq, len(native), made.name, made.size, made.sha256
    )
    gone = catalogue.add_snapshot(record, keep=GENERATIONS)
    reached("receipt-written")
    snapshots.discard(folder, gone)
    reached("snapshot-discarded")
    return True


def _behind(catalogue: CatalogueReader, key: GalleryKey, newest: SnapshotRecord) -> bool:
    """Whether enough has changed since that the next search would notice the delta."""
    added = len(catalogue.stored(key.native, key.modality, newest.seq))
    changed = added + len(catalogue.tombstones_since(newest.seq))
    return changed > min(DELTA, newest.rows // 10)


def _carried(key: GalleryKey, native: Vectors) -> Vectors:
    """Rows in the gallery's space, a block at a time: a bridge may need much room for each."""
    if key.bridge is None:
        return native
    rows = np.empty((len(native), key.space.dim), dtype=np.float32)
    for block in blocks(len(native)):
        rows[block] = key.bridge.apply(native[block])
    return rows


def _centre(key: GalleryKey, native: Native) -> Vectors:
    """The mean that bridged rows are taken from; native rows are compared as they are.

    A bridge leaves its modality in a narrow cone; without its mean removed, one list of several
    modalities is ordered by modality first.
    """
    if key.bridge is None:
        return np.zeros(key.space.dim, np.float32)
    total = key.bridge.prior_rows * key.bridge.prior_mean.astype(np.float64)
    for block in native.blocks():
        total += _carried(key, block.vectors).sum(axis=0, dtype=np.float64)
    return np.asarray(total / (len(native) + key.bridge.prior_rows), dtype=np.float32)


def _centred(key: GalleryKey, rows: Vectors, centre: Vectors) -> Vectors:
    return rows if key.bridge is None else unit_rows(rows - centre)


def checked(opened: Opened, living: Ids) -> list[str]:
    """Sentences about ids that a gallery has and the catalogue has not, or the reverse."""
    ids = opened.gallery.ids
    extra, missing = np.setdiff1d(ids, living), np.setdiff1d(living, ids)
    sentences = [f"{opened.gallery.key.name}: {remark}" for remark in opened.remarks]
    if len(extra):
        sentences.append(f"{opened.gallery.key.name} finds {len(extra)} vectors that are gone")
    if len(missing):
        sentences.append(f"{opened.gallery.key.name} misses {len(missing)} vectors")
    return sentences

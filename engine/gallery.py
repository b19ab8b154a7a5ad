"""A gallery: the vectors of one modality in one space, native or bridged, ready to be searched.

A gallery is derived: snapshot + what was committed since - what was removed since.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from engine import vectors
from engine.arrays import blocks, top_k, unit_rows
from engine.points import reached
from engine.ports import Alignment, VectorIndex
from engine.rank.background import NEAR, Background
from engine.rank.calibrate import Moments, Spread
from engine.rank.maxima import surprise
from engine.store import snapshots
from engine.store.catalogue import CatalogueReader
from engine.store.records import SnapshotRecord
from engine.store.writer import CatalogueWriter
from engine.types import Embeddings, Ids, Modality, Scores, Space, Vectors
from engine.vectors import VectorIndexKind
from engine.vectors.flat import FlatIndex

_RECIPE = "6"
"""Rises when rows are derived in another way, so that older snapshots are not used."""

DELTA = 1_000
"""So many changes since the newest snapshot (or a tenth of its rows, if fewer) make a new one."""

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

    def bias(self, key: GalleryKey, ids: Ids, rows: Vectors) -> Scores | None:
        """What holds hubs back, one number for each row; None where that does not gain."""
        ...


class Untuned:
    """Plain queries are not known, and nothing is held back."""

    def plain(self, key: GalleryKey) -> Mapping[Modality, Vectors]:
        """None."""
        del key
        return {}

    def bias(self, key: GalleryKey, ids: Ids, rows: Vectors) -> Scores | None:
        """None."""
        del key, ids, rows
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """What a snapshot holds.

    Attributes:
        index: the rows; with one component more, the bias that holds hubs back, if `biased`.
        centre: what was taken from bridged rows, (dim,).
        moments: of the rows, to calibrate scores.
        backgrounds: what plain queries find, by the modality that asks.
        free: the same of words, if `biased`, when they ask without the bias.
        contents: how many contents the rows belong to.
    """

    index: VectorIndex
    centre: Vectors
    moments: Moments
    biased: bool = False
    backgrounds: Mapping[Modality, Background] = field(default_factory=dict)
    free: Mapping[Modality, Background] = field(default_factory=dict)
    contents: int = 0


def freely(query: Vectors) -> Vectors:
    """A query (dim,) that finds hubs as others: it asks for the bias, if there is one, with 0."""
    return np.append(query, np.float32(0))


class Gallery:
    """Rows that can be searched, with what tells a good score from a chance one."""

    def __init__(self, key: GalleryKey, base: Base) -> None:
        self.key = key
        self._base = base
        self._delta = FlatIndex(base.index.dim)
        self._gone: Ids = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._base.index) + len(self._delta) - len(self._gone)

    @classmethod
    def build(
        cls,
        key: GalleryKey,
        native: Embeddings,
        index: VectorIndexKind | None = None,
        tuner: Tuner | None = None,
        contents: int | None = None,
    ) -> "Gallery":
        """Derive all rows from native vectors, for an index of this kind or the fitting one.

        Args:
            key: which gallery.
            native: what the encoder made.
            index: the kind of vector index.
            tuner: who knows what is asked.
            contents: how many contents the rows belong to; None for one each.
        """
        tuner = tuner or Untuned()
        index = index or vectors.fitting(len(native), key.space.dim)
        rows = _carried(key, native.vectors)
        centre = _centre(key, rows)
        for block in blocks(len(rows)):
            rows[block] = _centred(key, rows[block], centre)
        bias = tuner.bias(key, native.ids, rows) if len(rows) else None
        if bias is not None:
            rows = np.concatenate([rows, -bias[:, None]], axis=1)
        base = index(rows.shape[1])
        for block in blocks(len(rows)):
            base.add(native.ids[block], rows[block])
        plain = tuner.plain(key) if len(rows) else {}
        asking = {asked: queries for asked, queries in plain.items() if len(queries)}
        dim, words = key.space.dim, Modality.TEXT
        free = {asked: _background(some, rows[:, :dim]) for asked, some in asking.items()}
        backgrounds = dict(free)
        if bias is not None and words in asking:  # the bias is made of words, for words
            backgrounds[words] = _background(_asking(asking[words], rows.shape[1]), rows)
        biased = bias is not None
        moments = Moments.of(rows)
        of = len(native) if contents is None else contents
        free = free if biased else {}
        return cls(key, Base(base, centre, moments, biased, backgrounds, free, of))

    def extend(self, native: Embeddings) -> None:
        """Add vectors committed after the base was built; a hub among them shows only later."""
        if not len(native):
            return
        rows = _centred(self.key, _carried(self.key, native.vectors), self._base.centre)
        if self._base.biased:
            usual = np.full((len(rows), 1), self._base.moments.mean[-1], dtype=np.float32)
            rows = np.concatenate([rows, usual], axis=1)
        self._delta.add(native.ids, rows)

    def hide(self, gone: Ids) -> None:
        """Leave out vectors that were removed after the base was built; others are no matter."""
        if len(gone):  # np.isin would import numpy.ma, which costs a cold search 15 ms
            self._gone = gone[np.isin(gone, self._base.index.ids)]

    def search(self, query: Vectors, k: int, among: Ids | None = None) -> tuple[Ids, Scores]:
        """The k best rows for a query vector (dim,): vector ids and inner products."""
        query = _asking(query[None], self._base.index.dim)[0]
        found = [
            self._base.index.search(query, k + len(self._gone), among),
            self._delta.search(query, k, among),
        ]
        ids = np.concatenate([ids for ids, _ in found])
        scores = np.concatenate([scores for _, scores in found])
        kept = ~np.isin(ids, self._gone)
        return top_k(ids[kept], scores[kept], k)

    def products(self, query: Vectors, ids: Ids) -> Scores:
        """The inner products of a query vector (dim,) with the rows of these ids (n,)."""
        query = _asking(query[None], self._base.index.dim)[0]
        return np.asarray(self._rows(ids) @ query, dtype=np.float32)

    def rows(self, ids: Ids) -> Vectors:
        """The rows of these ids (n, dim); KeyError for one that is not there."""
        return self._rows(ids)[:, : self.key.space.dim]

    def _rows(self, ids: Ids) -> Vectors:
        new = np.isin(ids, self._delta.ids)
        rows = np.empty((len(ids), self._base.index.dim), dtype=np.float32)
        rows[new] = self._delta.rows(ids[new])
        rows[~new] = self._base.index.rows(ids[~new])
        return rows

    def spread(self, query: Vectors) -> Spread:
        """What the inner products of a query (dim,) with all rows are."""
        return self._base.moments.spread(_asking(query[None], self._base.index.dim)[0])

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
        free = self._base.biased and len(query) > self.key.space.dim and not query[-1]
        known = (self._base.free if free else self._base.backgrounds).get(asked)
        if known is not None:
            return np.asarray(known.chance(products, near), dtype=np.float32)
        scores = self.calibrate(query, products)
        by_chance = [1 - surprise(score, len(self)) for score in scores.tolist()]
        return np.array(by_chance, dtype=np.float32)

    def dump(self) -> bytes:
        """The base as bytes, for `load`; only a gallery without delta is dumped."""
        from safetensors.numpy import save

        base = self._base
        arrays: dict[str, npt.NDArray[Any]] = {
            "index": np.frombuffer(base.index.dump(), dtype=np.uint8),
            "centre": base.centre,
            "mean": base.moments.mean,
            "covariance": base.moments.covariance,
            "count": np.array([base.moments.count, base.biased, base.contents], dtype=np.int64),
        }
        for beginning, known in ((_PLAIN, base.backgrounds), (_FREE, base.free)):
            for asked, one in known.items():
                arrays[f"{beginning}{asked}"] = np.stack([one.top, one.near])
        return save(arrays)

    @classmethod
    def load(cls, key: GalleryKey, data: bytes) -> "Gallery":
        """The gallery that `dump` wrote, from bytes whose digest was checked."""
        from safetensors.numpy import load

        arrays = load(data)
        count, biased, contents = arrays["count"].tolist()
        moments = Moments(count, arrays["mean"], arrays["covariance"])
        dumped = arrays["index"].data
        backgrounds, free = _dumped(arrays, _PLAIN), _dumped(arrays, _FREE)
        index = vectors.of(dumped).load(dumped)
        return cls(
            key, Base(index, arrays["centre"], moments, bool(biased), backgrounds, free, contents)
        )

    @property
    def biased(self) -> bool:
        """Whether hubs are held back when words ask."""
        return self._base.biased

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
        return np.union1d(np.setdiff1d(self._base.index.ids, self._gone), self._delta.ids)


def _dumped(arrays: Mapping[str, npt.NDArray[Any]], beginning: str) -> dict[Modality, Background]:
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


def _background(queries: Vectors, rows: Vectors) -> Background:
    """What these queries (m, dim) find at best among rows (n, dim)."""
    best = np.full((len(queries), NEAR), -np.inf, dtype=np.float32)
    for block in blocks(len(rows)):
        seen = np.concatenate([best, queries @ rows[block].T], axis=1)
        best = np.partition(seen, seen.shape[1] - NEAR, axis=1)[:, -NEAR:]
    best = np.where(np.isfinite(best), best, best.max(axis=1, keepdims=True))
    return Background(best.max(axis=1), best.mean(axis=1))


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
    index: VectorIndexKind | None = None,
    tuner: Tuner | None = None,
) -> Opened:
    """The newest sound snapshot and what was committed since; else all from the catalogue."""
    remarks = []
    for record in catalogue.snapshots(key.name):
        if record.fingerprint != key.fingerprint:
            continue
        try:
            gallery = Gallery.load(key, snapshots.read(folder, record))
        except (ValueError, KeyError) as error:
            remarks.append(
                f"snapshot {record.name} is not used: {error}; searching without it "
                "(seehear rebuild makes it again)"
            )
            continue
        gallery.extend(catalogue.vectors_since(key.native, key.modality, record.seq))
        gallery.hide(catalogue.tombstones_since(record.seq))
        return Opened(gallery, record.seq, tuple(remarks))
    native = catalogue.vectors_since(key.native, key.modality, 0)
    contents = catalogue.contents_in(key.native, key.modality)
    return Opened(Gallery.build(key, native, index, tuner, contents), 0, tuple(remarks))


def publish_gallery(
    catalogue: CatalogueWriter, folder: Path, key: GalleryKey, tuner: Tuner | None = None
) -> bool:
    """Write a fresh snapshot when the newest one is behind; says whether it wrote one."""
    seq = catalogue.seq()
    newest = next(
        (r for r in catalogue.snapshots(key.name) if r.fingerprint == key.fingerprint), None
    )
    if newest is not None and not _behind(catalogue, key, newest):
        return False
    native = catalogue.vectors_since(key.native, key.modality, 0)
    if not len(native) and newest is None:
        return False
    contents = catalogue.contents_in(key.native, key.modality)
    gallery = Gallery.build(key, native, tuner=tuner, contents=contents)
    name, size, digest = snapshots.publish(folder, f"{key.name}-{seq}", gallery.dump())
    record = SnapshotRecord(key.name, key.fingerprint, seq, len(native), name, size, digest)
    gone = catalogue.add_snapshot(record, keep=GENERATIONS)
    reached("receipt-written")
    snapshots.discard(folder, gone)
    reached("snapshot-discarded")
    return True


def _behind(catalogue: CatalogueReader, key: GalleryKey, newest: SnapshotRecord) -> bool:
    """Whether enough has changed since that the next search would notice the delta."""
    added = len(catalogue.vectors_since(key.native, key.modality, newest.seq))
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


def _centre(key: GalleryKey, rows: Vectors) -> Vectors:
    """The mean that bridged rows are taken from; native rows are compared as they are.

    A bridge leaves its modality in a narrow cone; without its mean removed, one list of several
    modalities is ordered by modality first.
    """
    if key.bridge is None:
        return np.zeros(key.space.dim, np.float32)
    prior = key.bridge.prior_mean
    weight = key.bridge.prior_rows
    total = rows.sum(axis=0, dtype=np.float64) + weight * prior
    return np.asarray(total / (len(rows) + weight), dtype=np.float32)


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

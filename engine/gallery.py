"""A gallery: the vectors of one modality in one space, native or bridged, ready to be searched.

A gallery is derived: snapshot + what was committed since - what was removed since.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine import vectors
from engine.arrays import blocks, top_k, unit_rows
from engine.ports import Alignment, VectorIndex
from engine.rank.calibrate import Moments
from engine.store import snapshots
from engine.store.catalogue import CatalogueReader
from engine.store.records import SnapshotRecord
from engine.store.writer import CatalogueWriter
from engine.types import Embeddings, Ids, Modality, Scores, Space, Vectors
from engine.vectors import VectorIndexKind
from engine.vectors.flat import FlatIndex

_RECIPE = "1"
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


class Gallery:
    """Rows that can be searched, with the moments that calibrate their scores."""

    def __init__(
        self, key: GalleryKey, base: VectorIndex, centre: Vectors, moments: Moments
    ) -> None:
        self.key = key
        self._base = base
        self._centre = centre
        self._moments = moments
        self._delta = FlatIndex(key.space.dim)
        self._gone: Ids = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._base) + len(self._delta) - len(self._gone)

    @classmethod
    def build(
        cls, key: GalleryKey, native: Embeddings, index: VectorIndexKind | None = None
    ) -> "Gallery":
        """Derive all rows from native vectors, for an index of this kind or the fitting one."""
        index = index or vectors.fitting(len(native), key.space.dim)
        rows = _carried(key, native.vectors)
        centre = _centre(key, rows)
        base = index(key.space.dim)
        for block in blocks(len(rows)):
            rows[block] = _centred(key, rows[block], centre)
            base.add(native.ids[block], rows[block])
        return cls(key, base, centre, Moments.of(rows))

    def extend(self, native: Embeddings) -> None:
        """Add vectors committed after the base was built."""
        if len(native):
            rows = _centred(self.key, _carried(self.key, native.vectors), self._centre)
            self._delta.add(native.ids, rows)

    def hide(self, gone: Ids) -> None:
        """Leave out vectors that were removed after the base was built; others are no matter."""
        if len(gone):  # np.isin would import numpy.ma, which costs a cold search 15 ms
            self._gone = gone[np.isin(gone, self._base.ids)]

    def search(self, query: Vectors, k: int) -> tuple[Ids, Scores]:
        """The k best rows for a query vector (dim,): vector ids and calibrated scores."""
        found = [self._base.search(query, k + len(self._gone)), self._delta.search(query, k)]
        ids = np.concatenate([ids for ids, _ in found])
        scores = np.concatenate([scores for _, scores in found])
        kept = ~np.isin(ids, self._gone)
        ids, scores = top_k(ids[kept], scores[kept], k)
        return ids, self._moments.calibrate(query, scores)

    def dump(self) -> bytes:
        """The base as bytes, for `load`; only a gallery without delta is dumped."""
        from safetensors.numpy import save

        arrays: dict[str, npt.NDArray[Any]] = {
            "index": np.frombuffer(self._base.dump(), dtype=np.uint8),
            "centre": self._centre,
            "mean": self._moments.mean,
            "covariance": self._moments.covariance,
            "count": np.array([self._moments.count], dtype=np.int64),
        }
        return save(arrays)

    @classmethod
    def load(cls, key: GalleryKey, data: bytes) -> "Gallery":
        """The gallery that `dump` wrote, from bytes whose digest was checked."""
        from safetensors.numpy import load

        arrays = load(data)
        moments = Moments(int(arrays["count"][0]), arrays["mean"], arrays["covariance"])
        dumped = arrays["index"].data
        base = vectors.of(dumped).load(dumped)
        return cls(key, base, arrays["centre"], moments)

    @property
    def centre(self) -> tuple[int, Vectors]:
        """How many rows the snapshot has, and their mean (dim,)."""
        return self._moments.count, self._moments.mean

    @property
    def ids(self) -> Ids:
        """Every vector id that can be found, sorted."""
        return np.union1d(np.setdiff1d(self._base.ids, self._gone), self._delta.ids)


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A gallery with the reasons why snapshots were passed over, if any were."""

    gallery: Gallery
    seq: int
    remarks: tuple[str, ...] = ()


def open_gallery(
    catalogue: CatalogueReader, folder: Path, key: GalleryKey, index: VectorIndexKind | None = None
) -> Opened:
    """The newest sound snapshot and what was committed since; else all from the catalogue."""
    remarks = []
    for record in catalogue.snapshots(key.name):
        if record.fingerprint != key.fingerprint:
            continue
        try:
            gallery = Gallery.load(key, snapshots.read(folder, record))
        except (ValueError, KeyError) as error:
            remarks.append(f"snapshot {record.name} is not used: {error}; searching without it")
            continue
        gallery.extend(catalogue.vectors_since(key.native, key.modality, record.seq))
        gallery.hide(catalogue.tombstones_since(record.seq))
        return Opened(gallery, record.seq, tuple(remarks))
    native = catalogue.vectors_since(key.native, key.modality, 0)
    return Opened(Gallery.build(key, native, index), 0, tuple(remarks))


def publish_gallery(catalogue: CatalogueWriter, folder: Path, key: GalleryKey) -> bool:
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
    gallery = Gallery.build(key, native)
    name, size, digest = snapshots.publish(folder, f"{key.name}-{seq}", gallery.dump())
    record = SnapshotRecord(key.name, key.fingerprint, seq, len(native), name, size, digest)
    snapshots.discard(folder, catalogue.add_snapshot(record, keep=GENERATIONS))
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

"""Plain queries: what people might ask of any library, to learn what chance finds in this one."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache

import numpy as np

from engine import models
from engine.arrays import unit_rows
from engine.bridges.texts import anchors
from engine.errors import NoRouteError
from engine.gallery import GalleryKey
from engine.ports import Encoder
from engine.profile import Profile, Route
from engine.search.searcher import centre_of
from engine.search.shelves import Shelves
from engine.store.records import Found
from engine.types import Ids, Modality, Scores, Vectors
from engine.vectors.rows import Rows

COUNT = 500
"""Plain queries of a kind: a chance of 1 in 500 is as little as can be told."""

_AT_ONCE = 64


class Plain:
    """Knows what the galleries of one library are asked (a `gallery.Tuner`)."""

    def __init__(self, profile: Profile, shelves: Shelves) -> None:
        self._profile = profile
        self._shelves = shelves
        self._own: dict[str, dict[str, Vectors]] = {}

    def plain(self, key: GalleryKey) -> Mapping[Modality, Vectors]:
        """Rows (m, dim) of plain queries in the gallery's space, by the modality that asks.

        Words ask with general captions; media ask with the library's own files of their kind,
        except among their own kind, where they would find themselves.
        """
        found = {}
        for asked in Modality:
            for route in self._routes(asked, key):
                rows = self._rows(asked, route)
                if len(rows):
                    found[asked] = _carried(route, rows, self._profile, self._shelves)
        return found

    def bias(self, key: GalleryKey, ids: Ids, rows: Rows) -> Scores | None:
        """What holds hubs back when words ask, where the library's own names show that it helps."""
        from engine.search import hubs

        ways = self._routes(Modality.TEXT, key)
        if len(rows) < hubs.LEAST_ROWS or not ways:
            return None
        part = hubs.looked_at(ids)
        found = hubs.found_with_captions(self._shelves, ids[part], ways[0].encoder.space)
        content_of: dict[int, int] = {}
        texts = hubs.own_texts(_noting(found, content_of))
        if len(texts) < hubs.LEAST_PAIRS:
            return None
        contents = np.array([content_of.get(one, -one) for one in ids[part].tolist()])
        pairs = hubs.pairs_of(texts, self._asking(ways[0], self._encoded(ways[0].encoder, texts)))
        general_rows = self._asking(ways[0], general(ways[0].encoder))
        alpha = hubs.alpha_that_helps(rows[part], contents, general_rows, pairs)
        if alpha is None:
            return None
        bank = np.concatenate([general_rows, pairs.rows])
        return np.asarray(alpha * hubs.biases(rows, bank), dtype=np.float32)

    def _asking(self, route: Route, rows: Vectors) -> Vectors:
        return _carried(route, rows, self._profile, self._shelves)

    def _encoded(self, encoder: Encoder, texts: Collection[str]) -> Vectors:
        """Rows of the library's own texts (m, dim); several galleries ask with the same ones."""
        known = self._own.setdefault(encoder.space.fingerprint, {})
        new = [one for one in texts if one not in known]
        known.update(zip(new, _encoded(encoder, new), strict=True))
        return np.stack([known[one] for one in texts])

    def _routes(self, asked: Modality, key: GalleryKey) -> list[Route]:
        try:
            ways = self._profile.routes(asked, key.modality)
        except NoRouteError:
            return []
        return [way for way in ways if way.gallery.name == key.name]

    def _rows(self, asked: Modality, route: Route) -> Vectors:
        encoder = route.encoder
        if asked is Modality.TEXT:
            return general(encoder)
        own = GalleryKey(encoder.modality, encoder.space, encoder.space)
        known = any(key.name == own.name for key in self._profile.galleries)
        if route.gallery.native == encoder.space or not known:
            return np.empty((0, encoder.space.dim), dtype=np.float32)
        gallery = self._shelves.gallery(own)
        return gallery.rows(_sample(gallery.ids))


def _noting(found: Iterable[Found], content_of: dict[int, int]) -> Iterator[Found]:
    """The same, noting on the way which content each vector is of."""
    for one in found:
        if not one.caption:
            content_of[one.vector_id] = one.content_id
        yield one


def general(encoder: Encoder) -> Vectors:
    """General captions as a text encoder embeds them, (COUNT, dim); encoded once, then cached."""
    space = encoder.space
    digest = hashlib.sha256(f"{space.fingerprint}\n{COUNT}\n{_recipe()}".encode()).hexdigest()
    name = f"{space.name}-{digest[:12]}"
    return models.remembered("plain", name, COUNT, lambda: _encoded(encoder, _chosen()))


def _chosen() -> list[str]:
    captions = anchors()
    places = np.random.default_rng(0).permutation(len(captions))[:COUNT]
    return [captions[at] for at in places]


@cache
def _recipe() -> str:
    return hashlib.sha256("\n".join(anchors()).encode()).hexdigest()


def _encoded(encoder: Encoder, texts: Sequence[str]) -> Vectors:
    prepared = [encoder.prepare(one) for one in texts]
    starts = range(0, len(prepared), _AT_ONCE)
    parts = [encoder.encode(prepared[at : at + _AT_ONCE]) for at in starts]
    return np.concatenate([np.empty((0, encoder.space.dim), dtype=np.float32), *parts])


def _sample(ids: Ids) -> Ids:
    """At most COUNT ids, evenly over all."""
    step = max(1, len(ids) // COUNT)
    return ids[::step][:COUNT]


def _carried(route: Route, rows: Vectors, profile: Profile, shelves: Shelves) -> Vectors:
    """Each row as a query of its own in the gallery's space."""
    centre = centre_of(route, profile, shelves)
    if route.bridge is not None:
        rows = route.bridge.apply(rows)
    return unit_rows(rows if centre is None else rows - centre)

"""The production path (snapshot, delta, tombstones, FAISS) against plain arithmetic on all rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from engine.arrays import through_half, unit_rows
from engine.gallery import GalleryKey, checked, open_gallery, publish_gallery
from engine.rank.calibrate import PRIOR_DEVIATION, SHRINKAGE_ROWS
from engine.store.writer import CatalogueWriter
from engine.types import Ids, Modality, Scores, Vectors
from making import ROOT, SPACE, TARGET, Turn, content, file
from strategies import unit_vectors

NATIVE = GalleryKey(Modality.IMAGE, SPACE, SPACE)
BRIDGED = GalleryKey(Modality.IMAGE, TARGET, SPACE, Turn())

added = st.tuples(st.just("add"), st.integers(1, 12).flatmap(lambda n: unit_vectors(n, SPACE.dim)))
sounds = st.tuples(st.just("sound"), unit_vectors(2, SPACE.dim))
removed = st.tuples(st.just("remove"), st.integers(0, 2**16))
published = st.tuples(st.just("publish"), st.none())
changes = st.lists(st.one_of(added, added, sounds, removed), min_size=1, max_size=5)
# A snapshot is worth a test only with rows in it and changes after it.
around = st.tuples(changes, changes).map(lambda two: [*two[0], ("publish", None), *two[1]])
histories = around | st.lists(st.one_of(added, sounds, removed, published), max_size=12)


@contextmanager
def empty_catalogue() -> Iterator[tuple[CatalogueWriter, Path]]:
    with TemporaryDirectory() as folder:
        writer = CatalogueWriter.open(Path(folder) / "catalogue.db")
        writer.adopt_space(SPACE)
        writer.adopt_root(ROOT)
        yield writer, Path(folder) / "snapshots"
        writer.close()


class Model:
    """What a catalogue holds, in dictionaries; `base` are the rows of the newest snapshot."""

    def __init__(self, catalogue: CatalogueWriter, folder: Path, key: GalleryKey) -> None:
        self.catalogue, self.folder, self.key = catalogue, folder, key
        self.contents: dict[str, Modality] = {}
        self.base: Vectors | None = None

    def apply(self, step: str, value: object) -> None:
        names = sorted(self.contents)
        if step in ("add", "sound"):
            name = f"c{self.catalogue.seq()}"
            modality = Modality.IMAGE if step == "add" else Modality.AUDIO
            assert isinstance(value, np.ndarray)
            made = content(name, value, modality=modality)
            self.catalogue.write([file(name, name)], [made])
            self.contents[name] = modality
        elif step == "remove" and names:
            assert isinstance(value, int)
            name = names[value % len(names)]
            self.catalogue.write([], [], [file(name, name)])
            del self.contents[name]
        elif step == "publish" and publish_gallery(self.catalogue, self.folder, self.key):
            self.base = self.living()[1]

    def living(self) -> tuple[Ids, Vectors]:
        """Ids and native rows, read one content at a time and not by sequence number."""
        found = [
            self.catalogue.vectors_of(name.encode(), SPACE)
            for name, modality in sorted(self.contents.items())
            if modality is Modality.IMAGE
        ]
        ids = np.concatenate([np.empty(0, np.int64), *(one.ids for one in found)])
        rows = np.concatenate([np.empty((0, SPACE.dim), np.float32), *(o.vectors for o in found)])
        return ids, rows

    def expected(self, query: Vectors) -> tuple[Ids, Scores]:
        """Every living id with its calibrated score, by arithmetic alone."""
        ids, native = self.living()
        base_native = native if self.base is None else self.base
        base, rows = base_native, native
        bridge = self.key.bridge
        if bridge is not None:
            base, rows = bridge.apply(base_native), bridge.apply(native)
            weight = bridge.prior_rows
            centre = (base.sum(axis=0) + weight * bridge.prior_mean) / (len(base) + weight)
            base, rows = unit_rows(base - centre), unit_rows(rows - centre)
        raw, average, variance = through_half(rows) @ query, 0.0, 0.0
        if len(base):
            average, variance = (base @ query).mean(), (base @ query).var()
        prior = SHRINKAGE_ROWS * PRIOR_DEVIATION**2
        shrunk = (len(base) * variance + prior) / (len(base) + SHRINKAGE_ROWS)
        return ids, (raw - average) / np.sqrt(shrunk)


@pytest.mark.parametrize("key", [NATIVE, BRIDGED], ids=["native", "bridged"])
@pytest.mark.parametrize("index", ["faiss", "flat"])
# Shrinking would take minutes here; histories are short enough to read as they are.
@settings(max_examples=20, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(history=histories, query=unit_vectors(1, SPACE.dim), k=st.integers(1, 60))
def test_the_production_path_agrees_with_arithmetic_on_all_rows(
    key: GalleryKey, index: str, history: list[tuple[str, object]], query: Vectors, k: int
) -> None:
    with empty_catalogue() as (catalogue, folder):
        model = Model(catalogue, folder, key)
        for step, value in history:
            model.apply(step, value)
        # Snapshots are FAISS' own; the flat path builds everything from the catalogue.
        if index == "flat":
            model.base = None
        place = folder if index == "faiss" else folder / "none"
        opened = open_gallery(catalogue, place, key, index)
        ids, products = opened.gallery.search(query[0], k)
        scores = opened.gallery.calibrate(query[0], products)
        expected_ids, expected = model.expected(query[0])

        score_of = dict(zip(expected_ids.tolist(), expected.tolist(), strict=True))
        assert len(opened.gallery) == len(expected_ids)
        assert checked(opened, np.sort(expected_ids)) == [
            f"{key.name}: {remark}" for remark in opened.remarks
        ]
        assert np.allclose(scores, np.sort(expected)[::-1][:k], atol=0.02)
        assert np.allclose([score_of[i] for i in ids.tolist()], scores, atol=0.02)
        assert len(set(ids.tolist())) == len(ids)

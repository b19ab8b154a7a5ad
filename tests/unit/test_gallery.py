"""Galleries are snapshot plus delta minus tombstones, and fall back to the catalogue."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine import gallery as galleries
from engine.arrays import unit_rows
from engine.gallery import GENERATIONS, GalleryKey, checked, open_gallery, publish_gallery
from engine.store.writer import CatalogueWriter
from engine.types import Ids, Modality
from making import SPACE, TARGET, Turn, content, file, flipped, ids, names_in, rows, some_rows

KEY = GalleryKey(Modality.IMAGE, SPACE, SPACE)
BRIDGED = GalleryKey(Modality.IMAGE, TARGET, SPACE, Turn())
QUERY = rows([1, 2, 0, -1])[0]


def add(catalogue: CatalogueWriter, name: str, count: int = 1, seed: int = 0) -> None:
    catalogue.write([file(name, name)], [content(name, some_rows(count, seed=seed))])


def remove(catalogue: CatalogueWriter, name: str) -> None:
    catalogue.write([], [], [file(name, name)])


def answer(catalogue: CatalogueWriter, folder: Path, key: GalleryKey = KEY) -> list[int]:
    found: Ids = open_gallery(catalogue, folder, key).gallery.search(QUERY, 99)[0]
    listed: list[int] = found.tolist()
    return listed


def test_the_name_tells_space_and_modality() -> None:
    assert (KEY.name, BRIDGED.name) == ("toy-image", "goal-image")


def test_the_fingerprint_covers_both_spaces_and_the_bridge() -> None:
    keys = [
        KEY,
        BRIDGED,
        replace(BRIDGED, bridge=Turn(fingerprint="turn-2")),
        replace(KEY, space=replace(SPACE, fingerprint="toy-2")),
        replace(KEY, native=replace(SPACE, fingerprint="toy-2")),
    ]

    assert len({key.fingerprint for key in keys}) == len(keys)


def test_an_empty_gallery_publishes_nothing(catalogue: CatalogueWriter, tmp_path: Path) -> None:
    assert not publish_gallery(catalogue, tmp_path, KEY)
    assert answer(catalogue, tmp_path) == []


def test_the_first_vectors_make_a_snapshot(catalogue: CatalogueWriter, tmp_path: Path) -> None:
    add(catalogue, "a", 5)

    assert publish_gallery(catalogue, tmp_path, KEY)
    assert open_gallery(catalogue, tmp_path, KEY).seq == catalogue.snapshots()[0].seq > 0
    assert not publish_gallery(catalogue, tmp_path, KEY)


@pytest.mark.parametrize(("changes", "written"), [(2, False), (3, True)])
def test_more_than_a_tenth_of_changes_makes_a_new_snapshot(
    catalogue: CatalogueWriter, tmp_path: Path, changes: int, *, written: bool
) -> None:
    """Of 20 rows, a tenth is 2: one added and the others removed."""
    for i in range(4):
        add(catalogue, f"{i}", 1, seed=i)
    add(catalogue, "many", 16, seed=9)
    publish_gallery(catalogue, tmp_path, KEY)

    add(catalogue, "one more", 1, seed=10)
    for i in range(changes - 1):
        remove(catalogue, f"{i}")

    assert publish_gallery(catalogue, tmp_path, KEY) is written


def test_a_large_gallery_waits_for_delta_changes(
    catalogue: CatalogueWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(galleries, "DELTA", 3)
    add(catalogue, "many", 100)
    publish_gallery(catalogue, tmp_path, KEY)
    add(catalogue, "three", 3, seed=1)
    waits = publish_gallery(catalogue, tmp_path, KEY)
    add(catalogue, "one", 1, seed=2)

    assert not waits
    assert publish_gallery(catalogue, tmp_path, KEY)


def test_two_generations_are_kept(catalogue: CatalogueWriter, tmp_path: Path) -> None:
    folder = tmp_path / "snapshots"
    for i in range(GENERATIONS + 2):
        add(catalogue, f"{i}", 5, seed=i)
        assert publish_gallery(catalogue, folder, KEY)

    receipts = [record.name for record in catalogue.snapshots(KEY.name)]

    assert len(receipts) == GENERATIONS == 2
    assert names_in(folder) == sorted(receipts)


def test_a_snapshot_of_another_bridge_is_not_used(
    catalogue: CatalogueWriter, tmp_path: Path
) -> None:
    add(catalogue, "a", 5)
    publish_gallery(catalogue, tmp_path, BRIDGED)
    other = replace(BRIDGED, bridge=Turn(fingerprint="turn-2"))

    assert open_gallery(catalogue, tmp_path, BRIDGED).seq > 0
    assert open_gallery(catalogue, tmp_path, other).seq == 0
    assert publish_gallery(catalogue, tmp_path, other)


def flip(path: Path) -> None:
    flipped(path)


def cut(path: Path) -> None:
    os.truncate(path, 10)


@pytest.mark.parametrize("damage", [flip, cut, Path.unlink])
def test_a_damaged_snapshot_is_passed_over_with_a_remark_and_the_right_answers(
    catalogue: CatalogueWriter, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """First the older snapshot steps in, then the catalogue itself."""
    add(catalogue, "a", 5)
    publish_gallery(catalogue, tmp_path, KEY)
    add(catalogue, "b", 5, seed=1)
    publish_gallery(catalogue, tmp_path, KEY)
    expected = answer(catalogue, tmp_path / "none")
    newest, older = catalogue.snapshots(KEY.name)

    for record, seq, remarks in [(newest, older.seq, 1), (older, 0, 2)]:
        damage(tmp_path / record.name)
        opened = open_gallery(catalogue, tmp_path, KEY)
        assert opened.seq == seq
        assert len(opened.remarks) == remarks
        assert any(f"{record.name} is not used" in remark for remark in opened.remarks)
        assert answer(catalogue, tmp_path) == expected


def test_removed_vectors_of_other_galleries_make_no_gallery_shorter(
    catalogue: CatalogueWriter, tmp_path: Path
) -> None:
    add(catalogue, "picture", 5)
    sound = content("sound", some_rows(5, seed=1), modality=Modality.AUDIO)
    catalogue.write([file("sound", "sound")], [sound])
    publish_gallery(catalogue, tmp_path, KEY)
    add(catalogue, "passing", 1, seed=2)
    remove(catalogue, "passing")
    remove(catalogue, "sound")

    opened = open_gallery(catalogue, tmp_path, KEY)

    assert opened.seq > 0
    assert len(opened.gallery) == 5
    assert opened.gallery.ids.tolist() == [1, 2, 3, 4, 5]


def test_removed_rows_leave_no_gap_among_the_best(
    catalogue: CatalogueWriter, tmp_path: Path
) -> None:
    """The three best of the snapshot are gone; the next two are found all the same."""
    for i, x in enumerate([5, 4, 3, 2, 1]):
        catalogue.write([file(f"{i}", f"{i}")], [content(f"{i}", rows([x, 1, 0, 0]))])
    publish_gallery(catalogue, tmp_path, KEY)
    for name in "012":
        remove(catalogue, name)

    found, _ = open_gallery(catalogue, tmp_path, KEY).gallery.search(rows([1, 0, 0, 0])[0], 2)

    assert found.tolist() == [4, 5]


def test_bridged_rows_are_centred_on_their_mean_and_the_prior(
    catalogue: CatalogueWriter, tmp_path: Path
) -> None:
    """Rows turned to (1, 0, 0, 0) and (0, 1, 0, 0); a prior (1/2, 0, 0, 0) worth 10 rows."""
    catalogue.write([file("a", "a")], [content("a", rows([0, 0, 0, 1], [0, 0, 1, 0]))])
    mapped = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0]])
    centre = (mapped.sum(axis=0) + 10 * np.array([0.5, 0, 0, 0])) / 12
    expected = unit_rows(mapped - centre)

    opened = open_gallery(catalogue, tmp_path, BRIDGED).gallery

    assert np.allclose(opened._base.centre, centre)
    assert opened._base.index.search(expected[0], 1)[0].tolist() == [1]
    assert opened._base.index.search(expected[1], 1)[1].tolist() == pytest.approx([1], abs=1e-3)


def test_native_rows_are_compared_as_they_are(catalogue: CatalogueWriter, tmp_path: Path) -> None:
    catalogue.write([file("a", "a")], [content("a", rows([0.6, 0.8, 0, 0]))])
    opened = open_gallery(catalogue, tmp_path, KEY).gallery

    assert opened._base.index.search(rows([1, 0, 0, 0])[0], 1)[1][0] == pytest.approx(0.6, abs=1e-3)


def test_a_check_names_what_is_too_much_and_what_is_missing(
    catalogue: CatalogueWriter, tmp_path: Path
) -> None:
    add(catalogue, "a", 3)
    opened = open_gallery(catalogue, tmp_path, KEY)

    assert checked(opened, ids(1, 2, 3)) == []
    assert checked(opened, ids(1)) == ["toy-image finds 2 vectors that are gone"]
    assert checked(opened, ids(1, 2, 3, 4)) == ["toy-image misses 1 vectors"]

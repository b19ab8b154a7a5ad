"""Labels and clusters: calibrated, deterministic, exported without touching what is there."""

import csv
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.arrays import unit_rows
from engine.collect import export
from engine.collect.clusters import grouped
from engine.collect.labels import Label, Labelled, chances_of, checked_labels
from engine.errors import UsageError
from engine.library import Library
from engine.types import Modality
from indexer import index
from making import caption, some_rows

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"


def test_a_label_that_stands_out_is_likely_and_one_that_does_not_is_not() -> None:
    random = np.random.default_rng(0)
    null = random.normal(0.1, 0.05, (300, 400))
    labels = random.normal(0.1, 0.05, (300, 2))
    labels[:30, 0] += 0.4
    chances = chances_of(labels, null)
    assert (chances[:30, 0] > 0.9).mean() > 0.9
    assert (chances[30:] < 0.5).mean() > 0.97


def test_a_word_that_is_near_to_everything_is_not_given_to_everything() -> None:
    random = np.random.default_rng(0)
    null = random.normal(0.1, 0.05, (20_000, 40))
    labels = random.normal(0.3, 0.05, (20_000, 1))
    assert (chances_of(labels, null) > 0.5).mean() < 0.15


@given(st.floats(0.5, 4), st.floats(-1, 1))
def test_the_scale_of_scores_does_not_matter(factor: float, offset: float) -> None:
    random = np.random.default_rng(0)
    labels, null = random.normal(size=(50, 3)), random.normal(size=(50, 30))
    moved = chances_of(factor * labels + offset, factor * null + offset)
    assert np.allclose(moved, chances_of(labels, null), atol=1e-6)


def test_labels_are_trimmed_and_each_taken_once() -> None:
    assert checked_labels([" big  cat ", "dog", "", "dog"]) == ("big cat", "dog")
    with pytest.raises(UsageError, match="no labels"):
        checked_labels([" ", ""])


@pytest.fixture
def labelled(tmp_path: Path) -> list[Labelled]:
    root = tmp_path / "photos"
    names = (Label("cat & <dog>", 0.9), Label('said "so", twice', 0.6))
    return [
        Labelled(root / "sub" / "a.jpg", root, Modality.IMAGE, names),
        Labelled(root / "b.jpg", root, Modality.IMAGE, ()),
    ]


def test_tables_read_back(labelled: list[Labelled]) -> None:
    rows = list(csv.DictReader(export.as_csv(labelled).splitlines()))
    assert [row["label"] for row in rows] == ["cat & <dog>", 'said "so", twice']
    lines = [json.loads(line) for line in export.as_json_lines(labelled).splitlines()]
    assert lines[0]["labels"] == {"cat & <dog>": 0.9, 'said "so", twice': 0.6}
    assert lines[1]["labels"] == {}


def test_sidecars_are_xml_beside_nothing_of_the_users(
    labelled: list[Labelled], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert export.write_sidecars(labelled, out) == 1
    written = out / "photos" / "sub" / "a.jpg.xmp"
    assert [p for p in out.rglob("*") if p.is_file()] == [written]
    tags = ET.parse(written).iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li")  # noqa: S314
    assert [tag.text for tag in tags] == ["cat & <dog>", 'said "so", twice']
    assert export.write_sidecars(labelled, out) == 1, "ours may be written again"


def test_the_sidecar_of_another_program_is_kept(labelled: list[Labelled], tmp_path: Path) -> None:
    place = tmp_path / "out" / "photos" / "sub" / "a.jpg.xmp"
    place.parent.mkdir(parents=True)
    place.write_text("<x:xmpmeta x:xmptk='XMP Core 4.4.0-Exiv2'/>")
    with pytest.raises(UsageError, match="not written by seehear"):
        export.write_sidecars(labelled, tmp_path / "out")
    assert "Exiv2" in place.read_text()


def test_planted_groups_are_found_and_their_number_too() -> None:
    random = np.random.default_rng(0)
    middles = some_rows(6, 64, seed=1)
    truth = np.repeat(np.arange(6), 40)
    rows = unit_rows(middles[truth] + random.normal(size=(240, 64)).astype(np.float32) * 0.04)
    belongs, centres = grouped(rows)
    assert len(centres) == 6
    assert len({(int(a), int(b)) for a, b in zip(truth, belongs, strict=True)}) == 6
    again, _ = grouped(rows)
    assert (again == belongs).all()


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_few_rows_and_equal_rows_make_clusters_too(count: int) -> None:
    for rows in (some_rows(count, 8), np.repeat(some_rows(1, 8), count, axis=0)):
        belongs, _ = grouped(rows)
        assert belongs.shape == (count,)
        assert grouped(rows, 3)[0].shape == (count,)


def test_every_file_is_in_one_cluster_and_words_name_it(library: Library, tmp_path: Path) -> None:
    media = tmp_path / "media"
    for topic, words in (("gardens", "rose tulip lily"), ("engines", "piston valve oil")):
        (media / topic).mkdir(parents=True)
        for n in range(6):
            caption(media / topic / f"{n}.txt", f"{words} {words} {topic} {n}")
    index(library, [media], workers=1)
    found = library.clusters(count=2)
    assert {one.name.split(",")[0] for one in found} == {"gardens", "engines"}
    assert [len(one.files) for one in found] == [6, 6]
    assert all(len(one.examples) == 3 for one in found)
    with pytest.raises(UsageError, match="1 to 64"):
        library.clusters(count=65)


@pytest.mark.weights
def test_labels_of_real_sounds_and_pictures(tmp_path: Path) -> None:
    with Library.open(tmp_path / "library", create=True, profile="starter") as library:
        index(library, [SAMPLE / "sounds" / "nature", SAMPLE / "pictures" / "animals"])
        given = {
            one.path.name: [label.name for label in one.labels]
            for one in library.tag(["water", "bird", "panda", "typewriter"])
        }
        best = {
            one.path.name: one.labels[0].name
            for one in library.tag(["water", "bird", "panda", "typewriter"], top=1, least=0)
        }
    assert given["brook.mp3"] == ["water"]
    assert "bird" in given["REC_0001.mp3"]
    assert best["panda.jpg"] == "panda"
    assert not any("typewriter" in labels for labels in given.values())

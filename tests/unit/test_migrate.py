"""A catalogue of an older format is read as it is; the first writer makes it one of today's."""

import gzip
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import DiskFullError
from engine.query import Field, Filter, Given
from engine.store import derived, layout
from engine.store.catalogue import CatalogueReader
from engine.store.connect import open_reader
from engine.store.migrate import copy_of
from engine.store.records import Guess, Listing
from engine.store.writer import CatalogueWriter
from engine.types import Modality
from making import ROOT, file, names_in

GOLDEN = Path(__file__).parent / "golden"
PICTURE = b"trip/IMG_rainForest-02.jpg"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A catalogue as format 1 was written."""
    path = tmp_path / "catalogue.db"
    path.write_bytes(gzip.decompress((GOLDEN / "format-1.db.gz").read_bytes()))
    return path


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """The same catalogue as format 2 was written."""
    path = tmp_path / "second.db"
    path.write_bytes(gzip.decompress((GOLDEN / "format-2.db.gz").read_bytes()))
    return path


@pytest.fixture
def reader(old: Path) -> Iterator[CatalogueReader]:
    opened = CatalogueReader(old, open_reader(old))
    opened.check_format()
    yield opened
    opened.close()


class Full:
    """What a disk without room says."""

    free = 1_000


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_a_reader_works_as_before_and_says_what_it_lacks(reader: CatalogueReader) -> None:
    found = {(one.path, one.caption) for one in reader.resolve(range(100))}

    assert (PICTURE, True) in found
    assert len(reader.admitted([])) == 8
    assert reader.inconsistencies() == []
    assert reader.find_words("jungle", limit=9) == []
    assert reader.captions_of(reader.admitted([])).tolist() == []
    (remark,) = reader.remarks()
    assert "seehear rebuild" in remark
    space = reader.spaces()["toy"]
    every = [
        one
        for modality in Modality
        for one in reader.vectors_of_files(reader.admitted([]), space, modality).tolist()
    ]
    assert sorted(every) == reader.living_vectors().tolist()


def test_the_first_writer_brings_it_up_to_date_and_keeps_a_copy(
    old: Path, reader: CatalogueReader
) -> None:
    vectors, files = reader.living_vectors().tolist(), reader.files(ROOT)

    CatalogueWriter.open(old).close()

    assert reader.remarks() == ()  # the one that is open goes on
    assert reader.living_vectors().tolist() == vectors
    assert reader.files(ROOT) == files
    assert [hit.path for hit in reader.find_words("rain forest", limit=1)] == [PICTURE]
    assert len(reader.admitted([Filter(Field.FOLDER, ("trip",))])) == 2
    assert reader.inconsistencies() == []
    assert version(old) == layout.FORMAT_VERSION
    assert version(copy_of(old, 1)) == 1


def test_it_is_written_like_any_other_afterwards(old: Path) -> None:
    writer = CatalogueWriter.open(old)
    writer.write([], [], [file(PICTURE, "a"), file("copy.jpg", "a")])

    assert writer.find_words("rain", limit=1)[0].path != PICTURE
    assert writer.inconsistencies() == []
    writer.close()


def test_a_migration_that_is_interrupted_changes_nothing(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(derived, "rebuild", interrupted)
        with pytest.raises(KeyboardInterrupt):
            CatalogueWriter.open(old)
    with closing(sqlite3.connect(old)) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    assert "fact" not in tables
    assert version(old) == 1

    writer = CatalogueWriter.open(old)
    assert len(writer.find_words("jungle", limit=9)) == 4
    writer.close()


def test_without_room_for_a_copy_nothing_is_changed(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: Full())

    with pytest.raises(DiskFullError):
        CatalogueWriter.open(old)
    assert version(old) == 1
    assert names_in(old.parent) == ["catalogue.db"]


def test_format_2_gets_a_place_for_labels_and_keeps_all_that_it_has(second: Path) -> None:
    reader = CatalogueReader(second, open_reader(second))
    reader.check_format()
    vectors, files = reader.living_vectors().tolist(), reader.files(ROOT)
    words = reader.find_words("rain forest", limit=9)
    assert reader.remarks() == ()  # it lacks nothing but labels, which nobody gave
    assert reader.inconsistencies() == []

    writer = CatalogueWriter.open(second)
    writer.set_labels("mood", {1: [Guess("calm", 0.9)], 2: [Guess("angry", 0.9)]})
    writer.close()

    assert reader.living_vectors().tolist() == vectors
    assert reader.files(ROOT) == files
    assert reader.find_words("rain forest", limit=9) == words
    assert (
        len(reader.admitted([Filter(Field.LABEL, (Given("calm"),))])) == 2
    )  # one content, two files
    assert reader.inconsistencies() == []
    assert version(second) == layout.FORMAT_VERSION
    assert version(copy_of(second, 2)) == 2
    reader.close()


def test_format_3_gets_a_place_for_what_folders_look_like(tmp_path: Path) -> None:
    third = tmp_path / "third.db"
    third.write_bytes(gzip.decompress((GOLDEN / "format-3.db.gz").read_bytes()))
    with closing(CatalogueReader(third, open_reader(third))) as reader:
        reader.check_format()
        files = reader.files(ROOT)
        assert reader.remarks() == ()

    with closing(CatalogueWriter.open(third)) as writer:
        assert writer.listings(ROOT) == {}
        seen = {b"trip": Listing(b"digest", 2, 2)}
        writer.set_listings({ROOT: seen})
        assert writer.listings(ROOT) == seen
        assert writer.files(ROOT) == files
        writer.write([], [], [file(PICTURE, "a")])
        assert writer.listings(ROOT) == {}
        assert writer.inconsistencies() == []
    assert version(copy_of(third, 3)) == 3


def test_every_format_ends_with_the_tables_of_a_new_catalogue(
    old: Path, second: Path, tmp_path: Path
) -> None:
    fresh, third = tmp_path / "fresh.db", tmp_path / "third.db"
    third.write_bytes(gzip.decompress((GOLDEN / "format-3.db.gz").read_bytes()))
    for path in (old, second, third, fresh):
        CatalogueWriter.open(path).close()

    assert made_of(old) == made_of(second) == made_of(third) == made_of(fresh)


def made_of(path: Path) -> dict[str, set[str]]:
    """The columns of each table, and the names of indexes and triggers."""
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master ORDER BY name").fetchall()
        return {
            name: {row[1] for row in connection.execute(f"PRAGMA table_info({name})")}
            for (name,) in names
        }

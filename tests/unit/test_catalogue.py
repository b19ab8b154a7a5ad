"""The catalogue gives back what it was given, and says so when it cannot."""

import os
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import (
    EngineError,
    LibraryDamagedError,
    LibraryVersionError,
    SpaceMismatchError,
)
from engine.store import layout
from engine.store.catalogue import CatalogueReader
from engine.store.connect import open_reader
from engine.store.paths import stem_of
from engine.store.records import FileRecord, SegmentRecord, SnapshotRecord, Stamp, State
from engine.store.writer import CatalogueWriter
from engine.types import Modality, Space, Span, SpanUnit
from making import ROOT, SPACE, content, file, flipped, rows, some_rows

NAMES = st.binary(min_size=1, max_size=20).filter(lambda b: b"\0" not in b and b"/" not in b)
TEXT, AUDIO, IMAGE = Modality.TEXT, Modality.AUDIO, Modality.IMAGE


def change(catalogue: CatalogueReader, statement: str, *values: object) -> None:
    """Change the database behind the catalogue's back."""
    with closing(sqlite3.connect(catalogue.path)) as connection:
        connection.execute(statement, values)
        connection.commit()


def vector_ids(catalogue: CatalogueReader, modality: Modality = IMAGE, since: int = 0) -> list[int]:
    ids: list[int] = catalogue.vectors_since(SPACE, modality, since).ids.tolist()
    return ids


def found_paths(catalogue: CatalogueReader, ids: list[int]) -> set[tuple[bytes, bool]]:
    return {(one.path, one.caption) for one in catalogue.resolve(ids)}


# --- files ---------------------------------------------------------------------------------


@settings(max_examples=15)
@given(
    names=st.lists(NAMES, min_size=1, max_size=8, unique=True),
    stamp=st.builds(Stamp, *[st.integers(0, 2**63 - 1)] * 3),
)
def test_a_path_of_any_bytes_comes_back_with_its_stamp(names: list[bytes], stamp: Stamp) -> None:
    with TemporaryDirectory() as folder:
        catalogue = CatalogueWriter.open(Path(folder) / "catalogue.db")
        catalogue.adopt_root(ROOT)
        records = [FileRecord(ROOT, name, stamp, State.FAILED, "io") for name in names]
        catalogue.write(records)
        found = catalogue.files(ROOT)
        each = [catalogue.file_at(ROOT / os.fsdecode(name)) for name in names]
        catalogue.close()

    assert found == sorted(records, key=lambda record: record.path)
    assert each == records


def test_a_file_that_was_never_indexed_has_no_record(catalogue: CatalogueWriter) -> None:
    catalogue.write([file("a.jpg", None)])

    assert catalogue.file_at(ROOT / "b.jpg") is None
    assert catalogue.file_at(Path("/elsewhere/a.jpg")) is None


def test_a_file_written_twice_has_the_later_row(catalogue: CatalogueWriter) -> None:
    catalogue.write([file("a.jpg", None, size=1)])
    catalogue.write([file("a.jpg", None, size=2)])

    assert [record.stamp.size for record in catalogue.files(ROOT)] == [2]


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        (b"a.jpg", b"a"),
        (b"a.b.jpg", b"a.b"),
        (b"a.b/c", b"a.b/c"),
        (b".hidden", b".hidden"),
        (b"\xff.wav", b"\xff"),
    ],
)
def test_a_stem_is_the_path_without_its_last_suffix(path: bytes, stem: bytes) -> None:
    assert stem_of(path) == stem


def test_roots_come_in_the_order_they_were_added(catalogue: CatalogueWriter) -> None:
    strange = Path(os.fsdecode(b"/caf\xe9 ?#"))
    catalogue.adopt_root(strange)
    catalogue.adopt_root(ROOT)

    assert catalogue.roots() == (ROOT, strange)


def test_a_root_above_takes_over_the_files_of_the_roots_inside_it(
    catalogue: CatalogueWriter,
) -> None:
    inner, outer = ROOT / "trip" / "day 1", ROOT / "trip"
    catalogue.adopt_root(inner)
    catalogue.write(
        [file("a.jpg", "a", root=inner), file("a.txt", "words", root=inner)],
        [content("a", some_rows(1)), content("words", some_rows(1, seed=1), modality=TEXT)],
    )
    before = catalogue.vectors_since(SPACE, IMAGE, 0)

    catalogue.adopt_root(outer)

    assert catalogue.roots() == (ROOT, outer)
    assert [record.path for record in catalogue.files(outer)] == [b"day 1/a.jpg", b"day 1/a.txt"]
    assert catalogue.vectors_since(SPACE, IMAGE, 0).ids.tolist() == before.ids.tolist()
    captioned = catalogue.resolve(vector_ids(catalogue, TEXT))
    assert {(one.root, one.path) for one in captioned} == {
        (outer, b"day 1/a.jpg"),
        (outer, b"day 1/a.txt"),
    }


def test_a_root_whose_name_only_starts_alike_is_left_alone(catalogue: CatalogueWriter) -> None:
    catalogue.adopt_root(Path("/media2"))
    catalogue.adopt_root(Path("/med"))

    assert catalogue.roots() == (ROOT, Path("/media2"), Path("/med"))


# --- contents and vectors --------------------------------------------------------------------


def test_segments_come_back_with_their_spans_and_words(catalogue: CatalogueWriter) -> None:
    spans = [Span(0, 2_000), Span(1_000, 3_000), Span(0, 12, SpanUnit.CHARACTERS), None]
    segments = [SegmentRecord(span, f"words {i}") for i, span in enumerate(spans)]
    made = content("a", some_rows(4), modality=AUDIO, segments=segments)
    catalogue.write([file("a.wav", "a")], [made])

    found = sorted(catalogue.resolve(vector_ids(catalogue, AUDIO)), key=lambda f: f.vector_id)

    assert [(f.span, f.words) for f in found] == [(s.span, s.words) for s in segments]
    assert {(f.root, f.path, f.modality, f.caption) for f in found} == {
        (ROOT, b"a.wav", AUDIO, False)
    }


def test_vectors_come_back_as_half_precision_unit_rows(catalogue: CatalogueWriter) -> None:
    given_rows = some_rows(5)
    catalogue.write([file("a.jpg", "a")], [content("a", given_rows)])

    found = catalogue.vectors_since(SPACE, IMAGE, 0).vectors

    assert np.abs(np.linalg.norm(found, axis=1) - 1).max() < 1e-6
    assert np.abs(found - given_rows).max() < 1e-3
    assert np.array_equal(catalogue.vectors_of(b"a", SPACE).vectors, found)


def test_vectors_are_told_apart_by_modality_space_and_commit(catalogue: CatalogueWriter) -> None:
    other = Space("other", 4, "other-1")
    catalogue.adopt_space(other)
    first = catalogue.write([file("a.jpg", "a")], [content("a", some_rows(1))])
    catalogue.write([file("b.wav", "b")], [content("b", some_rows(1, seed=1), modality=AUDIO)])
    catalogue.write([file("c.jpg", "c")], [content("c", some_rows(1, seed=2), space=other)])
    catalogue.write([file("d.jpg", "d")], [content("d", some_rows(2, seed=3))])

    assert vector_ids(catalogue) == [1, 4, 5]
    assert vector_ids(catalogue, since=first) == [4, 5]
    assert vector_ids(catalogue, AUDIO) == [2]
    assert catalogue.vectors_since(other, IMAGE, 0).ids.tolist() == [3]
    assert len(catalogue.vectors_since(Space("toy", 4, "toy-2"), IMAGE, 0)) == 0


def test_files_with_the_same_bytes_share_one_content(catalogue: CatalogueWriter) -> None:
    catalogue.write([file("a.jpg", "same")], [content("same", some_rows(1))])
    catalogue.write([file("b.jpg", "same")], [content("same", some_rows(1, seed=9))])

    found = catalogue.resolve(vector_ids(catalogue))

    assert {one.path for one in found} == {b"a.jpg", b"b.jpg"}
    assert len({one.content_id for one in found}) == len(catalogue.living_vectors()) == 1
    assert catalogue.digests() == {b"same"}


def test_a_content_goes_with_the_last_file_that_holds_it(catalogue: CatalogueWriter) -> None:
    both = [file("a.jpg", "same"), file("b.jpg", "same")]
    catalogue.write(both, [content("same", some_rows(2))])
    ids = vector_ids(catalogue)

    catalogue.write([], [], both[:1])
    kept = vector_ids(catalogue)
    seq = catalogue.write([], [], both[1:])

    assert kept == ids
    assert vector_ids(catalogue) == []
    assert catalogue.tombstones_since(0).tolist() == ids
    assert catalogue.tombstones_since(seq - 1).tolist() == ids
    assert catalogue.tombstones_since(seq).tolist() == []
    assert catalogue.digests() == set()
    assert catalogue.inconsistencies() == []


def test_a_file_with_new_bytes_lets_its_old_content_go(catalogue: CatalogueWriter) -> None:
    catalogue.write([file("a.jpg", "old")], [content("old", some_rows(1))])
    catalogue.write([file("a.jpg", "new", size=2)], [content("new", some_rows(1, seed=1))])

    assert catalogue.digests() == {b"new"}
    assert catalogue.tombstones_since(0).tolist() == [1]
    assert vector_ids(catalogue) == [2]


def test_a_file_that_fails_now_lets_its_old_content_go(catalogue: CatalogueWriter) -> None:
    catalogue.write([file("a.jpg", "old")], [content("old", some_rows(1))])
    catalogue.write([file("a.jpg", None)])

    assert catalogue.digests() == set()
    assert vector_ids(catalogue) == []


def test_a_content_that_moves_to_another_file_keeps_its_vectors(catalogue: CatalogueWriter) -> None:
    catalogue.write([file("old.jpg", "a")], [content("a", some_rows(1))])
    catalogue.write([file("new.jpg", "a")], [], [file("old.jpg", "a")])

    assert vector_ids(catalogue) == [1]
    assert catalogue.tombstones_since(0).tolist() == []


def test_an_id_is_never_given_twice(catalogue: CatalogueWriter) -> None:
    catalogue.write([file("a.jpg", "a")], [content("a", some_rows(3))])
    catalogue.write([], [], [file("a.jpg", "a")])
    catalogue.write([file("a.jpg", "a")], [content("a", some_rows(3))])

    assert vector_ids(catalogue) == [4, 5, 6]


def test_more_files_go_at_once_than_sqlite_takes_parameters(catalogue: CatalogueWriter) -> None:
    many = [file(f"{i}.jpg", f"{i}") for i in range(300)]
    catalogue.write(many, [content(f"{i}", some_rows(1, seed=i)) for i in range(300)])
    with closing(catalogue._engine.raw_connection()) as raw:
        assert raw.driver_connection is not None
        raw.driver_connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 250)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.store.chunks.CHUNK", 100)
        catalogue.write([], [], many)

    assert len(catalogue.living_vectors()) == 0
    assert len(catalogue.tombstones_since(0)) == 300


def test_a_batch_is_written_whole_or_not_at_all(catalogue: CatalogueWriter) -> None:
    seq = catalogue.seq()
    with pytest.raises(KeyError, match="unknown"):
        catalogue.write(
            [file("a.jpg", "a"), file("b.jpg", "unknown")], [content("a", some_rows(1))]
        )

    assert (catalogue.files(ROOT), catalogue.digests(), catalogue.seq()) == ([], set(), seq)


def test_every_commit_has_a_higher_number(catalogue: CatalogueWriter) -> None:
    numbers = [
        catalogue.write([file("a.jpg", "a")], [content("a", some_rows(1))]),
        catalogue.write([file("b.jpg", None)]),
        catalogue.write([], [], [file("a.jpg", "a")]),
    ]

    assert numbers == sorted(set(numbers))
    assert catalogue.seq() == numbers[-1]


# --- captions ------------------------------------------------------------------------------


def captioned(catalogue: CatalogueWriter, media: list[str], text: str) -> set[tuple[bytes, bool]]:
    """What the words of a text lead to, beside some media."""
    catalogue.write(
        [*(file(name, name) for name in media), file(text, "words")],
        [
            *(content(name, some_rows(1, seed=i)) for i, name in enumerate(media)),
            content("words", rows([0, 0, 0, 1]), modality=TEXT),
        ],
    )
    return found_paths(catalogue, vector_ids(catalogue, TEXT))


@pytest.mark.parametrize(
    ("text", "owners"),
    [
        ("x.txt", {"x.jpg", "x.wav"}),
        ("x.jpg.txt", {"x.jpg"}),
        ("xy.txt", set()),
        ("sub/x.txt", {"sub/x.jpg"}),
        ("x.md", set()),
    ],
)
def test_a_text_leads_to_the_media_it_is_named_after(
    catalogue: CatalogueWriter, text: str, owners: set[str]
) -> None:
    found = captioned(catalogue, ["x.jpg", "x.wav", "y.jpg", "sub/x.jpg"], text)

    assert found == {(text.encode(), False)} | {(owner.encode(), True) for owner in owners}


def test_a_caption_carries_its_words_and_not_its_span(catalogue: CatalogueWriter) -> None:
    segment = SegmentRecord(Span(0, 5, SpanUnit.CHARACTERS), "a dog")
    text = content("words", some_rows(1), modality=TEXT, segments=[segment])
    catalogue.write(
        [file("x.jpg", "x"), file("x.txt", "words")], [content("x", some_rows(1, seed=1)), text]
    )
    picture_id = catalogue.resolve(vector_ids(catalogue))[0].content_id

    owner = next(f for f in catalogue.resolve(vector_ids(catalogue, TEXT)) if f.caption)

    assert (owner.modality, owner.words, owner.span) == (IMAGE, "a dog", None)
    assert owner.content_id == picture_id


def test_a_caption_of_another_root_is_no_caption(catalogue: CatalogueWriter) -> None:
    other = Path("/other")
    catalogue.adopt_root(other)
    catalogue.write(
        [file("x.jpg", "x", root=other), file("x.txt", "words")],
        [content("x", some_rows(1)), content("words", some_rows(1, seed=1), modality=TEXT)],
    )

    assert found_paths(catalogue, vector_ids(catalogue, TEXT)) == {(b"x.txt", False)}


def test_unknown_ids_lead_nowhere(catalogue: CatalogueWriter) -> None:
    assert catalogue.resolve([1, 2, 3]) == []


# --- damage and versions -------------------------------------------------------------------


def break_a_bit(catalogue: CatalogueWriter) -> None:
    half = bytearray(some_rows(1).astype("<f2").tobytes())
    half[0] ^= 1
    change(catalogue, "UPDATE vector SET half = ?", bytes(half))


def shorten(catalogue: CatalogueWriter) -> None:
    """A shorter row with a right checksum."""
    half = some_rows(1).astype("<f2").tobytes()[:-2]
    change(catalogue, "UPDATE vector SET half = ?, crc32 = ?", half, zlib.crc32(half))


@pytest.mark.parametrize("damage", [break_a_bit, shorten])
def test_a_vector_that_fails_its_checksum_is_never_used(
    catalogue: CatalogueWriter, damage: Callable[[CatalogueWriter], None]
) -> None:
    catalogue.write([file("a.jpg", "a")], [content("a", some_rows(1))])
    damage(catalogue)

    for read in (
        lambda: catalogue.vectors_since(SPACE, IMAGE, 0),
        lambda: catalogue.vectors_of(b"a", SPACE),
    ):
        with pytest.raises(LibraryDamagedError, match="vector 1 fails its checksum"):
            read()


def test_a_file_that_is_no_database_is_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    path.write_bytes(b"these are only words, and enough of them to look at" * 100)

    with pytest.raises(LibraryDamagedError) as caught:
        CatalogueWriter.open(path)
    assert (caught.value.path, caught.value.exit_code) == (path, 12)


def test_a_damaged_page_is_found(catalogue: CatalogueWriter) -> None:
    catalogue.write([file("a.jpg", "a")], [content("a", some_rows(1))])
    catalogue.checkpoint()
    catalogue.close()
    data = bytearray(catalogue.path.read_bytes())
    data[8_192:] = b"\xa5" * (len(data) - 8_192)
    catalogue.path.write_bytes(data)
    reader = CatalogueReader(catalogue.path, open_reader(catalogue.path))

    with pytest.raises(LibraryDamagedError):
        reader.check_structure()
    reader.close()


def test_a_database_of_another_program_is_refused(catalogue: CatalogueWriter) -> None:
    change(catalogue, "PRAGMA application_id = 7")

    with pytest.raises(LibraryDamagedError, match="not a seehear catalogue"):
        catalogue.check_format()


def test_a_newer_format_is_refused(catalogue: CatalogueWriter) -> None:
    change(catalogue, "PRAGMA user_version = 99")

    told = f"has format 99; this seehear reads up to {layout.FORMAT_VERSION}"
    with pytest.raises(LibraryVersionError, match=told):
        catalogue.check_format()


@pytest.mark.parametrize("other", [Space("toy", 4, "toy-2"), Space("toy", 5, "toy-1")])
def test_a_space_of_the_same_name_and_another_encoder_is_refused(
    catalogue: CatalogueWriter, other: Space
) -> None:
    with pytest.raises(SpaceMismatchError, match="'toy'"):
        catalogue.adopt_space(other)
    assert catalogue.spaces() == {"toy": SPACE}


def test_a_space_is_adopted_once(catalogue: CatalogueWriter) -> None:
    seq = catalogue.seq()
    catalogue.adopt_space(SPACE)

    assert catalogue.seq() == seq


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("UPDATE file SET content_id = NULL", "1 indexed files have no content"),
        ("DELETE FROM file", "1 contents belong to no file"),
        ("DELETE FROM vector", "1 segments have no vector"),
        ("INSERT INTO tombstone VALUES (1, 1)", "1 removed vectors are still there"),
    ],
)
def test_rows_that_do_not_fit_together_are_named(
    catalogue: CatalogueWriter, statement: str, sentence: str
) -> None:
    catalogue.write([file("a.jpg", "a")], [content("a", some_rows(1))])
    assert catalogue.inconsistencies() == []
    change(catalogue, statement)

    assert sentence in catalogue.inconsistencies()


# --- status, settings, receipts ------------------------------------------------------------


def test_status_counts_files_segments_and_problems(catalogue: CatalogueWriter) -> None:
    catalogue.set_setting("profile", "hashed")
    catalogue.write(
        [file("a.jpg", "a"), file("b.jpg", "a"), file("c.wav", "c"), file("d.jpg", None)],
        [content("a", some_rows(1)), content("c", some_rows(3, seed=1), modality=AUDIO)],
    )

    status = catalogue.status()

    assert (status.profile, status.roots) == ("hashed", (ROOT,))
    assert status.files == {IMAGE: 2, AUDIO: 1}
    assert status.segments == {IMAGE: 1, AUDIO: 3}
    assert status.contents == 2
    assert status.problems == ((ROOT / "d.jpg", "truncated"),)
    assert status.seq == catalogue.seq()


def test_a_reader_sees_that_another_connection_has_committed(catalogue: CatalogueWriter) -> None:
    reader = CatalogueReader(catalogue.path, open_reader(catalogue.path))
    before = reader.data_version()
    same = reader.data_version()
    catalogue.write([file("a.jpg", None)])

    assert same == before
    assert reader.data_version() != before
    reader.close()


def test_a_reader_cannot_write(catalogue: CatalogueWriter) -> None:
    reader = CatalogueReader(catalogue.path, open_reader(catalogue.path))

    for line in ("INSERT INTO setting VALUES ('profile', 'x')", "DELETE FROM file"):
        with pytest.raises(EngineError, match="readonly"), reader._reading() as connection:
            connection.exec_driver_sql(line)
    reader.close()


def receipt(catalogue: CatalogueWriter, gallery: str, name: str) -> SnapshotRecord:
    return SnapshotRecord(gallery, "f", catalogue.seq(), 1, name, 1, "0")


def test_old_receipts_go_when_new_ones_come(catalogue: CatalogueWriter) -> None:
    dropped = [
        catalogue.add_snapshot(receipt(catalogue, gallery, name), keep=2)
        for gallery, name in [("x", "x1"), ("y", "y1"), ("x", "x2"), ("x", "x3")]
    ]

    assert dropped == [(), (), (), ("x1",)]
    assert [r.name for r in catalogue.snapshots("x")] == ["x3", "x2"]
    assert [r.name for r in catalogue.snapshots()] == ["x3", "x2", "y1"]


def test_a_tombstone_stays_while_a_snapshot_is_older(catalogue: CatalogueWriter) -> None:
    catalogue.write([file("a.jpg", "a")], [content("a", some_rows(1))])
    catalogue.add_snapshot(receipt(catalogue, "x", "x1"), keep=1)
    catalogue.add_snapshot(receipt(catalogue, "y", "y1"), keep=1)
    catalogue.write([], [], [file("a.jpg", "a")])

    catalogue.add_snapshot(receipt(catalogue, "x", "x2"), keep=1)
    needed = catalogue.tombstones_since(0).tolist()
    catalogue.add_snapshot(receipt(catalogue, "y", "y2"), keep=1)

    assert needed == [1]
    assert catalogue.tombstones_since(0).tolist() == []


def test_a_checkpoint_leaves_everything_in_one_file(catalogue: CatalogueWriter) -> None:
    catalogue.write([file("a.jpg", "a")], [content("a", some_rows(1))])
    catalogue.checkpoint()

    assert Path(f"{catalogue.path}-wal").stat().st_size == 0


def test_a_catalogue_may_lie_under_a_name_of_any_signs(tmp_path: Path) -> None:
    folder = tmp_path / "what? #1 100%"
    folder.mkdir()
    writer = CatalogueWriter.open(folder / "catalogue.db")
    writer.set_setting("profile", "hashed")
    writer.close()

    assert [p.name for p in tmp_path.iterdir()] == ["what? #1 100%"]
    assert (folder / "catalogue.db").is_file()


def test_flipping_a_bit_of_a_file_changes_it(tmp_path: Path) -> None:
    """The damage that other tests do is real."""
    path = tmp_path / "x"
    path.write_bytes(bytes(9))
    flipped(path)

    assert path.read_bytes() == bytes(4) + b"\x10" + bytes(4)

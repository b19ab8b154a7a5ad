"""A catalogue is sealed when its writer ends, and refused when it is not as it was sealed."""

import os
import sqlite3
import time
import zlib
from contextlib import closing, suppress
from pathlib import Path

import pytest

from engine.errors import DiskError, DiskFullError, LibraryDamagedError
from engine.library import Library
from engine.store import mark, seal
from engine.store.catalogue import CatalogueReader
from engine.store.connect import open_reader
from indexer import index
from making import caption, flipped


def catalogue_of(library: Library) -> Path:
    return library.path / "catalogue.db"


def looked_at(file: Path) -> bool:
    """Whether it was compared with a seal; LibraryDamagedError when it differs."""
    with closing(seal.Look(file)) as look:
        look.end()
        return look.is_sealed


def test_a_library_is_sealed_when_its_writer_has_ended(indexed: Library) -> None:
    assert looked_at(catalogue_of(indexed))
    assert indexed.verify().sealed
    with indexed.writing():
        assert not looked_at(catalogue_of(indexed))
    assert looked_at(catalogue_of(indexed))


@pytest.mark.parametrize("at", [20, 30_000, -1])
def test_any_flipped_bit_is_noticed_before_an_answer(indexed: Library, at: int) -> None:
    flipped(catalogue_of(indexed), at)

    with pytest.raises(LibraryDamagedError, match=r"checksum|not a database|damaged"):
        looked_at(catalogue_of(indexed))
    with pytest.raises(LibraryDamagedError), Library.open(indexed.path) as opened:
        opened.search("fox")


def test_the_seal_of_an_older_seehear_is_compared_as_it_was_made(indexed: Library) -> None:
    file = catalogue_of(indexed)
    data = file.read_bytes()
    seal.path_of(file).write_text(f"{len(data)} {zlib.crc32(data):08x}\n")
    assert looked_at(file)

    flipped(file, 30_000)
    with pytest.raises(LibraryDamagedError, match="checksum"):
        looked_at(file)


def test_a_writer_does_not_seal_damage(indexed: Library) -> None:
    flipped(catalogue_of(indexed))

    with (
        pytest.raises(LibraryDamagedError, match="checksum"),
        Library.open(indexed.path) as opened,
        opened.writing(),
    ):
        pass
    with pytest.raises(LibraryDamagedError):
        looked_at(catalogue_of(indexed))


def test_what_somebody_put_there_is_accepted_by_a_rebuild(indexed: Library) -> None:
    file = catalogue_of(indexed)
    seal.path_of(file).write_text("1 00000000\n")

    with Library.open(indexed.path) as opened:
        with pytest.raises(LibraryDamagedError, match="seehear rebuild"):
            opened.search("fox")
        opened.rebuild()
        assert any("not as they were written" in one for one in opened.remarks)
    with Library.open(indexed.path) as opened:
        assert opened.search("fox", least=0).hits
        opened.rebuild()
        assert not any("not as they were written" in one for one in opened.remarks)


def test_what_was_accepted_is_not_blamed(indexed: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    file = catalogue_of(indexed)
    seal.path_of(file).write_text("1 00000000\n")

    def full(*_: object) -> int:
        raise DiskFullError(file)

    monkeypatch.setattr(Library, "publish", full)
    with pytest.raises(DiskFullError), Library.open(indexed.path) as opened:
        opened.rebuild()


def test_without_a_seal_it_is_read_and_verify_says_so(indexed: Library) -> None:
    seal.path_of(catalogue_of(indexed)).unlink()

    with Library.open(indexed.path) as opened:
        assert opened.search("fox", least=0).hits
        assert not opened.verify().sealed


def test_what_a_disk_did_not_sync_is_not_folded_in(indexed: Library, media: Path) -> None:
    """The second sync of the same bytes may succeed although they are gone."""
    caption(media / "new.txt", "new")

    def fail() -> None:
        with indexed.writing() as writer:
            writer.set_setting("a", "b")
            raise DiskError(indexed.path, "Input/output error")

    with pytest.raises(DiskError):
        fail()
    log = indexed.path / "catalogue.db-wal"
    assert log.stat().st_size > 0
    assert not looked_at(catalogue_of(indexed))
    assert index(indexed).added == 1
    assert looked_at(catalogue_of(indexed))


def test_a_stop_waits_for_no_reader(indexed: Library, media: Path) -> None:
    """What a reader keeps out of the catalogue stays in the log, which the next run folds in."""
    with closing(
        CatalogueReader(catalogue_of(indexed), open_reader(catalogue_of(indexed)))
    ) as other:
        with other._reading() as connection:
            connection.exec_driver_sql("SELECT * FROM setting").all()
            start = time.monotonic()
            with suppress(KeyboardInterrupt), indexed.writing() as writer:
                writer.set_setting("key", "value")
                raise KeyboardInterrupt
            assert time.monotonic() - start < 2
            assert not looked_at(catalogue_of(indexed))
        index(indexed, [media])
        assert looked_at(catalogue_of(indexed))


def test_descriptors_are_let_go_with_the_last_who_looks(indexed: Library) -> None:
    indexed.close()
    key = seal._hold(catalogue_of(indexed))
    for _ in range(3):
        with Library.open(indexed.path) as opened:
            opened.search("fox")
            opened.exact().search("fox")
            assert seal._held[key].count == 2
    assert seal._held[key].count == 1
    seal._let_go(key)
    assert key not in seal._held


# --- the mark ------------------------------------------------------------------------------


def test_the_mark_is_the_last_commit(indexed: Library) -> None:
    with closing(CatalogueReader(catalogue_of(indexed), open_reader(catalogue_of(indexed)))) as one:
        assert mark.read(catalogue_of(indexed)) == one.seq() > 0


def test_lost_commits_are_told_until_the_next_run(indexed: Library) -> None:
    file = catalogue_of(indexed)
    with mark.marking(file) as marking:
        marking(10_000)

    with Library.open(indexed.path) as opened:
        (remark,) = opened.remarks
        assert "acknowledged commits cannot be read" in remark
        assert opened.verify().findings == (remark,)
        index(opened)
        with opened.writing() as writer:
            writer.set_setting("a", "b")
    with Library.open(indexed.path) as opened:
        assert opened.remarks == []


@pytest.mark.parametrize("content", [b"", b"7", b"7 00000000", b"\xff" * 40, b"x y"])
def test_a_mark_that_cannot_be_read_says_nothing(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "catalogue.db"
    assert mark.read(file) == 0
    mark.path_of(file).write_bytes(content)
    assert mark.read(file) == 0


# --- reading again -------------------------------------------------------------------------


def test_files_that_rot_are_found_by_reading_them_again(indexed: Library, media: Path) -> None:
    rotten, changed = media / "red.png", media / "low.wav"
    stamp = rotten.stat()
    flipped(rotten)
    os.utime(rotten, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    changed.unlink()

    media_ = indexed.verify(read_data=True).media

    assert media_ is not None
    assert [path for path, _ in media_.rotten] == [rotten]
    assert (media_.read, media_.changed) == (5, 1)
    assert indexed.verify().media is None


def test_damage_is_told_instead_of_what_it_leads_to(indexed: Library) -> None:
    file = catalogue_of(indexed)
    indexed.close()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE space SET dim = 0")
        connection.commit()
    with pytest.raises(LibraryDamagedError):
        Library.open(indexed.path)


def test_damage_is_told_whatever_it_led_to(indexed: Library) -> None:
    flipped(catalogue_of(indexed), -1)
    with pytest.raises(LibraryDamagedError), Library.open(indexed.path):
        raise TypeError("'<' not supported between instances of 'NoneType' and 'int'")

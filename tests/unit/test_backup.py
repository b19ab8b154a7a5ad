"""A backup is a library of its own: whole, sealed, and made only where nothing is."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from engine.backup import back_up, restore
from engine.errors import (
    DiskFullError,
    LibraryDamagedError,
    LibraryLockedError,
    LibraryMissingError,
    UsageError,
)
from engine.library import Library
from engine.store import connect
from making import flipped, names_in


def test_it_is_a_library_that_finds_the_same(indexed: Library, tmp_path: Path) -> None:
    size = indexed.back_up(tmp_path / "copy")

    assert size == sum(one.stat().st_size for one in (tmp_path / "copy").iterdir())
    assert names_in(tmp_path / "copy") == ["catalogue.db", "catalogue.db-seal"]
    with Library.open(tmp_path / "copy") as opened:
        assert opened.verify().findings == ()
        assert opened.verify().sealed
        expected = [hit.path for hit in indexed.search("fox", least=0).hits]
        assert [hit.path for hit in opened.search("fox", least=0).hits] == expected


def test_it_holds_what_was_committed_and_not_folded_in(indexed: Library, tmp_path: Path) -> None:
    with indexed.writing() as writer:
        writer.set_setting("a", "b")
        indexed.back_up(tmp_path / "copy")
        writer.set_setting("a", "c")
    restore(tmp_path / "copy", tmp_path / "restored")

    with Library.open(tmp_path / "restored") as opened:
        assert opened._catalogue.setting("a") == "b"


def test_nothing_is_overwritten(indexed: Library, tmp_path: Path) -> None:
    indexed.back_up(tmp_path / "copy")

    with pytest.raises(UsageError, match="there already"):
        indexed.back_up(tmp_path / "copy")
    with pytest.raises(UsageError, match="there already"):
        restore(tmp_path / "copy", indexed.path)


def test_an_empty_folder_is_a_place_to_restore_to(indexed: Library, tmp_path: Path) -> None:
    indexed.back_up(tmp_path / "copy")
    (tmp_path / "empty").mkdir()

    restore(tmp_path / "copy", tmp_path / "empty")

    with Library.open(tmp_path / "empty") as opened:
        assert opened.verify().findings == ()


def test_a_damaged_library_leaves_no_backup(indexed: Library, tmp_path: Path) -> None:
    """Also one without a seal: the copy itself is looked at."""
    indexed.close()
    file = indexed.path / "catalogue.db"
    (indexed.path / "catalogue.db-seal").unlink()
    with file.open("r+b") as stream:
        stream.seek(8192)
        stream.write(b"\x55" * 8192)

    with pytest.raises(LibraryDamagedError):
        back_up(indexed.path, tmp_path / "copy")
    assert not list(tmp_path.glob("*copy*"))


def test_a_damaged_backup_is_not_restored(indexed: Library, tmp_path: Path) -> None:
    indexed.back_up(tmp_path / "copy")
    flipped(tmp_path / "copy" / "catalogue.db")

    with pytest.raises(LibraryDamagedError, match="checksum"):
        restore(tmp_path / "copy", tmp_path / "restored")
    assert not list(tmp_path.glob("*restored*"))


def test_what_is_not_there_cannot_be_copied(tmp_path: Path) -> None:
    with pytest.raises(LibraryMissingError):
        back_up(tmp_path / "none", tmp_path / "copy")
    with pytest.raises(LibraryMissingError):
        restore(tmp_path / "none", tmp_path / "library")
    assert names_in(tmp_path) == []


def test_a_full_disk_leaves_no_backup(
    indexed: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil.os, "fsync", full)
    with pytest.raises(DiskFullError):
        indexed.back_up(tmp_path / "copy")
    assert not list(tmp_path.glob("*copy*"))


def test_a_second_writer_in_the_same_process_is_refused_too(indexed: Library) -> None:
    with (
        indexed.writing(),
        Library.open(indexed.path) as other,
        pytest.raises(LibraryLockedError),
        other.writing(),
    ):
        pass


def test_only_the_writer_may_write_or_fold_in_the_log(indexed: Library) -> None:
    """SQLite before 3.51.3 may damage a log that two connections fold in or write at once."""
    engine = connect.open_reader(indexed.path / "catalogue.db")
    try:
        with engine.connect() as connection:
            for line in ("DELETE FROM file", "PRAGMA journal_mode=DELETE", "VACUUM"):
                with pytest.raises(sqlite3.DatabaseError):
                    connection.exec_driver_sql(line)
        with indexed.writing() as writer:
            writer.set_setting("a", "b")
            with pytest.raises(sqlite3.OperationalError):
                engine.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        engine.dispose()


def test_what_was_taught_is_copied_with_its_folders(indexed: Library, tmp_path: Path) -> None:
    deep = indexed.path / "classifiers" / "emotion" / "7"
    deep.mkdir(parents=True)
    (deep / "numbers.safetensors").write_bytes(b"numbers")
    (indexed.path / "bridges").mkdir()
    (indexed.path / "bridges" / "things.json").write_bytes(b"{}")

    indexed.back_up(tmp_path / "copy")
    restore(tmp_path / "copy", tmp_path / "restored")

    for folder in (tmp_path / "copy", tmp_path / "restored"):
        found = folder / "classifiers" / "emotion" / "7" / "numbers.safetensors"
        assert found.read_bytes() == b"numbers"
        assert (folder / "bridges" / "things.json").read_bytes() == b"{}"

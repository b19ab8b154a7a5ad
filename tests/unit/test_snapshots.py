"""Derived files are written whole, read back as they were, and swept when nobody names them."""

import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from engine.errors import DiskFullError
from engine.store import snapshots
from engine.store.records import SnapshotRecord
from making import flipped, names_in


def published(folder: Path, data: bytes = b"some bytes") -> SnapshotRecord:
    name, size, digest = snapshots.publish(folder, "toy-image-7", data)
    return SnapshotRecord("toy-image", "f", 7, 1, name, size, digest)


def test_what_was_published_is_read_back(tmp_path: Path) -> None:
    record = published(tmp_path / "new")

    assert snapshots.read(tmp_path / "new", record) == b"some bytes"
    assert names_in(tmp_path / "new") == [record.name]
    assert record.name.startswith("toy-image-7-")


def test_a_name_is_never_used_twice(tmp_path: Path) -> None:
    assert published(tmp_path).name != published(tmp_path).name


@pytest.mark.parametrize("at", [0, 5, 9])
def test_a_flipped_bit_is_noticed(tmp_path: Path, at: int) -> None:
    record = published(tmp_path)
    flipped(tmp_path / record.name, at)

    with pytest.raises(ValueError, match="digest differs"):
        snapshots.read(tmp_path, record)


def test_a_cut_off_file_is_noticed(tmp_path: Path) -> None:
    record = published(tmp_path)
    os.truncate(tmp_path / record.name, 4)

    with pytest.raises(ValueError, match="4 bytes where 10 were written"):
        snapshots.read(tmp_path, record)


def test_a_missing_file_is_noticed(tmp_path: Path) -> None:
    record = published(tmp_path)
    (tmp_path / record.name).unlink()

    with pytest.raises(ValueError, match="No such file"):
        snapshots.read(tmp_path, record)


def test_a_sweep_deletes_what_no_receipt_names_and_nothing_else(tmp_path: Path) -> None:
    kept, left = published(tmp_path), published(tmp_path)
    (tmp_path / f"half{snapshots.SUFFIX}.tmp").write_bytes(b"")
    (tmp_path / "mine.txt").write_bytes(b"")

    snapshots.sweep(tmp_path, [kept.name])

    assert left.name != kept.name
    assert names_in(tmp_path) == sorted([kept.name, "mine.txt"])


def test_a_sweep_of_no_folder_does_nothing(tmp_path: Path) -> None:
    snapshots.sweep(tmp_path / "none", [])

    assert names_in(tmp_path) == []


def test_discarding_what_is_gone_already_is_no_error(tmp_path: Path) -> None:
    record = published(tmp_path)
    snapshots.discard(tmp_path, [record.name, record.name])

    assert names_in(tmp_path) == []


def test_nothing_is_written_when_the_disk_is_nearly_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")  # noqa: PYI024
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 1_000))

    with pytest.raises(DiskFullError):
        snapshots.publish(tmp_path, "x", b"data")
    assert names_in(tmp_path) == []

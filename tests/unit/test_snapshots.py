"""Derived files are written whole, read back as they were, and swept when nobody names them."""

import os
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from engine.bundle import BLOCK
from engine.errors import DiskFullError
from engine.store import snapshots
from engine.store.records import SnapshotRecord
from making import flipped, names_in


def published(folder: Path, numbers: int = 10) -> SnapshotRecord:
    column = np.arange(numbers)
    with snapshots.publishing(folder, "toy-image-7", column.nbytes) as made:
        made.bundle.fill("numbers", column.dtype, column.shape, [column[:3], column[3:]])
        made.bundle.fill("none", np.float32, (0, 4), [])
    return SnapshotRecord("toy-image", "f", 7, 1, made.name, made.size, made.sha256)


def test_what_was_published_is_read_back(tmp_path: Path) -> None:
    record = published(tmp_path / "new")
    bundle = snapshots.mapped(tmp_path / "new", record)

    assert sorted(bundle) == ["none", "numbers"]
    assert bundle["numbers"].tolist() == list(range(10))
    assert bundle["none"].shape == (0, 4)
    assert names_in(tmp_path / "new") == [record.name]
    assert record.name.startswith("toy-image-7-")


def test_a_name_is_never_used_twice(tmp_path: Path) -> None:
    assert published(tmp_path).name != published(tmp_path).name


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5, 0.9, 1.0])
def test_a_flipped_bit_is_noticed(tmp_path: Path, share: float) -> None:
    record = published(tmp_path)
    flipped(tmp_path / record.name, int(share * (record.size - 1)))

    with pytest.raises(ValueError, match="digest differs"):
        snapshots.mapped(tmp_path, record)


def test_every_block_of_a_long_array_is_looked_at(tmp_path: Path) -> None:
    record = published(tmp_path, 11 * BLOCK // 8 + 5)
    assert len(snapshots.mapped(tmp_path, record)["numbers"]) == 11 * BLOCK // 8 + 5
    flipped(tmp_path / record.name, 9 * BLOCK + 77)

    with pytest.raises(ValueError, match="digest differs"):
        snapshots.mapped(tmp_path, record)
    assert len(snapshots.mapped(tmp_path, record, unread={"numbers"})) == 2


def test_an_array_that_is_not_as_long_as_announced_is_not_published(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="2 rows where 3 were announced"),
        snapshots.publishing(tmp_path, "x", 8) as made,
    ):
        made.bundle.fill("numbers", np.int64, (3,), [np.arange(2)])

    assert names_in(tmp_path) == []


def test_a_cut_off_file_is_noticed(tmp_path: Path) -> None:
    record = published(tmp_path)
    os.truncate(tmp_path / record.name, 4)

    with pytest.raises(ValueError, match=f"4 bytes where {record.size} were written"):
        snapshots.mapped(tmp_path, record)


def test_a_missing_file_is_noticed(tmp_path: Path) -> None:
    record = published(tmp_path)
    (tmp_path / record.name).unlink()

    with pytest.raises(ValueError, match="No such file"):
        snapshots.mapped(tmp_path, record)


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

    with pytest.raises(DiskFullError), snapshots.publishing(tmp_path, "x", 4):
        pass
    assert names_in(tmp_path) == []

"""What there is to do, over random folders and random memories of them."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.store.records import FileRecord, Stamp, State
from indexer.plan import Plan, plan
from indexer.scan import FoundFile

ROOTS = [Path("/a"), Path("/b")]

stamps = st.builds(Stamp, st.integers(0, 2), st.integers(0, 2), st.integers(1, 2))
paths = st.sampled_from(
    [b"x.jpg", b"y.wav", b"sub/x.jpg", b"sub/deep/z.txt", b"subtle.png", b"\xff.jpg"]
)
keys = st.tuples(st.sampled_from(ROOTS), paths)
found_files = st.dictionaries(keys, stamps).map(
    lambda drawn: [FoundFile(root, path, stamp) for (root, path), stamp in drawn.items()]
)
states = st.sampled_from(State)
records = st.dictionaries(keys, st.tuples(stamps, states)).map(
    lambda drawn: [
        FileRecord(root, path, stamp, state) for (root, path), (stamp, state) in drawn.items()
    ]
)
folders = st.lists(
    st.sampled_from([Path("/a"), Path("/a/sub"), Path("/a/sub/deep"), Path("/b/sub")]), unique=True
)


def key(one: FoundFile | FileRecord) -> tuple[Path, bytes]:
    return one.root, one.path


def path_of(row: FileRecord) -> Path:
    return row.root / os.fsdecode(row.path)


def applied(made: Plan, rows: Sequence[FileRecord]) -> list[FileRecord]:
    """The rows after a run that did what the plan says."""
    removed = {key(row) for row in made.remove}
    after = {key(row): row for row in rows if key(row) not in removed}
    for one in made.work:
        after[key(one)] = FileRecord(one.root, one.path, one.stamp, State.INDEXED)
    return list(after.values())


@given(found=found_files, rows=records, unreadable=folders)
def test_planning_after_applying_is_empty(
    found: list[FoundFile], rows: list[FileRecord], unreadable: list[Path]
) -> None:
    made = plan(found, rows, unreadable)

    again = plan(found, applied(made, rows), unreadable)

    assert (again.add, again.refresh, again.remove) == ((), (), ())
    assert {key(row) for row in again.keep} == {key(one) for one in found}


@given(found=found_files, rows=records, unreadable=folders)
def test_every_found_file_is_in_exactly_one_part(
    found: list[FoundFile], rows: list[FileRecord], unreadable: list[Path]
) -> None:
    made = plan(found, rows, unreadable)
    parts = [key(one) for one in (*made.add, *made.refresh, *made.keep)]

    assert sorted(parts) == sorted(key(one) for one in found)


@given(found=found_files, rows=records)
def test_a_row_is_removed_when_and_only_when_its_file_is_gone(
    found: list[FoundFile], rows: list[FileRecord]
) -> None:
    seen = {key(one) for one in found}

    removed = plan(found, rows).remove

    assert {key(row) for row in removed} == {key(row) for row in rows} - seen


@given(found=found_files, rows=records, unreadable=folders)
def test_what_is_known_of_unreadable_folders_is_kept(
    found: list[FoundFile], rows: list[FileRecord], unreadable: list[Path]
) -> None:
    gone = plan(found, rows).remove
    hidden = [row for row in gone if any(f in path_of(row).parents for f in unreadable)]

    removed = plan(found, rows, unreadable).remove

    assert removed == tuple(row for row in gone if row not in hidden)


def test_a_folder_that_only_starts_like_an_unreadable_one_is_not_spared() -> None:
    row = FileRecord(Path("/a"), b"subtle/x.jpg", Stamp(1, 1, 1), State.INDEXED)

    assert plan([], [row], [Path("/a/sub")]).remove == (row,)


@given(found=found_files, rows=records)
def test_a_file_is_read_again_when_its_stamp_changed(
    found: list[FoundFile], rows: list[FileRecord]
) -> None:
    stamp_of = {key(row): row.stamp for row in rows}
    made = plan(found, rows)

    assert all(key(one) not in stamp_of for one in made.add)
    assert all(stamp_of[key(one)] != one.stamp for one in made.refresh)
    assert {(key(row), row.stamp) for row in made.keep} <= {(key(f), f.stamp) for f in found}


@given(found=found_files)
def test_a_failed_file_is_not_tried_again_until_it_changes(found: list[FoundFile]) -> None:
    rows = [FileRecord(f.root, f.path, f.stamp, State.FAILED, "truncated") for f in found]
    later = [replace(f, stamp=replace(f.stamp, size=f.stamp.size + 1)) for f in found]

    assert plan(found, rows).work == ()
    assert len(plan(later, rows).refresh) == len(found)


@pytest.mark.parametrize("reason", ["permission: denied", "io", "vanished"])
def test_a_file_that_was_barred_is_tried_each_time(reason: str) -> None:
    stamp = Stamp(1, 1, 1)
    row = FileRecord(Path("/a"), b"x.jpg", stamp, State.FAILED, reason)
    found = FoundFile(Path("/a"), b"x.jpg", stamp)

    assert plan([found], [row]).refresh == (found,)


@given(found=found_files, rows=records)
def test_work_comes_in_the_order_of_its_paths(
    found: list[FoundFile], rows: list[FileRecord]
) -> None:
    work = [key(one) for one in plan(found, rows).work]

    assert work == sorted(work)

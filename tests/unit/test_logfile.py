"""What a run tells its log of decoders that die; escaping; what else may log beside it."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import EngineError, LibraryDamagedError
from engine.library import Library
from engine.log import log
from engine.media.workers import Workers
from engine.store import logfile
from making import picture
from tests.faults.workers import GUARD, RULE, indexed

FORGED = "a name\n2026-01-01T00:00:00+0000 that looks like a line\x1b[31m"


def test_a_decoder_that_dies_is_told_of_with_its_file(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    picture(root / "a-segfaults.png", seed=1)
    picture(root / "good.png", seed=2)
    indexed(root, tmp_path / "library")
    told = logfile.path_of(tmp_path / "library").read_text()
    deaths = [line for line in told.splitlines() if "] WARNING decoder process " in line]
    assert len(deaths) == 2
    assert all(f"{root}/a-segfaults.png: crashed-decoder: " in line for line in deaths)
    assert all("SIGSEGV" in line for line in deaths)
    assert f"skipped {root}/a-segfaults.png: crashed-decoder: " in told
    assert "good.png" not in told


def test_a_decoder_that_a_stop_ends_accuses_no_file(tmp_path: Path) -> None:
    path = picture(tmp_path / "hangs.png", seed=1)
    pool = Workers(1, replace(GUARD, picture_seconds=30.0))
    pool.confinement()  # it has started
    with logfile.kept(tmp_path, []), ThreadPoolExecutor(1) as asker:
        asked = asker.submit(lambda: list(pool.pieces(path, "png", RULE)))
        time.sleep(0.2)
        pool.close()
        assert isinstance(asked.exception(), EngineError)
    assert logfile.path_of(tmp_path).read_text() == ""


def test_a_traceback_cannot_forge_a_line(tmp_path: Path) -> None:
    with logfile.kept(tmp_path, []):
        try:
            int("none")
        except ValueError as error:
            error.add_note(FORGED)
            log.exception("failed")
    told = logfile.path_of(tmp_path).read_text()
    assert "\x1b" not in told
    assert "\n    2026-01-01T00:00:00+0000 that looks" in told
    assert [line for line in told.splitlines() if not line.startswith("    ")] == [
        told.splitlines()[0]
    ]


def test_the_logger_is_left_as_it_was(tmp_path: Path) -> None:
    before = (log.level, list(log.handlers))
    remarks: list[str] = []
    with logfile.kept(tmp_path, remarks):
        log.info("kept")
        log.debug("not kept")
    log.info("not kept either")
    assert (log.level, log.handlers, remarks) == (*before, [])
    (line,) = logfile.path_of(tmp_path).read_text().splitlines()
    assert line.endswith(f"{logging.getLevelName(logging.INFO)}    kept")


def test_snapshots_passed_over_are_told_of(indexed: Library) -> None:
    for snapshot in (indexed.path / "snapshots").iterdir():
        snapshot.write_bytes(b"damaged")
    with Library.open(indexed.path) as opened:
        opened.search("fox")
        with opened.writing():
            pass
    told = logfile.path_of(indexed.path).read_text()
    assert "note: " in told
    assert "is not used: 7 bytes where " in told


def test_text_that_is_none_is_damage(indexed: Library) -> None:
    with (
        pytest.raises(LibraryDamagedError, match="decode"),
        indexed._catalogue._reading() as connection,
    ):
        connection.exec_driver_sql("SELECT CAST(x'ff' AS TEXT)").all()

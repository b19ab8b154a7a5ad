"""A backup that is made while files are indexed is a library of its own, whole.

    python -m tests.faults.backups --rounds 5 --seed 0

Each round backs up while another process indexes, restores the copy elsewhere and verifies it, and
last flips a bit in the copy, which must then be refused.
"""

import tempfile
import time
from pathlib import Path

from engine.backup import restore
from engine.errors import LibraryDamagedError
from engine.library import Library
from tests.faults import weights
from tests.faults.children import forks, index_and_tell
from tests.faults.kill import complete, hear
from tests.faults.media import Folder, rows_of, sound
from tests.faults.tally import Tally, main
from tests.making import flipped


def run(tally: Tally, rounds: int) -> None:
    """Count so many backups."""
    with tempfile.TemporaryDirectory(prefix="backups-") as name:
        place = Path(name)
        folder, library = Folder(place / "root", tally.dice), place / "library"
        folder.add(100)
        complete(library, folder)
        weights.keep(library)
        meanwhile = 0
        for number in range(rounds):
            with tally.trial(f"round {number}"):
                folder.add(120)
                meanwhile += _round(place / str(number), library, folder, tally.dice.random() / 3)
        tally.notes.append(f"backups: {meanwhile} of {rounds} in the midst of a run")


def _round(place: Path, library: Path, folder: Folder, wait: float) -> bool:
    """Back up in the midst of a run; says whether it was in the midst."""
    before = set(_rows(library))
    ours, theirs = forks().Pipe(duplex=False)
    process = forks().Process(target=index_and_tell, args=(library, folder.root, theirs, {}))
    process.start()
    theirs.close()
    ours.recv()
    time.sleep(wait)
    with Library.open(library) as opened:
        opened.back_up(place / "copy")
    running = process.is_alive()
    with ours:
        hear(ours, folder)
    process.join()
    process.close()
    restore(place / "copy", place / "restored")
    _judge(place / "restored", library, before)
    flipped(place / "copy" / "catalogue.db")
    try:
        restore(place / "copy", place / "again")
    except LibraryDamagedError:
        assert not (place / "again").exists()
        return running
    raise AssertionError("a damaged backup was restored")


def _rows(library: Path) -> dict[Path, bytes | None]:
    with Library.open(library) as opened:
        return rows_of(opened)


def _judge(restored: Path, library: Path, before: set[Path]) -> None:
    """It has what was there when it began, and nothing that never was."""
    held, after = _rows(restored), _rows(library)
    assert before <= held.keys() <= after.keys()
    with Library.open(restored) as opened:
        verdict = opened.verify(read_data=True)
        assert verdict.findings == ()
        assert verdict.sealed
        assert verdict.media is not None
        assert (verdict.media.read, verdict.media.rotten) == (len(held), ())
        sound(opened)
    assert (restored / "bridges" / "things.json").exists()


if __name__ == "__main__":
    main("backups", run, 5, "rounds")

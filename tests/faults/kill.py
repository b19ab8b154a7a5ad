"""A process may be killed at any time: nothing lost, no phantom, nothing undeleted, no drift.

    python -m tests.faults.kill --cycles 100 --seed 0

Each cycle changes the folder, starts a run, and kills it with SIGKILL after a random while. Every
third run after a kill is let through to its end.
"""

import tempfile
import time
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path

from engine.library import Library
from indexer import index
from tests.faults.children import PROFILE, forks, index_and_tell
from tests.faults.media import Folder, check, rows_of
from tests.faults.tally import Tally, main

FILES = 250
LONGEST_S = 0.6
"""A whole run takes about this long."""


def run(tally: Tally, cycles: int) -> None:
    """Count so many kills."""
    with tempfile.TemporaryDirectory(prefix="kill-") as name:
        folder, library = Folder(Path(name) / "root", tally.dice), Path(name) / "library"
        folder.add(FILES)
        finished = 0
        for number in range(cycles):
            with tally.trial(f"cycle {number}"):
                finished += killed(forks(), library, folder, tally.dice.random() * LONGEST_S)
                if (library / "catalogue.db").exists():
                    check(library, folder)
                if number % 3 == 2:
                    complete(library, folder)
            folder.shake()
            folder.keep(2 * FILES)
        tally.notes.append(f"{cycles - finished} of {cycles} runs were killed")


def killed(
    context: ForkServerContext,
    library: Path,
    folder: Folder,
    wait: float,
    environ: dict[str, str] | None = None,
) -> bool:
    """Index, and kill that after a while; says whether it was faster."""
    ours, theirs = context.Pipe(duplex=False)
    arguments = (library, folder.root, theirs, environ or {})
    process = context.Process(target=index_and_tell, args=arguments)
    process.start()
    theirs.close()
    assert ours.recv() == "ready"
    time.sleep(wait)
    process.kill()
    process.join()
    process.close()
    with ours:
        return hear(ours, folder)


def hear(pipe: Connection, folder: Folder) -> bool:
    """Take in what a process told before it ended; says whether it came to its end."""
    ended = False
    while True:
        try:
            told = pipe.recv()
        except (EOFError, OSError):
            return ended
        if isinstance(told, tuple):
            folder.hear(*told)
        else:
            ended = not isinstance(told, str)


def complete(library: Path, folder: Folder) -> None:
    """The next run brings everything up to date, and the one after it has nothing to do."""
    with Library.open(library, create=True, profile=PROFILE) as opened:
        report = index(opened, [folder.root], workers=2)
        assert report.skipped == ()
        assert rows_of(opened) == folder.now()
        assert index(opened).encoded == 0
    folder.acknowledged = dict(folder.now())
    check(library, folder)
    with Library.open(library) as opened:
        assert opened.verify().sealed


if __name__ == "__main__":
    main("kill", run, 100, "cycles")

"""Bytes change on disk: that is noticed, or does no harm; never a silent wrong answer.

    python -m tests.faults.damage --trials 500 --seed 0

Bits are flipped, pages zeroed, ends cut off: in snapshots, in the catalogue at rest, and in the log
that a killed run left. A damaged snapshot must be told of and passed over, with the same answers.
"""

import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from random import Random

from engine.errors import LibraryDamagedError
from engine.library import Library
from engine.points import CRASH_AT
from engine.query import Query
from tests.faults.children import forks, index_and_tell
from tests.faults.kill import complete, hear
from tests.faults.media import Folder
from tests.faults.mutations import mutate
from tests.faults.tally import Tally, main
from tests.making import caption, picture

PAGE = 4096
WORDS = ("river", "stone", "window", "cold", "bread", "sail", "ice", "glass", "rain", "piano")
Answers = list[list[tuple[Path, str, float]]]


def run(tally: Tally, trials: int) -> None:
    """Count so many damaged copies."""
    mutate()
    with tempfile.TemporaryDirectory(prefix="damage-") as name:
        place = Path(name)
        folder = _media(place, tally.dice)
        rested, killed = place / "rested", place / "killed"
        complete(rested, folder)
        _leave_a_log(rested, killed, folder)
        known = {one: _answers(one, folder.root) for one in (rested, killed)}
        outcomes: Counter[str] = Counter()
        for number in range(trials):
            subject = ("snapshot", "catalogue", "log")[number % 3]
            source = killed if subject == "log" else rested
            label = f"trial {number}: {subject}"
            with tally.trial(label):
                copy = place / "copy"
                shutil.rmtree(copy, ignore_errors=True)
                shutil.copytree(source, copy)
                label = damaged(_subject(copy, subject, tally.dice), tally.dice)
                outcome = _outcome(copy, folder.root, known[source])
                outcomes[f"{subject} {outcome}"] += 1
                assert outcome != "wrong", f"{label}: a silent wrong answer"
                if subject == "snapshot":
                    assert outcome == "told, and right", f"{label}: {outcome}"
        tally.notes.append("damage: " + ", ".join(f"{n} {k}" for k, n in sorted(outcomes.items())))


def _media(place: Path, dice: Random) -> Folder:
    """Enough files for several pages of every table."""
    folder = Folder(place / "root", dice)
    for number in range(120):
        words = f"{WORDS[number % 10]} {WORDS[number // 10 % 10]} number {number}"
        caption(folder.root / f"t{number}.txt", words)
    for number in range(20):
        picture(folder.root / f"p{number}.png", seed=number, size=(8, 8))
    return folder


def _leave_a_log(rested: Path, killed: Path, folder: Folder) -> None:
    """A library whose last run was killed after a few commits, which only its log has."""
    shutil.copytree(rested, killed)
    more = Folder(folder.root.parent / "more", folder.dice)
    for number in range(60):
        caption(more.root / f"m{number}.txt", f"{WORDS[number % 10]} and more, number {number}")
    ours, theirs = forks().Pipe(duplex=False)
    environ = {CRASH_AT: "acknowledged:7"}
    process = forks().Process(target=index_and_tell, args=(killed, more.root, theirs, environ))
    process.start()
    theirs.close()
    with ours:
        hear(ours, more)
    process.join()
    assert (killed / "catalogue.db-wal").stat().st_size > 10 * PAGE


def _subject(library: Path, subject: str, dice: Random) -> Path:
    match subject:
        case "snapshot":
            return dice.choice(sorted((library / "snapshots").glob("*text*.snapshot")))
        case "catalogue":
            return library / "catalogue.db"
        case _:
            return library / "catalogue.db-wal"


def damaged(path: Path, dice: Random) -> str:
    """Damage a file; says how."""
    data = bytearray(path.read_bytes())
    kind = dice.choice(("flip", "flip", "zero", "cut"))
    match kind:
        case "flip":
            for _ in range(dice.choice((1, 3))):
                data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        case "zero":
            start = dice.randrange(len(data)) // PAGE * PAGE
            data[start : start + PAGE] = bytes(len(data[start : start + PAGE]))
        case _:
            del data[dice.randrange(len(data)) :]
    changed = bytes(data) != path.read_bytes()
    if not changed:  # zeros where there were zeros
        data[-1] ^= 1
    path.write_bytes(data)
    return f"{kind} in {path.name}"


def _answers(library: Path, root: Path) -> Answers:
    return _asked(library, root)[0]


def _asked(library: Path, root: Path) -> tuple[Answers, list[str]]:
    """The top hits of several queries, and what was said about the library meanwhile."""
    with Library.open(library) as opened:
        asked = ["river stone", "number 7", "cold", "and more", Query(image=root / "p3.png")]
        found = [
            [(hit.path, hit.snippet, round(hit.score, 3)) for hit in opened.search(one, k=10).hits]
            for one in asked
        ]
        return found, opened.remarks


def _outcome(library: Path, root: Path, expected: Answers) -> str:
    try:
        found, remarks = _asked(library, root)
    except LibraryDamagedError:
        return "refused"
    if found == expected:
        return "told, and right" if remarks else "harmless"
    return "told" if remarks else "wrong"


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "error")
    main("damage", run, 500, "trials")

"""What only a run of its own shows: calls that a kernel refuses, files that change, mounts."""

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from engine.library import Library
from engine.media.process import Guard
from indexer import index
from tests.faults import bad_texts
from tests.making import caption, picture, tone

if TYPE_CHECKING:
    from tests.faults.special import Place

NOBODY = 65_534
NO_STRACE = "special: {}: NOT RUN, strace is not installed (apt-get install strace)"
GUARD = Guard(decoders="tests.faults.faulty")


def closed_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def lists_reach_for_nothing(here: "Place") -> list[str]:
    """Playlists connect to nothing and open no other file."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        expected = bad_texts.make_lists(here.tree / "lists", server.getsockname()[1])
        log, notes, before = here.folder / "log", list[str](), tuple[str, ...]()
        if shutil.which("strace"):
            calls = "open,openat,openat2,connect,sendto"
            before = ("strace", "-f", "-qq", "-o", str(log), "-e", f"trace={calls}")
        else:
            notes.append(NO_STRACE.format("which files lists open"))
        ended = here.index(here.tree, before=before)
        assert set(ended.reasons) == {p for p, state in expected.items() if state != "indexed"}
        with suppress(BlockingIOError):
            raise AssertionError(f"a connection from {server.accept()[1]}")
    lines = log.read_text(errors="replace").splitlines() if before else []
    bad = [x for x in lines if "AF_INET" in x or bad_texts.ELSEWHERE in x or '"/etc/passwd"' in x]
    assert not bad, bad[0]
    assert not before or any("really-m3u8.mp3" in line for line in lines), "nothing was traced"
    return notes


def a_disk_that_cannot_be_read(here: "Place") -> list[str]:
    """EIO costs its own file, which is tried again by the next run."""
    if shutil.which("strace") is None:
        return [NO_STRACE.format("EIO")]
    broken = picture(here.tree / "broken.png", seed=1)
    text = caption(here.tree / "broken.txt", "unreadable, too")
    picture(here.tree / "good.png", seed=2)
    fault = ("strace", "-f", "-qq", "-o", os.devnull, "-P", str(broken), "-P", str(text))
    ended = here.index(here.tree, before=(*fault, "-e", "inject=read:error=EIO"))
    assert ended.reasons == dict.fromkeys((broken, text), "io: Input/output error"), ended.reasons
    assert (ended.code, ended.report["added"]) == (3, 1)
    again = here.index()
    assert (again.code, again.report["encoded"], again.report["skipped"]) == (0, 2, [])
    return []


def files_of_somebody_else(here: "Place") -> list[str]:
    """Permissions: a closed file, a closed folder, one that may be listed and not entered."""
    tree, before = here.tree, tuple[str, ...]()
    if os.geteuid() == 0:
        who = f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"
        before = ("setpriv", *who)
        if shutil.which("setpriv") is None:
            return [
                "special: permissions: NOT RUN: they do not bind root, and setpriv is not installed"
            ]
    caption(tree / "good.txt", "a good one")
    expected = {}
    for name, mode in (("closed", 0), ("listed", 0o444)):
        (tree / name).mkdir()
        inside = caption(tree / name / "inside.txt", f"inside of {name}")
        (tree / name).chmod(mode)
        expected[inside if mode else tree / name] = "permission: Permission denied"
    for name in ("closed.jpg", "closed.txt"):
        path = caption(tree / name, "closed")
        path.chmod(0)
        expected[path] = "permission: Permission denied"
    (here.folder / "nobody").mkdir(mode=0o777)
    (here.folder / "nobody").chmod(0o777)
    here.folder.chmod(0o777)
    try:
        ended = here.index(tree, library="nobody/library", before=before)
        assert ended.reasons == expected, ended.reasons
        assert (ended.code, ended.report["added"]) == (3, 1)
    finally:
        for name in ("closed", "listed"):
            (tree / name).chmod(0o755)
    return []


def a_mount_inside_itself(here: "Place") -> list[str]:
    """A folder that is mounted below itself comes to an end, and is one content."""
    picture(here.tree / "one.png", seed=1)
    (here.tree / "again").mkdir()
    unshare = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" "$0/again" && exec "$@"')
    tried = (*unshare, str(here.tree), "true")
    if shutil.which("unshare") is None or subprocess.run(tried, check=False).returncode:
        return ["special: a mount inside itself: NOT RUN, only root may make one"]
    ended = here.index(here.tree, before=(*unshare, str(here.tree)))
    counts = tuple(ended.report[name] for name in ("added", "copies", "encoded"))
    assert (ended.code, counts) == (0, (2, 1, 1)), ended.report
    return []


def _delete(path: Path) -> None:
    path.unlink()


def _replace(path: Path) -> None:
    other = tone(path.with_name("other.new"), hertz=300, seconds=9)
    other.replace(path)


def _grow(path: Path) -> None:
    with path.open("ab") as out:
        out.write(bytes(9_999))


def _cut(path: Path) -> None:
    os.truncate(path, 50)


CHANGES: dict[str, tuple[Callable[[Path], None], set[str]]] = {
    "deleted": (_delete, {"vanished", "unstable"}),
    "replaced": (_replace, {"unstable", "undecodable"}),
    "grown": (_grow, {"unstable"}),
    "cut": (_cut, {"unstable", "truncated"}),
}


def files_that_change_while_they_are_read(here: "Place") -> list[str]:
    """Deleted, replaced, growing, cut: before a decoder comes to it, and in its midst."""
    expected: dict[Path, set[str]] = {}
    for number, (name, (_, reasons)) in enumerate(CHANGES.items()):
        expected[picture(here.tree / f"{name}-asks.png", seed=number)] = reasons
        song = here.tree / f"{name}-pauses.wav"
        expected[tone(song, hertz=500 + number, seconds=200)] = reasons
    good = picture(here.tree / "good.png", seed=99)
    ended = threading.Event()
    changing = threading.Thread(target=_change, args=(here.tree, ended))
    changing.start()
    try:
        with Library.open(here.folder / "library", create=True, profile="hashed") as opened:
            first = index(opened, [here.tree], workers=2, guard=GUARD)
            ended.set()
            reasons = {skip.path: skip.reason.partition(":")[0] for skip in first.skipped}
            assert reasons.keys() == expected.keys(), expected.keys() - reasons.keys()
            wrong = {p.name: why for p, why in reasons.items() if why not in expected[p]}
            assert not wrong, wrong
            assert first.added == 1
            again = index(opened, [here.tree])
            assert good not in {skip.path for skip in again.skipped}
            assert again.kept == 1
            assert opened.verify().findings == ()
    finally:
        ended.set()
        changing.join()
    return []


def _change(tree: Path, ended: threading.Event) -> None:
    """Do to each file, as soon as its decoder asks, what its name says."""
    while not ended.is_set():
        for flag in tree.glob("*.asked"):
            for path in (flag.with_suffix(".png"), flag.with_suffix(".wav")):
                if path.exists():
                    CHANGES[path.stem.partition("-")[0]][0](path)
            flag.rmdir()
        time.sleep(0.005)


TRIALS: tuple[Callable[["Place"], list[str]], ...] = (
    lists_reach_for_nothing,
    a_disk_that_cannot_be_read,
    files_of_somebody_else,
    a_mount_inside_itself,
    files_that_change_while_they_are_read,
)
"""Each returns what is to be noted."""
